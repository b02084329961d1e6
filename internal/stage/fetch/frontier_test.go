package fetch

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/repoexpert/operator/api/v1alpha1"
	"github.com/repoexpert/operator/internal/snapshot"
)

// planted is in the commits that are kept from training and nowhere else.
const planted = "canary-6f2d"

// grown puts commits on main of which three change code and tests. The newest two
// are after the third one that is returned.
func (w *world) grown(t *testing.T) (ids []string) {
	t.Helper()
	files := map[string]file{}
	next := func(changed map[string]string) {
		for name, content := range changed {
			files[name] = file{plain, content}
		}
		ids = append(ids, commit(t, w.repository, "main", files))
	}
	next(map[string]string{"lib/a.py": "0\n", "tests/test_a.py": "0\n", "tools/b.py": "0\n"})
	next(map[string]string{"lib/a.py": "1\n", "tests/test_a.py": "1\n"})
	next(map[string]string{"README.md": "words\n"})
	next(map[string]string{"lib/a.py": planted + "\n", "tests/test_a.py": "2\n"})
	next(map[string]string{"lib/a.py": "3\n"})
	next(map[string]string{"tools/b.py": "4\n", "tests/test_a.py": planted + " again\n"})
	next(map[string]string{"lib/a.py": "5\n", "tests/test_a.py": "5\n"})
	w.env.Spec.Recipe.Environment.Test.Framework = v1alpha1.TestPytest
	w.env.Spec.Recipe.Repository.Exclude = []string{"tools"}
	w.env.Spec.Recipe.Evaluation = v1alpha1.Evaluation{Holdout: v1alpha1.HoldoutFrontier, HoldoutCommits: 2}
	w.at(ids[6])
	return ids
}

// The newest commits that may be tasks are in a repository of their own; tree and
// history know nothing of them.
func TestFrontier(t *testing.T) {
	w := newWorld(t)
	ids := w.grown(t)
	result := w.run(t)
	want := map[string]file{"lib/a.py": {plain, "1\n"}, "tests/test_a.py": {plain, "1\n"}, "tools/b.py": {plain, "0\n"}, "README.md": {plain, "words\n"}}
	if diff := cmp.Diff(want, w.tree(t), cmp.AllowUnexported(file{})); diff != "" {
		t.Errorf("tree (-want +got):\n%s", diff)
	}
	w.endsAtCommit(t, ids[2], ids[3])
	if got := w.historyOf(t, "cat-file", "--batch-all-objects", "--batch", "--unordered"); strings.Contains(got, planted) || !strings.Contains(got, "words") {
		t.Errorf("the objects that all stages may read are %q", got)
	}
	if result.Counts["commits"] != 3 || result.Counts["frontierCandidates"] != 2 {
		t.Errorf("counts are %v", result.Counts)
	}
	frontier, parted, err := snapshot.ReadFrontier(w.snapshot(t))
	if diff := cmp.Diff(snapshot.Frontier{Trained: ids[2], Candidates: 2}, frontier); diff != "" || !parted || err != nil {
		t.Errorf("parted is %t, %v (-want +got):\n%s", parted, err, diff)
	}
	if trained, err := w.env.Trained(); trained != ids[2] || err != nil {
		t.Errorf("trained on %s, %v", trained, err)
	}
	later := filepath.Join(w.snapshot(t), snapshot.FrontierFolder)
	if got := w.repository.Git(t, "", "--git-dir", later, "rev-list", snapshot.HeadRef); got != strings.Join([]string{ids[6], ids[5], ids[4], ids[3], ids[2], ids[1], ids[0]}, "\n") {
		t.Errorf("the commits that are kept from training are %q", got)
	}
	err = fs.WalkDir(os.DirFS(w.snapshot(t)), ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || strings.HasPrefix(name, snapshot.FrontierFolder+"/") {
			return err
		}
		content, err := os.ReadFile(filepath.Join(w.snapshot(t), name))
		if strings.Contains(string(content), planted) || strings.Contains(string(content), ids[6]) && !strings.HasPrefix(name, "manifest") {
			t.Errorf("%s tells of later commits", name)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
	if again := w.run(t); !again.Reused || again.ManifestDigest != result.ManifestDigest || again.Counts["frontierCandidates"] != 2 {
		t.Errorf("it is made again: %+v", again)
	}
}

func TestFrontierOfTooFewCommits(t *testing.T) {
	w := newWorld(t)
	w.grown(t)
	w.env.Spec.Recipe.Evaluation.HoldoutCommits = 4
	w.refused(t, v1alpha1.FailureData, "the newest 4 commits that change code and tests", "has 3", "lower evaluation.holdoutCommits")
	w.env.Spec.Recipe.Environment.Test.Framework = "Nose"
	w.refused(t, v1alpha1.FailureConfiguration, "environment.test.framework")
}

// With the other protocols the newest commit is learned, and nothing says otherwise.
func TestNoFrontier(t *testing.T) {
	w := newWorld(t)
	ids := w.grown(t)
	w.env.Spec.Recipe.Evaluation.Holdout = v1alpha1.HoldoutPrequential
	w.run(t)
	if got := w.historyOf(t, "rev-parse", snapshot.HeadRef); got != ids[6] {
		t.Errorf("the history ends at %s", got)
	}
	if _, err := os.Stat(filepath.Join(w.snapshot(t), snapshot.FrontierFolder)); err == nil {
		t.Error("a second repository is kept")
	}
	if trained, err := w.env.Trained(); trained != ids[6] || err != nil {
		t.Errorf("trained on %s, %v", trained, err)
	}
}
