package repoexpert

import (
	"context"
	"fmt"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/client-go/tools/events"
	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/repoexpert/operator/api/v1alpha1"
	"github.com/repoexpert/operator/internal/apply"
	"github.com/repoexpert/operator/internal/source"
)

// +kubebuilder:rbac:groups=repoexpert.dev,resources=repoexperts,verbs=get;list;watch
// +kubebuilder:rbac:groups=repoexpert.dev,resources=repoexperts/status,verbs=patch
// +kubebuilder:rbac:groups=repoexpert.dev,resources=repoexperts/finalizers,verbs=update
// +kubebuilder:rbac:groups=repoexpert.dev,resources=expertruns,verbs=get;list;watch;create;delete
// +kubebuilder:rbac:groups=repoexpert.dev,resources=expertclasses,verbs=get;list;watch
// +kubebuilder:rbac:groups=apps,resources=deployments,verbs=get;list;watch;create;patch
// +kubebuilder:rbac:groups="",resources=services;persistentvolumeclaims,verbs=get;list;watch;create;patch
// +kubebuilder:rbac:groups=networking.k8s.io,resources=networkpolicies,verbs=get;list;watch;create;patch
// +kubebuilder:rbac:groups="",resources=secrets,verbs=get
// +kubebuilder:rbac:groups=events.k8s.io,resources=events,verbs=create;patch

// conflictDelay after which a reconcile that read an old object looks again,
// should the watch not have brought it back before.
const conflictDelay = time.Second

// Options are what the controller works with.
type Options struct {
	// Client reads from caches and writes.
	Client client.Client
	// Live reads past the caches: names that may be taken, nothing else.
	Live client.Reader
	// Source observes heads.
	Source *source.Poller
	// Recorder emits events.
	Recorder events.EventRecorder
	// Clock tells the time.
	Clock clock.PassiveClock
	// WorkerImage guards the serving pods unless a recipe names another one.
	WorkerImage string
}

// Reconciler carries experts from head to endpoint.
type Reconciler struct {
	client      client.Client
	live        client.Reader
	applier     apply.Applier
	source      *source.Poller
	recorder    events.EventRecorder
	clock       clock.PassiveClock
	workerImage string
}

// New returns a Reconciler.
func New(o Options) *Reconciler {
	return &Reconciler{
		client:      o.Client,
		live:        o.Live,
		applier:     apply.New(o.Client, o.Live),
		source:      o.Source,
		recorder:    o.Recorder,
		clock:       o.Clock,
		workerImage: o.WorkerImage,
	}
}

// Reconcile brings one expert a step further.
func (r *Reconciler) Reconcile(ctx context.Context, request ctrl.Request) (ctrl.Result, error) {
	expert := &v1alpha1.RepoExpert{}
	if err := r.client.Get(ctx, request.NamespacedName, expert); err != nil {
		if apierrors.IsNotFound(err) {
			r.source.Forget(request.NamespacedName)
			return ctrl.Result{}, nil
		}
		return ctrl.Result{}, fmt.Errorf("get the expert: %w", err)
	}
	if !expert.DeletionTimestamp.IsZero() {
		r.source.Forget(request.NamespacedName)
		return ctrl.Result{}, nil
	}
	s := r.scope(expert)
	for _, step := range []func(context.Context, *scope) error{
		r.gatherClass, r.gatherRuns, r.gatherDeployment, r.gatherHead,
		r.decide,
		r.ensureGround, r.startRun, r.serve, r.prune,
	} {
		if err := step(ctx, s); err != nil && !s.explains(err) {
			return ctrl.Result{}, err
		}
	}
	s.conclude()
	if err := r.write(ctx, s); err != nil {
		if apierrors.IsConflict(err) {
			return ctrl.Result{RequeueAfter: conflictDelay}, nil
		}
		return ctrl.Result{}, err
	}
	return ctrl.Result{RequeueAfter: s.after}, nil
}
