package owntree

import (
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/repoexpert/operator/api/v1alpha1"
	"github.com/repoexpert/operator/internal/grading"
	"github.com/repoexpert/operator/internal/history"
	"github.com/repoexpert/operator/internal/language/conformance"
	"github.com/repoexpert/operator/internal/language/golang"
	"github.com/repoexpert/operator/internal/language/python"
	"github.com/repoexpert/operator/internal/snapshot"
	"github.com/repoexpert/operator/internal/task"
)

const (
	library = "../language/python/testdata/library"
	prices  = "src/bookshop/prices.py"
	tests   = "tests/unit/test_prices.py"
)

// trees are those of the library with one text after another put into its files.
type trees struct {
	t     *testing.T
	files fstest.MapFS
}

func newTrees(t *testing.T) *trees {
	t.Helper()
	files := fstest.MapFS{}
	err := fs.WalkDir(os.DirFS(library), ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		content, err := fs.ReadFile(os.DirFS(library), name)
		files[name] = &fstest.MapFile{Data: content}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return &trees{t, files}
}

// with is the last tree with texts replaced: file, text, new text, and so on.
func (w *trees) with(changes ...string) fs.FS {
	w.t.Helper()
	w.files = maps.Clone(w.files)
	for i := 0; i < len(changes); i += 3 {
		name, old, text := changes[i], changes[i+1], changes[i+2]
		content := string(w.files[name].Data)
		if !strings.Contains(content, old) {
			w.t.Fatalf("%s does not hold %q", name, old)
		}
		w.files[name] = &fstest.MapFile{Data: []byte(strings.Replace(content, old, text, 1))}
	}
	return w.files
}

// grown is a history of the library: a fix, then after the second commit that is
// returned another fix, a change of words, and a new function with its test.
func grown(t *testing.T) (repository *history.Repository, ids []string) {
	t.Helper()
	w := newTrees(t)
	const sums = "([100], 107), ([100, 200], 321)]"
	commits := []conformance.Commit{
		{Message: "Prices", Tree: w.with(prices, "return net + tax", "return net", tests, sums, "]", prices, "price - reduction", "price")},
		{Message: "Reductions count", Tree: w.with(prices, "value = price", "value = price - reduction", tests, "<= price", "<= price or price < 100")},
		{Message: "Sums hold the tax\n\nCustomers paid too little when they bought several books.", Tree: w.with(prices, "return net", "return net + tax", tests, "[([], 0), ]", "[([], 0), "+sums)},
		{Message: "Words", Tree: w.with(prices, "with tax, rounded down", "with the tax", tests, "an error under", "some error under")},
		{Message: "Prices can be halved\n\nOn the last day of a sale every book costs half.", Tree: w.with(
			prices, "def uncovered(price):", "def halved(price):\n    return price // 2\n\n\ndef uncovered(price):",
			tests, "def test_fails():", "def test_halved():\n    from bookshop.prices import halved\n    assert halved(10) == 5\n\n\ndef test_fails():")},
	}
	place := t.TempDir()
	ids = conformance.Snapshot(t, place, commits...)
	repository, err := history.Open(t.Context(), filepath.Join(place, snapshot.RepositoryFolder), snapshot.HeadRef)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = repository.Close() })
	return repository, ids
}

func finder(t *testing.T, repository *history.Repository, scope v1alpha1.Repository) Finder {
	t.Helper()
	adapter := python.New()
	return Finder{Repository: repository, Adapter: adapter, Kinds: Kinds(adapter.Dialect(), scope, nil), Box: conformance.StartBox(t)}
}

// What comes after a commit and changes code and tests is found, with what it adds.
func TestAfter(t *testing.T) {
	repository, ids := grown(t)
	found, err := finder(t, repository, v1alpha1.Repository{}).After(t.Context(), ids[1], 10)
	if err != nil {
		t.Fatal(err)
	}
	if len(found) != 2 || found[0].Commit != ids[4] || found[1].Commit != ids[2] {
		t.Fatalf("found %+v", found)
	}
	feature, fix := found[0], found[1]
	if diff := cmp.Diff([]task.Reference{{Name: "halved", Path: prices}}, feature.Adds); diff != "" || fix.Adds != nil {
		t.Errorf("the fix adds %v, the feature (-want +got):\n%s", fix.Adds, diff)
	}
	if fix.Kind != task.ReplayFix || !strings.Contains(fix.Issue, "paid too little") || !cmp.Equal([]string{tests}, fix.TestPaths) {
		t.Errorf("the fix is %+v", fix)
	}
	if got := string(fix.Broken[prices]); !strings.Contains(got, "return net\n") || strings.Contains(got, "halved") {
		t.Errorf("the broken file is %q", got)
	}
	for name, test := range map[string]struct {
		limit int
		scope v1alpha1.Repository
		want  int
	}{
		"the newest alone": {1, v1alpha1.Repository{}, 1},
		"out of scope":     {10, v1alpha1.Repository{Include: []string{"lib"}}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			found, err := finder(t, repository, test.scope).After(t.Context(), ids[1], test.limit)
			if err != nil || len(found) != test.want {
				t.Errorf("found %d, %v", len(found), err)
			}
		})
	}
	if _, err := finder(t, repository, v1alpha1.Repository{}).After(t.Context(), strings.Repeat("0", 40), 10); err == nil {
		t.Error("found what comes after a commit that is not there")
	}
}

// A fix that was reverted and made again is no task: who was trained before it may
// have learned it.
func TestAfterLeavesOutWhatWasThereBefore(t *testing.T) {
	tree := func(code, test string) fs.FS {
		return fstest.MapFS{"lib/a.py": {Data: []byte(code)}, "tests/test_a.py": {Data: []byte(test)}}
	}
	place := t.TempDir()
	ids := conformance.Snapshot(t, place,
		conformance.Commit{Message: "one", Tree: tree("x = 0\n", "a\n")},
		conformance.Commit{Message: "fix", Tree: tree("x = 1\n", "a\nb\n")},
		conformance.Commit{Message: "revert", Tree: tree("x = 0\n", "a\n")},
		conformance.Commit{Message: "fix again", Tree: tree("x = 1\n", "a\nb\n")},
		conformance.Commit{Message: "another fix", Tree: tree("x = 2\n", "a\nb\nc\n")})
	repository, err := history.Open(t.Context(), filepath.Join(place, snapshot.RepositoryFolder), snapshot.HeadRef)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = repository.Close() }()
	for after, want := range map[string][]string{ids[0]: {ids[4], ids[3]}, ids[2]: {ids[4]}, ids[4]: nil} {
		found, err := finder(t, repository, v1alpha1.Repository{}).After(t.Context(), after, 10)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, f := range found {
			got = append(got, f.Commit)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("after %s (-want +got):\n%s", after, diff)
		}
	}
}

// What a commit adds is told from its changed files alone, without the module that
// they are in.
func TestAfterOfAModule(t *testing.T) {
	tree := func(code, test string) fs.FS {
		return fstest.MapFS{
			"go.mod": {Data: []byte("module example.org/shop\n\ngo 1.26\n")}, "shelf/shelf.go": {Data: []byte("package shelf\n\n" + code)},
			"shelf/shelf_test.go": {Data: []byte("package shelf\n\n" + test)},
		}
	}
	const shelf, methods = "type Shelf struct{ room int }\n", "\nfunc (s *Shelf) Room() int { return s.room }\n"
	place := t.TempDir()
	ids := conformance.Snapshot(t, place,
		conformance.Commit{Message: "a shelf", Tree: tree(shelf, "")},
		conformance.Commit{Message: "its room", Tree: tree(shelf+methods, "func TestRoom(*testing.T) {}\n")},
		conformance.Commit{Message: "words", Tree: tree("// Shelf holds books.\n"+shelf+methods, "func TestRooms(*testing.T) {}\n")})
	repository, err := history.Open(t.Context(), filepath.Join(place, snapshot.RepositoryFolder), snapshot.HeadRef)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = repository.Close() }()
	adapter := golang.New()
	found, err := Finder{Repository: repository, Adapter: adapter, Kinds: Kinds(adapter.Dialect(), v1alpha1.Repository{}, nil), Box: conformance.StartBox(t)}.After(t.Context(), ids[0], 10)
	if err != nil || len(found) != 1 || found[0].Commit != ids[1] {
		t.Fatalf("found %+v, %v", found, err)
	}
	if diff := cmp.Diff([]task.Reference{{Name: "Shelf.Room", Path: "shelf/shelf.go"}}, found[0].Adds); diff != "" {
		t.Errorf("adds (-want +got):\n%s", diff)
	}
}

// A task is made on its commit's tree, as that was, and graded there.
func TestMake(t *testing.T) {
	site := os.Getenv("REPOEXPERT_TEST_PYTHONPATH")
	if site == "" {
		t.Fatal("REPOEXPERT_TEST_PYTHONPATH must name a folder with pytest and coverage; run make test")
	}
	t.Setenv("PYTHONPATH", site)
	repository, ids := grown(t)
	found, err := finder(t, repository, v1alpha1.Repository{}).After(t.Context(), ids[0], 10)
	if err != nil || len(found) != 3 {
		t.Fatalf("found %+v, %v", found, err)
	}
	trees := Trees{Repository: repository, Head: repository.Head(), Config: grading.Config{
		Box: conformance.StartBox(t), Adapter: python.New(), TestTimeout: 2 * time.Minute,
	}}
	made, err := trees.Make(t.Context(), found[1].Replay)
	if err != nil || made.Refused != "" || made.CPU <= 0 {
		t.Fatalf("%+v, %v", made.Refused, err)
	}
	if content, err := made.Tree.Read(prices); err != nil || strings.Contains(string(content), "halved") || !strings.Contains(string(content), "return net + tax") {
		t.Errorf("the tree is not that of its commit: %s, %v", content, err)
	}
	checked, _, err := made.Grader.Check(t.Context(), made.Task)
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{tests + "::test_total[prices1-107]", tests + "::test_total[prices2-321]"}; !cmp.Equal(want, checked.FailToPass) {
		t.Errorf("fails with the bug: %v", checked.FailToPass)
	}
	for patch, resolved := range map[string]bool{checked.Gold(): true, "": false} {
		if grade, err := made.Grader.GradePatch(t.Context(), checked, patch); err != nil || grade.Resolved != resolved {
			t.Errorf("a patch of %d bytes is graded %+v, %v", len(patch), grade, err)
		}
	}
	broken := found[2].Replay
	broken.TestPaths = []string{"tests/unit/test_none.py"}
	if made, err := trees.Make(t.Context(), broken); err != nil || !strings.HasPrefix(made.Refused, "gold-") {
		t.Errorf("without tests: %q, %v", made.Refused, err)
	}
}
