package local

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/repoexpert/operator/api/v1alpha1"
	"github.com/repoexpert/operator/internal/task"
)

func TestBugsAreCountedOnceForBothUnits(t *testing.T) {
	b := newBugs([]task.Replay{
		{ID: "mutant-1", Kind: task.ReplayMutant, Side: task.SideTrain},
		{ID: "mutant-2", Kind: task.ReplayMutant, Side: task.SideTrain},
		{ID: "mutant-3", Kind: task.ReplayMutant, Side: task.SideTrain},
		{ID: "mutant-4", Kind: task.ReplayMutant, Side: task.SideEvaluation},
		{ID: "fix-1", Kind: task.ReplayFix, Side: task.SideTrain},
	})
	sample := func(unit v1alpha1.UnitName, id string, cpu float64) {
		b.addSample(task.Sample{Meta: task.Meta{Unit: unit, TaskID: id, CPUSeconds: cpu}})
	}
	reject := func(id string, verified bool, cpu float64) {
		b.addRejection(task.Rejection{TaskID: id, Verified: verified, CPUSeconds: cpu})
	}
	sample(v1alpha1.UnitEvolutionaryReplay, "mutant-1", 2)
	sample(v1alpha1.UnitSemanticRuntimeAlignment, "mutant-1", 1)
	reject("mutant-2", false, 1.5)
	reject("mutant-2", false, 0)
	reject("fix-1", true, 4)
	sample(v1alpha1.UnitSemanticRuntimeAlignment, "fix-1", 1)
	sample(v1alpha1.UnitSoftwareDesign, "module-1", 3)

	want := []BugFigures{
		{Kind: task.ReplayFix, Candidates: 1, Run: 1, Verified: 1, Tests: 1, CPU: 5 * time.Second},
		{Kind: task.ReplayMutant, Candidates: 3, Run: 2, Verified: 1, Repairs: 1, Tests: 1, CPU: 4500 * time.Millisecond},
	}
	if diff := cmp.Diff(want, b.list()); diff != "" {
		t.Error(diff)
	}
}
