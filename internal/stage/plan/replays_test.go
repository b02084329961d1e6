package plan

import (
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"github.com/repoexpert/operator/api/v1alpha1"
	"github.com/repoexpert/operator/internal/language/conformance"
	"github.com/repoexpert/operator/internal/task"
)

// past is the library as it was, with texts replaced in files.
func past(t *testing.T, replaced map[string][2]string) fs.FS {
	t.Helper()
	tree := fstest.MapFS{}
	err := fs.WalkDir(os.DirFS(library), ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		content, err := os.ReadFile(filepath.Join(library, name))
		texts, known := replaced[name]
		if known && !strings.Contains(string(content), texts[0]) {
			t.Errorf("%s does not hold %q", name, texts[0])
		}
		if known {
			content = []byte(strings.Replace(string(content), texts[0], texts[1], 1))
		}
		tree[name] = &fstest.MapFile{Data: content}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return tree
}

// A fix is planned on its own tree and taken back from the snapshot; mutants are
// of functions that train and that stable tests execute.
func TestReplays(t *testing.T) {
	usePytest(t)
	recipe := recipeOf()
	recipe.Experience.Units = []v1alpha1.Unit{{Name: v1alpha1.UnitEvolutionaryReplay, Samples: 30}}
	recipe.Evaluation.Kinds = nil
	before := past(t, map[string][2]string{
		"src/bookshop/prices.py":    {"return net + tax", "return net"},
		"tests/unit/test_prices.py": {"[([], 0), ([100], 107), ([100, 200], 321)]", "[([], 0)]"},
	})
	w := newWorld(t, os.DirFS(library), recipe,
		conformance.Commit{Message: "Prices", Tree: before},
		conformance.Commit{Message: "Sums hold the tax\n\nCustomers paid too little when they bought several books (#12).", Tree: os.DirFS(library)})
	result := w.run(t)
	content := w.content(t)
	held := map[string]bool{}
	for _, text := range lines[task.HeldOut](t, content[task.HeldOutFile]) {
		held[text.Path+" "+text.Name] = true
	}
	kinds := map[task.ReplayKind]int{}
	operators := map[string]bool{}
	for _, replay := range lines[task.Replay](t, content[task.ReplaysFile]) {
		kinds[replay.Kind]++
		if replay.Side != task.SideTrain || replay.Cluster == "" || len(replay.Paths) == 0 {
			t.Errorf("%+v is not for training, or of nothing", replay)
		}
		for _, mutation := range replay.Mutations {
			operators[mutation.Operator] = true
			if held[mutation.Path+" "+mutation.Function] {
				t.Errorf("%s is held out and mutated", mutation.Function)
			}
		}
		switch replay.Kind {
		case task.ReplayFix:
			checkFix(t, replay)
		case task.ReplayReversal, task.ReplayPartial:
			if got := string(replay.Broken["src/bookshop/prices.py"]); !strings.Contains(got, "return net\n") || len(replay.Tests) == 0 {
				t.Errorf("the reversal is %+v", replay)
			}
		case task.ReplayMutant, task.ReplayCombined:
			if len(replay.Tests) == 0 || slices.Contains(replay.Tests, "tests/unit/test_prices.py::test_depends_on_hash_seed") {
				t.Errorf("%+v has no stable tests", replay)
			}
		}
	}
	if total := "src/bookshop/prices.py total"; !held[total] && (kinds[task.ReplayFix] != 1 || kinds[task.ReplayReversal] != 1) {
		t.Errorf("the fix gives %v", kinds)
	}
	if kinds[task.ReplayMutant] < 15 || kinds[task.ReplayCombined] == 0 || len(operators) < 5 {
		t.Errorf("there are %v with %v", kinds, operators)
	}
	if result.Counts["commits"] != 2 || result.Counts["fixes"] != 1 {
		t.Errorf("counts are %v", result.Counts)
	}
}

// A fix of two places, one of which was changed since, is taken back in the other:
// a bug of its own, without the words of the commit. A commit that changes a
// docstring beside a test is no fix.
func TestReplaysOfAPartAndOfNoCode(t *testing.T) {
	usePytest(t)
	recipe := recipeOf()
	recipe.Experience.Units = []v1alpha1.Unit{{Name: v1alpha1.UnitEvolutionaryReplay, Samples: 30}}
	recipe.Evaluation.Kinds, recipe.Evaluation.HoldoutPercent = nil, 0
	const prices, stock, tests = "src/bookshop/prices.py", "src/bookshop/stock.py", "tests/unit/test_prices.py"
	replaced := func(tree fs.FS, file, now, then string) fs.FS {
		copied := maps.Clone(tree.(fstest.MapFS))
		if !strings.Contains(string(copied[file].Data), now) {
			t.Errorf("%s does not hold %q", file, now)
		}
		copied[file] = &fstest.MapFile{Data: []byte(strings.Replace(string(copied[file].Data), now, then, 1))}
		return copied
	}
	last := past(t, nil)
	undocumented := replaced(replaced(last, stock, "What the shop has.", "The shop's."), tests, "import pytest\n", "")
	fixed := replaced(undocumented, prices, "price - reduction", "price - (reduction)")
	broken := replaced(replaced(fixed, prices, "return net + tax", "return net"), prices, "price - (reduction)", "price")
	broken = replaced(broken, tests, "([100], 107), ", "")
	w := newWorld(t, os.DirFS(library), recipe,
		conformance.Commit{Message: "Prices", Tree: broken},
		conformance.Commit{Message: "Sums hold the tax\n\nCustomers paid too little when they bought several books.", Tree: fixed},
		conformance.Commit{Message: "Brackets", Tree: undocumented},
		conformance.Commit{Message: "Say what stock is\n\nThe documentation was wrong about what it holds.", Tree: last})
	result := w.run(t)
	if result.Counts["fixes"] != 1 || result.Counts["sameCode"] != 1 {
		t.Errorf("counts are %v", result.Counts)
	}
	kinds := map[task.ReplayKind]task.Replay{}
	for _, replay := range lines[task.Replay](t, w.content(t)[task.ReplaysFile]) {
		kinds[replay.Kind] = replay
	}
	partial, found := kinds[task.ReplayPartial]
	if _, whole := kinds[task.ReplayReversal]; !found || whole {
		t.Fatalf("the fix gives %v", slices.Sorted(maps.Keys(kinds)))
	}
	want := replaced(last, prices, "return net + tax", "return net").(fstest.MapFS)[prices].Data
	if diff := cmp.Diff(string(want), string(partial.Broken[prices])); diff != "" || partial.Issue != "" || !strings.HasPrefix(partial.ID, "partial-") || len(partial.Tests) == 0 {
		t.Errorf("the partial reversal is %+v (-want +got):\n%s", partial, diff)
	}
}

func checkFix(t *testing.T, fix task.Replay) {
	t.Helper()
	if diff := cmp.Diff([]string{"tests/unit/test_prices.py"}, fix.TestPaths); diff != "" {
		t.Error(diff)
	}
	if got := string(fix.Broken["src/bookshop/prices.py"]); !strings.Contains(got, "return net\n") {
		t.Errorf("the broken file is %q", got)
	}
	if !strings.Contains(fix.Issue, "paid too little") || strings.Contains(fix.Issue, "#12") || len(fix.Commit) != 40 {
		t.Errorf("the fix is %+v", fix)
	}
}

// Whatever the seed holds out, no bug touches it.
func TestHeldOutFunctionsAreNotBroken(t *testing.T) {
	usePytest(t)
	recipe := recipeOf()
	recipe.Experience.Units = []v1alpha1.Unit{{Name: v1alpha1.UnitSemanticRuntimeAlignment, Samples: 50}}
	recipe.Evaluation.Kinds, recipe.Evaluation.HoldoutPercent = nil, 70
	before := past(t, map[string][2]string{
		"src/bookshop/prices.py":    {"return net + tax", "return net"},
		"tests/unit/test_prices.py": {"[([], 0), ([100], 107), ([100, 200], 321)]", "[([], 0)]"},
	})
	w := newWorld(t, os.DirFS(library), recipe,
		conformance.Commit{Message: "Prices", Tree: before}, conformance.Commit{Message: "Sums hold the tax", Tree: os.DirFS(library)})
	w.run(t)
	content := w.content(t)
	texts := map[string]string{}
	for _, text := range lines[task.HeldOut](t, content[task.HeldOutFile]) {
		texts[text.Path+" "+text.Name] = text.Text
	}
	if len(texts) < 5 {
		t.Fatalf("too little is held out: %v", len(texts))
	}
	for _, replay := range lines[task.Replay](t, content[task.ReplaysFile]) {
		for _, mutation := range replay.Mutations {
			if _, held := texts[mutation.Path+" "+mutation.Function]; held {
				t.Errorf("%s is held out and mutated", mutation.Function)
			}
		}
		if _, held := texts["src/bookshop/prices.py total"]; held && replay.Commit != "" {
			t.Errorf("a fix of a held-out function trains: %+v", replay)
		}
	}
}
