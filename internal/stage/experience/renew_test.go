package experience

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/repoexpert/operator/internal/agent"
	"github.com/repoexpert/operator/internal/language/conformance"
	"github.com/repoexpert/operator/internal/sandbox"
	"github.com/repoexpert/operator/internal/snapshot"
)

// The tree of a task is made of that of the one before: nothing of that one is
// seen in it, and what was the same is not written again.
func TestTreesAreRenewed(t *testing.T) {
	place := t.TempDir()
	conformance.Snapshot(t, place, conformance.Commit{Message: "all", Tree: os.DirFS(library)})
	tree, err := snapshot.Open(place)
	if err != nil {
		t.Fatal(err)
	}
	w := &workshop{box: conformance.StartBox(t), snapshot: tree}
	run := func(dir, script string) string {
		t.Helper()
		result, err := w.box.Run(t.Context(), sandbox.Command{Args: []string{"sh", "-c", script}, Dir: dir, Timeout: time.Minute})
		if err != nil || result.ExitCode != 0 {
			t.Fatalf("%s: %v %+v", script, err, result)
		}
		return result.Output
	}
	prepared := func() agent.Tree {
		t.Helper()
		made, err := w.wholeTree(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return made
	}
	const (
		content = `find . -path ./.git -prune -o -type f -exec sha256sum {} + | sort; find .. -mindepth 1 -maxdepth 1; git log --format=%H; git status --short; ls .git/hooks "${HOME:-/nonexistent}" 2>&1 | sort`
		inode   = `stat -c %i src/bookshop/errors.py`
	)
	first := prepared()
	want, kept := run(first.Dir, content), run(first.Dir, inode)
	run(first.Dir, `echo secret > left.py; mkdir -p ../beside .git/hooks; echo x > ../beside/f; echo 'exit 1' > .git/hooks/pre-commit
echo '# secret' >> src/bookshop/prices.py; rm src/bookshop/stock.py; ln -s /etc/passwd src/bookshop/stock.py; mkdir -p src/bookshop/__pycache__
echo x > src/bookshop/__pycache__/prices.pyc; chmod 600 src/bookshop/__init__.py; git add -A; git -c user.name=a -c user.email=a@example commit -qnm secret
(while :; do echo secret > src/bookshop/late.py; done) > /dev/null 2>&1 &`)
	second := prepared()
	if diff := cmp.Diff(strings.Split(want, "\n"), strings.Split(run(second.Dir, content), "\n")); diff != "" {
		t.Errorf("the second task sees the first one (-want +got):\n%s", diff)
	}
	if got := run(second.Dir, inode); got != kept {
		t.Errorf("a file that is the same was made again: inode %s, then %s", kept, got)
	}
}
