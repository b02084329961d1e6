package grading

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"time"

	"github.com/repoexpert/operator/internal/language"
	"github.com/repoexpert/operator/internal/patch"
	"github.com/repoexpert/operator/internal/sandbox"
	"github.com/repoexpert/operator/internal/task"
)

// workFolder is where trees are graded, below the box's root.
const workFolder = sandbox.TreeFolder

// Config is what a Grader works with.
type Config struct {
	// Box is the grader's own; an agent's commands must never run in it.
	Box       sandbox.Box
	Adapter   language.Adapter
	Source    Source
	Inventory *language.Inventory
	Baseline  task.Baseline
	// Coverage, where it was measured, says which tests can see a fault.
	Coverage *language.Coverage
	// TestTimeout bounds a run of the covering tests.
	TestTimeout time.Duration
}

// Grader grades patches one after another.
type Grader struct {
	box     sandbox.Box
	adapter language.Adapter
	tree    Source
	modules map[string]language.Module
	// needed are the names of modules that others import, and of packages that have
	// more than one file.
	needed   map[string]bool
	stable   []string
	isStable map[string]bool
	// known are all tests that the baseline saw.
	known    map[string]bool
	coverage *language.Coverage
	// timeout bounds a run of tests, patience one on a broken tree before more is
	// known of it.
	timeout, patience time.Duration
}

// New returns a Grader.
func New(config Config) *Grader {
	g := &Grader{
		box: config.Box, adapter: config.Adapter, tree: config.Source, timeout: config.TestTimeout, patience: patience,
		modules: map[string]language.Module{}, needed: map[string]bool{}, stable: config.Baseline.Stable,
		isStable: map[string]bool{}, known: map[string]bool{}, coverage: config.Coverage,
	}
	for _, id := range g.stable {
		g.isStable[id], g.known[id] = true, true
	}
	for _, excluded := range config.Baseline.Excluded {
		g.known[excluded.ID] = true
	}
	named := map[string]bool{}
	for _, module := range config.Inventory.Modules {
		g.modules[module.Path] = module
		g.needed[module.Name] = g.needed[module.Name] || named[module.Name]
		named[module.Name] = true
		for _, imported := range module.Imports {
			g.needed[imported.Module] = true
			g.needed[imported.Module+"."+imported.Name] = true
		}
	}
	return g
}

// GradePatch grades a patch against the broken tree. The empty patch is run too:
// it is what shows that the tests notice the fault. An error is the box's or the
// environment's, not the patch's.
func (g *Grader) GradePatch(ctx context.Context, t Task, patch string) (grade Grade, err error) {
	grade, err = g.grade(ctx, t, patch, t.graded())
	if err != nil || !grade.Resolved || patch == "" || len(t.Control) == 0 {
		return grade, err
	}
	control, err := g.control(ctx, t, patch)
	grade.Elapsed += control.Elapsed
	grade.CPU += control.CPU
	if control.Reason != "" {
		grade.Resolved, grade.Reason, grade.Failed, grade.Detail = false, control.Reason, control.Failed, control.Detail
	}
	return grade, err
}

// graded are the tests that grade a patch: before Check those of the task, after
// it those that Check ran and found to fail or pass.
func (t Task) graded() []string {
	if len(t.FailToPass) == 0 {
		return t.Tests
	}
	return slices.Concat(t.FailToPass, t.PassToPass)
}

func (g *Grader) grade(ctx context.Context, t Task, patch string, tests []string) (grade Grade, err error) {
	if err := g.place(ctx, t.Broken); err != nil {
		return Grade{}, err
	}
	defer func() { err = errors.Join(err, g.clear(ctx)) }()
	ignored := 0
	if patch != "" {
		applied, err := g.apply(ctx, workFolder, patch, g.isSource)
		if err != nil || applied.reason != "" {
			return Grade{Reason: applied.reason, Ignored: applied.ignored}, err
		}
		ignored = applied.ignored
	}
	grade, err = g.test(ctx, tests)
	if err == nil && grade.Resolved {
		err = g.checkUnchanged(ctx, tests, &grade)
	}
	grade.Ignored = ignored
	return grade, err
}

// checkUnchanged refuses a success after which a file of its tests is not what was
// put there: the code under test had written its own tests.
func (g *Grader) checkUnchanged(ctx context.Context, tests []string, grade *Grade) error {
	want := map[string][]byte{}
	size := 0
	for _, id := range tests {
		file, _ := language.SplitTest(id)
		if _, read := want[file]; read {
			continue
		}
		content, err := g.tree.Read(file)
		if err != nil {
			return err
		}
		want[file] = content
		size += len(content)
	}
	// A file that grew counts as changed before it is read.
	got, err := g.box.ReadFiles(ctx, workFolder, slices.Sorted(maps.Keys(want)), int64(size))
	for _, file := range slices.Sorted(maps.Keys(want)) {
		if content, there := got[file]; err != nil || !there || !bytes.Equal(content, want[file]) {
			grade.Resolved, grade.Reason, grade.Detail = false, Forged, excerpt(file+" is not what it was before the tests ran")
			break
		}
	}
	return ctx.Err()
}

const (
	// wideTask is the number of covering tests from which on there may be more: a
	// plan keeps no more than that.
	wideTask = 20
	// minPassToPass is how many passing tests a task should be graded with: with
	// fewer, a patch that breaks something else goes unnoticed.
	minPassToPass = 5
	// visibleSample is how many functions of tests SampleVisible runs: with one in
	// twenty that fails, it finds one in 19 of 20 cases (1 - 0.95^60).
	visibleSample = 60
)

// Check runs the tests on the broken tree and returns the task with those that
// fail. The task is usable if the grade's reason is TestsFailed.
//
// The tests of the plan run first, with others of their files where they are few;
// the rest of what executes the fault follows where the first do not notice it,
// or where an agent must not see them fail. What executes a missing body fails
// without being asked: for a function at the heart of a repository that saves a run
// of nearly all tests.
func (g *Grader) Check(ctx context.Context, t Task) (Task, Grade, error) {
	first := slices.Concat(t.Tests, g.companions(t.Tests))
	grade, err := g.broken(ctx, t, first)
	if err != nil || grade.Reason != TestsFailed && grade.Reason != Resolved {
		return t, grade, err
	}
	t.FailToPass, t.PassToPass, t.Message = grade.Failed, without(first, grade.Failed), grade.Detail
	if len(t.Tests) < wideTask {
		return t, grade, nil
	}
	others := g.beyond(t, first)
	unnoticed := len(t.FailToPass) == 0
	if len(others) == 0 || t.Missing && g.coverage != nil && !unnoticed {
		t.AlsoFailing = others
		return t, grade, nil
	}
	rest, err := g.broken(ctx, t, others)
	if err != nil {
		return t, grade, err
	}
	if unnoticed {
		t.FailToPass, t.Message = rest.Failed, rest.Detail
		grade.Reason, grade.Resolved, grade.Failed, grade.Detail = rest.Reason, rest.Resolved, rest.Failed, rest.Detail
	} else {
		t.AlsoFailing = rest.Failed
	}
	grade.CPU += rest.CPU
	grade.Elapsed += rest.Elapsed
	return t, grade, nil
}

// companions are stable tests of the same files, so many that enough tests must
// go on passing.
func (g *Grader) companions(tests []string) []string {
	files := map[string]bool{}
	for _, id := range tests {
		file, _ := language.SplitTest(id)
		files[file] = true
	}
	var companions []string
	for _, id := range g.stable {
		if len(companions) == minPassToPass {
			break
		}
		if file, _ := language.SplitTest(id); files[file] && !slices.Contains(tests, id) {
			companions = append(companions, id)
		}
	}
	return companions
}

// beyond are the other tests that can see the fault: those that execute a line
// of it, or all where that was not measured.
func (g *Grader) beyond(t Task, ran []string) []string {
	candidates := g.stable
	if g.coverage != nil {
		candidates = nil
		for path, fixed := range t.Fixed {
			for _, hunk := range patch.Hunks(fixed, t.Broken[path]) {
				candidates = append(candidates, g.coverage.Covering(path, hunk.Lines.Start, max(hunk.Lines.Start, hunk.Lines.End))...)
			}
		}
		slices.Sort(candidates)
		candidates = slices.DeleteFunc(slices.Compact(candidates), func(id string) bool { return !g.isStable[id] })
	}
	return without(candidates, ran)
}

func without(tests, others []string) []string {
	set := map[string]bool{}
	for _, id := range others {
		set[id] = true
	}
	return slices.DeleteFunc(slices.Clone(tests), func(id string) bool { return set[id] })
}

// AgentTree streams the tree that an agent gets: broken, the tests that fail for
// it taken out. The tests in keep, which the task shows, stay.
func (g *Grader) AgentTree(ctx context.Context, t Task, keep ...string) (io.ReadCloser, error) {
	edits, err := g.agentEdits(t, keep)
	if err != nil {
		return nil, err
	}
	return Overlay(ctx, g.tree, edits)
}

// AgentEdits make that tree of the source's.
func (g *Grader) AgentEdits(t Task) (Edits, error) { return g.agentEdits(t, nil) }

// AgentFile is a file of the tree that an agent gets; nil where it has none.
func (g *Grader) AgentFile(t Task, file string) ([]byte, error) {
	edits, err := g.agentEdits(t, nil)
	if err != nil {
		return nil, err
	}
	if content, edited := edits[file]; edited {
		return content, nil
	}
	return g.tree.Read(file)
}

func (g *Grader) agentEdits(t Task, keep []string) (Edits, error) {
	hidden := slices.DeleteFunc(slices.Concat(t.FailToPass, t.AlsoFailing), func(id string) bool {
		return slices.ContainsFunc(keep, func(kept string) bool { return language.TestFunction(kept) == language.TestFunction(id) })
	})
	edits, err := g.hide(hidden)
	if err != nil {
		return nil, err
	}
	return edits.with(t.Broken), nil
}

// CheckVisible runs what an agent sees of the test files that lost a test, while
// the task is open: it must pass before the agent starts. Other files neither
// changed nor execute the fault.
func (g *Grader) CheckVisible(ctx context.Context, t Task) (Grade, error) {
	edits, err := g.agentEdits(t, nil)
	if err != nil {
		return Grade{}, err
	}
	return g.run(ctx, edits, g.visible(edits, t))
}

// SampleVisible runs a part of what CheckVisible does. Tests that execute the fault
// were found by Check, and to take tests out breaks most of a file or nothing.
func (g *Grader) SampleVisible(ctx context.Context, t Task) (Grade, error) {
	edits, err := g.agentEdits(t, nil)
	if err != nil {
		return Grade{}, err
	}
	return g.run(ctx, edits, someOf(g.visible(edits, t), visibleSample))
}

// someOf is one case of each test function, of at most so many, spread evenly.
func someOf(tests []string, most int) []string {
	known := map[string]bool{}
	var cases []string
	for _, id := range tests {
		if function := language.TestFunction(id); !known[function] {
			known[function] = true
			cases = append(cases, id)
		}
	}
	if len(cases) <= most {
		return cases
	}
	some := make([]string, most)
	for i := range some {
		some[i] = cases[i*len(cases)/most]
	}
	return some
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

// place makes the tree. The box renews what an earlier run left: only what differs
// is written again.
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

// clear removes the patch, which is not part of the tree.
func (g *Grader) clear(ctx context.Context) error {
	return g.box.Remove(ctx, workFolder+".patch")
}

func (g *Grader) test(ctx context.Context, tests []string) (Grade, error) {
	report, grade, err := g.report(ctx, language.TestRequest{Select: tests, Timeout: g.timeout, Canary: true})
	if report == nil {
		return grade, err
	}
	return judge(report, tests), nil
}

// report runs tests in the placed tree. Without a report, the grade says why, or
// the error.
func (g *Grader) report(ctx context.Context, request language.TestRequest) (*language.TestReport, Grade, error) {
	report, err := g.adapter.RunTests(ctx, g.box, workFolder, request)
	switch {
	case err == nil:
		return report, Grade{}, nil
	case errors.Is(err, language.ErrForged):
		return nil, Grade{Reason: Forged, Detail: excerpt(err.Error())}, nil
	case ctx.Err() != nil, errors.Is(err, language.ErrEnvironment):
		return nil, Grade{}, err
	default:
		// Code under test can bring the box down; the next tree shows whether it is back.
		return nil, Grade{Reason: BoxLost, Detail: excerpt(err.Error())}, nil
	}
}

func excerpt(text string) string { return text[:min(len(text), 300)] }
