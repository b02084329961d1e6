package experience

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/repoexpert/operator/api/v1alpha1"
	"github.com/repoexpert/operator/internal/agent"
	"github.com/repoexpert/operator/internal/grading"
	"github.com/repoexpert/operator/internal/language"
	"github.com/repoexpert/operator/internal/task"
)

const (
	// recoveryPercent of the trajectories are meant to hold a slip and its repair.
	// Some tasks have no slip that a test notices, so the share comes out lower.
	recoveryPercent = 40
	// slipTries bounds how many slips are tried until a test notices one.
	slipTries = 2
	// maxFile bounds the edited file as it is read back, in bytes.
	maxFile = 32 << 20
)

// implementations are the attempts of ContextualImplementation.
func (w *workshop) implementations(masks []task.Mask) []attempt {
	attempts := make([]attempt, len(masks))
	for i, mask := range masks {
		attempts[i] = attempt{unit: v1alpha1.UnitContextualImplementation, id: mask.ID, run: func(ctx context.Context) (outcome, error) { return w.implement(ctx, mask) }}
	}
	return attempts
}

// implement verifies a mask, plays the script for it and grades what it submits.
func (w *workshop) implement(ctx context.Context, mask task.Mask) (outcome, error) {
	t, cpu, code, err := w.verify(ctx, mask)
	if err != nil || code != "" {
		return reject(code, "", cpu), err
	}
	if w.teacher != nil {
		made, err := w.teachImplementation(ctx, t)
		made.cpu += cpu
		return made, err
	}
	missing, code := missingOf(t)
	if code != "" {
		return reject(code, "", cpu), nil
	}
	th := &thoughts{seed: w.seed, id: mask.ID}
	slip, spent, err := w.slip(ctx, t, missing.body, th)
	cpu += spent
	if err != nil {
		return reject("", "", cpu), err
	}
	if slip != nil {
		made, err := w.trajectory(ctx, t, missing, slip, th)
		made.cpu += cpu
		if err != nil || made.sample != nil {
			return made, err
		}
		cpu = made.cpu
		w.log.Info("slip left out", "task", mask.ID, "code", made.code)
	}
	made, err := w.trajectory(ctx, t, missing, nil, th)
	made.cpu += cpu
	return made, err
}

// verify demands that the covering tests fail without the body, and that what an
// agent sees of the tests passes. The code says why not.
func (w *workshop) verify(ctx context.Context, mask task.Mask) (grading.Masked, time.Duration, string, error) {
	t, err := w.grader.Load(mask)
	if errors.Is(err, grading.ErrTask) || errors.Is(err, language.ErrMask) {
		return t, 0, "mask-invalid", nil
	}
	if err != nil {
		return t, 0, "", err
	}
	var cpu time.Duration
	var code string
	t.Task, cpu, code, err = noticed(ctx, w.grader, t.Task)
	if code != "" {
		code = "mask-" + code
	}
	return t, cpu, code, err
}

// slip is the first of a few faults of the body that a covering test notices, for a
// task that is chosen for one; nil where there is none.
func (w *workshop) slip(ctx context.Context, t grading.Masked, body []string, th *thoughts) (*slip, time.Duration, error) {
	if th.pick("recovery", 100) >= recoveryPercent {
		return nil, 0, nil
	}
	var cpu time.Duration
	tried := 0
	for _, mutation := range t.Mask.Slips {
		line, text, ok := lineOf(t.Original(), mutation, t.Definition.BodyStartLine, len(body))
		covering := w.covering(t, mutation)
		if !ok || len(covering) == 0 {
			continue
		}
		if tried == slipTries {
			break
		}
		tried++
		slipped, err := mutation.Apply(t.Original())
		if err != nil {
			return nil, cpu, err
		}
		grade, err := w.grader.Failing(ctx, t.Task, grading.Edits{t.Mask.Path: slipped}, covering)
		cpu += grade.CPU
		if err != nil {
			return nil, cpu, err
		}
		noticed := func(id string) bool { return slices.Contains(grade.Failed, id) }
		if shown := shownTest(slices.DeleteFunc(covering, func(id string) bool { return !noticed(id) })); shown != "" {
			return &slip{line: line, text: text, test: shown, command: w.dialect.TestCommand(shown)}, cpu, nil
		}
	}
	return nil, cpu, nil
}

// covering are the tests that fail without the body and execute a slip's line, those
// first that execute least of the rest.
func (w *workshop) covering(t grading.Masked, slip language.Mutation) []string {
	executing := w.trees.Config.Coverage.Covering(t.Mask.Path, slip.Line, slip.Line)
	return slices.DeleteFunc(slices.Clone(t.Mask.Tests), func(id string) bool {
		return !slices.Contains(executing, id) || !slices.Contains(t.FailToPass, id)
	})
}

// lineOf is the line of a body that a mutation changes, from 0, and its new text.
func lineOf(source []byte, mutation language.Mutation, first, length int) (line int, text string, ok bool) {
	mutated, err := mutation.Apply(source)
	line = mutation.Line - first
	if err != nil || line < 0 || line >= length {
		return 0, "", false
	}
	lines := strings.Split(string(mutated), "\n")
	return line, lines[mutation.Line-1], true
}

// trajectory plays one script and grades its submission.
func (w *workshop) trajectory(ctx context.Context, t grading.Masked, missing missingText, wrong *slip, th *thoughts) (outcome, error) {
	var shown []string
	if wrong != nil {
		shown = append(shown, wrong.test)
	}
	tree, err := w.agentTree(ctx, w.grader, t.Task, shown)
	if err != nil {
		return outcome{}, err
	}
	i := &implementer{task: t, dialect: w.dialect, missingText: missing, wrong: wrong}
	s := i.script(th)
	transcript, err := w.play(ctx, agent.ImplementationTask(t.Mask.Name, t.Mask.Path, wrong.shown()), tree, s)
	cpu := transcript.CPU()
	if err != nil || s.code != "" {
		return reject(s.code, s.detail, cpu), err
	}
	v, err := w.verifyImplementation(ctx, t, transcript)
	cpu += v.cpu
	if err != nil || v.code != "" {
		return reject(v.code, v.detail, cpu), err
	}
	meta := implementationMeta(t)
	meta.Verification, meta.Recovered = v.verification, wrong != nil
	return outcome{verified: true, cpu: cpu, sample: w.sample(meta, transcript)}, nil
}

func implementationMeta(t grading.Masked) task.Meta {
	return task.Meta{
		Unit: v1alpha1.UnitContextualImplementation, TaskID: t.ID, Cluster: t.Mask.Cluster, Path: t.Mask.Path,
		FewPassToPass: fewPassToPass(t.Task),
	}
}

func implementationVerification(t grading.Masked) string {
	return fmt.Sprintf("%d of %d covering tests fail with the body masked; all pass with the submission", len(t.FailToPass), len(t.Mask.Tests))
}

func (w *workshop) agentTree(ctx context.Context, grader *grading.Grader, t grading.Task, shown []string) (tree agent.Tree, err error) {
	content, err := grader.AgentTree(ctx, t, shown...)
	if err != nil {
		return agent.Tree{}, err
	}
	defer func() { err = errors.Join(err, content.Close()) }()
	return agent.PrepareTree(ctx, w.box, agentFolder, content)
}
