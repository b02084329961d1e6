package experience

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/repoexpert/operator/api/v1alpha1"
	"github.com/repoexpert/operator/internal/agent"
	"github.com/repoexpert/operator/internal/grading"
	"github.com/repoexpert/operator/internal/language/adapters"
	"github.com/repoexpert/operator/internal/stage"
	"github.com/repoexpert/operator/internal/task"
)

// ErrNotReplayable says that a sample is of no executed task of the plan.
var ErrNotReplayable = errors.New("the plan has no executed task for the sample")

// Replay is the task of a sample as it was before its trajectory.
type Replay struct {
	// Profile and Prompt begin the episode, which runs in Tree in the agent's box.
	Profile agent.Profile
	Prompt  string
	Tree    agent.Tree
	// Verify judges how an episode in the tree ended and returns what a sample's
	// Meta.Verification says of it, or a code that says why it is no sample.
	Verify func(ctx context.Context, transcript agent.Transcript) (verification, code string, err error)
}

// Replays returns a function that makes the task of a sample again, in a fresh
// tree, with the stage's own code. It reads the snapshot and the plan that the
// environment's keys name, and the units, framework and time limits of its
// recipe. Errors of the function wrap ErrNotReplayable for other samples than
// executed ones of the plan's training side.
func Replays(ctx context.Context, env stage.Env) (func(context.Context, task.Sample) (Replay, error), error) {
	adapter, err := adapters.For(env.Spec.Recipe.Environment.Test.Framework)
	if err != nil {
		return nil, stage.Fail(v1alpha1.FailureConfiguration, nil, "%s", err)
	}
	p, err := loadPlan(ctx, env)
	if err != nil {
		return nil, err
	}
	w := newWorkshop(env, p, adapter)
	return func(ctx context.Context, sample task.Sample) (Replay, error) {
		switch sample.Meta.Unit {
		case v1alpha1.UnitContextualImplementation:
			return w.replayImplementation(ctx, p.masks, sample)
		case v1alpha1.UnitSoftwareDesign:
			return w.replayReport(ctx, p.components, sample)
		case v1alpha1.UnitEvolutionaryReplay, v1alpha1.UnitSemanticRuntimeAlignment:
			return w.replayBug(ctx, p.replays, sample)
		default:
			return Replay{}, fmt.Errorf("%w: unit %s", ErrNotReplayable, sample.Meta.Unit)
		}
	}, nil
}

func (w *workshop) replayImplementation(ctx context.Context, masks []task.Mask, sample task.Sample) (Replay, error) {
	i := slices.IndexFunc(masks, func(m task.Mask) bool { return m.ID == sample.Meta.TaskID })
	if i < 0 {
		return Replay{}, fmt.Errorf("%w: mask %s", ErrNotReplayable, sample.Meta.TaskID)
	}
	t, _, code, err := w.verify(ctx, masks[i])
	if err != nil {
		return Replay{}, err
	}
	if code != "" {
		return Replay{}, fmt.Errorf("%w: mask %s is rejected now: %s", ErrNotReplayable, sample.Meta.TaskID, code)
	}
	prompt := agent.ImplementationTask(t.Mask.Name, t.Mask.Path, "")
	var shown []string
	if sample.Meta.Recovered {
		test := w.shownBy(sample, t)
		if test == "" {
			return Replay{}, fmt.Errorf("%w: mask %s names no covering test", ErrNotReplayable, sample.Meta.TaskID)
		}
		shown, prompt = []string{test}, agent.ImplementationTask(t.Mask.Name, t.Mask.Path, w.dialect.TestCommand(test))
	}
	tree, err := w.agentTree(ctx, w.grader, t.Task, shown)
	return Replay{
		Profile: w.profile, Prompt: prompt, Tree: tree,
		Verify: func(ctx context.Context, transcript agent.Transcript) (string, string, error) {
			v, err := w.verifyImplementation(ctx, t, transcript)
			return v.verification, v.code, err
		},
	}, err
}

// shownBy is the covering test that a sample's task shows; empty where it shows none.
func (w *workshop) shownBy(sample task.Sample, t grading.Masked) string {
	for _, id := range t.FailToPass {
		test := shownTest([]string{id})
		if test != "" && slices.ContainsFunc(sample.Messages, func(m task.Message) bool {
			return m.Content == agent.ImplementationTask(t.Mask.Name, t.Mask.Path, w.dialect.TestCommand(test))
		}) {
			return test
		}
	}
	return ""
}

// verdict is how what an episode submitted was judged.
type verdict struct {
	// verification says what was executed; empty with a code, which says why there is
	// no sample.
	verification string
	code, detail string
	cpu          time.Duration
	// written is how a written test was graded.
	written grading.WrittenGrade
}

func refused(code, detail string, cpu time.Duration) verdict {
	return verdict{code: code, detail: detail, cpu: cpu}
}

// verifyImplementation demands that the file is what it was, byte for byte, and
// that the covering tests pass with the submission.
func (w *workshop) verifyImplementation(ctx context.Context, t grading.Masked, transcript agent.Transcript) (verdict, error) {
	v, err := w.verifyRepaired(ctx, w.grader, t.Task, transcript)
	if v.code == "" {
		v.verification = implementationVerification(t)
	}
	return v, err
}

// verifyRepaired demands that a scripted agent left the files as they are without
// the fault, and that the tests pass with what it submitted.
func (w *workshop) verifyRepaired(ctx context.Context, grader *grading.Grader, t grading.Task, transcript agent.Transcript) (verdict, error) {
	changed, err := w.box.ReadFiles(ctx, agentFolder, t.Paths(), maxFile)
	if err != nil {
		return verdict{}, err
	}
	for path, fixed := range t.Fixed {
		if string(changed[path]) != string(fixed) {
			return refused("edit-outside-gold", path, 0), nil
		}
	}
	grade, err := grader.GradePatch(ctx, t, transcript.Submission)
	if err != nil || !grade.Resolved {
		return refused("submission-"+string(grade.Reason), grade.Detail, grade.CPU), err
	}
	return verdict{cpu: grade.CPU}, nil
}

func (w *workshop) verifyRepair(ctx context.Context, b bug, transcript agent.Transcript) (verdict, error) {
	v, err := w.verifyRepaired(ctx, b.grader, b.task, transcript)
	if v.code == "" {
		v.verification = b.verification("all pass with the submission")
	}
	return v, err
}

// verifyWritten demands that the submitted test shows the bug and passes without.
func (w *workshop) verifyWritten(ctx context.Context, b bug, transcript agent.Transcript) (verdict, error) {
	grade, err := b.grader.GradeWritten(ctx, b.task, transcript.Submission)
	if err != nil || !grade.Resolved {
		return refused("submission-"+string(grade.Reason), grade.Detail, grade.CPU), err
	}
	end := fmt.Sprintf("the written test fails with it and passes without, and executes %d of %d changed lines", grade.Covered, grade.Changed)
	return verdict{verification: b.verification(end), cpu: grade.CPU, written: grade}, nil
}

// replayBug puts the bug of a repair or of a written test into its tree again.
func (w *workshop) replayBug(ctx context.Context, replays []task.Replay, sample task.Sample) (Replay, error) {
	i := slices.IndexFunc(replays, func(r task.Replay) bool { return r.ID == sample.Meta.TaskID })
	if i < 0 {
		return Replay{}, fmt.Errorf("%w: bug %s", ErrNotReplayable, sample.Meta.TaskID)
	}
	b, _, code, err := w.check(ctx, replays[i])
	if err != nil {
		return Replay{}, err
	}
	s, ok := b.routes.Symptom(b.task)
	if code != "" || !ok {
		return Replay{}, fmt.Errorf("%w: bug %s is rejected now: %s", ErrNotReplayable, sample.Meta.TaskID, code)
	}
	if sample.Meta.Unit == v1alpha1.UnitSemanticRuntimeAlignment {
		tree, err := w.agentTree(ctx, b.grader, b.task, nil)
		return Replay{
			Profile: w.profile, Prompt: agent.WriteTestTask(b.issue(s, w.testThoughts(b))), Tree: tree,
			Verify: verifying(w.verifyWritten, b),
		}, err
	}
	var shown []string
	command := ""
	if sample.Meta.Recovered {
		shown = []string{shownTest(b.task.FailToPass)}
		command = w.dialect.TestCommand(shown[0])
	}
	tree, err := w.agentTree(ctx, b.grader, b.task, shown)
	return Replay{
		Profile: w.profile, Prompt: agent.RepairTask(b.issue(s, w.repairThoughts(b)), command), Tree: tree,
		Verify: verifying(w.verifyRepair, b),
	}, err
}

func verifying(verify func(context.Context, bug, agent.Transcript) (verdict, error), b bug) func(context.Context, agent.Transcript) (string, string, error) {
	return func(ctx context.Context, transcript agent.Transcript) (string, string, error) {
		v, err := verify(ctx, b, transcript)
		return v.verification, v.code, err
	}
}

func (w *workshop) replayReport(ctx context.Context, components []task.Component, sample task.Sample) (Replay, error) {
	i := slices.IndexFunc(components, func(c task.Component) bool { return c.ID == sample.Meta.TaskID })
	if i < 0 {
		return Replay{}, fmt.Errorf("%w: component %s", ErrNotReplayable, sample.Meta.TaskID)
	}
	component := components[i]
	tree, err := w.wholeTree(ctx)
	return Replay{
		Profile: w.profile, Prompt: reportTask(component), Tree: tree,
		Verify: func(_ context.Context, transcript agent.Transcript) (string, string, error) {
			if err := w.symbols.resolveReport(transcript.Submission, component.AllFiles()); err != nil {
				return "", "report-unresolved", nil
			}
			return reportVerification(transcript), "", nil
		},
	}, err
}
