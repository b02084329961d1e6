package conformance

import (
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/repoexpert/operator/internal/snapshot"
)

// Commit is one commit of a history, with its whole tree.
type Commit struct {
	Message string
	Tree    fs.FS
}

// Snapshot writes into a folder what the stage Fetch does for the last one of some
// commits, and returns the commits' ids.
func Snapshot(t testing.TB, dir string, commits ...Commit) []string {
	t.Helper()
	work := t.TempDir()
	git := func(args ...string) string {
		command := exec.Command("git", args...)
		command.Dir = work
		command.Env = append(os.Environ(),
			"GIT_CONFIG_GLOBAL=/dev/null", "GIT_AUTHOR_NAME=a", "GIT_AUTHOR_EMAIL=a@example", "GIT_COMMITTER_NAME=a", "GIT_COMMITTER_EMAIL=a@example",
			"GIT_AUTHOR_DATE=2026-01-01T00:00:00Z", "GIT_COMMITTER_DATE=2026-01-01T00:00:00Z")
		out, err := command.CombinedOutput()
		if err != nil {
			t.Fatalf("git %v: %v: %s", args, err, out)
		}
		return string(out)
	}
	git("init", "--quiet", "--initial-branch=snapshot")
	var ids []string
	for _, commit := range commits {
		git("rm", "--quiet", "-r", "--ignore-unmatch", ".")
		if err := os.CopyFS(work, commit.Tree); err != nil {
			t.Fatal(err)
		}
		git("add", "--all")
		git("commit", "--quiet", "--message", commit.Message)
		ids = append(ids, git("rev-parse", "HEAD")[:40])
	}
	// Not a clone, whose configuration names a folder that is another one each time.
	bare := filepath.Join(dir, snapshot.RepositoryFolder)
	git("init", "--quiet", "--bare", "--initial-branch=snapshot", "--template=", bare)
	git("push", "--quiet", bare, "snapshot")
	if err := os.WriteFile(filepath.Join(dir, snapshot.TreeFile), Tar(t, commits[len(commits)-1].Tree), 0o600); err != nil {
		t.Fatal(err)
	}
	return ids
}
