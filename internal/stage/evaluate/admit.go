package evaluate

import (
	"context"

	"github.com/repoexpert/operator/internal/grading"
)

// Reasons why a candidate is no task.
const (
	refusedSeen     = "seen by a model that is compared"
	refusedUnneeded = "tests pass without the answer"
	refusedVisible  = "other tests fail without the answer"
	refusedGold     = "tests fail with the known answer"
	refusedFlaky    = "graded differently in another run"
	refusedMask     = "cannot be masked"
	refusedTree     = "the commit's own tree cannot be tested"
	refusedText     = "nothing tells of it that does not give it away"
)

// admissions is how often the known answer and the empty one are graded before a
// task is one.
const admissions = 3

// check runs the tests of a task on the broken tree: the grader's Check, or
// CheckAbsent.
type check func(context.Context, grading.Task) (grading.Task, grading.Grade, error)

// prepared checks that tests notice what is broken and that what an agent sees of
// them passes, and finds the task's negative control. A reason says why it is no
// task.
func prepared(ctx context.Context, grader *grading.Grader, t grading.Task, noticed check) (grading.Task, string, error) {
	t, grade, err := noticed(ctx, t)
	if err != nil || grade.Reason != grading.TestsFailed {
		return t, refusedUnneeded, err
	}
	if grade, err = grader.CheckVisible(ctx, t); err != nil || !grade.Resolved {
		return t, refusedVisible, err
	}
	t, _, err = grader.CheckControl(ctx, t)
	return t, "", err
}

// admit grades the known answer and none three times, by the calls that grade a
// model's. It keeps the last grades: the known answer must be right every time,
// nothing never. A reason says why the job is no task.
func (j *job) admit(ctx context.Context, gold string) (reason string, err error) {
	for n := range admissions {
		if j.gold, err = j.grade(ctx, gold); err != nil {
			return "", err
		}
		if j.noop, err = j.grade(ctx, ""); err != nil {
			return "", err
		}
		switch right := j.gold.Correct && !j.noop.Correct; {
		case !right && n > 0:
			return refusedFlaky, nil
		case !j.gold.Correct:
			return refusedGold, nil
		case !right:
			return refusedUnneeded, nil
		}
	}
	return "", nil
}
