package local

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func git(t *testing.T, dir string, args ...string) string {
	t.Helper()
	cmd := exec.Command("git", append([]string{"-C", dir}, args...)...)
	cmd.Env = append(os.Environ(), "GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL=/dev/null",
		"GIT_AUTHOR_NAME=a", "GIT_AUTHOR_EMAIL=a@example.org", "GIT_COMMITTER_NAME=a", "GIT_COMMITTER_EMAIL=a@example.org")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("git %v: %v\n%s", args, err, out)
	}
	return strings.TrimSpace(string(out))
}

func put(t *testing.T, name, content string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

// repository has two commits on main and one file that is not committed.
func repository(t *testing.T) (dir, head string) {
	t.Helper()
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	git(t, dir, "init", "-q", "--initial-branch=main")
	for _, content := range []string{"one", "two"} {
		put(t, filepath.Join(dir, "sub", "a.txt"), content)
		git(t, dir, "add", "-A")
		git(t, dir, "commit", "-q", "-m", content)
	}
	put(t, filepath.Join(dir, "b.txt"), "not committed")
	return dir, git(t, dir, "rev-parse", "HEAD")
}

func TestOpenCheckout(t *testing.T) {
	dir, head := repository(t)
	gitDir := filepath.Join(dir, ".git")
	whole := Checkout{Dir: dir, GitDir: gitDir, Commit: head, Uncommitted: []string{"?? b.txt"}}
	worktree := filepath.Join(t.TempDir(), "linked")
	git(t, dir, "worktree", "add", "-q", "--detach", worktree, "HEAD~1")
	bare := filepath.Join(t.TempDir(), "bare.git")
	git(t, dir, "clone", "-q", "--bare", dir, bare)
	behind := git(t, worktree, "rev-parse", "HEAD")
	// Variables of a hook or a shell that point elsewhere must not answer.
	t.Setenv("GIT_DIR", bare)

	for name, test := range map[string]struct {
		dir  string
		want Checkout
	}{
		"the top":         {dir, whole},
		"a folder inside": {filepath.Join(dir, "sub"), whole},
		"a bare one":      {bare, Checkout{Dir: bare, GitDir: bare, Commit: head}},
		"a linked one":    {worktree, Checkout{Dir: worktree, GitDir: gitDir, Commit: behind}},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := OpenCheckout(t.Context(), test.dir)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestOpenCheckoutRefuses(t *testing.T) {
	dir, _ := repository(t)
	empty, shallow := t.TempDir(), filepath.Join(t.TempDir(), "shallow")
	git(t, empty, "init", "-q")
	git(t, dir, "clone", "-q", "--depth=1", "file://"+dir, shallow)
	for says, dir := range map[string]string{
		"is no git repository":     t.TempDir(),
		"has no commit yet":        empty,
		"git fetch --unshallow":    shallow,
		"cannot change to '/none'": "/none",
	} {
		if _, err := OpenCheckout(t.Context(), dir); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s gives %v, want %q", dir, err, says)
		}
	}
}
