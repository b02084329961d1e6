package local

import (
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/repoexpert/operator/internal/contract"
	"github.com/repoexpert/operator/internal/sandbox"
)

func makeExecutable(t *testing.T, name string) {
	t.Helper()
	if err := os.Chmod(name, 0o700); err != nil {
		t.Fatal(err)
	}
}

// shortTemp is a folder for sandboxes: the paths of sockets are bounded, and a
// test's own folder may be long.
func shortTemp(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "local-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	t.Setenv("TMPDIR", dir)
	return dir
}

func startSandbox(t *testing.T, pythonPath ...string) *Sandbox {
	t.Helper()
	s, err := StartSandbox(t.Context(), pythonPath, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func run(t *testing.T, s *Sandbox, name, command string) sandbox.Result {
	t.Helper()
	box, err := s.Box(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	defer box.Close()
	result, err := box.Run(t.Context(), sandbox.Command{Args: []string{"sh", "-c", command}, Dir: ".", Timeout: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	return result
}

// Commands see what programs need of the user's environment and nothing else.
func TestSandboxEnvironment(t *testing.T) {
	shortTemp(t)
	t.Setenv("SECRET_TOKEN", "hunter2")
	t.Setenv("GOFLAGS", "-mod=mod")
	s := startSandbox(t, "/one", "/two")
	defer func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}()
	output := run(t, s, contract.ContainerAgent, "env; echo x > $TMPDIR/file && pwd").Output
	for _, want := range []string{"PYTHONPATH=/one:/two\n", "GOFLAGS=-mod=mod\n", "PATH=", s.root(contract.ContainerAgent)} {
		if !strings.Contains(output, want) {
			t.Errorf("commands lack %q:\n%s", want, output)
		}
	}
	if strings.Contains(output, "hunter2") {
		t.Error("commands see a secret of the user")
	}
	if s.CPU() <= 0 {
		t.Error("commands cost nothing")
	}
}

// What a killed sandbox left, locked up as repository code may have, is gone in
// the next one, which has the same path; two at once there cannot be.
func TestSandboxFollowsAnother(t *testing.T) {
	dir := shortTemp(t)
	first := startSandbox(t)
	run(t, first, contract.ContainerGrader, "mkdir -p tree/locked && touch tree/locked/file $TMPDIR/left && chmod 0 tree/locked")
	if _, err := StartSandbox(t.Context(), nil, slog.New(slog.DiscardHandler)); err == nil || !strings.Contains(err.Error(), "another worker of yours uses "+dir) {
		t.Errorf("two sandboxes at once give %v", err)
	}
	// As a kill does, without the clearing.
	first.stop()
	for _, server := range first.servers {
		if err := <-first.ended; err != nil {
			t.Error(err)
		}
		if err := server.Close(); err != nil {
			t.Error(err)
		}
	}
	if err := first.lock.Close(); err != nil {
		t.Fatal(err)
	}
	second := startSandbox(t)
	if first.root(contract.ContainerGrader) != second.root(contract.ContainerGrader) {
		t.Error("the boxes moved")
	}
	if output := run(t, second, contract.ContainerGrader, "find . $TMPDIR -mindepth 1").Output; output != "" {
		t.Errorf("the box holds %q", output)
	}
	if err := second.Close(); err != nil {
		t.Error(err)
	}
}

// In a shared folder for temporary files somebody else may have been first.
func TestSandboxRefusesForeignFolder(t *testing.T) {
	for name, prepare := range map[string]func(string) error{
		"open to others": func(dir string) error { return os.Mkdir(dir, 0o755) },
		"a link":         func(dir string) error { return os.Symlink(os.TempDir(), dir) },
		"a file":         func(dir string) error { return os.WriteFile(dir, nil, 0o600) },
	} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "repoexpert")
			if err := prepare(dir); err != nil {
				t.Fatal(err)
			}
			if _, err := claim(dir); err == nil || !strings.Contains(err.Error(), "is not a private folder of yours") {
				t.Errorf("got %v", err)
			}
		})
	}
}
