package expertrun

import (
	"context"
	"errors"
	"fmt"
	"time"

	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/client-go/tools/events"
	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/repoexpert/operator/api/v1alpha1"
	"github.com/repoexpert/operator/internal/apply"
	"github.com/repoexpert/operator/internal/pipeline"
)

// +kubebuilder:rbac:groups=repoexpert.dev,resources=expertruns,verbs=get;list;watch
// +kubebuilder:rbac:groups=repoexpert.dev,resources=expertruns/status,verbs=patch
// +kubebuilder:rbac:groups=repoexpert.dev,resources=expertruns/finalizers,verbs=update
// +kubebuilder:rbac:groups=repoexpert.dev,resources=repoexperts,verbs=get;list;watch
// +kubebuilder:rbac:groups=repoexpert.dev,resources=expertclasses,verbs=get;list;watch
// +kubebuilder:rbac:groups=batch,resources=jobs,verbs=get;list;watch;create;patch;delete
// +kubebuilder:rbac:groups="",resources=pods,verbs=get;list;watch
// +kubebuilder:rbac:groups="",resources=pods/log,verbs=get
// +kubebuilder:rbac:groups=apps,resources=deployments,verbs=get;list;watch;create;patch;delete
// +kubebuilder:rbac:groups="",resources=services,verbs=get;list;watch;create;patch;delete
// +kubebuilder:rbac:groups=networking.k8s.io,resources=networkpolicies,verbs=get;list;watch;create;patch;delete
// +kubebuilder:rbac:groups="",resources=secrets,verbs=get
// +kubebuilder:rbac:groups=events.k8s.io,resources=events,verbs=create;patch

const (
	// conflictDelay after which a reconcile that lost a race looks again, should
	// the watch not have brought it back before.
	conflictDelay = time.Second
	// refusalDelay between two tries to create a Job that was refused.
	refusalDelay = 30 * time.Second
)

// Options are what the controller works with.
type Options struct {
	// Client reads from caches and writes.
	Client client.Client
	// Live reads past the caches.
	Live client.Reader
	// Logs reads the end of container logs.
	Logs LogReader
	// Recorder emits events.
	Recorder events.EventRecorder
	// Clock tells the time.
	Clock clock.PassiveClock
	// Gate decides from an evaluation record.
	Gate pipeline.Gate
	// WorkerImage runs the stages unless a class names another one.
	WorkerImage string
}

// Reconciler carries runs through their stages.
type Reconciler struct {
	client      client.Client
	live        client.Reader
	applier     apply.Applier
	logs        LogReader
	recorder    events.EventRecorder
	clock       clock.PassiveClock
	decider     pipeline.Decider
	workerImage string
	tails       *tails
	refusals    *refusals
}

// New returns a Reconciler.
func New(o Options) *Reconciler {
	return &Reconciler{
		client:      o.Client,
		live:        o.Live,
		applier:     apply.New(o.Client, o.Live),
		logs:        o.Logs,
		recorder:    o.Recorder,
		clock:       o.Clock,
		decider:     pipeline.NewDecider(o.Gate),
		workerImage: o.WorkerImage,
		tails:       newTails(),
		refusals:    newRefusals(),
	}
}

// Reconcile takes the next step of one run.
func (r *Reconciler) Reconcile(ctx context.Context, request ctrl.Request) (ctrl.Result, error) {
	run := &v1alpha1.ExpertRun{}
	if err := r.client.Get(ctx, request.NamespacedName, run); err != nil {
		if apierrors.IsNotFound(err) {
			r.forget(request.NamespacedName)
			return ctrl.Result{}, nil
		}
		return ctrl.Result{}, fmt.Errorf("get the run: %w", err)
	}
	if !run.DeletionTimestamp.IsZero() {
		return ctrl.Result{}, nil
	}
	scope, err := r.gather(ctx, run)
	if err != nil {
		return ctrl.Result{}, err
	}
	plan := r.decider.Decide(scope.input)
	err = r.act(ctx, scope, plan.Action)
	var no *refusal
	if errors.As(err, &no) {
		scope.refused(plan.Action.AttemptID, no)
		plan = r.decider.Decide(scope.input)
		plan.RequeueAfter = refusalDelay
	} else if err != nil {
		return outcome(err)
	}
	if !equality.Semantic.DeepEqual(plan.Status, run.Status) {
		return outcome(r.write(ctx, run, plan.Status))
	}
	return ctrl.Result{RequeueAfter: plan.RequeueAfter}, nil
}

// outcome interprets an error: who lost a race looks again, the rest is
// transient and comes back with a growing delay.
func outcome(err error) (ctrl.Result, error) {
	if errors.Is(err, errStale) || apierrors.IsConflict(err) {
		return ctrl.Result{RequeueAfter: conflictDelay}, nil
	}
	return ctrl.Result{}, err
}
