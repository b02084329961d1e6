package expertrun

import (
	"context"
	"reflect"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/selection"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/repoexpert/operator/api/v1alpha1"
)

// concurrency is the number of runs that are looked at side by side, so that a
// slow log of one keeps no other waiting.
const concurrency = 8

// SetupWithManager starts the controller with the manager.
func (r *Reconciler) SetupWithManager(mgr ctrl.Manager) error {
	return ctrl.NewControllerManagedBy(mgr).
		Named("expertrun").
		For(&v1alpha1.ExpertRun{}).
		Owns(&batchv1.Job{}).
		Owns(&appsv1.Deployment{}).
		Watches(&v1alpha1.ExpertRun{}, handler.EnqueueRequestsFromMapFunc(r.runsOfLabel), builder.WithPredicates(runOrder())).
		Watches(&corev1.Pod{}, handler.EnqueueRequestsFromMapFunc(r.runsOfLabel), builder.WithPredicates(podSteps())).
		Watches(&v1alpha1.RepoExpert{}, handler.EnqueueRequestsFromMapFunc(r.runsOfExpert), builder.WithPredicates(expertWishes())).
		Watches(&v1alpha1.ExpertClass{}, handler.EnqueueRequestsFromMapFunc(r.runsOfClass), builder.WithPredicates(predicate.GenerationChangedPredicate{})).
		WithOptions(controller.Options{MaxConcurrentReconciles: concurrency}).
		Complete(r)
}

// CacheOptions limits what the manager keeps of Jobs and pods: ours alone,
// without what no decision reads.
func CacheOptions() map[client.Object]cache.ByObject {
	return map[client.Object]cache.ByObject{
		&batchv1.Job{}: {Label: having(v1alpha1.RunLabel), Transform: stripJob},
		&corev1.Pod{}:  {Label: having(v1alpha1.StageLabel), Transform: stripPod},
	}
}

func having(label string) labels.Selector {
	// A constant name with the operator Exists is always a valid requirement.
	requirement, err := labels.NewRequirement(label, selection.Exists, nil)
	if err != nil {
		return labels.Nothing()
	}
	return labels.NewSelector().Add(*requirement)
}

func stripJob(o any) (any, error) {
	if job, ok := o.(*batchv1.Job); ok {
		job.ManagedFields = nil
		job.Spec.Template = corev1.PodTemplateSpec{}
	}
	return o, nil
}

func stripPod(o any) (any, error) {
	if pod, ok := o.(*corev1.Pod); ok {
		pod.ManagedFields = nil
		pod.Spec = corev1.PodSpec{NodeName: pod.Spec.NodeName}
	}
	return o, nil
}

// runOrder lets through what changes the order of an expert's runs: one comes,
// goes or ends.
func runOrder() predicate.Predicate {
	return predicate.Funcs{
		UpdateFunc: func(e event.UpdateEvent) bool {
			before, ok := e.ObjectOld.(*v1alpha1.ExpertRun)
			after, okNew := e.ObjectNew.(*v1alpha1.ExpertRun)
			return ok && okNew && (before.Status.CompletionTime == nil) != (after.Status.CompletionTime == nil)
		},
	}
}

// podSteps lets through changes of a pod that a decision reads.
func podSteps() predicate.Predicate {
	return predicate.Funcs{
		UpdateFunc: func(e event.UpdateEvent) bool {
			before, ok := e.ObjectOld.(*corev1.Pod)
			after, okNew := e.ObjectNew.(*corev1.Pod)
			return ok && okNew && !reflect.DeepEqual(podFacts(before), podFacts(after))
		},
	}
}

// expertWishes lets through changes of an expert that its runs read; its status
// mirrors theirs and would otherwise bring each of them back.
func expertWishes() predicate.Predicate {
	return predicate.Funcs{
		UpdateFunc: func(e event.UpdateEvent) bool {
			before, ok := e.ObjectOld.(*v1alpha1.RepoExpert)
			after, okNew := e.ObjectNew.(*v1alpha1.RepoExpert)
			return ok && okNew && (before.Generation != after.Generation ||
				before.DeletionTimestamp.IsZero() != after.DeletionTimestamp.IsZero() ||
				!equality.Semantic.DeepEqual(wishes(before), wishes(after)))
		},
	}
}

func wishes(expert *v1alpha1.RepoExpert) [5]any {
	active := ""
	if expert.Status.ActiveRun != nil {
		active = expert.Status.ActiveRun.Name
	}
	s := expert.Status
	return [5]any{model(s.Served), model(s.Anchor), s.Steps, active, s.Denied}
}

// runsOfLabel returns the open runs of the expert that an object's label names.
func (r *Reconciler) runsOfLabel(ctx context.Context, o client.Object) []reconcile.Request {
	return r.runs(ctx, o.GetNamespace(), o.GetLabels()[v1alpha1.ExpertLabel])
}

func (r *Reconciler) runsOfExpert(ctx context.Context, o client.Object) []reconcile.Request {
	return r.runs(ctx, o.GetNamespace(), o.GetName())
}

func (r *Reconciler) runs(ctx context.Context, namespace, expert string) []reconcile.Request {
	return r.list(ctx, func(run *v1alpha1.ExpertRun) bool { return run.Status.CompletionTime == nil },
		client.InNamespace(namespace), client.MatchingLabels{v1alpha1.ExpertLabel: expert})
}

// runsOfClass returns the runs that wait for a class or were judged by its
// gate. A class other than the run's own may be the one that it waits for.
func (r *Reconciler) runsOfClass(ctx context.Context, o client.Object) []reconcile.Request {
	return r.list(ctx, func(run *v1alpha1.ExpertRun) bool {
		return run.Spec.ClassName == o.GetName() || run.Status.CompletionTime == nil
	})
}

// list returns the runs that match. An error means that the cache has not
// started or is stopping; the next resync brings the runs back.
func (r *Reconciler) list(ctx context.Context, match func(*v1alpha1.ExpertRun) bool, options ...client.ListOption) []reconcile.Request {
	var runs v1alpha1.ExpertRunList
	if err := r.client.List(ctx, &runs, options...); err != nil {
		ctrl.LoggerFrom(ctx).Error(err, "list runs for an event")
		return nil
	}
	requests := make([]reconcile.Request, 0, len(runs.Items))
	for i := range runs.Items {
		run := &runs.Items[i]
		if metav1.HasLabel(run.ObjectMeta, v1alpha1.ExpertLabel) && match(run) {
			requests = append(requests, reconcile.Request{NamespacedName: nameOf(run)})
		}
	}
	return requests
}
