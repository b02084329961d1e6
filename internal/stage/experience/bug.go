package experience

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/repoexpert/operator/api/v1alpha1"
	"github.com/repoexpert/operator/internal/grading"
	"github.com/repoexpert/operator/internal/symptom"
	"github.com/repoexpert/operator/internal/task"
)

// enoughPassToPass is how many tests must go on passing for a repair to be well
// guarded.
const enoughPassToPass = 5

// bug is a verified replay: a tree in which tests fail that pass without the bug.
type bug struct {
	replay task.Replay
	task   grading.Task
	grader *grading.Grader
	// tree and routes are those of the fixed tree.
	tree   grading.Source
	routes *symptom.Routes
	// commit of the tree.
	commit string
	// label is what the verification showed.
	label task.Bug
}

// checked is a bug with what its verification cost, or why it is none.
type checked struct {
	id   string
	bug  bug
	code string
	cpu  time.Duration
	err  error
}

// replays are the attempts of EvolutionaryReplay and SemanticRuntimeAlignment:
// each bug is repaired, then tested, and verified once for both.
func (w *workshop) replays(replays []task.Replay) []attempt {
	var attempts []attempt
	for _, replay := range replays {
		attempts = append(attempts,
			attempt{unit: v1alpha1.UnitEvolutionaryReplay, id: replay.ID, run: func(ctx context.Context) (outcome, error) {
				return w.withBug(ctx, replay, w.repair)
			}},
			attempt{unit: v1alpha1.UnitSemanticRuntimeAlignment, id: replay.ID, run: func(ctx context.Context) (outcome, error) {
				return w.withBug(ctx, replay, w.writeTest)
			}},
		)
	}
	return attempts
}

// withBug verifies a bug, unless it was the last one verified, and works on it.
// The processor time of the verification counts once.
func (w *workshop) withBug(ctx context.Context, replay task.Replay, work func(context.Context, bug) (outcome, error)) (outcome, error) {
	c := w.last
	cpu := time.Duration(0)
	if c == nil || c.id != replay.ID {
		c = &checked{id: replay.ID}
		c.bug, c.cpu, c.code, c.err = w.check(ctx, replay)
		w.last, cpu = c, c.cpu
	}
	if c.err != nil || c.code != "" {
		return reject(c.code, "", cpu), c.err
	}
	made, err := work(ctx, c.bug)
	made.cpu += cpu
	made.verified, made.bug = true, &c.bug.label
	return made, err
}

// check puts a bug into its tree and verifies it.
func (w *workshop) check(ctx context.Context, replay task.Replay) (bug, time.Duration, string, error) {
	b := bug{replay: replay, grader: w.grader, tree: w.snapshot, routes: w.routes, commit: w.commit}
	var spent time.Duration
	var err error
	switch replay.Kind {
	case task.ReplayFix:
		var code string
		if b, spent, code, err = w.atCommit(ctx, replay); err != nil || code != "" {
			return b, spent, code, err
		}
	case task.ReplayReversal, task.ReplayPartial:
		b.task, err = w.grader.Replaced(replay.ID, replay.Broken, replay.Tests)
	case task.ReplayMutant, task.ReplayCombined:
		b.task, err = w.grader.Mutated(replay.ID, replay.Mutations, replay.Tests)
	}
	if errors.Is(err, grading.ErrTask) {
		return b, spent, "bug-invalid", nil
	}
	if err != nil {
		return b, spent, "", err
	}
	var cpu time.Duration
	var code string
	b.task, cpu, code, err = noticed(ctx, b.grader, b.task)
	if code != "" {
		code = "bug-" + code
	}
	if err == nil && code == "" {
		b.label = b.labelled()
	}
	return b, spent + cpu, code, err
}

// labelled is what the verification of a bug showed.
func (b bug) labelled() task.Bug {
	label := task.Bug{Kind: b.replay.Kind, FailToPass: len(b.task.FailToPass)}
	for _, mutation := range b.replay.Mutations {
		label.Operators = append(label.Operators, mutation.Operator)
	}
	faulty, known := b.routes.Faulty(b.task)
	if s, found := b.routes.Symptom(b.task); known && found {
		label.NamesFault = slices.ContainsFunc(faulty, func(p symptom.Place) bool { return p.ID() == s.Entry.ID() })
	}
	return label
}

// atCommit makes a bug of a fix on the fix's own tree.
func (w *workshop) atCommit(ctx context.Context, replay task.Replay) (bug, time.Duration, string, error) {
	made, err := w.trees.Make(ctx, replay)
	return bug{
		replay: replay, task: made.Task, grader: made.Grader, tree: made.Tree, routes: made.Routes, commit: replay.Commit,
	}, made.CPU, made.Refused, err
}

// noticed demands that tests fail on the broken tree, and that what an agent sees
// of the tests passes. The code says why not.
func noticed(ctx context.Context, grader *grading.Grader, t grading.Task) (grading.Task, time.Duration, string, error) {
	t, grade, err := grader.Check(ctx, t)
	cpu := grade.CPU
	switch {
	case err != nil:
		return t, cpu, "", err
	case grade.Reason == grading.Resolved:
		return t, cpu, "tests-passed", nil
	case grade.Reason != grading.TestsFailed:
		return t, cpu, string(grade.Reason), nil
	}
	visible, err := grader.SampleVisible(ctx, t)
	cpu += visible.CPU
	if err == nil && !visible.Resolved {
		return t, cpu, "visible-" + string(visible.Reason), nil
	}
	return t, cpu, "", err
}

func fewPassToPass(t grading.Task) bool { return len(t.PassToPass) < enoughPassToPass }

// verification says what was executed.
func (b bug) verification(end string) string {
	return fmt.Sprintf("%s: %d tests fail with the bug, %d others pass; %s", b.replay.Kind, len(b.task.FailToPass), len(b.task.PassToPass), end)
}

// issue is the text of a bug's task.
func (b bug) issue(s symptom.Symptom, th *thoughts) string {
	return s.Issue(b.task, b.replay.Issue, symptom.Wording{
		Bare:  func(place string) string { return th.say("issue", "{name}", place) },
		Place: func(place string) string { return th.say("issue place", "{name}", place) },
		Message: func(place, message string) string {
			return th.say("issue with message", "{name}", place, "{message}", message)
		},
	})
}
