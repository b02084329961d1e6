package experience

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/repoexpert/operator/internal/agent"
	"github.com/repoexpert/operator/internal/grading"
	"github.com/repoexpert/operator/internal/task"
	"github.com/repoexpert/operator/internal/teacher"
)

// lesson is a verified task for a teacher.
type lesson struct {
	meta   task.Meta
	prompt string
	// tree makes the agent's tree anew for each attempt.
	tree func(ctx context.Context) (agent.Tree, error)
	// verify judges what an episode submitted.
	verify func(ctx context.Context, t agent.Transcript) (verdict, error)
}

// taught lets the teacher try a task as often as the recipe says and keeps the
// first success that its verification accepts. What else it did is a rejection
// with the last reason.
func (w *workshop) taught(ctx context.Context, l lesson) (outcome, error) {
	last := reject("teacher-without-attempts", "", 0)
	var spent time.Duration
	for range w.teacher.Attempts {
		made, err := w.lesson(ctx, l)
		spent += made.cpu
		if err != nil {
			return outcome{}, err
		}
		if made.sample != nil {
			made.cpu, made.verified = spent, true
			return made, nil
		}
		last = made
	}
	last.cpu, last.verified = spent, true
	return last, nil
}

func (w *workshop) lesson(ctx context.Context, l lesson) (outcome, error) {
	tree, err := l.tree(ctx)
	if err != nil {
		return outcome{}, err
	}
	transcript, err := agent.Run(ctx, agent.Episode{
		Profile: w.teacher.Profile, Task: l.prompt, Model: w.teacher.Model(), Box: w.box, Tree: tree,
	})
	cpu := transcript.CPU()
	switch {
	case errors.Is(err, teacher.ErrAnswer):
		return reject("teacher-answer", err.Error(), cpu), nil
	case err != nil:
		return outcome{}, err
	case transcript.Status != agent.Submitted:
		return reject("episode-"+string(transcript.Status), "", cpu), nil
	}
	v, err := l.verify(ctx, transcript)
	cpu += v.cpu
	if err != nil || v.code != "" {
		return reject(v.code, v.detail, cpu), err
	}
	meta := l.meta
	meta.Verification, meta.ChangedLines, meta.CoveredLines = v.verification, v.written.Changed, v.written.Covered
	sample := w.sample(meta, transcript)
	sample.Meta.Provenance = w.teacher.Provenance
	return outcome{sample: sample, cpu: cpu}, nil
}

// solved demands that the tests pass with what a teacher submitted, however it
// got there.
func solved(grader *grading.Grader, t grading.Task, verification string) func(context.Context, agent.Transcript) (verdict, error) {
	return func(ctx context.Context, transcript agent.Transcript) (verdict, error) {
		grade, err := grader.GradePatch(ctx, t, transcript.Submission)
		if err == nil && grade.Resolved {
			grade, err = controlled(ctx, grader, t, transcript.Submission, grade)
		}
		if err != nil || !grade.Resolved {
			return refused("submission-"+string(grade.Reason), grade.Detail, grade.CPU), err
		}
		return verdict{verification: verification, cpu: grade.CPU}, nil
	}
}

// controlled grades a success again, with a negative control: what a script
// submits is the known answer, what a teacher does is not.
func controlled(ctx context.Context, grader *grading.Grader, t grading.Task, submission string, first grading.Grade) (grading.Grade, error) {
	t, control, err := grader.CheckControl(ctx, t)
	first.CPU += control.CPU
	if err != nil || len(t.Control) == 0 {
		return first, err
	}
	grade, err := grader.GradePatch(ctx, t, submission)
	grade.CPU += first.CPU
	return grade, err
}

func (w *workshop) teachImplementation(ctx context.Context, t grading.Masked) (outcome, error) {
	return w.taught(ctx, lesson{
		meta:   implementationMeta(t),
		prompt: agent.ImplementationTask(t.Mask.Name, t.Mask.Path, ""),
		tree:   func(ctx context.Context) (agent.Tree, error) { return w.agentTree(ctx, w.grader, t.Task, nil) },
		verify: solved(w.grader, t.Task, implementationVerification(t)),
	})
}

func (w *workshop) teachRepair(ctx context.Context, b bug, issue string) (outcome, error) {
	return w.taught(ctx, lesson{
		meta:   b.meta(),
		prompt: agent.RepairTask(issue, ""),
		tree:   func(ctx context.Context) (agent.Tree, error) { return w.agentTree(ctx, b.grader, b.task, nil) },
		verify: solved(b.grader, b.task, b.verification("all pass with the submission")),
	})
}

func (w *workshop) teachTest(ctx context.Context, b bug, issue string) (outcome, error) {
	return w.taught(ctx, lesson{
		meta:   b.testMeta(),
		prompt: agent.WriteTestTask(issue),
		tree:   func(ctx context.Context) (agent.Tree, error) { return w.agentTree(ctx, b.grader, b.task, nil) },
		verify: func(ctx context.Context, t agent.Transcript) (verdict, error) { return w.verifyWritten(ctx, b, t) },
	})
}

func (w *workshop) teachReport(ctx context.Context, component task.Component) (outcome, error) {
	return w.taught(ctx, lesson{
		meta:   reportMeta(component),
		prompt: reportTask(component),
		tree:   w.wholeTree,
		verify: func(_ context.Context, t agent.Transcript) (verdict, error) {
			if err := w.symbols.resolveReport(t.Submission, component.AllFiles()); err != nil {
				return refused("report-unresolved", err.Error(), 0), nil
			}
			return verdict{verification: reportVerification(t)}, nil
		},
	})
}

func reportVerification(t agent.Transcript) string {
	return fmt.Sprintf("%d commands executed; every cited file and symbol resolves", len(t.Commands))
}
