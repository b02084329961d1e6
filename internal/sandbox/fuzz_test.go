package sandbox

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// Whatever lies in a tree's place: a renewed tree is the one that the archive
// makes in an empty folder, and is refused when that is.
func FuzzRenew(f *testing.F) {
	f.Add(tarOf(f, file("a/b", ""), file("c", "x")).Bytes(), tarOf(f, file("a", ""), file("d/e", "")).Bytes())
	f.Add(tarOf(f, file("a", ""), link("b", "a")).Bytes(), tarOf(f, link("a", "b"), file("b", "")).Bytes())
	f.Add(tarOf(f, file("a", ""), file("a", "")).Bytes(), tarOf(f, file("a", "")).Bytes())
	f.Add(tarOf(f, file("a", ""), file("a/b", "")).Bytes(), []byte{})
	f.Fuzz(func(t *testing.T, archive, before []byte) {
		limits := Limits{Bytes: 1 << 20, Entries: 100}
		fresh, renewed := openTemp(t), openTemp(t)
		want := unpack(fresh, bytes.NewReader(archive), limits)
		// How far it got before it was refused does not matter.
		_ = unpack(renewed, bytes.NewReader(before), Limits{Bytes: 1 << 20, Entries: 100, AnyLink: true, Times: true})
		for range 2 {
			got := renew(renewed, bytes.NewReader(archive), limits)
			if (want == nil) != (got == nil) {
				t.Fatalf("a fresh tree gives %v, a renewed one %v", want, got)
			}
			if got == nil {
				if diff := cmp.Diff(listing(t, fresh), listing(t, renewed)); diff != "" {
					t.Fatalf("fresh and renewed tree differ:\n%s", diff)
				}
			}
		}
	})
}

// listing is a tree with modes, link targets and contents.
func listing(t testing.TB, root *os.Root) map[string]string {
	t.Helper()
	found := map[string]string{}
	total := budget{Limits: Limits{Bytes: 1 << 30, Entries: 1 << 20}}
	err := walk(root, ".", &total, func(dir *os.Root, name string, info fs.FileInfo) error {
		content := []byte(nil)
		var err error
		switch {
		case info.Mode().IsRegular():
			content, err = dir.ReadFile(info.Name())
		case info.Mode().Type() == fs.ModeSymlink:
			var target string
			target, err = dir.Readlink(info.Name())
			content = []byte(target)
		}
		found[name] = fmt.Sprintf("%s %q", info.Mode(), content)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// A tree that was packed is unpacked as it was.
func FuzzPackAgain(f *testing.F) {
	f.Add(tarOf(f, file("a/b", ""), file("c", "x"), link("d", "/x"), link("e", "a")).Bytes())
	f.Fuzz(func(t *testing.T, archive []byte) {
		limits := Limits{Bytes: 1 << 20, Entries: 100, AnyLink: true, Times: true}
		first, second := openTemp(t), openTemp(t)
		if unpack(first, bytes.NewReader(archive), limits) != nil {
			return
		}
		var packed bytes.Buffer
		// A tree may have more folders than the archive had entries.
		limits.Entries *= maxDepth
		if err := pack(first, &packed, limits); err != nil {
			t.Fatal(err)
		}
		if err := unpack(second, &packed, limits); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(listing(t, first), listing(t, second)); diff != "" {
			t.Error(diff)
		}
	})
}

// Whatever a client sends, but for orders to run something, the server answers,
// and nothing outside of its folders is made.
func FuzzRequests(f *testing.F) {
	f.Add("PUT", treePath, "w", tarOf(f, file("a", "")).Bytes())
	f.Add("PUT", filesPath, "../w", tarOf(f, file("../a", "")).Bytes())
	f.Add("POST", filesPath, "", []byte(`{"dir":"w","paths":["a","../../etc/passwd"],"maxBytes":100}`))
	f.Add("POST", copyPath, "", []byte(`{"from":"w","to":"v/../../x"}`))
	f.Add("POST", removePath, "", []byte(`{"dir":"./w//x"}`))
	f.Add("PUT", environmentPath, "", tarOf(f, link("a", "/etc")).Bytes())
	f.Add("GET", environmentPath, "", []byte{})
	outer := f.TempDir()
	options := Options{Root: filepath.Join(outer, "root"), EnvironmentDir: filepath.Join(outer, "environment")}
	if err := errors.Join(os.Mkdir(options.Root, 0o700), os.Mkdir(options.EnvironmentDir, 0o700)); err != nil {
		f.Fatal(err)
	}
	server, err := NewServer(options)
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { _ = server.Close() })
	handler := server.Handler()
	f.Fuzz(func(t *testing.T, method, path, dir string, body []byte) {
		request, err := http.NewRequest(method, "http://sandbox/", bytes.NewReader(body))
		if err != nil || path == runPath {
			return
		}
		request.URL.Path = path
		request.URL.RawQuery = "dir=" + dir
		answer := httptest.NewRecorder()
		handler.ServeHTTP(answer, request)
		if answer.Code == http.StatusInternalServerError {
			t.Errorf("%s %s %q fails: %s", method, path, dir, answer.Body)
		}
		if beside, _ := filepath.Glob(filepath.Join(outer, "*")); len(beside) != 2 {
			t.Errorf("something is beside the folders: %v", beside)
		}
	})
}

// Whatever a sidecar answers, the client returns a result that can be, or an
// error.
func FuzzAnswers(f *testing.F) {
	f.Add(200, []byte(`{"exitCode":7,"output":"x","outputBytes":1,"elapsed":5,"cpu":3}`))
	f.Add(400, []byte(`{"code":"refused","message":"\u001b[31mno\n"}`))
	f.Add(200, []byte(`{"exitCode":-1}`))
	f.Fuzz(func(t *testing.T, status int, body []byte) {
		if status < 200 || status > 599 {
			return
		}
		client := serveAs(t, func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(status)
			_, _ = w.Write(body)
		})
		result, err := client.Run(t.Context(), Command{Args: []string{"x"}, Dir: ".", Timeout: time.Second, OutputLimit: 100})
		if err != nil {
			if strings.ContainsAny(err.Error(), "\x1b\n\r\x00") || len(err.Error()) > 2*maxMessageBytes {
				t.Errorf("the error is %q", err)
			}
			return
		}
		if result.ExitCode < 0 || result.ExitCode > 255 || len(result.Output) > 300+maxEnding || result.Elapsed > time.Hour {
			t.Errorf("got %+v", result)
		}
	})
}

// Whatever memory.stat says, no number comes of it that is not in it.
func FuzzReclaimable(f *testing.F) {
	f.Add([]byte("anon 5\nactive_file 7\ninactive_file 9\nslab_reclaimable 1\n"))
	f.Add([]byte("active_file\ninactive_file x\n"))
	f.Fuzz(func(_ *testing.T, raw []byte) { reclaimable(raw) })
}
