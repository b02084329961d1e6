package repoexpert

import (
	"context"
	"fmt"

	"github.com/repoexpert/operator/api/v1alpha1"
	"github.com/repoexpert/operator/internal/pipeline"
	"github.com/repoexpert/operator/internal/promotion"
	"github.com/repoexpert/operator/internal/resources"
)

// serve applies what status says is served. A change is written first and
// applied by the reconcile after that.
func (r *Reconciler) serve(ctx context.Context, s *scope) error {
	served := s.status.Served
	if served == nil || s.classProblem != nil || s.promotion.Change != promotion.ChangeNone {
		return nil
	}
	if err := r.applier.Apply(ctx, s.expert, resources.Service(s.expert)); err != nil {
		return err
	}
	if s.deployment != nil {
		if other, ok := resources.ServedBy(s.deployment); ok && served.PromotedTime.Before(&other.PromotedTime) {
			// The Deployment carries a later decision: the status at hand is old.
			s.later(conflictDelay)
			return nil
		}
	}
	run := s.run(served.RunName)
	if run == nil {
		if s.deployment == nil {
			s.block(v1alpha1.ReasonNotServing, fmt.Sprintf(
				"ExpertRun %s, whose model is served, is gone and so is the Deployment: ask for a new run with the annotation %s",
				served.RunName, v1alpha1.RequestedRunAnnotation))
		}
		return nil
	}
	return r.applier.Apply(ctx, s.expert, r.servingPods(s, run).Deployment())
}

func (r *Reconciler) servingPods(s *scope, run *v1alpha1.ExpertRun) resources.ServingPods {
	return resources.ServingPods{
		Expert:          s.expert,
		Served:          *s.status.Served,
		Recipe:          run.Spec.Recipe,
		BaseModelFolder: pipeline.KeysFor(run.Spec.Recipe, run.Spec.Commit, pipeline.Comparison{}).BaseModelFolder(),
		Serving:         s.serving,
		Shape:           s.spec.Pods.Engine,
		AccessMode:      s.spec.Storage.AccessMode,
		WorkerImage:     r.workerImage,
	}
}
