package expertclass

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/repoexpert/operator/api/v1alpha1"
	"github.com/repoexpert/operator/internal/class"
	"github.com/repoexpert/operator/internal/conditions"
)

// +kubebuilder:rbac:groups=repoexpert.dev,resources=expertclasses,verbs=get;list;watch
// +kubebuilder:rbac:groups=repoexpert.dev,resources=expertclasses/status,verbs=patch

// conflictDelay after which a reconcile that read an old object looks again.
const conflictDelay = time.Second

// Reconciler keeps the status of classes.
type Reconciler struct {
	client client.Client
	clock  clock.PassiveClock
}

// New returns a Reconciler.
func New(c client.Client, clk clock.PassiveClock) *Reconciler {
	return &Reconciler{client: c, clock: clk}
}

// SetupWithManager starts the controller with the manager. A class that gains
// or loses the default annotation brings back all others: they may no longer,
// or only now, be the one default.
func (r *Reconciler) SetupWithManager(mgr ctrl.Manager) error {
	changed := predicate.Or[client.Object](predicate.GenerationChangedPredicate{}, predicate.AnnotationChangedPredicate{})
	return ctrl.NewControllerManagedBy(mgr).
		Named("expertclass").
		For(&v1alpha1.ExpertClass{}, builder.WithPredicates(changed)).
		Watches(&v1alpha1.ExpertClass{}, handler.EnqueueRequestsFromMapFunc(r.others), builder.WithPredicates(predicate.AnnotationChangedPredicate{})).
		Complete(r)
}

// others returns the classes that are marked as default.
func (r *Reconciler) others(ctx context.Context, changed client.Object) []reconcile.Request {
	var classes v1alpha1.ExpertClassList
	if err := r.client.List(ctx, &classes); err != nil {
		// The cache has not started or is stopping; a resync brings them back.
		ctrl.LoggerFrom(ctx).Error(err, "list classes for a change of the default")
		return nil
	}
	var requests []reconcile.Request
	for _, name := range class.Defaults(classes.Items) {
		if name != changed.GetName() {
			requests = append(requests, reconcile.Request{NamespacedName: client.ObjectKey{Name: name}})
		}
	}
	return requests
}

// Reconcile writes one class's status.
func (r *Reconciler) Reconcile(ctx context.Context, request ctrl.Request) (ctrl.Result, error) {
	found := &v1alpha1.ExpertClass{}
	if err := r.client.Get(ctx, request.NamespacedName, found); err != nil {
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	if !found.DeletionTimestamp.IsZero() {
		return ctrl.Result{}, nil
	}
	var classes v1alpha1.ExpertClassList
	if err := r.client.List(ctx, &classes); err != nil {
		return ctrl.Result{}, fmt.Errorf("list classes: %w", err)
	}
	next := found.DeepCopy()
	next.Status.ObservedGeneration = found.Generation
	conditions.Writer{
		Conditions: &next.Status.Conditions,
		Generation: found.Generation,
		Now:        metav1.Time{Time: r.clock.Now().UTC()}.Rfc3339Copy(),
	}.Summarize(summary(found, class.Defaults(classes.Items)))
	if equality.Semantic.DeepEqual(next.Status, found.Status) {
		return ctrl.Result{}, nil
	}
	err := r.client.Status().Patch(ctx, next, client.MergeFromWithOptions(found, client.MergeFromWithOptimisticLock{}))
	if apierrors.IsConflict(err) {
		return ctrl.Result{RequeueAfter: conflictDelay}, nil
	}
	return ctrl.Result{}, client.IgnoreNotFound(err)
}

// summary judges a class. One of several defaults is still usable by name, but
// a person must act.
func summary(c *v1alpha1.ExpertClass, defaults []string) conditions.Summary {
	s := conditions.Summary{Done: conditions.Line{Reason: v1alpha1.ReasonReady, Message: "experts can use this class"}}
	var problem *class.Error
	if err := class.Validate(c); errors.As(err, &problem) {
		s.Stalled = &conditions.Line{Reason: problem.Reason, Message: problem.Message}
		return s
	}
	if len(defaults) > 1 && slices.Contains(defaults, c.Name) {
		s.Available = true
		s.Done.Message = "experts can use this class by name"
		s.Stalled = &conditions.Line{Reason: v1alpha1.ReasonMultipleDefaultClasses, Message: fmt.Sprintf(
			"ExpertClasses %s are all annotated %s=true: leave the annotation on one", strings.Join(defaults, ", "), v1alpha1.DefaultClassAnnotation)}
	}
	return s
}
