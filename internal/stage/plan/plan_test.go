package plan

import (
	"encoding/json"
	"errors"
	"io/fs"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/repoexpert/operator/api/v1alpha1"
	"github.com/repoexpert/operator/internal/artifact"
	"github.com/repoexpert/operator/internal/contract"
	"github.com/repoexpert/operator/internal/language"
	"github.com/repoexpert/operator/internal/language/conformance"
	"github.com/repoexpert/operator/internal/language/python"
	"github.com/repoexpert/operator/internal/ledger"
	"github.com/repoexpert/operator/internal/recall"
	"github.com/repoexpert/operator/internal/stage"
	"github.com/repoexpert/operator/internal/task"
)

const library = "../../language/python/testdata/library"

// usePytest puts pytest and coverage on the path of the interpreter, as an
// environment image has them in its own site-packages.
func usePytest(t *testing.T) {
	t.Helper()
	site := os.Getenv("REPOEXPERT_TEST_PYTHONPATH")
	if site == "" {
		t.Fatal("REPOEXPERT_TEST_PYTHONPATH must name a folder with pytest and coverage; run make test")
	}
	t.Setenv("PYTHONPATH", site)
}

// recipeOf asks for more than the library has.
func recipeOf() v1alpha1.Recipe {
	return v1alpha1.Recipe{
		Environment: v1alpha1.Environment{Test: v1alpha1.Test{Framework: v1alpha1.TestPytest}},
		Experience: v1alpha1.Experience{
			Units: []v1alpha1.Unit{
				{Name: v1alpha1.UnitContextualImplementation, Samples: 50},
				{Name: v1alpha1.UnitSoftwareDesign, Samples: 50},
				{Name: v1alpha1.UnitRepositoryRecall, Samples: 50},
				{Name: v1alpha1.UnitEvolutionaryReplay, Samples: 20},
			},
			MinSamples: 4, Seed: 1,
			TestTimeout: metav1.Duration{Duration: 2 * time.Minute},
		},
		Evaluation: v1alpha1.Evaluation{
			Holdout: v1alpha1.HoldoutTasks, HoldoutPercent: 20,
			Kinds: []v1alpha1.EvaluationKind{{Name: v1alpha1.KindCodebaseQA, Tasks: 20}},
		},
	}
}

// world is an artifact volume with one snapshot, and a stage's environment.
type world struct {
	env   stage.Env
	store *artifact.Store
}

// newWorld has a history that ends with the tree; one commit where none is given.
func newWorld(t *testing.T, tree fs.FS, recipe v1alpha1.Recipe, commits ...conformance.Commit) world {
	t.Helper()
	store, err := artifact.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	keys := contract.Keys{Snapshot: strings.Repeat("a", 64), Plan: strings.Repeat("b", 64)}
	folder := keys.Output(v1alpha1.StageFetch)
	draft, err := store.Begin(folder)
	if err != nil {
		t.Fatal(err)
	}
	if len(commits) == 0 {
		commits = []conformance.Commit{{Message: "All of it", Tree: tree}}
	}
	conformance.Snapshot(t, draft.Path(), commits...)
	digest, err := draft.Seal(artifact.Manifest{Stage: string(v1alpha1.StageFetch), Key: keys.Snapshot})
	if err != nil {
		t.Fatal(err)
	}
	return world{store: store, env: stage.Env{
		Spec: contract.StageSpec{
			Stage: v1alpha1.StagePlan, Commit: strings.Repeat("c", 40), Recipe: recipe,
			Keys: keys, Inputs: map[string]string{folder: digest},
		},
		Store: store, Agent: conformance.StartBox(t),
		Log: slog.New(slog.DiscardHandler), Progress: func(contract.Progress) {},
	}}
}

func (w world) run(t *testing.T) contract.StageResult {
	t.Helper()
	result, err := Run(t.Context(), w.env)
	if err != nil {
		t.Fatal(err)
	}
	return result
}

// content is every file of the sealed plan.
func (w world) content(t *testing.T) map[string]string {
	t.Helper()
	folder, err := w.store.Path(w.env.Spec.Keys.Output(v1alpha1.StagePlan))
	if err != nil {
		t.Fatal(err)
	}
	content := map[string]string{}
	for _, name := range []string{artifact.ManifestName, task.InventoryFile, task.BaselineFile, task.FactsFile, task.MasksFile, task.ComponentsFile, task.HeldOutFile, task.ReplaysFile, task.HeldOutReplaysFile, task.CoverageFile} {
		raw, err := os.ReadFile(filepath.Join(folder, name))
		if err != nil {
			t.Fatal(err)
		}
		content[name] = string(raw)
	}
	return content
}

func lines[T any](t *testing.T, text string) []T {
	t.Helper()
	var values []T
	err := task.Decode(strings.NewReader(text), task.DefaultLimits(), func(_ int, value T) error {
		values = append(values, value)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return values
}

func TestPlanOfTheLibrary(t *testing.T) {
	usePytest(t)
	w := newWorld(t, os.DirFS(library), recipeOf())
	result := w.run(t)
	content := w.content(t)
	if _, err := w.store.Verify(w.env.Spec.Keys.Output(v1alpha1.StagePlan), result.ManifestDigest); err != nil {
		t.Error(err)
	}

	var baseline task.Baseline
	if err := json.Unmarshal([]byte(content[task.BaselineFile]), &baseline); err != nil {
		t.Fatal(err)
	}
	wantExcluded := []task.ExcludedTest{
		{ID: "tests/unit/test_prices.py::test_depends_on_hash_seed", Reason: task.ReasonFlaky},
		{ID: "tests/unit/test_prices.py::test_expected_to_fail", Reason: task.ReasonSkipped},
		{ID: "tests/unit/test_prices.py::test_fails", Reason: task.ReasonFailing},
		{ID: "tests/unit/test_prices.py::test_skipped", Reason: task.ReasonSkipped},
	}
	if diff := cmp.Diff(wantExcluded, baseline.Excluded); diff != "" {
		t.Errorf("excluded tests (-want +got):\n%s", diff)
	}
	if len(baseline.Stable) != 16 {
		t.Errorf("stable tests: %v", baseline.Stable)
	}

	masks := map[string]task.Mask{}
	for _, mask := range lines[task.Mask](t, content[task.MasksFile]) {
		masks[mask.Path+" "+mask.Name] = mask
		for _, id := range mask.Tests {
			if !slices.Contains(baseline.Stable, id) {
				t.Errorf("%s is graded by %s, which is not stable", mask.Name, id)
			}
		}
	}
	total := masks["src/bookshop/prices.py total"]
	wantUses := []task.Reference{{Name: "ShopError", Path: "src/bookshop/errors.py"}}
	if diff := cmp.Diff(wantUses, total.Uses); diff != "" || total.BodyStart != 13 || total.EndLine != 19 {
		t.Errorf("total is %+v, uses (-want +got):\n%s", total, diff)
	}
	for _, absent := range []string{"src/bookshop/prices.py uncovered", "src/bookshop/prices.py cheap", "src/bookshop/prices.py discounted.<locals>.limit", "src/bookshop/errors.py OutOfStock.__init__"} {
		if _, found := masks[absent]; found {
			t.Errorf("%s is a mask", absent)
		}
	}
	if n := result.Counts["masks"]; n < 5 {
		t.Errorf("counts are %v", result.Counts)
	}
	checkComponents(t, content[task.ComponentsFile])
}

func checkComponents(t *testing.T, text string) {
	t.Helper()
	components := map[string]task.Component{}
	for _, component := range lines[task.Component](t, text) {
		components[component.Kind+" "+component.Name] = component
	}
	names := slices.Sorted(maps.Keys(components))
	for _, want := range []string{"class Stock", "module bookshop.prices", "module bookshop.stock"} {
		if !slices.Contains(names, want) {
			t.Errorf("%s is no component: %v", want, names)
		}
	}
	stock := components["class Stock"]
	wantDependencies := []task.Reference{{Name: "OutOfStock", Path: "src/bookshop/errors.py"}, {Name: "total", Path: "src/bookshop/prices.py"}}
	if diff := cmp.Diff(wantDependencies, stock.Dependencies); diff != "" {
		t.Errorf("dependencies of Stock (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"src/bookshop/__init__.py"}, stock.Usages); diff != "" {
		t.Errorf("usages of Stock (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"tests/unit/test_stock.py"}, stock.Tests); diff != "" {
		t.Errorf("tests of Stock (-want +got):\n%s", diff)
	}
}

// Two files that three commits changed together are a subsystem, the folder with
// an interface is a package.
func TestComponentsOfSeveralFiles(t *testing.T) {
	usePytest(t)
	var commits []conformance.Commit
	for _, note := range []string{"# one\n", "# two\n", "# three\n", ""} {
		tree := copied(t, library)
		for _, file := range []string{"src/bookshop/prices.py", "src/bookshop/stock.py"} {
			tree[file].Data = append([]byte(note), tree[file].Data...)
		}
		commits = append(commits, conformance.Commit{Message: "note", Tree: tree})
	}
	recipe := recipeOf()
	recipe.Experience.Units = []v1alpha1.Unit{{Name: v1alpha1.UnitSoftwareDesign, Samples: 50}}
	recipe.Evaluation.Kinds = nil
	recipe.Evaluation.HoldoutPercent = 0
	w := newWorld(t, os.DirFS(library), recipe, commits...)
	w.run(t)
	components := map[string]task.Component{}
	for _, component := range lines[task.Component](t, w.content(t)[task.ComponentsFile]) {
		components[component.Kind] = component
	}
	tests := []string{"tests/integration/test_stock.py", "tests/unit/test_prices.py", "tests/unit/test_stock.py"}
	want := map[string]task.Component{
		kindPackage: {
			Path: "src/bookshop", Name: "bookshop", Tests: tests,
			Files: []string{"src/bookshop/__init__.py", "src/bookshop/stock.py", "src/bookshop/prices.py", "src/bookshop/endings.py", "src/bookshop/errors.py"},
		},
		kindSubsystem: {
			Path: "src/bookshop/stock.py", Files: []string{"src/bookshop/stock.py", "src/bookshop/prices.py"}, Tests: tests,
			Dependencies: []task.Reference{{Name: "OutOfStock", Path: "src/bookshop/errors.py"}, {Name: "ShopError", Path: "src/bookshop/errors.py"}},
			Usages:       []string{"src/bookshop/__init__.py"},
			Sites: []task.Site{
				{Name: "Shelf", Path: "tests/integration/test_stock.py", Line: 10}, {Name: "Shelf", Path: "tests/unit/test_stock.py", Line: 31},
			},
		},
	}
	for kind, w := range want {
		got := components[kind]
		got.Sites = got.Sites[:min(len(got.Sites), len(w.Sites))]
		w.ID, w.Kind, w.Cluster, w.Side, w.Symbols, w.StartLine, w.EndLine = got.ID, kind, got.ID, task.SideTrain, got.Symbols, 1, got.EndLine
		if diff := cmp.Diff(w, got, cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", kind, diff)
		}
	}
}

// copied is a tree in memory.
func copied(t *testing.T, dir string) fstest.MapFS {
	t.Helper()
	tree := fstest.MapFS{}
	err := fs.WalkDir(os.DirFS(dir), ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		content, err := fs.ReadFile(os.DirFS(dir), name)
		tree[name] = &fstest.MapFile{Data: content}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return tree
}

// The recipe with all functions held out or trained in turn must never show a
// fact from the body of a held-out function.
func TestFactsOfHeldOutBodies(t *testing.T) {
	usePytest(t)
	recipe := recipeOf()
	recipe.Evaluation.HoldoutPercent = 50
	w := newWorld(t, os.DirFS(library), recipe)
	w.run(t)
	content := w.content(t)
	heldOut := map[string]bool{}
	for _, text := range lines[task.HeldOut](t, content[task.HeldOutFile]) {
		heldOut[text.Name] = true
		if text.Text == "" {
			t.Errorf("%s has no text", text.Name)
		}
	}
	if len(heldOut) == 0 {
		t.Fatal("nothing is held out")
	}
	for _, fact := range lines[recall.Fact](t, content[task.FactsFile]) {
		if fact.Kind == recall.Raises && heldOut[fact.Subject] || (fact.Kind == recall.Callers || fact.Kind == recall.Callee) && (heldOut[fact.Subject] || heldOut[fact.Answer]) {
			t.Errorf("fact %+v gives a held-out body away", fact)
		}
	}
}

func TestSameCommitGivesSameBytes(t *testing.T) {
	usePytest(t)
	tree := os.DirFS(library)
	first := newWorld(t, tree, recipeOf())
	first.run(t)
	second := newWorld(t, tree, recipeOf())
	t.Setenv("PYTHONHASHSEED", "77")
	second.run(t)
	if diff := cmp.Diff(first.content(t), second.content(t)); diff != "" {
		t.Errorf("two plans differ:\n%s", diff)
	}
	before := first.ledger(t)
	folder, err := first.store.Path(first.env.Spec.Keys.Output(v1alpha1.StagePlan))
	if err != nil {
		t.Fatal(err)
	}
	want := first.content(t)
	if err := os.RemoveAll(folder); err != nil {
		t.Fatal(err)
	}
	first.run(t)
	if diff := cmp.Diff(want, first.content(t)); diff != "" {
		t.Errorf("the plan made again beside its ledger differs:\n%s", diff)
	}
	if diff := cmp.Diff(before, first.ledger(t)); diff != "" {
		t.Errorf("the ledger grew without a change:\n%s", diff)
	}
}

func (w world) ledger(t *testing.T) []ledger.Entry {
	t.Helper()
	folder, err := w.store.Path(contract.LedgerFolder)
	if err != nil {
		t.Fatal(err)
	}
	file, err := ledger.Open(folder)
	if err != nil {
		t.Fatal(err)
	}
	entries, err := file.Read()
	if err != nil {
		t.Fatal(err)
	}
	return entries
}

func TestIncludeAndExclude(t *testing.T) {
	usePytest(t)
	recipe := recipeOf()
	recipe.Repository.Include = []string{"src/bookshop"}
	recipe.Repository.Exclude = []string{"src/bookshop/stock.py"}
	w := newWorld(t, os.DirFS(library), recipe)
	w.run(t)
	content := w.content(t)
	for name, text := range content {
		if name != task.InventoryFile && name != task.HeldOutFile && name != task.ComponentsFile && strings.Contains(text, `"path":"src/bookshop/stock.py"`) &&
			!strings.Contains(text, `"uses"`) {
			t.Errorf("%s mentions the excluded file:\n%s", name, text)
		}
	}
	for _, component := range lines[task.Component](t, content[task.ComponentsFile]) {
		seen := map[task.Site]bool{}
		for _, site := range component.Sites {
			if site.Path == "src/bookshop/stock.py" || seen[site] {
				t.Errorf("%s lists %+v", component.ID, component.Sites)
			}
			seen[site] = true
		}
		if slices.Contains(component.AllFiles(), "src/bookshop/stock.py") {
			t.Errorf("the excluded file is in %+v", component)
		}
	}
	for _, mask := range lines[task.Mask](t, content[task.MasksFile]) {
		if mask.Path == "src/bookshop/stock.py" {
			t.Errorf("%s is a mask", mask.Name)
		}
	}
}

// Facts need no test: a tree whose tests do not even import has some.
func TestFactsAloneNeedNoTests(t *testing.T) {
	usePytest(t)
	recipe := recipeOf()
	recipe.Experience.Units = []v1alpha1.Unit{{Name: v1alpha1.UnitRepositoryRecall, Samples: 10}}
	recipe.Evaluation.Kinds = []v1alpha1.EvaluationKind{{Name: v1alpha1.KindCodebaseQA, Tasks: 10}}
	tree := copied(t, library)
	for name := range tree {
		if strings.HasPrefix(name, "tests/") && strings.HasSuffix(name, ".py") {
			tree[name] = text("import nothing_of_this_name\n")
		}
	}
	result := newWorld(t, tree, recipe).run(t)
	if result.Counts["facts"] == 0 || result.Counts["tests"] != 0 {
		t.Errorf("counts %v, want facts and no tests", result.Counts)
	}
}

func text(content string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(content)} }

func TestRefusals(t *testing.T) {
	usePytest(t)
	few := recipeOf()
	few.Experience.MinSamples = 100_000
	slow := recipeOf()
	slow.Experience.TestTimeout.Duration = 5 * time.Second
	elsewhere := recipeOf()
	elsewhere.Environment.Test.Paths = []string{"checks"}
	cases := map[string]struct {
		tree   fs.FS
		recipe v1alpha1.Recipe
		class  v1alpha1.FailureClass
		want   []string
	}{
		"no tests": {
			tree: fstest.MapFS{"code.py": text("x = 1\n"), "checks/note.txt": text("none\n")}, recipe: elsewhere,
			class: v1alpha1.FailureRepositoryCode, want: []string{"no tests were found in checks", "environment.test.paths"},
		},
		"most tests fail": {
			tree: fstest.MapFS{"test_a.py": text("def test_a():\n    assert 1 == 2\n\n\ndef test_b():\n    pass\n\n\ndef test_c():\n    raise ValueError\n")}, recipe: recipeOf(),
			class: v1alpha1.FailureRepositoryCode, want: []string{"2 of 3 tests fail", "test_a.py::test_a: assert 1 == 2", "environment.image"},
		},
		"a dependency is missing": {
			tree: fstest.MapFS{"test_a.py": text("import no_such_module\n"), "test_b.py": text("def test_b():\n    pass\n")}, recipe: recipeOf(),
			class: v1alpha1.FailureRepositoryCode, want: []string{"1 of 2 test files do not import", "test_a.py", "No module named 'no_such_module'", "environment.setup"},
		},
		"the tests hang": {
			tree: fstest.MapFS{"test_a.py": text("import threading\n\n\ndef test_a():\n    threading.Event().wait()\n")}, recipe: slow,
			class: v1alpha1.FailureRepositoryCode, want: []string{"did not end within experience.testTimeout (5s)"},
		},
		"the runner does not start": {
			tree: fstest.MapFS{"test_a.py": text("def test_a():\n    pass\n"), "conftest.py": text("raise RuntimeError('no')\n")}, recipe: recipeOf(),
			class: v1alpha1.FailureRepositoryCode, want: []string{"the test runner failed", "RuntimeError: no", "environment.image"},
		},
		"too few candidates": {
			tree: os.DirFS(library), recipe: few,
			class: v1alpha1.FailureData, want: []string{"experience.minSamples is 100000", "masked functions", "repository.include"},
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, c.tree, c.recipe)
			_, err := Run(t.Context(), w.env)
			var failure *stage.Error
			if !errors.As(err, &failure) || failure.Class != c.class {
				t.Fatalf("got %v", err)
			}
			for _, want := range c.want {
				if !strings.Contains(failure.Message, want) {
					t.Errorf("message %q lacks %q", failure.Message, want)
				}
			}
			if _, _, err := w.store.Lookup(w.env.Spec.Keys.Output(v1alpha1.StagePlan)); !errors.Is(err, artifact.ErrNotSealed) {
				t.Errorf("a plan was sealed: %v", err)
			}
		})
	}
}

func TestCorruptLedger(t *testing.T) {
	store, err := artifact.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	folder, err := store.Path(contract.LedgerFolder)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := ledger.Open(folder); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(folder, ledger.FileName), []byte("garbage\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	err = (&mine{recipe: recipeOf()}).split(store, "c0ffee")
	if stage.ClassOf(err) != v1alpha1.FailureIntegrity || !strings.Contains(err.Error(), "ledger/split.jsonl") {
		t.Errorf("got %v", err)
	}
}

func TestClusters(t *testing.T) {
	usePytest(t)
	box := conformance.StartBox(t)
	tree := os.DirFS(library)
	conformance.PutTree(t, box, "tree", tree)
	inventory, err := python.New().Inspect(t.Context(), box, "tree")
	if err != nil {
		t.Fatal(err)
	}
	functions, err := functionsOf(inventory, func(path string) ([][]byte, error) {
		content, err := fs.ReadFile(tree, path)
		return language.Lines(content), err
	})
	if err != nil {
		t.Fatal(err)
	}
	clusters := clustersOf(inventory, functions)
	got := map[string][]string{}
	members := 0
	for _, cluster := range clusters {
		for _, member := range cluster.Members {
			members++
			if len(cluster.Members) > 1 {
				got[cluster.ID] = append(got[cluster.ID], member.ID)
			}
		}
	}
	want := map[string][]string{
		"src/bookshop/prices.py::discounted": {"src/bookshop/prices.py::discounted", "src/bookshop/prices.py::discounted.<locals>.limit"},
		// Shelf overrides add; Window.describe is a copy of Shelf.describe.
		"src/bookshop/stock.py::Shelf.add":      {"src/bookshop/stock.py::Shelf.add", "src/bookshop/stock.py::Stock.add"},
		"src/bookshop/stock.py::Shelf.describe": {"src/bookshop/stock.py::Shelf.describe", "src/bookshop/stock.py::Window.describe"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("clusters (-want +got):\n%s", diff)
	}
	if members != len(functions) {
		t.Errorf("%d members of %d functions", members, len(functions))
	}
}
