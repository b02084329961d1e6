package grading

import (
	"context"
	"errors"
	"slices"

	"github.com/repoexpert/operator/internal/language"
)

// A negative control runs the grading tests changed so that they must fail
// whatever the code does. Tests run in one process with the code that they test:
// code that patches the test runner, or reports in its place, makes tests pass
// that cannot. A canary with an unknown name finds what makes all tests pass; the
// control, whose tests have the names of the grading ones, what makes these pass.

// CheckControl finds the test functions that can be a control: with the fault
// repaired, and made to fail, they do. The task without any has no control.
func (g *Grader) CheckControl(ctx context.Context, t Task) (Task, Grade, error) {
	var functions []string
	for _, id := range t.FailToPass {
		if function := language.TestFunction(id); !slices.Contains(functions, function) {
			functions = append(functions, function)
		}
	}
	t.Control = functions
	edits, possible, err := g.madeToFail(functions)
	if err != nil || len(possible) == 0 {
		t.Control = nil
		return t, Grade{}, err
	}
	t.Control = possible
	if err := g.place(ctx, edits); err != nil {
		return t, Grade{}, err
	}
	report, grade, err := g.report(ctx, g.controlRequest(t))
	if err = errors.Join(err, g.clear(ctx)); err != nil || report == nil {
		t.Control = nil
		return t, grade, err
	}
	grade.Elapsed, grade.CPU = report.Elapsed, report.CPU
	passing := passingThough(report, t)
	t.Control = slices.DeleteFunc(t.Control, func(function string) bool { return slices.Contains(passing, function) })
	return t, grade, nil
}

// control runs the control on the broken tree with a patch that was graded as
// right. The result says which tests passed that cannot.
func (g *Grader) control(ctx context.Context, t Task, patch string) (Grade, error) {
	edits, _, err := g.madeToFail(t.Control)
	if err != nil {
		return Grade{}, err
	}
	if err := g.place(ctx, edits.with(t.Broken)); err != nil {
		return Grade{}, err
	}
	applied, err := g.apply(ctx, workFolder, patch, g.isSource)
	if err != nil || applied.reason != "" {
		return Grade{Reason: applied.reason}, err
	}
	report, grade, err := g.report(ctx, g.controlRequest(t))
	if err != nil || report == nil {
		return grade, err
	}
	grade.Elapsed, grade.CPU = report.Elapsed, report.CPU
	if passing := passingThough(report, t); len(passing) > 0 {
		grade.Reason, grade.Failed = Forged, passing
		grade.Detail = excerpt(passing[0] + " passes although it was made to fail")
	}
	return grade, nil
}

func (g *Grader) controlRequest(t Task) language.TestRequest {
	// Parts of a Go test have no say of their own: the function is asked for too.
	return language.TestRequest{Select: slices.Concat(t.FailToPass, t.Control), Timeout: g.timeout, Canary: true}
}

// madeToFail changes test functions so that they fail; possible are those for
// which that can be done.
func (g *Grader) madeToFail(functions []string) (edits Edits, possible []string, err error) {
	edits = Edits{}
	for _, function := range functions {
		file, name := language.SplitTest(function)
		content := edits[file]
		if content == nil {
			if content, err = g.tree.Read(file); err != nil {
				return nil, nil, err
			}
		}
		changed, err := g.adapter.MustFail(content, name)
		if errors.Is(err, language.ErrMask) {
			continue
		}
		if err != nil {
			return nil, nil, err
		}
		edits[file] = changed
		possible = append(possible, function)
	}
	return edits, possible, nil
}

// passingThough lists the functions of the control with which something passes:
// the function itself, or, where it is not reported, one of its parts. Tests that
// were not reported, or a run that did not end, are no success.
func passingThough(report *language.TestReport, t Task) []string {
	outcomes := report.Outcomes()
	var passing []string
	for _, function := range t.Control {
		if outcome, reported := outcomes[function]; reported && outcome != language.OutcomeMissing {
			if outcome == language.OutcomePassed {
				passing = append(passing, function)
			}
			continue
		}
		if slices.ContainsFunc(t.FailToPass, func(id string) bool {
			return language.TestFunction(id) == function && outcomes[id] == language.OutcomePassed
		}) {
			passing = append(passing, function)
		}
	}
	return passing
}
