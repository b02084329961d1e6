// Package gate decides from an evaluation record whether a model may be served.
//
// The algorithm, for one look at results with one answer a task: a task i gives
// the paired difference d_i = candidate - reference, each 0 or 1. A lower bound
// of the mean difference at level a, for a tolerated loss M, adds two
// pseudo-pairs (after Agresti and Min, 2005) and never takes the variance below
// that of a loss at the margin:
//
//	N = n+2;  m = sum(d)/N;  v = max((sum(d^2)+1)/N - m^2, M(1-M))
//	LB = m - t(1-a, n-1) * sqrt(v/(N-1))
//
// A model is promoted only if all of these hold:
//
//	complete      every arm that is needed is there, as long as the others and
//	              without a task that did not run; in executable kinds the known
//	              answer solves all tasks and no answer solves none
//	large enough  n >= ln(a)/ln(1-M): fewer tasks cannot rule out a loss of M
//	better        LB(candidate - base; 0) > 0, and the macro score gains the
//	              wanted points
//	not worse     LB(candidate - served; M) > -M, against exactly what is served
//	floors        every kind with a floor reaches it
//
// Since all must hold, the chance to promote a model that is no better than its
// base, or worse than the served one by M, stays at a; where only few tasks break
// it was simulated to be .06 for an a of .05. Whatever is missing, malformed or
// unknown rejects.
package gate
