package repoexpert

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/repoexpert/operator/api/v1alpha1"
	"github.com/repoexpert/operator/internal/apply"
	"github.com/repoexpert/operator/internal/class"
	"github.com/repoexpert/operator/internal/conditions"
	"github.com/repoexpert/operator/internal/promotion"
	"github.com/repoexpert/operator/internal/retrain"
	"github.com/repoexpert/operator/internal/source"
)

// scope is all that one reconcile knows.
type scope struct {
	// expert as it was read; status is the next one.
	expert *v1alpha1.RepoExpert
	status *v1alpha1.RepoExpertStatus
	now    metav1.Time

	// spec is the effective class, serving and recipe what comes of it; valid
	// while classProblem is nil.
	spec         v1alpha1.ExpertClassSpec
	className    string
	serving      v1alpha1.Serving
	recipe       v1alpha1.Recipe
	classProblem *class.Error

	// runs of this expert, newest first.
	runs       []v1alpha1.ExpertRun
	deployment *appsv1.Deployment

	// head is the commit to learn, empty while it is not known; sourceProblem
	// says why not, when that is known.
	head          string
	sourceProblem *source.Error

	retrain   retrain.Plan
	promotion promotion.Plan
	started   string
	// obstacle is what stands in the way of a child.
	obstacle *conditions.Line
	after    time.Duration
}

func (r *Reconciler) scope(expert *v1alpha1.RepoExpert) *scope {
	return &scope{
		expert: expert,
		status: expert.Status.DeepCopy(),
		now:    metav1.Time{Time: r.clock.Now().UTC()}.Rfc3339Copy(),
	}
}

// explains takes an error that a person must act on out of the retry loop and
// into status. Any other error is transient.
func (s *scope) explains(err error) bool {
	var name *nameTaken
	switch {
	case errors.As(err, &name):
		s.block(v1alpha1.ReasonNameConflict, name.Error())
	case errors.Is(err, apply.ErrNotOwned):
		s.block(v1alpha1.ReasonNameConflict, fmt.Sprintf("a name that this expert needs is taken: %v: delete or rename that object, or rename the expert", err))
	default:
		return false
	}
	return true
}

func (s *scope) block(reason, message string) {
	if s.obstacle == nil {
		s.obstacle = &conditions.Line{Reason: reason, Message: message}
	}
	s.later(obstacleInterval)
}

// obstacleInterval between two looks at an object of someone else: its removal
// is no event for us.
const obstacleInterval = 5 * time.Minute

// later asks for another look after a time, the earliest of all that ask.
func (s *scope) later(after time.Duration) {
	if after > 0 && (s.after == 0 || after < s.after) {
		s.after = after
	}
}

func (r *Reconciler) gatherClass(ctx context.Context, s *scope) error {
	var classes v1alpha1.ExpertClassList
	if err := r.client.List(ctx, &classes); err != nil {
		return fmt.Errorf("list ExpertClasses: %w", err)
	}
	found, err := class.Resolve(s.expert.Spec.ClassName, classes.Items)
	if err == nil {
		s.className = found.Name
		s.spec, err = class.Effective(found)
	}
	if err == nil {
		s.recipe, err = class.Recipe(s.expert, found)
	}
	if err == nil {
		s.serving, err = class.Serving(s.expert, found)
	}
	if err != nil && !errors.As(err, &s.classProblem) {
		return fmt.Errorf("resolve the class: %w", err)
	}
	return nil
}

func (r *Reconciler) gatherRuns(ctx context.Context, s *scope) error {
	var runs v1alpha1.ExpertRunList
	err := r.client.List(ctx, &runs, client.InNamespace(s.expert.Namespace), client.MatchingFields{runOwnerIndex: string(s.expert.UID)})
	if err != nil {
		return fmt.Errorf("list the expert's runs: %w", err)
	}
	s.runs = slices.DeleteFunc(runs.Items, func(run v1alpha1.ExpertRun) bool { return !run.DeletionTimestamp.IsZero() })
	slices.SortFunc(s.runs, func(a, b v1alpha1.ExpertRun) int {
		return cmp.Or(b.CreationTimestamp.Compare(a.CreationTimestamp.Time), cmp.Compare(b.Name, a.Name))
	})
	return nil
}

func (r *Reconciler) gatherDeployment(ctx context.Context, s *scope) error {
	deployment := &appsv1.Deployment{}
	err := r.client.Get(ctx, client.ObjectKeyFromObject(s.expert), deployment)
	switch {
	case apierrors.IsNotFound(err):
	case err != nil:
		return fmt.Errorf("get the serving Deployment: %w", err)
	case metav1.IsControlledBy(deployment, s.expert) && deployment.DeletionTimestamp.IsZero():
		s.deployment = deployment
	}
	return nil
}

// run returns a run of the expert by name.
func (s *scope) run(name string) *v1alpha1.ExpertRun {
	i := slices.IndexFunc(s.runs, func(run v1alpha1.ExpertRun) bool { return run.Name == name })
	if i < 0 {
		return nil
	}
	return &s.runs[i]
}

// active returns the newest run that is not over.
func (s *scope) active() *v1alpha1.ExpertRun {
	i := slices.IndexFunc(s.runs, func(run v1alpha1.ExpertRun) bool { return run.Status.CompletionTime == nil })
	if i < 0 {
		return nil
	}
	return &s.runs[i]
}
