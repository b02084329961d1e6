package grading

import (
	"testing"
	"time"

	"github.com/repoexpert/operator/api/v1alpha1"
	"github.com/repoexpert/operator/internal/grading/cheats"
	"github.com/repoexpert/operator/internal/patch"
)

// targetOf is what cheats are made for.
func targetOf(masked Masked) cheats.Target {
	return cheats.Target{Path: masked.Mask.Path, Gap: masked.Gap(), Fixed: masked.Original(), FailToPass: masked.FailToPass}
}

// solveNothing demands that no cheat is resolved, that the known body is and that
// nothing is not, all by one grader. built says why a changed file does not build.
func solveNothing(t *testing.T, g *Grader, masked Masked, framework v1alpha1.TestFramework, built func(t *testing.T, changed []byte)) {
	t.Helper()
	target := targetOf(masked)
	for _, cheat := range append(cheats.For(framework), cheats.Nothing(framework)) {
		t.Run(cheat.Name, func(t *testing.T) {
			changed, err := cheat.Apply(target)
			if err != nil {
				t.Fatal(err)
			}
			built(t, changed)
			grade, err := g.GradePatch(t.Context(), masked.Task, patch.Diff(target.Path, target.Gap, changed))
			if err != nil {
				t.Fatal(err)
			}
			if grade.Resolved || grade.Reason == PatchNotApplicable {
				t.Errorf("got %+v", grade)
			}
		})
	}
	if grade, err := g.GradePatch(t.Context(), masked.Task, masked.Gold()); err != nil || !grade.Resolved {
		t.Errorf("the known body gives %+v, %v", grade, err)
	}
	if grade, err := g.GradePatch(t.Context(), masked.Task, ""); err != nil || grade.Resolved {
		t.Errorf("nothing gives %+v, %v", grade, err)
	}
}

func TestCheatsSolveNothing(t *testing.T) {
	w := newWorld(t)
	w.timeout, w.patience = 20*time.Second, 20*time.Second
	total := w.mask(t, prices, "total", "test_total")
	checked, grade, err := w.Check(t.Context(), total.Task)
	if err != nil || grade.Reason != TestsFailed {
		t.Fatalf("got %+v, %v", grade, err)
	}
	if total.Task, _, err = w.CheckControl(t.Context(), checked); err != nil || len(total.Control) == 0 {
		t.Fatalf("no control: %+v, %v", total, err)
	}
	solveNothing(t, w.Grader, total, v1alpha1.TestPytest, func(*testing.T, []byte) {})
}
