package fetch

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/repoexpert/operator/api/v1alpha1"
	"github.com/repoexpert/operator/internal/stage"
)

// A folder of this machine gives the same snapshot as the host does, and only
// where the worker itself names the folder.
func TestCheckout(t *testing.T) {
	w := newWorld(t)
	first := commit(t, w.repository, "main", map[string]file{"a.py": {plain, "x"}})
	commit(t, w.repository, "main", map[string]file{"a.py": {plain, "later"}})
	w.at(first)
	folder := w.repository.Git(t, "", "rev-parse", "--absolute-git-dir")
	result, err := Checkout{Repository: folder}.Run(t.Context(), w.env)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string]file{"a.py": {plain, "x"}}, w.tree(t), cmp.AllowUnexported(file{})); diff != "" {
		t.Error(diff)
	}
	if got := w.historyOf(t, "rev-list", "--all"); got != first {
		t.Errorf("the history holds %q, want %q alone", got, first)
	}
	if result.BaseModelDigest != "" || result.Counts["files"] != 1 {
		t.Errorf("got %+v", result)
	}
	again, err := Checkout{Repository: folder}.Run(t.Context(), w.env)
	if err != nil || !again.Reused || again.ManifestDigest != result.ManifestDigest {
		t.Errorf("a snapshot that is there is made again: %+v, %v", again, err)
	}
	w.env.Spec.Keys.Snapshot = key("9")
	w.env.Spec.Recipe.Repository.URL = "file://" + folder
	if _, err := w.sources.Run(t.Context(), w.env); err == nil {
		t.Error("a tenant's URL of a local folder is fetched")
	}
	w.left(t, w.env.Spec.Keys.Output(v1alpha1.StageFetch))
}

func TestCheckoutCopiesTheTokenizer(t *testing.T) {
	w := newWorld(t)
	w.at(commit(t, w.repository, "main", map[string]file{"a.py": {plain, "x"}}))
	checkout := Checkout{Repository: w.repository.Git(t, "", "rev-parse", "--absolute-git-dir"), Model: filepath.Join(w.sources.BaseModels, modelPath)}
	result, err := checkout.Run(t.Context(), w.env)
	if err != nil {
		t.Fatal(err)
	}
	manifest, err := w.env.Store.VerifyContent(w.env.Spec.Keys.BaseModelFolder(), result.BaseModelDigest)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, f := range manifest.Files {
		names = append(names, f.Path)
	}
	if diff := cmp.Diff([]string{"config.json", "tokenizer.json"}, names); diff != "" {
		t.Error(diff)
	}
}

func TestCheckoutRefusesAModelWithoutTokenizer(t *testing.T) {
	w := newWorld(t)
	empty := t.TempDir()
	if err := os.Symlink("/etc/passwd", filepath.Join(empty, "tokenizer.json")); err != nil {
		t.Fatal(err)
	}
	for folder, says := range map[string]string{empty: "holds no tokenizer", filepath.Join(empty, "none"): "cannot be opened"} {
		_, err := Checkout{Model: folder}.Run(t.Context(), w.env)
		if stage.ClassOf(err) != v1alpha1.FailureConfiguration || !strings.Contains(err.Error(), says) {
			t.Errorf("%s gives %v, want %q", folder, err, says)
		}
	}
}
