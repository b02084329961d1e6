package expertrun

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/repoexpert/operator/api/v1alpha1"
	"github.com/repoexpert/operator/internal/apply"
	"github.com/repoexpert/operator/internal/contract"
	"github.com/repoexpert/operator/internal/pipeline"
	"github.com/repoexpert/operator/internal/resources"
)

// gatherTeacher looks at what stands before the run's teacher. A run without one
// costs no read.
func (r *Reconciler) gatherTeacher(ctx context.Context, s *scope, _ *v1alpha1.RepoExpert) error {
	teacher := s.run.Spec.Recipe.Teacher
	if teacher == nil {
		return nil
	}
	facts := &s.input.Teacher
	facts.Deployment = resources.TeacherName(s.run.Name)
	for _, o := range teacherObjects(s.run) {
		found, err := r.ours(ctx, r.client, s.run, o)
		if err != nil {
			return err
		}
		facts.Exists = facts.Exists || found
		switch o := o.(type) {
		case *appsv1.Deployment:
			if found {
				facts.Since = o.CreationTimestamp.Time
				facts.Ready = o.Status.ObservedGeneration >= o.Generation && o.Status.ReadyReplicas > 0
			}
		case *corev1.Service:
			if found {
				s.teacherURL = resources.TeacherURL(o)
			}
		}
	}
	facts.Ready = facts.Ready && s.teacherURL != ""
	if id := s.current(); id.Stage != v1alpha1.StageExperience || s.jobs[id] != nil || teacher.SecretRef == nil {
		return nil
	}
	var err error
	facts.Secret, err = r.teacherSecret(ctx, s.run)
	return err
}

// teacherObjects are the names of all that stands before a run's teacher, the
// proxy first: it is removed before the policy that holds it.
func teacherObjects(run *v1alpha1.ExpertRun) []client.Object {
	named := func(name string) metav1.ObjectMeta {
		return metav1.ObjectMeta{Namespace: run.Namespace, Name: name}
	}
	return []client.Object{
		&appsv1.Deployment{ObjectMeta: named(resources.TeacherName(run.Name))},
		&corev1.Service{ObjectMeta: named(resources.TeacherName(run.Name))},
		&networkingv1.NetworkPolicy{ObjectMeta: named(resources.TeacherClientName(run.Name))},
		&networkingv1.NetworkPolicy{ObjectMeta: named(resources.TeacherName(run.Name))},
	}
}

// ours reads an object and says whether it is there and the run's.
func (r *Reconciler) ours(ctx context.Context, reader client.Reader, run *v1alpha1.ExpertRun, o client.Object) (bool, error) {
	err := reader.Get(ctx, client.ObjectKeyFromObject(o), o)
	if apierrors.IsNotFound(err) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("get %T %s: %w", o, o.GetName(), err)
	}
	return metav1.IsControlledBy(o, run), nil
}

// teacherSecret says why the teacher's Secret cannot be used, empty when it can.
// The Secret is read past the cache: contents of Secrets are kept nowhere in the
// manager.
func (r *Reconciler) teacherSecret(ctx context.Context, run *v1alpha1.ExpertRun) (string, error) {
	teacher := run.Spec.Recipe.Teacher
	secret := &corev1.Secret{}
	name := types.NamespacedName{Namespace: run.Namespace, Name: teacher.SecretRef.Name}
	err := r.live.Get(ctx, name, secret)
	if apierrors.IsNotFound(err) {
		return unusableSecret(name.Name, "does not exist in namespace %s: create it with the key apiKey, label %s: %s and annotation %s",
			name.Namespace, v1alpha1.SecretUseLabel, v1alpha1.SecretUseTeacher, v1alpha1.SecretHostAnnotation), nil
	}
	if err != nil {
		return "", fmt.Errorf("get Secret %s: %w", name, err)
	}
	return secretProblem(teacher.URL, secret), nil
}

// secretProblem says what a Secret lacks to be sent to a teacher's URL, empty
// when it lacks nothing.
func secretProblem(address string, secret *corev1.Secret) string {
	u, err := url.Parse(address)
	if err != nil {
		return fmt.Sprintf("teacher.url %q is no valid URL: correct it in the ExpertClass", address)
	}
	use, host := secret.Labels[v1alpha1.SecretUseLabel], secret.Annotations[v1alpha1.SecretHostAnnotation]
	switch {
	case use != v1alpha1.SecretUseTeacher:
		return unusableSecret(secret.Name, "needs the label %s: %s, it has %q", v1alpha1.SecretUseLabel, v1alpha1.SecretUseTeacher, use)
	case !strings.EqualFold(host, u.Host) && !strings.EqualFold(host, u.Hostname()):
		return unusableSecret(secret.Name, "may be sent to host %q only, by its annotation %s, but teacher.url is at %s", host, v1alpha1.SecretHostAnnotation, u.Host)
	case strings.TrimSpace(string(secret.Data[contract.TeacherSecretKey])) == "":
		return unusableSecret(secret.Name, "needs the key %s with the endpoint's key", contract.TeacherSecretKey)
	default:
		return ""
	}
}

func unusableSecret(name, format string, args ...any) string {
	return fmt.Sprintf("teacher.secretRef: Secret %q ", name) + fmt.Sprintf(format, args...)
}

// applyTeacher makes what stands before the run's teacher as wanted: first who
// may talk to whom, then the proxy.
func (r *Reconciler) applyTeacher(ctx context.Context, s *scope, id pipeline.AttemptID) error {
	if err := r.fresh(ctx, s.run); err != nil {
		return err
	}
	proxy := resources.TeacherProxy{Run: s.run, WorkerImage: r.workerImage, AccessMode: s.class.Spec.Storage.AccessMode}
	deployment, err := proxy.Deployment()
	if err != nil {
		return err
	}
	var wanted []client.Object
	for _, policy := range proxy.NetworkPolicies() {
		wanted = append(wanted, policy)
	}
	for _, o := range append(wanted, proxy.Service(), deployment) {
		err := r.applier.Apply(ctx, s.run, o)
		switch {
		case err == nil:
		case errors.Is(err, apply.ErrNotOwned):
			return r.refusals.remember(nameOf(s.run), id, &refusal{teacher: true, foreign: true, message: fmt.Sprintf(
				"a name that the teacher's proxy needs is taken: %v: delete or rename that object", err)})
		case apierrors.HasStatusCause(err, corev1.NamespaceTerminatingCause):
			return nil
		case apierrors.IsInvalid(err), apierrors.IsForbidden(err):
			return r.refusals.remember(nameOf(s.run), id, &refusal{teacher: true, invalid: apierrors.IsInvalid(err), message: err.Error()})
		default:
			return err
		}
	}
	r.refusals.forget(nameOf(s.run))
	return nil
}

// removeTeacher removes it. What is there is read past the cache, which may not
// show yet what was made a moment ago.
func (r *Reconciler) removeTeacher(ctx context.Context, s *scope) error {
	if err := r.fresh(ctx, s.run); err != nil {
		return err
	}
	for _, o := range teacherObjects(s.run) {
		found, err := r.ours(ctx, r.live, s.run, o)
		if err != nil {
			return err
		}
		if !found || !o.GetDeletionTimestamp().IsZero() {
			continue
		}
		uid := o.GetUID()
		if err := r.client.Delete(ctx, o, client.Preconditions{UID: &uid}); client.IgnoreNotFound(err) != nil {
			return fmt.Errorf("delete %T %s: %w", o, o.GetName(), err)
		}
	}
	return nil
}
