package repoexpert

import (
	"context"
	"crypto/sha256"
	"encoding/hex"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/utils/ptr"

	"github.com/repoexpert/operator/api/v1alpha1"
	"github.com/repoexpert/operator/internal/pipeline"
	"github.com/repoexpert/operator/internal/promotion"
	"github.com/repoexpert/operator/internal/resources"
	"github.com/repoexpert/operator/internal/retrain"
)

// decide asks what to learn and what to serve. Without a class only what the
// Deployment says is adopted.
func (r *Reconciler) decide(_ context.Context, s *scope) error {
	s.promotion = promotion.Plan{
		Served: s.status.Served, Anchor: s.status.Anchor, Steps: s.status.Steps, History: s.status.History, Denied: s.status.Denied,
	}
	s.retrain = retrain.Plan{Handled: s.status.LastRequestedRun}
	if s.classProblem != nil && (s.status.Served != nil || s.deployment == nil) {
		return nil
	}
	s.promotion = promotion.Decide(s.promotionInput())
	s.status.Served, s.status.History, s.status.Denied = s.promotion.Served, s.promotion.History, s.promotion.Denied
	s.status.Anchor, s.status.Steps = s.promotion.Anchor, s.promotion.Steps
	if s.classProblem != nil {
		return nil
	}
	s.retrain = retrain.Decide(s.retrainInput())
	s.status.LastRequestedRun = s.retrain.Handled
	s.later(s.retrain.After)
	return nil
}

func (s *scope) retrainInput() retrain.Input {
	in := retrain.Input{
		Head:         s.head,
		Token:        token(s.expert.Annotations[v1alpha1.RequestedRunAnnotation]),
		HandledToken: s.status.LastRequestedRun,
		Suspended:    s.expert.Spec.Suspend,
		MinInterval:  s.spec.Retrain.MinInterval.Duration,
		Now:          s.now.Time,
	}
	if s.status.Served != nil {
		in.ServedCommit = s.status.Served.Commit
	}
	for i := range s.runs {
		run := &s.runs[i]
		in.Runs = append(in.Runs, retrain.Run{
			Name: run.Name, Commit: run.Spec.Commit, Token: run.Spec.Token,
			Created: run.CreationTimestamp.Time, Over: run.Status.CompletionTime != nil, Stage: run.Status.Stage,
		})
	}
	return in
}

// maxToken is what a run's spec and our status hold.
const maxToken = 256

// token is the annotation's value, or its digest where that is longer than a
// run can hold.
func token(value string) string {
	if len(value) <= maxToken {
		return value
	}
	sum := sha256.Sum256([]byte(value))
	return hex.EncodeToString(sum[:])
}

func (s *scope) promotionInput() promotion.Input {
	in := promotion.Input{
		Served:  s.status.Served,
		Anchor:  s.status.Anchor,
		Steps:   s.status.Steps,
		History: s.status.History,
		Denied:  s.status.Denied,
		Policy:  s.expert.Spec.Promotion,
		Now:     s.now,
	}
	if pin := s.expert.Spec.Serving; pin != nil {
		in.Pin = pin.PinnedRunName
	}
	for i := range s.runs {
		if run, ok := servable(&s.runs[i]); ok {
			in.Runs = append(in.Runs, run)
		}
	}
	if s.deployment != nil {
		if model, ok := resources.ServedBy(s.deployment); ok {
			in.Deployment = &promotion.Deployment{
				Model: model, Ready: rolled(s.deployment), DeadlineExceeded: deadlineExceeded(s.deployment),
			}
		}
	}
	return in
}

// servable returns what a run has to offer, if it has sealed a model and the
// evaluation of this very model.
func servable(run *v1alpha1.ExpertRun) (promotion.Run, bool) {
	train := pipeline.Stage(&run.Status, v1alpha1.StageTrain)
	evaluate := pipeline.Stage(&run.Status, v1alpha1.StageEvaluate)
	record, verdict := run.Status.Evaluation, run.Status.Verdict
	if train == nil || evaluate == nil || record == nil || verdict == nil || run.Status.CompletionTime == nil ||
		train.State != v1alpha1.StageSucceeded || evaluate.State != v1alpha1.StageSucceeded ||
		train.ManifestDigest == "" || train.ManifestDigest != record.CandidateDigest {
		return promotion.Run{}, false
	}
	return promotion.Run{
		Created:     run.CreationTimestamp.Time,
		Promotable:  verdict.Decision == v1alpha1.DecisionPromote,
		Hold:        verdict.Hold,
		BeatsAnchor: verdict.Anchor == v1alpha1.AnchorReplaced,
		Step:        verdict.Step,
		Model: v1alpha1.ServedModel{
			RunName: run.Name, Commit: run.Spec.Commit, ShortCommit: run.Spec.ShortCommit,
			ModelKey: train.Key, ModelDigest: train.ManifestDigest, EvaluationKey: evaluate.Key,
			VerdictDigest: verdict.Digest, Score: verdict.Score,
		},
	}, true
}

// rolled says that the Deployment is where its generation wants it.
func rolled(d *appsv1.Deployment) bool {
	want := ptr.Deref(d.Spec.Replicas, 1)
	return d.Status.ObservedGeneration >= d.Generation &&
		d.Status.UpdatedReplicas == want && d.Status.Replicas == want && d.Status.AvailableReplicas == want
}

// timedOut is the reason that the Deployment controller gives.
const timedOut = "ProgressDeadlineExceeded"

func deadlineExceeded(d *appsv1.Deployment) bool {
	if d.Status.ObservedGeneration < d.Generation {
		return false
	}
	for _, c := range d.Status.Conditions {
		if c.Type == appsv1.DeploymentProgressing {
			return c.Status == corev1.ConditionFalse && c.Reason == timedOut
		}
	}
	return false
}
