package sandbox

import (
	"archive/tar"
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
)

func file(name, mode string) *tar.Header {
	h := &tar.Header{Typeflag: tar.TypeReg, Name: name, Size: 1, Mode: 0o644}
	if mode == "x" {
		h.Mode = 0o755
	}
	return h
}

func link(name, target string) *tar.Header {
	return &tar.Header{Typeflag: tar.TypeSymlink, Name: name, Linkname: target}
}

func TestPutTreeMakesExactlyTheTree(t *testing.T) {
	b := startBox(t)
	b.shell(t, "mkdir -p w/locked && echo old > w/locked/old && chmod 000 w/locked")
	err := b.PutTree(t.Context(), "w", tarOf(t,
		&tar.Header{Typeflag: tar.TypeDir, Name: "./", Mode: 0o755},
		file("./a/b.py", ""), file("run.sh", "x"),
		link("inside", "a/b.py"), link("absolute", "/etc/passwd"), link("a/up", "../../etc"),
		&tar.Header{Typeflag: tar.TypeDir, Name: "empty/", Mode: 0o700},
	))
	if err != nil {
		t.Fatal(err)
	}
	got := b.shell(t, `cd w && find . -printf '%P %y %m %l\n' | sort`).Output
	want := " d 755 \na d 755 \na/b.py f 644 \nempty d 755 \ninside l 777 a/b.py\nrun.sh f 755 \n"
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("tree (-want +got):\n%s", diff)
	}
}

func TestHostileTreesAreRefused(t *testing.T) {
	tests := map[string]struct {
		headers []*tar.Header
		large   bool
	}{
		"parent":               {headers: []*tar.Header{file("../evil", "")}},
		"parent inside":        {headers: []*tar.Header{file("a/../../evil", "")}},
		"absolute":             {headers: []*tar.Header{file("/tmp/evil", "")}},
		"through a link":       {headers: []*tar.Header{link("d", "."), link("d/x", "a"), file("d/x/y", "")}},
		"onto a link":          {headers: []*tar.Header{link("l", "target"), file("l", "")}},
		"twice":                {headers: []*tar.Header{file("a", ""), file("a", "")}},
		"file as directory":    {headers: []*tar.Header{file("a", ""), file("a/b", "")}},
		"character device":     {headers: []*tar.Header{{Typeflag: tar.TypeChar, Name: "zero", Devmajor: 1, Devminor: 5}}},
		"block device":         {headers: []*tar.Header{{Typeflag: tar.TypeBlock, Name: "sda", Devmajor: 8}}},
		"FIFO":                 {headers: []*tar.Header{{Typeflag: tar.TypeFifo, Name: "fifo"}}},
		"hard link":            {headers: []*tar.Header{{Typeflag: tar.TypeLink, Name: "shadow", Linkname: "/etc/shadow"}}},
		"long name":            {headers: []*tar.Header{file(strings.Repeat("n", maxPartBytes+1), "")}},
		"deep path":            {headers: []*tar.Header{file(strings.Repeat("d/", maxDepth)+"f", "")}},
		"more than all may be": {headers: []*tar.Header{{Typeflag: tar.TypeReg, Name: "huge", Size: TreeLimits.Bytes + 1}}, large: true},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			b := startBox(t)
			// The content of a huge file is never sent.
			var archive bytes.Buffer
			writer := tar.NewWriter(&archive)
			for _, h := range test.headers {
				if err := writer.WriteHeader(h); err != nil {
					t.Fatal(err)
				}
				if h.Size == 1 {
					if _, err := writer.Write([]byte("x")); err != nil {
						t.Fatal(err)
					}
				}
			}
			err := b.PutTree(t.Context(), "w", &archive)
			var refused *RequestError
			if !errors.As(err, &refused) && !test.large || test.large && !errors.Is(err, ErrTooLarge) {
				t.Errorf("got %v", err)
			}
			if outside, _ := filepath.Glob(filepath.Join(b.server.options.Root, "*")); len(outside) != 1 {
				t.Errorf("something is beside the tree: %v", outside)
			}
		})
	}
}

func TestBoundsOfATree(t *testing.T) {
	root := openTemp(t)
	limits := Limits{Bytes: 10, Entries: 3}
	for name, test := range map[string]struct {
		archive io.Reader
		want    error
	}{
		"as much as allowed": {archive: tarOf(t, &tar.Header{Typeflag: tar.TypeReg, Name: "a", Size: 10})},
		"bytes":              {archive: tarOf(t, &tar.Header{Typeflag: tar.TypeReg, Name: "b", Size: 11}), want: ErrTooLarge},
		"bytes of several":   {archive: tarOf(t, &tar.Header{Typeflag: tar.TypeReg, Name: "c", Size: 6}, &tar.Header{Typeflag: tar.TypeReg, Name: "d", Size: 5}), want: ErrTooLarge},
		"entries":            {archive: tarOf(t, file("e", ""), file("f", ""), file("g", ""), file("h", "")), want: ErrTooLarge},
	} {
		if err := unpack(root, test.archive, limits); !errors.Is(err, test.want) {
			t.Errorf("%s: got %v, want %v", name, err, test.want)
		}
	}
}

func TestFilesAreWrittenAndReadBack(t *testing.T) {
	b := startBox(t)
	files := map[string][]byte{"a/b.txt": []byte("one\x00\xff"), "empty": {}, "script.sh": []byte("echo new")}
	b.shell(t, "mkdir -p w && printf old > w/script.sh && chmod 755 w/script.sh && ln -s /etc/passwd w/empty")
	if err := b.WriteFiles(t.Context(), "w", files); err != nil {
		t.Fatal(err)
	}
	got, err := b.ReadFiles(t.Context(), "w", []string{"a/b.txt", "empty", "script.sh", "missing", "missing/too"}, 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(files, got); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}
	if mode := b.shell(t, "stat -c %a w/script.sh w/empty").Output; mode != "755\n644\n" {
		t.Errorf("modes: %q", mode)
	}
}

func TestReadFilesRefusesWhatIsNoFile(t *testing.T) {
	b := startBox(t)
	b.shell(t, `mkdir -p w/dir && ln -s /etc/passwd w/link && ln -s /etc w/etc && mkfifo w/fifo && head -c 2000 /dev/zero > w/big
		python3 -c 'import socket; socket.socket(socket.AF_UNIX).bind("w/socket")'`)
	for _, name := range []string{"link", "etc/passwd", "dir", "fifo", "socket", "../s", "/etc/passwd", ""} {
		files, err := b.ReadFiles(t.Context(), "w", []string{name}, 1000)
		var refused *RequestError
		if !errors.As(err, &refused) {
			t.Errorf("%q: got %v and %d files", name, err, len(files))
		}
	}
	if _, err := b.ReadFiles(t.Context(), "w", []string{"big"}, 1000); !errors.Is(err, ErrTooLarge) {
		t.Errorf("a large file: %v", err)
	}
}

func TestCopyKeepsWhatATreeIs(t *testing.T) {
	b := startBox(t)
	b.shell(t, `mkdir -p w/d/locked && echo 1 > w/d/f && chmod 755 w/d/f && ln -s d/f w/l && ln -s /nowhere w/n && mkfifo w/fifo && touch -d @1000000000 w/d/f && chmod 500 w/d/locked`)
	for range 2 { // the second replaces the first
		if err := b.Copy(t.Context(), "w", "copy/here"); err != nil {
			t.Fatal(err)
		}
	}
	const listing = ` && find . -mindepth 1 ! -type d ! -type p -printf '%P %y %m %l %T@\n' | sed 's/ [0-9.]*$/ &/' | grep -v ' l ' | sort; readlink l n`
	want, got := b.shell(t, "cd w"+listing).Output, b.shell(t, "cd copy/here"+listing).Output
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("copy (-want +got):\n%s", diff)
	}
	if got := b.shell(t, "echo 2 > copy/here/d/f; cat w/d/f").Output; got != "1\n" {
		t.Errorf("the copy shares its files with the original: %q", got)
	}
}

func TestDirectoriesOfTheBoxAreChecked(t *testing.T) {
	b := startBox(t)
	b.shell(t, "mkdir w && ln -s /tmp out && ln -s w in")
	for name, do := range map[string]func() error{
		"remove the root":        func() error { return b.Remove(t.Context(), ".") },
		"remove above":           func() error { return b.Remove(t.Context(), "..") },
		"put into the root":      func() error { return b.PutTree(t.Context(), ".", tarOf(t)) },
		"write through a link":   func() error { return b.WriteFiles(t.Context(), "out", map[string][]byte{"x": nil}) },
		"copy into itself":       func() error { return b.Copy(t.Context(), "w", "w/deeper") },
		"copy onto itself":       func() error { return b.Copy(t.Context(), "w", "w/.") },
		"copy from above itself": func() error { return b.Copy(t.Context(), "w/deeper", "w") },
		"copy from nowhere":      func() error { return b.Copy(t.Context(), "nowhere", "x") },
		"copy through a link":    func() error { return b.Copy(t.Context(), "out", "x") },
	} {
		var refused *RequestError
		if err := do(); !errors.As(err, &refused) {
			t.Errorf("%s: got %v, want a RequestError", name, err)
		}
	}
	if err := b.Remove(t.Context(), "never/there"); err != nil {
		t.Errorf("removing what is not there: %v", err)
	}
	if err := errors.Join(b.Remove(t.Context(), "out"), b.Remove(t.Context(), "in")); err != nil {
		t.Errorf("removing links: %v", err)
	}
	if _, err := os.Stat("/tmp"); err != nil {
		t.Errorf("a link's target was removed: %v", err)
	}
}

func TestEnvironmentGoesOutAndIn(t *testing.T) {
	first := startBox(t)
	script := fmt.Sprintf(`cd %s && mkdir -p bin lib && echo x > lib/m.py && touch -d @1000000000 lib/m.py && printf '#!/bin/sh\necho ok\n' > bin/tool && chmod 755 bin/tool && ln -s /usr/bin/env bin/python && ln -s lib lib64 && mkfifo p`, first.server.options.EnvironmentDir)
	if r := first.shell(t, script); r.ExitCode != 0 {
		t.Fatal(r.Output)
	}
	var archive, again bytes.Buffer
	if err := errors.Join(first.GetEnvironment(t.Context(), &archive), first.GetEnvironment(t.Context(), &again)); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(archive.Bytes(), again.Bytes()) {
		t.Error("the same environment gives two archives")
	}
	second := startBox(t)
	dir := second.server.options.EnvironmentDir
	if err := os.WriteFile(filepath.Join(dir, "stale"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := second.PutEnvironment(t.Context(), &archive); err != nil {
		t.Fatal(err)
	}
	got := second.shell(t, "cd "+dir+" && find . -mindepth 1 | sort; readlink bin/python; bin/tool; stat -c %Y lib/m.py").Output
	want := "./bin\n./bin/python\n./bin/tool\n./lib\n./lib/m.py\n./lib64\n/usr/bin/env\nok\n1000000000\n"
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("environment (-want +got):\n%s", diff)
	}
}

func TestAnEnvironmentThatCannotBeReadIsNoEnvironment(t *testing.T) {
	b := startBox(t)
	writer := failing{errors.New("disk full")}
	if err := os.WriteFile(filepath.Join(b.server.options.EnvironmentDir, "f"), []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := b.GetEnvironment(t.Context(), writer); !errors.Is(err, writer.err) || errors.Is(err, ErrBoxLost) {
		t.Errorf("got %v, want the writer's own error", err)
	}
}

type failing struct{ err error }

func (f failing) Write([]byte) (int, error) { return 0, f.err }

func TestRemoveGetsRidOfLockedTrees(t *testing.T) {
	root := openTemp(t)
	dir := root.Name()
	// Root ignores modes, so the immutable flag is out of reach here: locked
	// folders stand in for what another user's process would leave.
	for _, name := range []string{"w/a/b/c", "w/a/d"} {
		if err := os.MkdirAll(filepath.Join(dir, name), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"w/a/b/c", "w/a/b", "w/a", "w"} {
		if err := os.Chmod(filepath.Join(dir, name), 0); err != nil {
			t.Fatal(err)
		}
	}
	if err := removeAll(root, "w"); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(filepath.Join(dir, "w")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("it is still there: %v", err)
	}
}

func openTemp(t testing.TB) *os.Root {
	t.Helper()
	root, err := os.OpenRoot(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = root.Close() })
	return root
}

// FuzzUnpack checks that no archive makes or changes anything beside its root,
// and that no device appears in it.
func FuzzUnpack(f *testing.F) {
	f.Add(tarOf(f, file("a/b", "")).Bytes())
	f.Add(tarOf(f, link("l", "../outside"), file("l/x", "")).Bytes())
	f.Add(tarOf(f, link("l", "/tmp"), file("l", "")).Bytes())
	f.Add(tarOf(f, file("../outside/x", "")).Bytes())
	f.Fuzz(func(t *testing.T, archive []byte) {
		dir := t.TempDir()
		for _, name := range []string{"root", "outside"} {
			if err := os.Mkdir(filepath.Join(dir, name), 0o755); err != nil {
				t.Fatal(err)
			}
		}
		for _, limits := range []Limits{{Bytes: 1 << 20, Entries: 100}, {Bytes: 1 << 20, Entries: 100, AnyLink: true, Times: true}, {Bytes: 1 << 20, Entries: 100, Replace: true}} {
			root, err := os.OpenRoot(filepath.Join(dir, "root"))
			if err != nil {
				t.Fatal(err)
			}
			err = unpack(root, bytes.NewReader(archive), limits)
			if err == nil {
				checkTree(t, filepath.Join(dir, "root"))
			}
			if err := errors.Join(empty(root), root.Close()); err != nil {
				t.Fatal(err)
			}
		}
		if found, _ := filepath.Glob(filepath.Join(dir, "*", "*")); len(found) > 0 {
			t.Errorf("something escaped: %v", found)
		}
		if found, _ := filepath.Glob(filepath.Join(dir, "*")); len(found) != 2 {
			t.Errorf("something escaped: %v", found)
		}
	})
}

func checkTree(t *testing.T, dir string) {
	err := filepath.WalkDir(dir, func(name string, entry fs.DirEntry, err error) error {
		if err == nil && entry.Type()&^(fs.ModeDir|fs.ModeSymlink) != 0 {
			t.Errorf("%s is %s", name, entry.Type())
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

// TestPackNeedsNoReader feeds the sockets and FIFOs that would block.
func TestPackLeavesSpecialFilesOut(t *testing.T) {
	root := openTemp(t)
	if err := unix.Mkfifo(filepath.Join(root.Name(), "fifo"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := root.WriteFile("f", []byte("1"), 0o600); err != nil {
		t.Fatal(err)
	}
	var archive bytes.Buffer
	if err := pack(root, &archive, EnvironmentLimits); err != nil {
		t.Fatal(err)
	}
	files := map[string]bool{}
	reader := tar.NewReader(&archive)
	for {
		header, err := reader.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		files[header.Name] = true
	}
	if got := slices.Sorted(maps.Keys(files)); !slices.Equal(got, []string{"f"}) {
		t.Errorf("packed %v", got)
	}
}
