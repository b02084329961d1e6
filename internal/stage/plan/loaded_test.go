package plan

import (
	"testing"

	"github.com/repoexpert/operator/api/v1alpha1"
	"github.com/repoexpert/operator/internal/task"
)

// A function that runs when the package is imported can be neither masked nor broken
// for a task: no test would be left that fails.
func TestWhatRunsOnLoadingIsNoTask(t *testing.T) {
	usePytest(t)
	tree := copied(t, library)
	stock := "src/bookshop/stock.py"
	tree[stock].Data = append(tree[stock].Data, "\n\ntotal([], 0)\n"...)
	recipe := recipeOf()
	recipe.Experience.Units = []v1alpha1.Unit{
		{Name: v1alpha1.UnitContextualImplementation, Samples: 50}, {Name: v1alpha1.UnitEvolutionaryReplay, Samples: 100},
	}
	recipe.Evaluation.Kinds, recipe.Evaluation.HoldoutPercent = nil, 0
	w := newWorld(t, tree, recipe)
	result := w.run(t)
	content := w.content(t)
	const path = "src/bookshop/prices.py"
	masks := lines[task.Mask](t, content[task.MasksFile])
	for _, mask := range masks {
		if mask.Path == path && mask.Name == "total" {
			t.Error("total is a mask")
		}
	}
	inLoop := 0
	for _, replay := range lines[task.Replay](t, content[task.ReplaysFile]) {
		for _, mutation := range replay.Mutations {
			if mutation.Path != path || mutation.Function != "total" {
				continue
			}
			inLoop++
			// With nothing to add up, the loop's body does not run.
			if mutation.Line < 15 || mutation.Line > 17 {
				t.Errorf("a fault in line %d, which runs on loading", mutation.Line)
			}
		}
	}
	if result.Counts["loaded"] == 0 || len(masks) == 0 || inLoop == 0 {
		t.Errorf("%d faults in the loop, counts are %v", inLoop, result.Counts)
	}
}
