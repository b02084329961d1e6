package language

import (
	"context"
	"errors"
	"time"

	"github.com/repoexpert/operator/internal/sandbox"
)

// Adapter is one language with one test framework. Its methods may be called
// concurrently for different directories. The directories are those of
// sandbox.Box: slash paths below the box's root.
type Adapter interface {
	// Inspect parses every source file of the tree and executes none. The same
	// tree gives the same inventory. Call it before any repository code runs in
	// the box. Errors wrap ErrInventory when the document is refused, ErrEnvironment
	// when the image lacks the language.
	Inspect(ctx context.Context, box sandbox.Box, dir string) (*Inventory, error)

	// MaskBody replaces the body of a function, after its docstring, by one
	// statement that raises "not implemented", and changes nothing else but what the
	// language forces: where an import that nothing uses does not build, its line
	// goes too, so that the placeholder may stand above BodyStartLine. It is pure.
	// Errors wrap ErrMask when the body cannot be taken out.
	MaskBody(source []byte, definition Definition) ([]byte, error)

	// RemoveDefinitions takes whole definitions out of a file, by their lines, and
	// what the language forces besides: as MaskBody. It is pure. Errors wrap ErrMask.
	RemoveDefinitions(source []byte, definitions []Definition) ([]byte, error)

	// MustFail changes a test function, named as in Definition.Name, so that it fails
	// when it ends, whatever it found, and changes nothing else. It is pure. Errors
	// wrap ErrMask where that cannot be done.
	MustFail(source []byte, function string) ([]byte, error)

	// Mutate lists the faults that can be put into functions of the named source
	// files, ordered by path, start, operator and replacement; test files and files
	// that do not parse have none. It parses the files and executes none; the same
	// tree gives the same list. Errors as Inspect.
	Mutate(ctx context.Context, box sandbox.Box, dir string, paths []string) ([]Mutation, error)

	// SameCode says of each revision whether it changed nothing that runs, but
	// comments, documentation or, where the language does not read them, types: the
	// two syntax trees are the same. What cannot be told is no. dir is a folder of the
	// box; no code is executed. Errors as Inspect.
	SameCode(ctx context.Context, box sandbox.Box, dir string, revisions []Revision) ([]bool, error)

	// RunTests runs tests in the tree and says what happened to each. Failing
	// tests, time-outs and crashes are states of the report and no errors. Errors
	// wrap ErrEnvironment when the image lacks the test runner, ErrForged when
	// the report cannot be trusted.
	RunTests(ctx context.Context, box sandbox.Box, dir string, request TestRequest) (*TestReport, error)

	// Precompile compiles what the code and the tests of the tree depend on, and
	// nothing of the tree itself, into the environment's folder, for all commands to
	// come on trees of the same place. It executes nothing of the repository. A
	// language that is not compiled has nothing to do. Errors wrap ErrEnvironment when
	// the image lacks the language, or the dependencies are not there.
	Precompile(ctx context.Context, box sandbox.Box, dir string, timeout time.Duration) error

	// Dialect says how a scripted agent works with the language.
	Dialect() Dialect
}

// Errors of adapters.
var (
	// ErrMask says that a body cannot be replaced.
	ErrMask = errors.New("body cannot be masked")
	// ErrForged says that a test report contradicts what must be in it: a canary
	// that has to fail did not, or the report and the exit code disagree.
	ErrForged = errors.New("test report refused")
	// ErrEnvironment says that the environment's image lacks a program.
	ErrEnvironment = errors.New("environment.image lacks a program")
)

// TestRequest says which tests run and how.
type TestRequest struct {
	// Paths are the test files or folders; empty for the runner's own discovery.
	Paths []string
	// Select are the ids of the tests to run; empty for all. A selected test that
	// is not reported is in the report as missing.
	Select []string
	// Coverage asks for the lines that each test executes.
	Coverage bool
	// Timeout kills the run. Required. Where tests are compiled, that has as much time
	// again.
	Timeout time.Duration
	// HashSeed of the runtime's hash tables: runs that differ in nothing else
	// find the tests that depend on their order.
	HashSeed uint32
	// Canary injects a test that must fail, under a name nobody can know; a report
	// without its failure is ErrForged.
	Canary bool
}

// SuiteState says how a test run ended as a whole. A missing result is not a
// failure: only StateCompleted says something about each test.
type SuiteState string

// Suite states.
const (
	// StateCompleted: the runner ended by itself and reported every test.
	StateCompleted SuiteState = "Completed"
	// StateCollectionError: files could not be imported; tests of other files are
	// reported.
	StateCollectionError SuiteState = "CollectionError"
	// StateTimedOut: killed for time; the tests that had ended are reported.
	StateTimedOut SuiteState = "TimedOut"
	// StateCrashed: the runner died, or gave up with an error of its own.
	StateCrashed SuiteState = "Crashed"
	// StateNoTests: nothing was found to run.
	StateNoTests SuiteState = "NoTests"
	// StateCollapsed: of the selected tests, none was reported.
	StateCollapsed SuiteState = "Collapsed"
)

// Outcome of one test.
type Outcome string

// Outcomes.
const (
	OutcomePassed Outcome = "passed"
	OutcomeFailed Outcome = "failed"
	// OutcomeError: set-up or tear-down failed, not the test.
	OutcomeError Outcome = "error"
	// OutcomeSkipped includes tests that are expected to fail, however they end.
	OutcomeSkipped Outcome = "skipped"
	// OutcomeMissing: selected, and not reported.
	OutcomeMissing Outcome = "missing"
)

// TestResult is what happened to one test.
type TestResult struct {
	// ID is the test's path and function with what the runner adds for its
	// parameters, as SplitTest reads it; stable for a commit.
	ID      string
	Outcome Outcome
	Seconds float64
	// Message is the first line of the failure, at most 300 bytes.
	Message string
}

// FileProblem is a file that could not be collected.
type FileProblem struct {
	Path    string
	Message string
}

// TestReport is what happened in one run, without the canary.
type TestReport struct {
	State SuiteState
	// Tests in order of their ids.
	Tests []TestResult
	// Problems are the files of StateCollectionError.
	Problems []FileProblem
	// Coverage, when asked for.
	Coverage *Coverage
	// Output is the end of what the runner wrote, at most 4 KiB, for people.
	Output string
	// Elapsed wall time and CPU time of the run.
	Elapsed time.Duration
	CPU     time.Duration
}

// Outcomes maps test ids to outcomes.
func (r *TestReport) Outcomes() map[string]Outcome {
	outcomes := make(map[string]Outcome, len(r.Tests))
	for _, test := range r.Tests {
		outcomes[test.ID] = test.Outcome
	}
	return outcomes
}

// Count returns how many tests had an outcome.
func (r *TestReport) Count(outcome Outcome) int {
	n := 0
	for _, test := range r.Tests {
		if test.Outcome == outcome {
			n++
		}
	}
	return n
}
