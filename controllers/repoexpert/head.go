package repoexpert

import (
	"context"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/repoexpert/operator/api/v1alpha1"
	"github.com/repoexpert/operator/internal/source"
)

// defaultPollInterval applies while no class does.
const defaultPollInterval = time.Minute

// gatherHead reads the last observation of the reference. It looks at no
// network: a commit is its own head, the rest is the poller's work.
func (r *Reconciler) gatherHead(_ context.Context, s *scope) error {
	name := client.ObjectKeyFromObject(s.expert)
	repository := s.expert.Spec.Repository
	if repository.Ref.Commit != "" {
		r.source.Forget(name)
		s.head = repository.Ref.Commit
		return nil
	}
	query := source.Query{
		URL:      repository.URL,
		Ref:      repository.Ref,
		Interval: defaultPollInterval,
		Nudge:    s.expert.Annotations[v1alpha1.RequestedRunAnnotation],
	}
	if s.classProblem == nil {
		query.Interval = s.spec.Retrain.PollInterval.Duration
	}
	if ref := repository.SecretRef; ref != nil {
		query.Secret = types.NamespacedName{Namespace: s.expert.Namespace, Name: ref.Name}
	}
	if seen := r.source.Observe(name, query); seen != nil {
		s.head, s.sourceProblem = seen.Commit, seen.Err
	}
	return nil
}
