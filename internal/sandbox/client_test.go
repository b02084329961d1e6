package sandbox

import (
	"archive/tar"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestAForgedAnswerIsALostBox(t *testing.T) {
	run := func(c *Client) error {
		_, err := c.Run(t.Context(), Command{Args: []string{"x"}, Dir: ".", Timeout: time.Second, OutputLimit: 100})
		return err
	}
	read := func(c *Client) error {
		_, err := c.ReadFiles(t.Context(), ".", []string{"a", "b"}, 100)
		return err
	}
	say := func(text string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, text) }
	}
	send := func(headers ...*tar.Header) http.HandlerFunc { return say(tarOf(t, headers...).String()) }
	tests := map[string]struct {
		handler http.HandlerFunc
		do      func(*Client) error
		want    error
	}{
		"no JSON":            {say("hello"), run, ErrBoxLost},
		"empty":              {say(""), run, ErrBoxLost},
		"another type":       {say(`[1]`), run, ErrBoxLost},
		"endless":            {endless, run, ErrBoxLost},
		"negative exit code": {say(`{"exitCode":-1}`), run, ErrBoxLost},
		"large exit code":    {say(`{"exitCode":256}`), run, ErrBoxLost},
		"too much output":    {say(`{"output":"` + strings.Repeat("x", 301+maxEnding) + `"}`), run, ErrBoxLost},
		"took longer":        {say(fmt.Sprintf(`{"elapsed":%d}`, time.Hour)), run, ErrBoxLost},
		"negative CPU":       {say(`{"cpu":-5}`), run, ErrBoxLost},
		"redirect": {func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "http://169.254.169.254/", http.StatusFound)
		}, run, ErrBoxLost},
		"cut": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "99")
			_, _ = w.Write([]byte("{"))
		}, run, ErrBoxLost},
		"dies":                {func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, run, ErrBoxLost},
		"endless headers":     {hugeHeader, run, ErrBoxLost},
		"error without JSON":  {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(500) }, run, ErrBoxLost},
		"unknown code":        {func(w http.ResponseWriter, _ *http.Request) { respond(w, 500, failure{Code: "x"}) }, run, ErrBoxLost},
		"a file not asked":    {send(file("c", "")), read, ErrBoxLost},
		"a file twice":        {send(file("a", ""), file("a", "")), read, ErrBoxLost},
		"a link":              {send(link("a", "/etc/passwd")), read, ErrBoxLost},
		"a directory":         {send(&tar.Header{Typeflag: tar.TypeDir, Name: "a"}), read, ErrBoxLost},
		"files too large":     {send(&tar.Header{Typeflag: tar.TypeReg, Name: "a", Size: 60}, &tar.Header{Typeflag: tar.TypeReg, Name: "b", Size: 41}), read, ErrTooLarge},
		"endless files":       {endless, read, ErrBoxLost},
		"root is no path":     {say(`{"root":"../x"}`), func(c *Client) error { return c.Ready(t.Context()) }, ErrBoxLost},
		"root with a newline": {say(`{"root":"/x\n/y"}`), func(c *Client) error { return c.Ready(t.Context()) }, ErrBoxLost},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if err := test.do(serveAs(t, test.handler)); !errors.Is(err, test.want) {
				t.Errorf("got %v, want %v", err, test.want)
			}
		})
	}
}

func endless(w http.ResponseWriter, _ *http.Request) {
	junk := strings.Repeat(" ", 64<<10)
	for {
		if _, err := io.WriteString(w, junk); err != nil {
			return
		}
	}
}

func hugeHeader(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("X", strings.Repeat("x", 1<<20))
	w.WriteHeader(http.StatusOK)
}

func TestWhatASidecarSaysIsBoundedAndPrintable(t *testing.T) {
	client := serveAs(t, func(w http.ResponseWriter, _ *http.Request) {
		respond(w, http.StatusBadRequest, failure{Code: codeRefused, Message: "\x1b[31m\nforged log line\n" + strings.Repeat("x", 5000)})
	})
	var refused *RequestError
	if err := client.Copy(t.Context(), "a", "b"); !errors.As(err, &refused) {
		t.Fatal(err)
	}
	if len(refused.Message) > maxMessageBytes || strings.ContainsAny(refused.Message, "\x1b\n") {
		t.Errorf("message %q", refused.Message)
	}
}

func TestASidecarThatHangsIsLostInTime(t *testing.T) {
	release := make(chan struct{})
	client := serveAs(t, func(http.ResponseWriter, *http.Request) { <-release })
	defer close(release)
	err := client.send(t.Context(), 50*time.Millisecond, http.MethodPost, runPath, "", nil, func(io.Reader) error { return nil })
	if !errors.Is(err, ErrBoxLost) || errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v, want ErrBoxLost and no deadline of the caller's", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := client.Copy(ctx, "a", "b"); !errors.Is(err, context.DeadlineExceeded) || errors.Is(err, ErrBoxLost) {
		t.Errorf("got %v, want the caller's deadline", err)
	}
}

func TestASidecarIsAwaited(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "s")
	client := Dial(socket)
	defer client.Close()
	ready := make(chan error, 1)
	go func() { ready <- client.Ready(t.Context()) }()
	listener, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{ReadHeaderTimeout: time.Second, Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_ = json.NewEncoder(w).Encode(info{Root: "/workspace"})
	})}
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(listener) }()
	if err := <-ready; err != nil || client.Root() != "/workspace" {
		t.Errorf("ready: %v, root %q", err, client.Root())
	}
	_ = server.Close()
	if err := <-ended; !errors.Is(err, http.ErrServerClosed) {
		t.Error(err)
	}
}

func TestTheSocketIsForTheGroupAlone(t *testing.T) {
	b := startBox(t)
	if err := b.Ready(t.Context()); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(b.socket)
	if err != nil || info.Mode().Perm() != socketMode {
		t.Errorf("mode %s, %v", info.Mode(), err)
	}
}

// A replaced socket is another server: the client only ever meets what the table
// of forged answers has.
func TestASocketThatIsTakenAwayIsALostBoxOrAnotherOne(t *testing.T) {
	b := startBox(t)
	if err := b.Ready(t.Context()); err != nil {
		t.Fatal(err)
	}
	b.Close()
	if got := b.shell(t, "echo here").Output; got != "here\n" {
		t.Fatal(got)
	}
	b.Close()
	if err := os.Remove(b.socket); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if _, err := b.Run(ctx, Command{Args: []string{"true"}, Dir: ".", Timeout: time.Second}); err == nil {
		t.Error("a command ran through a socket that is gone")
	}
}

func FuzzUnpackFiles(f *testing.F) {
	f.Add(tarOf(f, file("a", "")).Bytes())
	f.Add(tarOf(f, &tar.Header{Typeflag: tar.TypeReg, Name: "b", Size: 200}).Bytes())
	f.Fuzz(func(t *testing.T, archive []byte) {
		files, err := unpackFiles(strings.NewReader(string(archive)), []string{"a", "b"}, 100)
		total := 0
		for name, content := range files {
			total += len(content)
			if err == nil && name != "a" && name != "b" {
				t.Errorf("%q was not asked for", name)
			}
		}
		if err == nil && total > 100 {
			t.Errorf("%d bytes", total)
		}
	})
}
