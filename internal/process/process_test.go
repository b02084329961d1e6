package process

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func start(t *testing.T, script string, lines *[]string) *Process {
	t.Helper()
	command := Command{Args: []string{"sh", "-c", script}, Dir: t.TempDir(), Env: os.Environ()}
	if lines != nil {
		command.Stdout = func(line string) { *lines = append(*lines, line) }
	}
	p, err := Start(command)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestExitCodes(t *testing.T) {
	for script, want := range map[string]int{"exit 0": 0, "exit 42": 42, "kill -9 $$": 137, "kill -15 $$": 143} {
		if got := start(t, script, nil).ExitCode(); got != want {
			t.Errorf("%s: got %d, want %d", script, got, want)
		}
	}
}

func TestLinesAndTail(t *testing.T) {
	var lines []string
	p := start(t, `printf 'one\n\ntwo'; printf 'cause\n' >&2`, &lines)
	p.ExitCode()
	if diff := cmp.Diff([]string{"one", "two"}, lines); diff != "" {
		t.Error(diff)
	}
	if got := LastLine(p.Tail(), 100); got != "cause" {
		t.Errorf("got %q", got)
	}
}

func TestOutputIsBounded(t *testing.T) {
	var lines []string
	p := start(t, `head -c 1000000 /dev/zero | tr '\0' a; head -c 1000000 /dev/zero | tr '\0' b >&2`, &lines)
	p.ExitCode()
	if len(lines) != 1 || len(lines[0]) != maxLine {
		t.Errorf("got %d lines", len(lines))
	}
	if got := p.Tail(); got != strings.Repeat("b", tailBytes) {
		t.Errorf("got %d bytes", len(got))
	}
}

func TestStopEndsTheWholeGroup(t *testing.T) {
	ready := filepath.Join(t.TempDir(), "pipe")
	// The leader ignores SIGTERM and its child would outlive it.
	p := start(t, `mkfifo `+ready+`; trap '' TERM; sleep 600 & echo started > `+ready+`; wait`, nil)
	waitForFile(t, ready)
	if _, err := os.ReadFile(ready); err != nil {
		t.Fatal(err)
	}
	begun := time.Now()
	p.Stop(200 * time.Millisecond)
	if code := p.ExitCode(); code != 137 {
		t.Errorf("got exit code %d", code)
	}
	if time.Since(begun) > drain {
		t.Error("the group held the pipe open")
	}
}

// waitForFile polls until the child has made the file.
func waitForFile(t *testing.T, path string) {
	t.Helper()
	ticker := time.NewTicker(5 * time.Millisecond)
	defer ticker.Stop()
	deadline := time.After(10 * time.Second)
	for {
		if _, err := os.Stat(path); err == nil {
			return
		}
		select {
		case <-ticker.C:
		case <-deadline:
			t.Fatal("the child did not start")
		}
	}
}

func TestMissingProgram(t *testing.T) {
	if _, err := Start(Command{Args: []string{"no-such-program-here"}}); err == nil {
		t.Error("want an error")
	}
	if _, err := Start(Command{}); err == nil {
		t.Error("want an error")
	}
}
