package repoexpert

import (
	"context"
	"fmt"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/repoexpert/operator/api/v1alpha1"
)

// keptRuns is the number of finished runs that stay for people to read, beside
// those that serve, have served, are the anchor or are pinned.
const keptRuns = 5

// prune deletes old runs. What they left on the volume stays, the anchor's model
// with it.
func (r *Reconciler) prune(ctx context.Context, s *scope) error {
	for _, run := range s.outdated() {
		err := r.client.Delete(ctx, run, client.Preconditions{UID: &run.UID})
		if client.IgnoreNotFound(err) != nil {
			return fmt.Errorf("delete the old run %s: %w", run.Name, err)
		}
	}
	return nil
}

// outdated returns the finished runs that nobody needs.
func (s *scope) outdated() []*v1alpha1.ExpertRun {
	needed := map[string]bool{}
	if s.status.Served != nil {
		needed[s.status.Served.RunName] = true
	}
	if s.status.Anchor != nil {
		needed[s.status.Anchor.RunName] = true
	}
	for _, h := range s.status.History {
		needed[h.RunName] = true
	}
	if pin := s.expert.Spec.Serving; pin != nil {
		needed[pin.PinnedRunName] = true
	}
	var old []*v1alpha1.ExpertRun
	finished := 0
	for i := range s.runs {
		run := &s.runs[i]
		if run.Status.CompletionTime == nil {
			continue
		}
		if finished++; finished > keptRuns && !needed[run.Name] {
			old = append(old, run)
		}
	}
	return old
}
