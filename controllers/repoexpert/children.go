package repoexpert

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"

	"github.com/repoexpert/operator/api/v1alpha1"
	"github.com/repoexpert/operator/internal/pipeline"
	"github.com/repoexpert/operator/internal/resources"
)

// nameTaken says that an ExpertRun of a name that we need is not ours.
type nameTaken struct{ name string }

// Error implements error.
func (e *nameTaken) Error() string {
	return fmt.Sprintf("ExpertRun %q exists and does not belong to this expert: delete it", e.name)
}

// ensureGround makes what an expert's pods stand on: volume and policies. An
// expert that has nothing to run yet gets nothing.
func (r *Reconciler) ensureGround(ctx context.Context, s *scope) error {
	if s.classProblem != nil || (len(s.runs) == 0 && s.status.Served == nil && s.retrain.Start == nil) {
		return nil
	}
	if err := r.ensureClaim(ctx, s); err != nil {
		return err
	}
	for _, policy := range resources.NetworkPolicies(s.expert) {
		if err := r.applier.Apply(ctx, s.expert, policy); err != nil {
			return err
		}
	}
	return nil
}

func (r *Reconciler) ensureClaim(ctx context.Context, s *scope) error {
	live := &corev1.PersistentVolumeClaim{}
	err := r.client.Get(ctx, client.ObjectKey{Namespace: s.expert.Namespace, Name: resources.ClaimName(s.expert.Name)}, live)
	if apierrors.IsNotFound(err) {
		live = nil
	} else if err != nil {
		return fmt.Errorf("get the artifact claim: %w", err)
	}
	return r.applier.Apply(ctx, s.expert, resources.Claim(s.expert, s.spec.Storage, live))
}

// startRun creates the run that was decided on, once. A run of its name that is
// there already is ours only with the full key and our UID.
func (r *Reconciler) startRun(ctx context.Context, s *scope) error {
	if s.retrain.Start == nil || s.obstacle != nil {
		return nil
	}
	run, err := r.newRun(s, s.retrain.Start.Commit, s.retrain.Start.Token)
	if err != nil {
		return err
	}
	err = r.client.Create(ctx, run)
	if apierrors.IsAlreadyExists(err) {
		return r.recognize(ctx, s, run)
	}
	if err != nil {
		return fmt.Errorf("create run %s: %w", run.Name, err)
	}
	s.started = run.Name
	return nil
}

func (r *Reconciler) newRun(s *scope, commit, token string) (*v1alpha1.ExpertRun, error) {
	key := pipeline.RunKey(s.expert.UID, commit, s.recipe, token)
	run := &v1alpha1.ExpertRun{
		ObjectMeta: metav1.ObjectMeta{
			Name:      pipeline.RunName(s.expert.Name, key),
			Namespace: s.expert.Namespace,
			Labels:    map[string]string{v1alpha1.ExpertLabel: s.expert.Name},
		},
		Spec: v1alpha1.ExpertRunSpec{
			ExpertName: s.expert.Name, ExpertUID: s.expert.UID, Key: key,
			Commit: commit, ShortCommit: short(commit), Token: token,
			ClassName: s.className, Recipe: s.recipe,
		},
	}
	if err := controllerutil.SetControllerReference(s.expert, run, r.client.Scheme()); err != nil {
		return nil, fmt.Errorf("own run %s: %w", run.Name, err)
	}
	return run, nil
}

// recognize looks past the cache at the run that is in the way.
func (r *Reconciler) recognize(ctx context.Context, s *scope, want *v1alpha1.ExpertRun) error {
	found := &v1alpha1.ExpertRun{}
	if err := r.live.Get(ctx, client.ObjectKeyFromObject(want), found); err != nil {
		return fmt.Errorf("get run %s: %w", want.Name, err)
	}
	if found.Spec.Key != want.Spec.Key || found.Spec.ExpertUID != s.expert.UID || !metav1.IsControlledBy(found, s.expert) {
		return &nameTaken{name: want.Name}
	}
	s.started = found.Name
	return nil
}

func short(commit string) string { return commit[:min(8, len(commit))] }
