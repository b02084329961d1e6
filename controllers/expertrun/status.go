package expertrun

import (
	"context"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/repoexpert/operator/api/v1alpha1"
)

// write stores a run's status, once, as the difference to what was read. It
// fails with a conflict when the ledger moved on since: two writers can never
// both record an attempt.
func (r *Reconciler) write(ctx context.Context, run *v1alpha1.ExpertRun, status v1alpha1.ExpertRunStatus) error {
	next := run.DeepCopy()
	next.Status = status
	patch := client.MergeFromWithOptions(run, client.MergeFromWithOptimisticLock{})
	if err := r.client.Status().Patch(ctx, next, patch); err != nil {
		if apierrors.IsNotFound(err) {
			return nil
		}
		return fmt.Errorf("write the run's status: %w", err)
	}
	for _, e := range changes(run.Status, status) {
		r.recorder.Eventf(run, nil, e.eventType, e.reason, e.action, "%s", e.note)
	}
	observe(run.Status, status)
	return nil
}
