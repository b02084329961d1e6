package repoexpert

import (
	"fmt"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/repoexpert/operator/api/v1alpha1"
)

// remembers waits until the anchor and the steps are those of these runs.
func (b *bench) remembers(anchor *v1alpha1.ExpertRun, steps ...*v1alpha1.ExpertRun) {
	b.t.Helper()
	eventually(b.t, func() error {
		s := b.read().Status
		if s.Anchor == nil || s.Anchor.RunName != anchor.Name || len(s.Steps) != len(steps) {
			return fmt.Errorf("anchor %+v, steps %+v; want %s and %d steps", s.Anchor, s.Steps, anchor.Name, len(steps))
		}
		for i, run := range steps {
			if s.Steps[i].RunName != run.Name || s.Steps[i].Loss != 10000 {
				return fmt.Errorf("steps %+v; want %s", s.Steps, run.Name)
			}
		}
		return nil
	})
}

// lossOfAPoint is a loss of one point to the model before.
func lossOfAPoint(v *v1alpha1.Verdict) {
	v.Step = &v1alpha1.LossStep{Loss: 10000, StandardError: 40000}
}

// Promotions that win nothing leave the anchor and add steps; a verdict with a hold
// waits until a person pins the run, which is then the anchor, with no steps.
func TestHoldWaitsForAPinThatMakesTheAnchor(t *testing.T) {
	b := prepare(t).start(nil)
	first := b.serving()
	b.remembers(first)

	second := b.run(b.repository.Commit(t, "main", "second"), "")
	b.finishWith(second, v1alpha1.DecisionPromote, lossOfAPoint)
	b.rolls(second)
	b.remembers(first, second)

	const hold = "past promotions lost step by step (CUSUM 4.2 > 4)"
	third := b.run(b.repository.Commit(t, "main", "third"), "")
	b.finishWith(third, v1alpha1.DecisionPromote, func(v *v1alpha1.Verdict) { lossOfAPoint(v); v.Hold = hold })
	b.says(v1alpha1.ConditionUpToDate, metav1.ConditionFalse, v1alpha1.ReasonAwaitingPromotion, "run "+third.Name+" passed the gate, but "+hold, "set spec.serving.pinnedRunName to "+third.Name)
	b.says(v1alpha1.ConditionReady, metav1.ConditionTrue, v1alpha1.ReasonReady, "serves run "+second.Name, hold)
	b.serves(second)

	b.pin(third.Name)
	b.rolls(third)
	b.remembers(third)
}

// The reason of an override stands before the gate's, in status and event.
func TestOverrideSaysWhy(t *testing.T) {
	b := prepare(t).start(nil)
	b.serving()
	bad := b.run(b.repository.Commit(t, "main", "worse"), "")
	b.finish(bad, v1alpha1.DecisionReject)
	b.change(func(e *v1alpha1.RepoExpert) {
		e.Spec.Serving = &v1alpha1.ServingPin{PinnedRunName: bad.Name, PinReason: "the old model leaks a key"}
	})
	b.rolls(bad)
	b.says(v1alpha1.ConditionReady, metav1.ConditionTrue, v1alpha1.ReasonReady, bad.Name,
		"although the gate did not pass it: a person's decision: the old model leaks a key; the gate said Reject: scored 93.3 against 10.0")
	b.remembers(bad)
}

// The anchor's run stays, however many came after it.
func TestAnchorIsNotPruned(t *testing.T) {
	b := prepare(t).start(nil)
	anchor := b.serving()
	var gone *v1alpha1.ExpertRun
	for i := range keptRuns + 3 {
		run := b.run(b.repository.Commit(t, "main", fmt.Sprint("commit ", i)), "")
		if i == 0 {
			gone = run
			b.finish(run, v1alpha1.DecisionReject)
			continue
		}
		b.finishWith(run, v1alpha1.DecisionPromote, lossOfAPoint)
		b.rolls(run)
	}
	eventually(t, func() error {
		if err := b.get(&v1alpha1.ExpertRun{}, gone.Name); !apierrors.IsNotFound(err) {
			return fmt.Errorf("the rejected run: %w", err)
		}
		return nil
	})
	for _, h := range b.read().Status.History {
		if h.RunName == anchor.Name {
			t.Fatal("the anchor is still in history, which keeps it anyway")
		}
	}
	if err := b.get(&v1alpha1.ExpertRun{}, anchor.Name); err != nil {
		t.Fatalf("the anchor's run: %v", err)
	}
	if got := b.read().Status.Anchor; got == nil || got.RunName != anchor.Name {
		t.Fatalf("anchor %+v", got)
	}
}
