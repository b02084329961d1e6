package grading

import (
	"context"
	"errors"
	"slices"

	"github.com/repoexpert/operator/internal/language"
)

// CheckAbsent is Check for a broken tree that lacks definitions: a file of tests
// that names one does not load, so that none of its tests can pass. The task is
// usable if the grade's reason is TestsFailed.
func (g *Grader) CheckAbsent(ctx context.Context, t Task) (Task, Grade, error) {
	first := slices.Concat(t.Tests, g.companions(t.Tests))
	first = slices.Concat(first, g.elsewhere(first))
	others := g.beyond(t, first)
	if err := g.place(ctx, t.Broken); err != nil {
		return t, Grade{}, err
	}
	report, grade, err := g.report(ctx, language.TestRequest{Select: slices.Concat(first, others), Timeout: g.timeout, Canary: true})
	if err = errors.Join(err, g.clear(ctx)); err != nil || report == nil {
		return t, grade, err
	}
	grade = judge(report, nil)
	if grade.Reason != TestsFailed && grade.Reason != CollectionError {
		return t, grade, nil
	}
	passed := passedIn(report)
	t.FailToPass, t.PassToPass = without(first, passed), without(first, without(first, passed))
	t.AlsoFailing = without(slices.Concat(without(others, passed), g.testsIn(report.Problems)), t.FailToPass)
	t.Message = grade.Detail
	if grade.Reason = TestsFailed; len(t.FailToPass) == 0 {
		grade.Reason, grade.Resolved = Resolved, true
	}
	return t, grade, nil
}

// elsewhere are stable tests of other files, so many that enough tests must go on
// passing.
func (g *Grader) elsewhere(tests []string) []string {
	files := map[string]bool{}
	for _, id := range tests {
		file, _ := language.SplitTest(id)
		files[file] = true
	}
	var found []string
	for _, id := range g.stable {
		if file, _ := language.SplitTest(id); !files[file] && len(found) < minPassToPass {
			found = append(found, id)
		}
	}
	return found
}

func passedIn(report *language.TestReport) []string {
	var passed []string
	for _, test := range report.Tests {
		if test.Outcome == language.OutcomePassed {
			passed = append(passed, test.ID)
		}
	}
	return passed
}

// testsIn are all tests that the baseline saw in files.
func (g *Grader) testsIn(files []language.FileProblem) []string {
	var tests []string
	for id := range g.known {
		file, _ := language.SplitTest(id)
		if slices.ContainsFunc(files, func(p language.FileProblem) bool { return p.Path == file }) {
			tests = append(tests, id)
		}
	}
	slices.Sort(tests)
	return tests
}
