package repoexpert

import (
	"context"
	"fmt"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/api/equality"
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
	"sigs.k8s.io/controller-runtime/pkg/source"

	"github.com/repoexpert/operator/api/v1alpha1"
)

const (
	// concurrency is the number of experts that are looked at side by side.
	concurrency = 8
	// runOwnerIndex finds the runs of an expert by its UID.
	runOwnerIndex = "repoexpert.expertUID"
	// classIndex finds the experts that name a class; the empty name is the
	// default class.
	classIndex = "repoexpert.className"
)

// SetupWithManager starts the controller, and the poller that it reads heads
// from, with the manager.
func (r *Reconciler) SetupWithManager(ctx context.Context, mgr ctrl.Manager) error {
	if err := index(ctx, mgr.GetFieldIndexer()); err != nil {
		return err
	}
	if err := mgr.Add(r.source); err != nil {
		return fmt.Errorf("add the poller: %w", err)
	}
	return ctrl.NewControllerManagedBy(mgr).
		Named("repoexpert").
		For(&v1alpha1.RepoExpert{}).
		Owns(&v1alpha1.ExpertRun{}, builder.WithPredicates(runSteps())).
		Owns(&appsv1.Deployment{}).
		Owns(&corev1.Service{}).
		Owns(&corev1.PersistentVolumeClaim{}).
		Owns(&networkingv1.NetworkPolicy{}).
		Watches(&v1alpha1.ExpertClass{}, handler.EnqueueRequestsFromMapFunc(r.expertsOfClass),
			builder.WithPredicates(predicate.Or[client.Object](predicate.GenerationChangedPredicate{}, predicate.AnnotationChangedPredicate{}))).
		WatchesRawSource(source.Channel(r.source.Events(), &handler.EnqueueRequestForObject{})).
		WithOptions(controller.Options{MaxConcurrentReconciles: concurrency}).
		Complete(r)
}

func index(ctx context.Context, indexer client.FieldIndexer) error {
	err := indexer.IndexField(ctx, &v1alpha1.ExpertRun{}, runOwnerIndex, func(o client.Object) []string {
		if run, ok := o.(*v1alpha1.ExpertRun); ok {
			return []string{string(run.Spec.ExpertUID)}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("index runs by expert: %w", err)
	}
	err = indexer.IndexField(ctx, &v1alpha1.RepoExpert{}, classIndex, func(o client.Object) []string {
		if expert, ok := o.(*v1alpha1.RepoExpert); ok {
			return []string{indexed(expert.Spec.ClassName)}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("index experts by class: %w", err)
	}
	return nil
}

// indexed keeps the empty name apart from "no value".
func indexed(className string) string { return "=" + className }

// CacheOptions limits what the manager keeps of the kinds that experts own to
// objects with our label.
func CacheOptions() map[client.Object]cache.ByObject {
	ours := cache.ByObject{Label: labelled()}
	return map[client.Object]cache.ByObject{
		&appsv1.Deployment{}:            ours,
		&corev1.Service{}:               ours,
		&corev1.PersistentVolumeClaim{}: ours,
		&networkingv1.NetworkPolicy{}:   ours,
	}
}

func labelled() labels.Selector {
	// A constant name with the operator Exists is always a valid requirement.
	requirement, err := labels.NewRequirement(v1alpha1.ExpertLabel, selection.Exists, nil)
	if err != nil {
		return labels.Nothing()
	}
	return labels.NewSelector().Add(*requirement)
}

// runSteps lets through what an expert's status shows of a run: not its
// progress.
func runSteps() predicate.Predicate {
	return predicate.Funcs{
		UpdateFunc: func(e event.UpdateEvent) bool {
			before, ok := e.ObjectOld.(*v1alpha1.ExpertRun)
			after, okNew := e.ObjectNew.(*v1alpha1.ExpertRun)
			return ok && okNew && !equality.Semantic.DeepEqual(steps(before), steps(after))
		},
	}
}

func steps(run *v1alpha1.ExpertRun) [5]any {
	s := run.Status
	return [5]any{s.Stage, s.Conditions, s.Verdict, s.CompletionTime, run.DeletionTimestamp}
}

// expertsOfClass returns the experts that use a class, and those that use
// whichever is the default.
func (r *Reconciler) expertsOfClass(ctx context.Context, o client.Object) []reconcile.Request {
	var requests []reconcile.Request
	for _, name := range []string{o.GetName(), ""} {
		var experts v1alpha1.RepoExpertList
		if err := r.client.List(ctx, &experts, client.MatchingFields{classIndex: indexed(name)}); err != nil {
			// The cache has not started or is stopping; the next event or resync
			// brings the experts back.
			ctrl.LoggerFrom(ctx).Error(err, "list experts for a change of their class")
			continue
		}
		for i := range experts.Items {
			requests = append(requests, reconcile.Request{NamespacedName: client.ObjectKeyFromObject(&experts.Items[i])})
		}
	}
	return requests
}
