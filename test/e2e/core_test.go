//go:build e2e

package e2e

import (
	"context"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"

	"github.com/repoexpert/operator/api/v1alpha1"
	"github.com/repoexpert/operator/hack/local"
)

// The main job's namespace and expert; the stories on rolls go on from it.
const (
	mainNamespace = "main"
	mainExpert    = "boltons"
)

func TestCoreMainJob(t *testing.T) {
	ctx := shared.ctx
	tenancy := tenancy(ctx, t, mainNamespace, 5)
	class := shared.cluster.DemoClass(shared.images, shared.tools)
	applyClass(ctx, t, class)
	applyExpert(ctx, t, tenancy, mainExpert, class.Name, local.DemoRepository)

	expert, run := await(ctx, t, mainNamespace, mainExpert, 35*time.Minute, serves)

	if run.Status.Verdict == nil || run.Status.Verdict.Decision != v1alpha1.DecisionPromote {
		t.Errorf("verdict %+v, want Promote", run.Status.Verdict)
	}
	for _, name := range v1alpha1.Stages {
		stage := stageOf(run, name)
		if stage == nil || (stage.State != v1alpha1.StageSucceeded && stage.State != v1alpha1.StageSkipped) {
			t.Errorf("stage %s: %+v, want Succeeded or Skipped", name, stage)
		}
	}
	checkControls(t, run)
	if !meta.IsStatusConditionFalse(expert.Status.Conditions, v1alpha1.ConditionNetworkIsolated) {
		t.Error("NetworkIsolated is not False although the class says NotEnforced")
	}
	if answer := ask(ctx, t, expert, "Hello"); strings.TrimSpace(answer) == "" {
		t.Error("the endpoint answers with nothing")
	}
	checkIdle(ctx, t)
	t.Logf("verdict: %s", run.Status.Verdict.Reason)
	for _, stage := range run.Status.Stages {
		if stage.StartTime != nil && stage.CompletionTime != nil {
			t.Logf("%-10s %4.0f s %v", stage.Name, stage.CompletionTime.Sub(stage.StartTime.Time).Seconds(), stage.Counts)
		}
	}
}

// checkIdle expects no write to an object while nothing happens.
func checkIdle(ctx context.Context, t *testing.T) {
	t.Helper()
	const window = 30 * time.Second
	after := time.Now()
	select {
	case <-time.After(window):
	case <-ctx.Done():
		t.Fatal(ctx.Err())
	}
	writes, err := local.OperatorWrites(ctx, shared.root, clusterName, after)
	if err != nil {
		t.Fatal(err)
	}
	if writes.Total()+writes.Progress+writes.Events > 0 {
		t.Errorf("within %s of idleness the operator wrote %+v", window, writes)
	}
}

// checkControls expects the gold arm to solve all executable tasks and the
// no-op arm to solve none.
func checkControls(t *testing.T, run v1alpha1.ExpertRun) {
	t.Helper()
	if run.Status.Evaluation == nil {
		t.Fatal("the run has no evaluation record")
	}
	checked := 0
	for _, kind := range run.Status.Evaluation.Kinds {
		if kind.Name != v1alpha1.KindContextualImplementation {
			continue
		}
		for _, arm := range kind.Arms {
			switch arm.Name {
			case v1alpha1.ArmGold:
				if arm.Successes == "" || strings.Trim(arm.Successes, "1") != "" {
					t.Errorf("gold arm %q, want all tasks solved", arm.Successes)
				}
				checked++
			case v1alpha1.ArmNoop:
				if arm.Successes == "" || strings.Trim(arm.Successes, "0") != "" {
					t.Errorf("no-op arm %q, want no task solved", arm.Successes)
				}
				checked++
			default:
			}
		}
	}
	if checked != 2 {
		t.Errorf("found %d of the two control arms of %s", checked, v1alpha1.KindContextualImplementation)
	}
}

func TestCoreWrongBaseModelPath(t *testing.T) {
	ctx := shared.ctx
	tenancy := tenancy(ctx, t, "badmodel", 1)
	class := shared.cluster.DemoClass(shared.images, shared.tools)
	class.Name, class.BaseModelPath = "wrong-path", "no-such-model"
	applyClass(ctx, t, class)
	applyExpert(ctx, t, tenancy, "boltons", class.Name, local.DemoRepository)
	await(ctx, t, "badmodel", "boltons", 3*time.Minute, stalled(v1alpha1.ReasonRunFailed, "baseModel.claim.path"))
	deleteExpert(ctx, t, "badmodel", "boltons")
}
