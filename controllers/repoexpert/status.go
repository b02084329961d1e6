package repoexpert

import (
	"context"
	"fmt"
	"slices"

	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/api/meta"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/repoexpert/operator/api/v1alpha1"
	"github.com/repoexpert/operator/internal/conditions"
	"github.com/repoexpert/operator/internal/resources"
)

// Values of status.behind. A number in between needs the repository's history.
const (
	behindNone    = "0"
	behindUnknown = "?"
)

// conclude computes the next status from what was gathered, decided and done.
func (s *scope) conclude() {
	s.status.ObservedGeneration = s.expert.Generation
	s.status.ClassName = s.className
	s.status.Denied = slices.Clip(s.status.Denied)
	s.concludeLatest()
	s.status.ActiveRun = nil
	if run := s.active(); run != nil {
		s.status.ActiveRun = &v1alpha1.ActiveRun{Name: run.Name, Commit: run.Spec.Commit, Stage: run.Status.Stage}
	}
	s.status.Endpoint, s.status.Behind = nil, ""
	if served := s.status.Served; served != nil {
		s.status.Endpoint = resources.EndpointFor(s.expert, *served)
		s.status.Behind = behindUnknown
		if s.status.Latest != nil && s.status.Latest.Commit == served.Commit {
			s.status.Behind = behindNone
		}
	}
	s.concludeConditions()
}

// concludeLatest keeps the last known commit while the host does not answer.
func (s *scope) concludeLatest() {
	if s.head != "" && (s.status.Latest == nil || s.status.Latest.Commit != s.head) {
		s.status.Latest = &v1alpha1.ObservedCommit{Commit: s.head, ShortCommit: short(s.head), ObservedTime: s.now}
	}
}

func (s *scope) concludeConditions() {
	w := conditions.Writer{Conditions: &s.status.Conditions, Generation: s.expert.Generation, Now: s.now}
	s.sourceCondition(w)
	status, line := s.servingLine()
	w.Set(v1alpha1.ConditionServing, status, line)
	status, line = s.upToDateLine()
	w.Set(v1alpha1.ConditionUpToDate, status, line)
	s.poweredCondition(w)
	if s.classProblem == nil {
		status, line = s.isolationLine()
		w.Set(v1alpha1.ConditionNetworkIsolated, status, line)
	} else {
		w.Remove(v1alpha1.ConditionNetworkIsolated)
	}
	w.Summarize(s.summary())
}

// write patches status when it differs from what was read, and then tells what
// changed. The patch fails when the object that was read is old.
func (r *Reconciler) write(ctx context.Context, s *scope) error {
	if equality.Semantic.DeepEqual(*s.status, s.expert.Status) {
		return nil
	}
	next := s.expert.DeepCopy()
	next.Status = *s.status
	patch := client.MergeFromWithOptions(s.expert, client.MergeFromWithOptimisticLock{})
	if err := r.client.Status().Patch(ctx, next, patch); err != nil {
		return fmt.Errorf("write the expert's status: %w", err)
	}
	for _, n := range notices(s) {
		r.recorder.Eventf(s.expert, nil, n.eventType, n.reason, n.action, "%s", n.note)
	}
	return nil
}

// condition returns a condition that was read for the generation at hand.
func (s *scope) condition(conditionType string) bool {
	c := meta.FindStatusCondition(s.expert.Status.Conditions, conditionType)
	return c != nil && c.ObservedGeneration == s.expert.Generation
}
