package grading

import (
	"context"
	"time"
)

const (
	// patience is how long a broken tree's tests run before it is asked whether they
	// take so long without the fault: one mutant in twenty never ends, and would
	// burn the whole time limit.
	patience = 30 * time.Second
	// slowdown is how much longer than the whole tree's the tests of a broken one may
	// take.
	slowdown = 10
	// idleSlowdown is how many times patience tests may take that used less than half
	// a processor: a machine that is busy with other work says nothing of the fault.
	idleSlowdown = 4
)

// within is the grader with another time limit.
func (g *Grader) within(limit time.Duration) *Grader {
	other := *g
	other.timeout = limit
	return &other
}

// broken runs tests on the broken tree. Tests that do not end in 30 seconds have
// ten times as long as they take without the fault, within the time limit, and at
// least two minutes if they got little of the processor.
func (g *Grader) broken(ctx context.Context, t Task, tests []string) (Grade, error) {
	if g.timeout <= g.patience {
		return g.grade(ctx, t, "", tests)
	}
	grade, err := g.within(g.patience).grade(ctx, t, "", tests)
	if err != nil || grade.Reason != TimedOut {
		return grade, err
	}
	spent := grade
	whole := t
	whole.Broken = t.Fixed
	fixed, err := g.grade(ctx, whole, "", tests)
	if err != nil {
		return fixed, err
	}
	if limit := g.longer(spent, fixed); fixed.Reason != TimedOut && limit > g.patience {
		grade, err = g.within(limit).grade(ctx, t, "", tests)
		spent.CPU, spent.Elapsed = spent.CPU+grade.CPU, spent.Elapsed+grade.Elapsed
	}
	grade.CPU, grade.Elapsed = spent.CPU+fixed.CPU, spent.Elapsed+fixed.Elapsed
	return grade, err
}

// longer is the time limit of a second run, after one that ended by patience and one
// without the fault.
func (g *Grader) longer(spent, fixed Grade) time.Duration {
	limit := slowdown * fixed.Elapsed
	if spent.CPU < spent.Elapsed/2 {
		limit = max(limit, idleSlowdown*g.patience)
	}
	return min(g.timeout, limit)
}

// Failing runs tests with other files in place of the broken ones: those that fail are
// in the grade.
func (g *Grader) Failing(ctx context.Context, t Task, files Edits, tests []string) (Grade, error) {
	t.Broken = files
	return g.broken(ctx, t, tests)
}
