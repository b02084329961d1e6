package history

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/repoexpert/operator/internal/snapshot"
)

// repo is a real bare repository that a test writes with git fast-import, which
// takes names and messages that no work tree could hold.
type repo struct {
	t   testing.TB
	dir string
}

// edit is what one commit does to its first parent.
type edit struct {
	parents []string
	// message is "change" if it is empty.
	message string
	// author is "seconds zone".
	author   string
	encoding string
	// files by path; deleted ones are not there any more.
	files   map[string]string
	deleted []string
	// modes other than 100644; the content of a submodule is its commit.
	modes map[string]string
}

func newRepo(t testing.TB) *repo {
	t.Helper()
	r := &repo{t: t, dir: filepath.Join(t.TempDir(), snapshot.RepositoryFolder)}
	r.run("", "init", "-q", "--bare", "--initial-branch=snapshot", r.dir)
	return r
}

func (r *repo) run(stdin string, args ...string) string {
	r.t.Helper()
	cmd := exec.Command("git", args...)
	cmd.Dir, cmd.Stdin = filepath.Dir(r.dir), strings.NewReader(stdin)
	cmd.Env = append(os.Environ(), "GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL=/dev/null",
		"GIT_AUTHOR_NAME=a", "GIT_AUTHOR_EMAIL=a@b", "GIT_COMMITTER_NAME=a", "GIT_COMMITTER_EMAIL=a@b")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		r.t.Fatalf("git %s: %v\n%s", strings.Join(args, " "), err, stderr.String())
	}
	return strings.TrimSpace(string(out))
}

func (r *repo) git(stdin string, args ...string) string {
	r.t.Helper()
	return r.run(stdin, append([]string{"--git-dir", r.dir}, args...)...)
}

// commit adds a commit, makes it the head, and returns its id.
func (r *repo) commit(e edit) string {
	r.t.Helper()
	r.git(e.stream(), "fast-import", "--quiet", "--force")
	return r.git("", "rev-parse", snapshot.HeadRef)
}

// then adds a commit on top of the head.
func (r *repo) then(message string, files map[string]string, deleted ...string) string {
	r.t.Helper()
	return r.commit(edit{parents: []string{snapshot.HeadRef + "^0"}, message: message, files: files, deleted: deleted})
}

// stream is the commit in the language of git fast-import.
func (e edit) stream() string {
	var s strings.Builder
	author := e.author
	if author == "" {
		author = "1700000000 +0000"
	}
	message := e.message
	if message == "" {
		message = "change"
	}
	if len(e.parents) == 0 {
		s.WriteString("reset " + snapshot.HeadRef + "\n")
	}
	fmt.Fprintf(&s, "commit %s\nauthor A <a@b> %s\ncommitter C <c@d> 1700000001 +0000\n", snapshot.HeadRef, author)
	if e.encoding != "" {
		fmt.Fprintf(&s, "encoding %s\n", e.encoding)
	}
	fmt.Fprintf(&s, "data %d\n%s\n", len(message), message)
	for i, parent := range e.parents {
		fmt.Fprintf(&s, "%s %s\n", []string{"from", "merge"}[min(i, 1)], parent)
	}
	for _, path := range e.deleted {
		fmt.Fprintf(&s, "D %s\n", quoted(path))
	}
	for _, path := range slices.Sorted(maps.Keys(e.files)) {
		content, mode := e.files[path], e.modes[path]
		switch mode {
		case "160000":
			fmt.Fprintf(&s, "M %s %s %s\n", mode, content, quoted(path))
			continue
		case "":
			mode = "100644"
		}
		fmt.Fprintf(&s, "M %s inline %s\ndata %d\n%s\n", mode, quoted(path), len(content), content)
	}
	return s.String()
}

func quoted(path string) string {
	var s strings.Builder
	s.WriteByte('"')
	for i := range len(path) {
		fmt.Fprintf(&s, "\\%03o", path[i])
	}
	s.WriteByte('"')
	return s.String()
}

func (r *repo) open() *Repository {
	r.t.Helper()
	// Not the test's context: that ends before its cleanup.
	repository, err := Open(context.Background(), r.dir, snapshot.HeadRef)
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { _ = repository.Close() })
	return repository
}

// changes are all changes of the repository, newest first.
func (r *repo) changes(limits Limits) []Change {
	r.t.Helper()
	var all []Change
	for change, err := range r.open().Changes(context.Background(), limits) {
		if err != nil {
			r.t.Fatal(err)
		}
		all = append(all, change)
	}
	return all
}

// last is the newest change.
func (r *repo) last() Change {
	r.t.Helper()
	all := r.changes(DefaultLimits())
	if len(all) == 0 {
		r.t.Fatal("no change")
	}
	return all[0]
}

// kinds tell Python files apart.
var kinds = Kinds{
	IsTest:   func(path string) bool { return strings.HasPrefix(path, "tests/") },
	IsSource: func(path string) bool { return strings.HasSuffix(path, ".py") },
}

// numbered are count lines "<name> <number>".
func numbered(name string, count int) string {
	var s strings.Builder
	for i := range count {
		fmt.Fprintf(&s, "%s %d\n", name, i+1)
	}
	return s.String()
}
