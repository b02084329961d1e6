package plan

import (
	"io/fs"
	"os"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"github.com/repoexpert/operator/api/v1alpha1"
	"github.com/repoexpert/operator/internal/language/conformance"
	"github.com/repoexpert/operator/internal/task"
)

// withoutDiscounted is the library before it had a function and its test.
func withoutDiscounted(t *testing.T, tree fs.FS) fs.FS {
	t.Helper()
	const prices, tests = "src/bookshop/prices.py", "tests/unit/test_prices.py"
	before := fstest.MapFS{}
	for name, file := range tree.(fstest.MapFS) {
		before[name] = file
	}
	cut := func(file, from, to string) {
		text := string(before[file].Data)
		start, end := strings.Index(text, from), strings.Index(text, to)
		if start < 0 || end < start {
			t.Fatalf("%s has not %q before %q", file, from, to)
		}
		before[file] = &fstest.MapFile{Data: []byte(text[:start] + text[end:])}
	}
	cut(prices, "def discounted", "@overload")
	cut(tests, "@pytest.mark.parametrize(\"price\"", "def test_parse")
	return before
}

// What commits repaired and added is a task of evaluation where all that it touches
// is held out, and then it trains nobody; mutants fill up what bugs are missing.
func TestHeldOutReplays(t *testing.T) {
	usePytest(t)
	recipe := recipeOf()
	recipe.Experience.Units = []v1alpha1.Unit{{Name: v1alpha1.UnitRepositoryRecall, Samples: 50}, {Name: v1alpha1.UnitEvolutionaryReplay, Samples: 10}}
	recipe.Evaluation.HoldoutPercent = 100
	recipe.Evaluation.Kinds = []v1alpha1.EvaluationKind{
		{Name: v1alpha1.KindIssueResolution, Tasks: 4}, {Name: v1alpha1.KindFeatureImplementation, Tasks: 4, MinimumTasks: 1},
	}
	broken := past(t, map[string][2]string{
		"src/bookshop/prices.py":    {"return net + tax", "return net"},
		"tests/unit/test_prices.py": {"[([], 0), ([100], 107), ([100, 200], 321)]", "[([], 0)]"},
	})
	w := newWorld(t, os.DirFS(library), recipe,
		conformance.Commit{Message: "Prices", Tree: withoutDiscounted(t, broken)},
		conformance.Commit{Message: "Prices can be reduced\n\nA customer with a card pays less for every book.", Tree: broken},
		conformance.Commit{Message: "Sums hold the tax\n\nCustomers paid too little when they bought several books.", Tree: os.DirFS(library)})
	result := w.run(t)
	content := w.content(t)
	if text := content[task.ReplaysFile]; text != "" {
		t.Errorf("what is held out trains: %s", text)
	}
	kinds := map[task.ReplayKind]int{}
	for _, r := range lines[task.Replay](t, content[task.HeldOutReplaysFile]) {
		kinds[r.Kind]++
		if r.Side != task.SideEvaluation || len(r.Tests) == 0 {
			t.Errorf("%+v is not held out, or nothing tests it", r)
		}
		if r.Kind != task.ReplayReversal {
			continue
		}
		want := []task.Reference(nil)
		if strings.Contains(r.Issue, "with a card") {
			want = []task.Reference{{Name: "discounted", Path: "src/bookshop/prices.py"}}
			kinds["feature"]++
		}
		if diff := cmp.Diff(want, r.Adds); diff != "" {
			t.Error(diff)
		}
	}
	// Six bugs are looked for, one is real.
	if want := map[task.ReplayKind]int{task.ReplayReversal: 2, "feature": 1, task.ReplayMutant: 14}; !cmp.Equal(want, kinds) {
		t.Errorf("got %v, want %v", kinds, want)
	}
	if result.Counts["bugsHeldOut"] != 15 || result.Counts["featuresHeldOut"] != 1 {
		t.Errorf("counts are %v", result.Counts)
	}
}

// A repair of a function that trains is no task, even beside one that is held out.
func TestHeldOutWhole(t *testing.T) {
	m := &mine{sides: map[string]task.Side{"held": task.SideEvaluation, "trained": task.SideTrain}}
	tests := map[string]struct {
		replay task.Replay
		want   bool
	}{
		"one held out":        {task.Replay{Cluster: "held"}, true},
		"one trained":         {task.Replay{Cluster: "trained"}, false},
		"a part trained":      {task.Replay{Cluster: "held", Clusters: []string{"held", "trained"}}, false},
		"of nothing recorded": {task.Replay{Cluster: "fix-1"}, false},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if got := m.heldOut(test.replay); got != test.want {
				t.Errorf("got %v", got)
			}
		})
	}
}
