// Package gate decides from evaluation results whether a model may be served.
//
// The unit is a cluster of the hold-out: tasks that stand or fall together are
// averaged first. With x the success rate over a task's rollouts, a cluster gives
// the difference d = x(candidate) - x(reference). A lower bound of the mean
// difference over n clusters at level a, for a tolerated loss M, adds two
// pseudo-pairs (after Agresti and Min, 2005) and never takes the variance below
// that of a loss at the margin:
//
//	N = n+2;  m = sum(d)/N;  v = max((sum(d^2)+1)/N - m^2, M(1-M))
//	LB = m - t(1-a, n-1) * sqrt(v/(N-1))
//
// For M > 0 it is also no higher than the exact binomial bound (Clopper and
// Pearson, 1934) of the net loss: where few clusters break, the t bound alone
// promotes up to .068 for an a of .05. A gain that stands out counts no more than makes
// the bound highest, so that no gain ever hurts. The upper bound is that of the
// negated differences.
//
// Results are looked at as often as planned, each time at its own level; the
// levels sum to a. A retry of the same commit and recipe halves them. A model is
// promoted at a look only if all of these hold:
//
//	complete      every arm is there, whole, of the same evaluation and of the
//	              right model, and was trained on none of the tasks; in executable
//	              kinds the known answer solves all tasks and no answer solves none
//	large enough  n >= ln(a)/ln(1-M): fewer clusters cannot rule out a loss of M
//	informative   some model solves at least 5 % of the primary kind
//	better        LB(candidate - base; 0) > 0, and the score gains the wanted points
//	not worse     LB(candidate - served; M) > -M, against exactly what is served
//	anchored      LB(candidate - anchor; M) > -M, and at least two thirds of the
//	              anchor's gain over base are kept
//	floors        every kind with a floor reaches it
//	other kinds   none loses more than 2M to the served model or is harmed
//	              significantly; a kind in which no model solves 5 % says nothing
//	usage         at most 5 points more format errors, 1.3 times the tokens
//	fresh         no loss where the repository changed since the served commit
//
// The anchor is the last version that beat the anchor before it, or that a person
// chose. Comparing with the served model alone, a slow decay passes every time.
//
// The anchor moves, and a promotion's loss is remembered, once the promoted model
// is ready behind the endpoint: see package promotion. A promotion waits for a
// person where past losses add up (Drift) or the settings are not those that the
// evaluation was planned with.
//
// A failed floor, a loss that is surely larger than the margin, and whatever is
// missing, malformed or unknown reject at once; all else waits for the next look,
// and is Inconclusive after the last. Since all must hold, the chance to promote a
// model that is no better than its base, or worse than the served one by M, stays
// at a. Package simulation shows it.
package gate
