package experience

import (
	"context"
	"errors"
	"fmt"
	"slices"

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
func Replays(env stage.Env) (func(context.Context, task.Sample) (Replay, error), error) {
	adapter, err := adapters.For(env.Spec.Recipe.Environment.Test.Framework)
	if err != nil {
		return nil, stage.Fail(v1alpha1.FailureConfiguration, nil, "%s", err)
	}
	p, err := loadPlan(env)
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
	var shown []string
	command := ""
	if sample.Meta.Recovered {
		test := &slip{test: shownTest(t.FailToPass)}
		shown, command = []string{test.test}, test.command()
	}
	tree, err := w.agentTree(ctx, t, shown)
	return Replay{
		Profile: w.profile, Prompt: agent.ImplementationTask(t.Mask.Name, t.Mask.Path, command), Tree: tree,
		Verify: func(ctx context.Context, transcript agent.Transcript) (string, string, error) {
			return w.verifyImplementation(ctx, t, transcript)
		},
	}, err
}

func (w *workshop) verifyImplementation(ctx context.Context, t grading.Task, transcript agent.Transcript) (verification, code string, err error) {
	changed, err := w.box.ReadFiles(ctx, agentFolder, []string{t.Mask.Path}, maxFile)
	if err != nil {
		return "", "", err
	}
	if string(changed[t.Mask.Path]) != string(t.Original) {
		return "", "edit-outside-gold", nil
	}
	grade, err := w.grader.GradePatch(ctx, t, transcript.Submission)
	if err != nil || !grade.Resolved {
		return "", "submission-" + string(grade.Reason), err
	}
	return fmt.Sprintf("%d of %d covering tests fail with the body masked; all pass with the submission", len(t.FailToPass), len(t.Mask.Tests)), "", nil
}

func (w *workshop) replayReport(ctx context.Context, components []task.Component, sample task.Sample) (Replay, error) {
	i := slices.IndexFunc(components, func(c task.Component) bool { return c.ID == sample.Meta.TaskID })
	if i < 0 {
		return Replay{}, fmt.Errorf("%w: component %s", ErrNotReplayable, sample.Meta.TaskID)
	}
	component := components[i]
	tree, err := w.wholeTree(ctx)
	return Replay{
		Profile: w.profile, Prompt: agent.ReportTask(component.Kind, component.Name, component.Path), Tree: tree,
		Verify: func(_ context.Context, transcript agent.Transcript) (string, string, error) {
			if err := w.symbols.resolveReport(transcript.Submission, component.Path); err != nil {
				return "", "report-unresolved", nil
			}
			return fmt.Sprintf("%d commands executed; every cited file and symbol resolves", len(transcript.Commands)), "", nil
		},
	}, err
}
