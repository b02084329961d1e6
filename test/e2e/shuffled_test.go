//go:build e2e

package e2e

import (
	"context"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/repoexpert/operator/api/v1alpha1"
)

// rollLimit is how long one model may take to replace another.
const rollLimit = 10 * time.Minute

// An expert trained on shuffled answers must not get past the gate that let the
// real one pass, and must not touch what is served, until a person decides so.
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
	overrideTheGate(ctx, t, run, before.Status.Served.RunName)
}

// overrideTheGate pins a rejected run: it is served, with the person's reason beside
// the gate's, and is the anchor. Without the pin the promoted run serves again.
func overrideTheGate(ctx context.Context, t *testing.T, rejected v1alpha1.ExpertRun, promoted string) {
	t.Helper()
	const reason = "a test of the override"
	pin(ctx, t, &v1alpha1.ServingPin{PinnedRunName: rejected.Name, PinReason: reason})
	expert, _ := await(ctx, t, mainNamespace, mainExpert, rollLimit, servesRun(rejected.Name))
	ready := meta.FindStatusCondition(expert.Status.Conditions, v1alpha1.ConditionReady)
	if ready == nil || !strings.Contains(ready.Message, reason) || !strings.Contains(ready.Message, "Reject") {
		t.Errorf("the override is not told: %s", conditions(expert))
	} else {
		t.Logf("override: %s", ready.Message)
	}
	if expert.Status.Anchor == nil || expert.Status.Anchor.RunName != rejected.Name {
		t.Errorf("the anchor is %+v, want what a person chose, %s", expert.Status.Anchor, rejected.Name)
	}
	pin(ctx, t, nil)
	await(ctx, t, mainNamespace, mainExpert, rollLimit, servesRun(promoted))
}

// pin sets or removes the pin of the main expert.
func pin(ctx context.Context, t *testing.T, to *v1alpha1.ServingPin) {
	t.Helper()
	var expert v1alpha1.RepoExpert
	if err := shared.cluster.Client.Get(ctx, types.NamespacedName{Namespace: mainNamespace, Name: mainExpert}, &expert); err != nil {
		t.Fatal(err)
	}
	patched := expert.DeepCopy()
	patched.Spec.Serving = to
	if err := shared.cluster.Client.Patch(ctx, patched, client.MergeFrom(&expert)); err != nil {
		t.Fatal(err)
	}
}

// servesRun expects that the pods of a run's model, and no others, answer.
func servesRun(name string) expectation {
	return func(expert v1alpha1.RepoExpert, _ v1alpha1.ExpertRun) (bool, string) {
		ok := expert.Status.Served != nil && expert.Status.Served.RunName == name && rolled(expert)
		return ok, "run " + name + " does not serve"
	}
}
