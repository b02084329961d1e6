package experience

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/repoexpert/operator/api/v1alpha1"
	"github.com/repoexpert/operator/internal/agent"
	"github.com/repoexpert/operator/internal/grading"
	"github.com/repoexpert/operator/internal/language"
	"github.com/repoexpert/operator/internal/task"
)

const (
	// recoveryPercent of the trajectories are meant to hold a slip and its repair.
	// Some slips are not noticed by the shown test, so the share comes out lower.
	recoveryPercent = 40
	// slipTries bounds how many slips are tried until one fails.
	slipTries = 2
	// maxFile bounds the edited file as it is read back, in bytes.
	maxFile = 32 << 20
)

// implementations are the attempts of ContextualImplementation.
func (w *workshop) implementations(masks []task.Mask) []attempt {
	attempts := make([]attempt, len(masks))
	for i, mask := range masks {
		attempts[i] = attempt{id: mask.ID, run: func(ctx context.Context) (outcome, error) { return w.implement(ctx, mask) }}
	}
	return attempts
}

// implement verifies a mask, plays the script for it and grades what it submits.
func (w *workshop) implement(ctx context.Context, mask task.Mask) (outcome, error) {
	t, cpu, code, err := w.verify(ctx, mask)
	if err != nil || code != "" {
		return reject(code, "", cpu), err
	}
	body, code := bodyOf(t)
	if code != "" {
		return reject(code, "", cpu), nil
	}
	th := &thoughts{seed: w.seed, id: mask.ID}
	for _, slip := range w.slips(t, body, th) {
		made, err := w.trajectory(ctx, t, body, slip, th)
		made.cpu += cpu
		cpu = made.cpu
		if err != nil || slip == nil || made.sample != nil {
			return made, err
		}
		w.log.Info("slip left out", "task", mask.ID, "code", made.code)
	}
	return reject("script-ended", "", cpu), nil
}

// verify demands that the covering tests fail without the body, and that what an
// agent sees of the tests passes. The code says why not.
func (w *workshop) verify(ctx context.Context, mask task.Mask) (grading.Task, time.Duration, string, error) {
	t, err := w.grader.Load(mask)
	if errors.Is(err, grading.ErrTask) || errors.Is(err, language.ErrMask) {
		return t, 0, "mask-invalid", nil
	}
	if err != nil {
		return t, 0, "", err
	}
	t, grade, err := w.grader.Check(ctx, t)
	cpu := grade.CPU
	switch {
	case err != nil:
		return t, cpu, "", err
	case grade.Reason == grading.Resolved:
		return t, cpu, "mask-tests-passed", nil
	case grade.Reason != grading.TestsFailed:
		return t, cpu, "mask-" + string(grade.Reason), nil
	}
	visible, err := w.grader.CheckVisible(ctx, t)
	cpu += visible.CPU
	if err == nil && !visible.Resolved {
		return t, cpu, "visible-" + string(visible.Reason), nil
	}
	return t, cpu, "", err
}

// slips lists what to try: with a slip where the task is chosen for one, and
// without.
func (w *workshop) slips(t grading.Task, body []string, th *thoughts) []*slip {
	var tries []*slip
	if shown := shownTest(t.FailToPass); shown != "" && th.pick("recovery", 100) < recoveryPercent {
		for _, m := range mutants(body, mix(w.seed, t.Mask.ID)) {
			if len(tries) < slipTries {
				tries = append(tries, &slip{mutant: m, test: shown})
			}
		}
	}
	return append(tries, nil)
}

// trajectory plays one script and grades its submission.
func (w *workshop) trajectory(ctx context.Context, t grading.Task, body []string, wrong *slip, th *thoughts) (outcome, error) {
	var shown []string
	if wrong != nil {
		shown = append(shown, wrong.test)
	}
	tree, err := w.agentTree(ctx, t, shown)
	if err != nil {
		return outcome{}, err
	}
	i := &implementer{task: t, body: body, wrong: wrong}
	s := i.script(th)
	transcript, err := w.play(ctx, agent.ImplementationTask(t.Mask.Name, t.Mask.Path, wrong.command()), tree, s)
	cpu := transcript.CPU()
	if err != nil || s.code != "" {
		return reject(s.code, s.detail, cpu), err
	}
	changed, err := w.box.ReadFiles(ctx, agentFolder, []string{t.Mask.Path}, maxFile)
	if err != nil {
		return outcome{}, err
	}
	if string(changed[t.Mask.Path]) != string(t.Original) {
		return reject("edit-outside-gold", "", cpu), nil
	}
	grade, err := w.grader.GradePatch(ctx, t, transcript.Submission)
	cpu += grade.CPU
	if err != nil || !grade.Resolved {
		return reject("submission-"+string(grade.Reason), grade.Detail, cpu), err
	}
	verification := fmt.Sprintf("%d of %d covering tests fail with the body masked; all pass with the submission", len(t.FailToPass), len(t.Mask.Tests))
	sample := w.sample(v1alpha1.UnitContextualImplementation, t.Mask.ID, t.Mask.Cluster, t.Mask.Path, verification, transcript, wrong != nil, cpu)
	return outcome{sample: sample, cpu: cpu}, nil
}

func (w *workshop) agentTree(ctx context.Context, t grading.Task, shown []string) (tree agent.Tree, err error) {
	content, err := w.grader.AgentTree(ctx, t, shown...)
	if err != nil {
		return agent.Tree{}, err
	}
	defer func() { err = errors.Join(err, content.Close()) }()
	if err := w.box.Remove(ctx, agentFolder); err != nil {
		return agent.Tree{}, err
	}
	return agent.PrepareTree(ctx, w.box, agentFolder, content)
}
