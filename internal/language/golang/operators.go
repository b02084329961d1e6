package golang

import "go/ast"

// operators make the faults of these families, each a mistake that people make. Of
// two equal faults the first operator's counts. Names and choice follow the
// Python adapter, which names the literature; those of Go's own are marked.
//
//	comparison-boundary   < for <=, > for >=
//	comparison-negation   == for !=
//	nil-check             the same where one side is nil (Go)
//	boolean-operator      && for ||
//	operand-removal       one of two conditions is left out
//	arithmetic-operator   + for -, * for /, << for >>
//	augmented-assignment  x -= y for x += y
//	unary-minus           the sign is left out
//	condition-negation    ! is added to a condition, or left out
//	guard-removal         an if that leaves its block is never taken
//	branch-removal        another if is never taken (Go: its names stay used)
//	constant-off-by-one   a number is one larger or smaller
//	boolean-literal       true for false
//	string-constant       a string is empty
//	return-zero           a result is its type's zero value
//	error-dropped         nil is returned instead of an error (Go)
//	statement-removal     a call, a store, a defer is left out
//	slice-bound           a bound of a slice is left out
//	break-continue        break for continue
//	increment             x-- for x++
//	argument-swap         two variables are passed in the wrong order
//	function-swap         HasPrefix for HasSuffix, min for max
var operators = []func(*mutator, ast.Node){
	comparison, logical, arithmetic, assignment, negation, condition, branch, constant, boolean, text,
	returned, removal, bounds, loop, increment, swap, otherFunction,
}
