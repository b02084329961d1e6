package localgit

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func bare(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "repository.git")
	if _, err := Output(t.Context(), 100, "init", "--quiet", "--bare", "--initial-branch=main", "--template=", dir); err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestTheSurroundingsHaveNoSay(t *testing.T) {
	home := t.TempDir()
	hostile := filepath.Join(home, ".gitconfig")
	if err := os.WriteFile(hostile, []byte("[alias]\n\tx = !touch "+home+"/ran\n[test]\n\tvalue = 1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("HOME", home)
	t.Setenv("GIT_CONFIG_GLOBAL", hostile)
	t.Setenv("GIT_DIR", home)
	t.Setenv("GIT_CONFIG_COUNT", "1")
	t.Setenv("GIT_CONFIG_KEY_0", "test.value")
	t.Setenv("GIT_CONFIG_VALUE_0", "2")
	dir := bare(t)
	if out, err := Output(t.Context(), 100, "--git-dir", dir, "config", "test.value"); err == nil {
		t.Errorf("test.value is %q", out)
	}
	if _, err := Output(t.Context(), 100, "--git-dir", dir, "x"); err == nil {
		t.Error("an alias of the user ran")
	}
	for _, url := range []string{"https://localhost:1/x", "ssh://localhost/x", "file://" + dir, dir} {
		_, err := Output(t.Context(), 1000, "--git-dir", dir, "fetch", url)
		if err == nil || !strings.Contains(err.Error(), "not allowed") {
			t.Errorf("%s: error %v", url, err)
		}
	}
}

func TestOutput(t *testing.T) {
	dir := bare(t)
	if out, err := Output(t.Context(), 5, "--git-dir", dir, "config", "core.bare"); err != nil || string(out) != "true\n" {
		t.Errorf("%q, error %v", out, err)
	}
	if _, err := Output(t.Context(), 4, "--git-dir", dir, "config", "core.bare"); !errors.Is(err, ErrOutput) {
		t.Errorf("error %v", err)
	}
	if _, err := Output(t.Context(), 100, "--git-dir", dir, "rev-parse", "--verify", "none"); err == nil || !strings.Contains(err.Error(), "Needed a single revision") {
		t.Errorf("error %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Output(ctx, 100, "version"); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
}

func TestAProcessAnswersUntilItIsStopped(t *testing.T) {
	git, err := Start(t.Context(), "--git-dir", bare(t), "cat-file", "--batch-check")
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if _, err := git.In.Write([]byte("none\n")); err != nil {
			t.Fatal(err)
		}
		if line, err := git.Out.ReadString('\n'); err != nil || line != "none missing\n" {
			t.Fatalf("%q, error %v", line, err)
		}
	}
	git.Kill()
	if line, err := git.Out.ReadString('\n'); err == nil {
		t.Errorf("after its end it says %q", line)
	}
	git.Stop()
	git.Stop()
	if err := git.Wait(); err == nil {
		t.Error("a killed process ended well")
	}
}
