package evaluate

import (
	"context"
	"slices"

	"github.com/repoexpert/operator/api/v1alpha1"
	"github.com/repoexpert/operator/internal/report"
	"github.com/repoexpert/operator/internal/stage"
)

// kind is one kind of task, with the tasks that were chosen. Tasks are numbered
// from 0: those that count come first, extra ones follow.
type kind interface {
	// head is the kind's record without its tasks and arms: name, names of groups,
	// and what guessing would score.
	head() v1alpha1.KindRecord
	// tasks are what is asked, of every arm.
	tasks() []item
	// identity is all besides the tasks that must be equal for answers to compare.
	identity() []any
	// sampled says that a model's answers are drawn, so that another try can end
	// otherwise.
	sampled() bool
	// atOnce is how many tasks may be worked on at the same time.
	atOnce() int
	// try lets a model work on a task.
	try(ctx context.Context, who arm, task int) (attempt, error)
	// known and nothing are the grades of a task's known answer and of none: what
	// they are shows whether the grading works.
	known(task int) attempt
	nothing(task int) attempt
	// refused counts candidates that are no task, by reason.
	refused() map[string]int
	// describe adds to a kind of the report what its scores do not tell.
	describe(k *report.Kind)
}

// item is one task as all kinds have it.
type item struct {
	id string
	// group is the sub-kind, one of the head's group names; empty where there are none.
	group string
	// cluster is the unit of the hold-out that the task belongs to.
	cluster string
	// text is what a model is asked, gold the known answer where it is a short one.
	text, gold string
	// made identifies all that the task is made of.
	made string
	// fresh says that the task changed since the commit of the served model.
	fresh bool
	// extra tasks are reported and count nowhere.
	extra bool
}

// asked is a kind with what came out of it.
type asked struct {
	kind
	// variant tells apart what is reported beside a kind of the record; empty for that.
	variant string
	// only are the models that are asked; nil asks all.
	only []v1alpha1.ArmName
	// rollouts is how often a model tries each task.
	rollouts int
	// attempts by arm, task and rollout; have is how many of them an earlier
	// evaluation gave.
	attempts map[v1alpha1.ArmName][][]attempt
	have     map[tried]int
}

// asks says whether an arm has results: a model that is asked, or a control.
func (k *asked) asks(name v1alpha1.ArmName) bool {
	return k.only == nil || slices.Contains(k.only, name) || name == v1alpha1.ArmGold || name == v1alpha1.ArmNoop
}

// tried identifies what an arm was asked.
func (k *asked) tried(name v1alpha1.ArmName, task string) tried {
	return tried{k.head().Name, k.variant, name, task}
}

// title names the kind, with its variant.
func (k *asked) title() string {
	if k.variant == "" {
		return string(k.head().Name)
	}
	return string(k.head().Name) + ", " + k.variant
}

// newAsked is a kind before it is asked. Answers that are always the same are asked
// for once: as many copies would be counted as evidence that they are not.
func newAsked(k kind, rollouts int32) *asked {
	a := &asked{kind: k, rollouts: 1}
	if k.sampled() {
		a.rollouts = max(1, int(rollouts))
	}
	return a
}

// scored is the number of tasks that count.
func (k *asked) scored() int {
	n := 0
	for _, t := range k.tasks() {
		if !t.extra {
			n++
		}
	}
	return n
}

// choosers make the kinds.
var choosers = map[v1alpha1.KindName]func(*evaluation, context.Context, v1alpha1.EvaluationKind) (kind, error){
	v1alpha1.KindCodebaseQA:               (*evaluation).chooseQuestions,
	v1alpha1.KindContextualImplementation: (*evaluation).chooseMasks,
	v1alpha1.KindIssueResolution:          (*evaluation).chooseReplays,
	v1alpha1.KindTestGeneration:           (*evaluation).chooseReplays,
	v1alpha1.KindFeatureImplementation:    (*evaluation).chooseReplays,
	v1alpha1.KindGeneralQuestions:         (*evaluation).chooseGeneral,
}

// chooseKinds chooses the tasks of all kinds that the recipe names.
func (e *evaluation) chooseKinds(ctx context.Context) error {
	for _, wanted := range e.env.Spec.Recipe.Evaluation.Kinds {
		choose, known := choosers[wanted.Name]
		if !known {
			return stage.Fail(v1alpha1.FailureConfiguration, nil, "evaluation.kinds names %q, which this worker does not know", wanted.Name)
		}
		chosen, err := choose(e, ctx, wanted)
		if err != nil {
			return err
		}
		e.kinds = append(e.kinds, newAsked(chosen, e.env.Spec.Rollouts))
	}
	if len(e.kinds) == 0 {
		return stage.Fail(v1alpha1.FailureConfiguration, nil, "evaluation.kinds is empty: name at least one kind")
	}
	if err := e.chooseVariants(ctx); err != nil {
		return err
	}
	if err := e.choosePrequential(ctx); err != nil {
		return err
	}
	return e.checkLook()
}

// enough refuses an evaluation that could promote nothing, before it is run.
func enough(kind v1alpha1.EvaluationKind, tasks int, why string) error {
	if needed := max(1, int(kind.MinimumTasks)); tasks < needed {
		return stage.Fail(v1alpha1.FailureData, nil,
			"%d tasks of kind %s are left, evaluation.kinds asks for at least %d (%s); raise the kind's tasks or lower its minimumTasks",
			tasks, kind.Name, needed, why)
	}
	return nil
}
