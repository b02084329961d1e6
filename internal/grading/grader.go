package grading

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/repoexpert/operator/internal/language"
	"github.com/repoexpert/operator/internal/sandbox"
	"github.com/repoexpert/operator/internal/task"
)

// workFolder is where trees are graded, below the box's root.
const workFolder = "grading"

// Config is what a Grader works with.
type Config struct {
	// Box is the grader's own; an agent's commands must never run in it.
	Box       sandbox.Box
	Adapter   language.Adapter
	Source    Source
	Inventory *language.Inventory
	Baseline  task.Baseline
	// TestTimeout bounds a run of the covering tests.
	TestTimeout time.Duration
}

// Grader grades patches one after another.
type Grader struct {
	box     sandbox.Box
	adapter language.Adapter
	tree    Source
	modules map[string]language.Module
	// imported are the dotted names of modules that others import.
	imported map[string]bool
	stable   []string
	timeout  time.Duration
}

// New returns a Grader.
func New(config Config) *Grader {
	g := &Grader{
		box: config.Box, adapter: config.Adapter, tree: config.Source, timeout: config.TestTimeout,
		modules: map[string]language.Module{}, imported: map[string]bool{}, stable: config.Baseline.Stable,
	}
	for _, module := range config.Inventory.Modules {
		g.modules[module.Path] = module
		for _, imported := range module.Imports {
			g.imported[imported.Module] = true
			g.imported[imported.Module+"."+imported.Name] = true
		}
	}
	return g
}

// GradePatch grades a patch against the masked tree. The empty patch is run too:
// it is what shows that the tests need the body. An error is the box's or the
// environment's, not the patch's.
func (g *Grader) GradePatch(ctx context.Context, t Task, patch string) (grade Grade, err error) {
	if err := g.place(ctx, Edits{t.Mask.Path: t.Masked}); err != nil {
		return Grade{}, err
	}
	defer func() { err = errors.Join(err, g.clear(ctx)) }()
	ignored := 0
	if patch != "" {
		reason, n, err := g.apply(ctx, workFolder, patch)
		if err != nil || reason != "" {
			return Grade{Reason: reason, Ignored: n}, err
		}
		ignored = n
	}
	grade, err = g.test(ctx, t.Mask.Tests)
	grade.Ignored = ignored
	return grade, err
}

// wideMask is the number of covering tests from which on there may be more: a
// plan keeps no more than that.
const wideMask = 20

// Check grades the empty patch and returns the task with the tests that fail. The
// task is usable if the grade's reason is TestsFailed.
func (g *Grader) Check(ctx context.Context, t Task) (Task, Grade, error) {
	grade, err := g.GradePatch(ctx, t, "")
	if err != nil || grade.Reason != TestsFailed {
		return t, grade, err
	}
	t.FailToPass = grade.Failed
	if len(t.Mask.Tests) < wideMask {
		return t, grade, nil
	}
	others := slices.DeleteFunc(slices.Clone(g.stable), func(id string) bool { return slices.Contains(t.Mask.Tests, id) })
	rest, err := g.run(ctx, Edits{t.Mask.Path: t.Masked}, others)
	t.AlsoFailing = rest.Failed
	grade.CPU += rest.CPU
	grade.Elapsed += rest.Elapsed
	return t, grade, err
}

// AgentTree streams the tree that an agent gets: the body masked, the tests that
// fail for it taken out. The tests in keep, which the task shows, stay.
func (g *Grader) AgentTree(ctx context.Context, t Task, keep ...string) (io.ReadCloser, error) {
	edits, err := g.agentEdits(t, keep)
	if err != nil {
		return nil, err
	}
	return Overlay(ctx, g.tree, edits)
}

func (g *Grader) agentEdits(t Task, keep []string) (Edits, error) {
	hidden := slices.DeleteFunc(slices.Concat(t.FailToPass, t.AlsoFailing), func(id string) bool {
		return slices.ContainsFunc(keep, func(kept string) bool { return function(kept) == function(id) })
	})
	edits, err := g.hide(hidden)
	if err != nil {
		return nil, err
	}
	edits[t.Mask.Path] = t.Masked
	return edits, nil
}

// CheckVisible runs what an agent sees of the test files that lost a test, while
// the body is masked: it must pass before the agent starts. Other files neither
// changed nor execute the body.
func (g *Grader) CheckVisible(ctx context.Context, t Task) (Grade, error) {
	edits, err := g.agentEdits(t, nil)
	if err != nil {
		return Grade{}, err
	}
	return g.run(ctx, edits, g.visible(edits, t))
}

// run runs tests in a fresh tree with edits.
func (g *Grader) run(ctx context.Context, edits Edits, tests []string) (grade Grade, err error) {
	if len(tests) == 0 {
		return Grade{Resolved: true, Reason: Resolved}, nil
	}
	if err := g.place(ctx, edits); err != nil {
		return Grade{}, err
	}
	defer func() { err = errors.Join(err, g.clear(ctx)) }()
	return g.test(ctx, tests)
}

// place makes the fresh tree. Whatever an earlier run left is removed first.
func (g *Grader) place(ctx context.Context, edits Edits) error {
	if err := g.clear(ctx); err != nil {
		return fmt.Errorf("clearing the grader: %w", err)
	}
	tree, err := Overlay(ctx, g.tree, edits)
	if err != nil {
		return err
	}
	defer tree.Close()
	if err := g.box.PutTree(ctx, workFolder, tree); err != nil {
		return fmt.Errorf("unpacking the grader's tree: %w", err)
	}
	return nil
}

func (g *Grader) clear(ctx context.Context) error {
	return errors.Join(g.box.Remove(ctx, workFolder), g.box.Remove(ctx, workFolder+".patch"))
}

func (g *Grader) test(ctx context.Context, tests []string) (Grade, error) {
	report, err := g.adapter.RunTests(ctx, g.box, workFolder, language.TestRequest{
		Select: tests, Timeout: g.timeout, Canary: true,
	})
	switch {
	case err == nil:
		return judge(report, tests), nil
	case errors.Is(err, language.ErrForged):
		return Grade{Reason: Forged, Detail: excerpt(err.Error())}, nil
	case ctx.Err() != nil, errors.Is(err, language.ErrEnvironment):
		return Grade{}, err
	default:
		// Code under test can bring the box down; the next tree shows whether it is back.
		return Grade{Reason: BoxLost, Detail: excerpt(err.Error())}, nil
	}
}

func excerpt(text string) string { return text[:min(len(text), 300)] }
