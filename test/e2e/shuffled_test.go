//go:build e2e

package e2e

import (
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/repoexpert/operator/api/v1alpha1"
)

// An expert trained on shuffled answers must not get past the gate that let the
// real one pass, and must not touch what is served.
func TestShuffledAnswersAreRejected(t *testing.T) {
	ctx := shared.ctx
	key := types.NamespacedName{Namespace: mainNamespace, Name: mainExpert}
	var before v1alpha1.RepoExpert
	if err := shared.cluster.Client.Get(ctx, key, &before); err != nil || before.Status.Served == nil {
		t.Fatalf("the story goes on from TestCoreMainJob: %v", err)
	}
	class := shared.cluster.DemoClass(shared.images, shared.tools)
	class.Name, class.Answers = "shuffled", "Shuffled"
	applyClass(ctx, t, class)
	patched := before.DeepCopy()
	patched.Spec.ClassName = class.Name
	patched.Annotations = map[string]string{v1alpha1.RequestedRunAnnotation: "shuffled-control"}
	if err := shared.cluster.Client.Patch(ctx, patched, client.MergeFrom(&before)); err != nil {
		t.Fatal(err)
	}
	expert, run := await(ctx, t, mainNamespace, mainExpert, 35*time.Minute, func(_ v1alpha1.RepoExpert, run v1alpha1.ExpertRun) (bool, string) {
		return run.Spec.ClassName == class.Name && run.Status.Verdict != nil, "no verdict on the shuffled expert"
	})
	t.Logf("verdict: %s", run.Status.Verdict.Reason)
	if run.Status.Verdict.Decision != v1alpha1.DecisionReject {
		t.Errorf("the gate promoted an expert trained on shuffled answers: %s", run.Status.Verdict.Reason)
	}
	if expert.Status.Served == nil || expert.Status.Served.RunName != before.Status.Served.RunName {
		t.Errorf("served %+v, want still %s", expert.Status.Served, before.Status.Served.RunName)
	}
	if answer := ask(ctx, t, expert, "Hello"); answer == "" {
		t.Error("the old expert no longer answers")
	}
}
