package python

import (
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"unicode/utf8"

	"github.com/repoexpert/operator/internal/language"
	"github.com/repoexpert/operator/internal/sandbox"
)

//go:embed mutate.py
var mutateSource []byte

const (
	mutateFile      = "mutate.py"
	mutationsSchema = "repoexpert.dev/mutations/v1"
	// Bounds of what mutate.py writes, which keeps to smaller ones by itself.
	maxMutations   = 60_000
	maxSourceFile  = 1 << 20
	maxReplacement = 1024
)

// mutator takes two seconds for 10,000 lines: it compiles a function for each fault.
var mutator = parser{name: "mutator", program: mutateFile, output: "mutations.json"}

// mutationOperators are the families of faults, each a mistake that people make:
//
//	arithmetic-operator   + for -, // for /, | for &
//	augmented-assignment  x = y or x -= y for x += y
//	unary-minus           the sign is left out
//	comparison-boundary   < for <=, > for >=
//	comparison-negation   == for !=, < for >=
//	membership            in for not in, is for is not
//	boolean-operator      and for or
//	operand-removal       one of several conditions is left out
//	condition-negation    not is added to a condition, or left out
//	constant-off-by-one   a number up to 1,000 is one larger or smaller
//	slice-bound           a bound of a slice or range is one off, or left out
//	boolean-literal       True for False
//	string-constant       a key without its last letter, or another separator
//	default-value         another default of a parameter
//	statement-removal     a call, a store or an update is left out
//	branch-removal        a short if without else is left out
//	return-none           the result is not returned
//	break-continue        break for continue
//	argument-swap         two variables are passed in the wrong order
//	keyword-removal       an option is not passed on
//	fallback-removal      the default of get, pop, getattr or next is left out
//	exception-type        another exception is raised, or handled
//	function-swap         min for max, startswith for endswith
//	conversion-removal    a value is not stripped, sorted or converted
//
// Those up to constant-off-by-one, and statement-removal, are from the literature
// on mutation testing, where faults of one small change were shown to stand for
// others: DeMillo, Lipton and Sayward 1978, "Hints on Test Data Selection"; Offutt
// et al. 1996, "An Experimental Determination of Sufficient Mutant Operators" (ABS,
// AOR, LCR, ROR, UOI); Delamaro et al. 2014 and Deng, Offutt and Li 2013 for leaving
// out operands and statements. The others follow the mutators of mutmut,
// cosmic-ray and SWE-smith (Yang et al. 2025).
var mutationOperators = []string{
	"argument-swap", "arithmetic-operator", "augmented-assignment", "boolean-literal", "boolean-operator",
	"branch-removal", "break-continue", "comparison-boundary", "comparison-negation", "condition-negation", "constant-off-by-one",
	"conversion-removal", "default-value", "exception-type", "fallback-removal", "function-swap",
	"keyword-removal", "membership", "operand-removal", "return-none", "slice-bound", "statement-removal",
	"string-constant", "unary-minus",
}

// Mutate implements language.Adapter. Its operators are listed at
// mutationOperators. At most 50,000 faults are listed, thinned evenly over the
// files.
func (a Adapter) Mutate(ctx context.Context, box sandbox.Box, dir string, paths []string) ([]language.Mutation, error) {
	for _, p := range paths {
		if !cleanPath(p) {
			return nil, fmt.Errorf("%w: the path %.80q of a file to mutate leaves the tree or is too long", language.ErrInventory, p)
		}
	}
	request, err := json.Marshal(map[string][]string{"paths": append([]string{}, paths...)})
	if err != nil {
		return nil, fmt.Errorf("encoding the paths to mutate: %w", err)
	}
	tools, _ := folders(dir)
	files := map[string][]byte{mutateFile: mutateSource, requestFile: request}
	document, err := mutator.run(ctx, box, dir, files, absolute(box, tools, requestFile))
	if err != nil {
		return nil, err
	}
	mutations, err := parseMutations(document, paths)
	if err != nil {
		return nil, fmt.Errorf("%w: mutations: %w", language.ErrInventory, err)
	}
	return mutations, nil
}

// parseMutations reads mutate.py's document, which was written beside repository
// code.
func parseMutations(document []byte, asked []string) ([]language.Mutation, error) {
	var written struct {
		Schema    string              `json:"schema"`
		Mutations []language.Mutation `json:"mutations"`
	}
	if !utf8.Valid(document) {
		return nil, errors.New("the document is not UTF-8")
	}
	if err := json.Unmarshal(document, &written); err != nil {
		return nil, fmt.Errorf("the document is not JSON: %w", err)
	}
	if written.Schema != mutationsSchema {
		return nil, fmt.Errorf("schema is %.40q, not %q", written.Schema, mutationsSchema)
	}
	if len(written.Mutations) > maxMutations {
		return nil, fmt.Errorf("more than %d", maxMutations)
	}
	paths := make(map[string]bool, len(asked))
	for _, p := range asked {
		paths[p] = true
	}
	for i, mutation := range written.Mutations {
		if err := checkMutation(mutation, paths); err != nil {
			return nil, fmt.Errorf("number %d: %w", i+1, err)
		}
		if i > 0 && written.Mutations[i-1].Compare(mutation) >= 0 {
			return nil, fmt.Errorf("number %d is out of order", i+1)
		}
	}
	return written.Mutations, nil
}

func checkMutation(m language.Mutation, paths map[string]bool) error {
	switch {
	case !paths[m.Path]:
		return fmt.Errorf("path %.80q was not asked for", m.Path)
	case !slices.Contains(mutationOperators, m.Operator):
		return fmt.Errorf("operator is %.40q", m.Operator)
	case m.Function == "" || len(m.Function) > maxText:
		return fmt.Errorf("the function's name has %d bytes", len(m.Function))
	case m.Start < 0 || m.End <= m.Start || m.End > maxSourceFile:
		return fmt.Errorf("bytes %d-%d are not within 0-%d", m.Start, m.End, maxSourceFile)
	case m.Line < 1 || m.Line > m.Start+1:
		return fmt.Errorf("line is %d at byte %d", m.Line, m.Start)
	case len(m.Replacement) > maxReplacement:
		return fmt.Errorf("the replacement has %d bytes, allowed are %d", len(m.Replacement), maxReplacement)
	default:
		return nil
	}
}
