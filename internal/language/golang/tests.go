package golang

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/repoexpert/operator/internal/contract"
	"github.com/repoexpert/operator/internal/language"
	"github.com/repoexpert/operator/internal/sandbox"
)

const (
	overlayFile = "overlay.json"
	// maxOutput is what is kept of a program's output: what a box returns at most.
	// Beyond it, results in the middle are lost, and each test runs on its own.
	maxOutput   = 16 << 20
	buildOutput = 1 << 20
	maxTail     = 4 << 10
	maxProblems = 1000
	// maxPattern is the longest -test.run: one argument may have 128 KiB. Beyond it
	// the whole package runs, and only what was asked for is reported.
	maxPattern = 100 << 10
	// exitTestsFailed is a test program's exit code when a test failed; a panic's is
	// 2.
	exitTestsFailed = 1
)

// enter runs a command with the modules that a set-up left in the environment's
// folder, as "GOPATH=/environment/go go mod download" leaves them, and with what
// Precompile made of them.
const enter = `if [ -d "$1/` + contract.GoModulesFolder + `" ]; then export GOMODCACHE="$1/` + contract.GoModulesFolder + `"; fi
if [ -d "$1/` + contract.GoCacheFolder + `" ]; then export GOCACHE="$1/` + contract.GoCacheFolder + `"; fi
shift; exec "$@"`

// goEnvironment keeps the go command from the network, from other toolchains and
// from settings that are not the repository's.
var goEnvironment = []string{"GOPROXY=off", "GOTOOLCHAIN=local", "GOENV=off", "GOFLAGS=-buildvcs=false"}

// withoutCollector lets the compiler and the linker take memory instead of time: for
// what lives a second, collecting garbage is a quarter of the work. From the limit
// of each process on it is collected after all, so a big package costs time and not
// the pod (https://go.dev/doc/gc-guide#Memory_limit).
var withoutCollector = []string{"GOGC=off", "GOMEMLIMIT=512MiB"}

// RunTests implements language.Adapter.
//
// Each package is compiled once. A program that runs all of its tests ends with a
// verdict and the exit code that goes with it; only then do its results count. A
// panic, os.Exit or a signal ends the program, and what it reported until then may
// be anything: then each test runs in a program of its own, and one that ends it
// has failed.
//
// The canary is one test that fails, in every package, under a name made for the
// run. It is an external test: of a package that was compiled before, nothing but
// the canary is compiled again. Its file comes last, so that it moves no other test
// when the order is shuffled, which is what a hash seed does here.
func (a Adapter) RunTests(ctx context.Context, box sandbox.Box, dir string, request language.TestRequest) (*language.TestReport, error) {
	tools, report := folders(dir)
	defer discard(ctx, box, tools, report)
	discard(ctx, box, tools, report)
	t, err := readTree(ctx, box, dir, func(name string) bool { return request.Coverage || isTest(name) })
	if err != nil {
		return nil, fmt.Errorf("finding the tests: %w", err)
	}
	r := &run{
		box: box, dir: path.Clean(dir), tools: tools, report: report, environment: a.environment,
		request: request, tree: t, packages: packagesOf(t, request), tests: map[string]language.TestResult{},
	}
	if request.Canary {
		r.canary = "Test_" + strings.ToLower(rand.Text())
	}
	if err := r.all(ctx); err != nil {
		return nil, err
	}
	return r.result(), nil
}

// run is one call of RunTests.
type run struct {
	box         sandbox.Box
	dir         string
	tools       string
	report      string
	environment string
	request     language.TestRequest
	tree        *tree
	packages    []*testPackage
	// canary is the name of the test that fails, "" for none.
	canary string

	tests    map[string]language.TestResult
	problems []language.FileProblem
	coverage *language.Coverage
	// ended is why the run did not reach its end.
	ended  language.SuiteState
	output string
	// testing and compiling are how long commands ran.
	testing, compiling time.Duration
	cpu                time.Duration
}

// errEnded says that the run is over before its end: r.ended says why.
var errEnded = errors.New("the run has ended")

func (r *run) all(ctx context.Context) error {
	err := r.steps(ctx)
	if errors.Is(err, errEnded) {
		return nil
	}
	return err
}

func (r *run) steps(ctx context.Context) error {
	if len(r.packages) == 0 {
		return nil
	}
	if err := r.prepare(ctx); err != nil {
		return err
	}
	for n, group := range rounds(r.packages) {
		if err := r.build(ctx, "plain"+strconv.Itoa(n), group); err != nil {
			return err
		}
	}
	for _, p := range r.packages {
		if p.program == "" {
			continue
		}
		if err := r.test(ctx, p); err != nil {
			return err
		}
	}
	if r.request.Coverage {
		return r.measure(ctx)
	}
	return nil
}

// prepare writes the canaries and the overlay that adds them to the packages.
func (r *run) prepare(ctx context.Context) error {
	files := map[string][]byte{}
	replace := map[string]string{}
	for n, p := range r.packages {
		if r.canary == "" || p.clause == "" {
			continue
		}
		name := fmt.Sprintf("canary%d.go", n)
		files[name] = fmt.Appendf(nil, "package %s\n\nimport %s \"testing\"\n\nfunc %s(t *%s.T) { t.Fatal(\"this test has to fail\") }\n",
			externalClause(p.clause), strings.ToLower(r.canary), r.canary, strings.ToLower(r.canary))
		replace[absolute(r.box, r.dir, p.folder, "zz_"+strings.ToLower(r.canary)+"_test.go")] = absolute(r.box, r.tools, name)
	}
	document, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		return fmt.Errorf("encoding the overlay: %w", err)
	}
	files[overlayFile] = document
	if err := r.box.WriteFiles(ctx, r.tools, files); err != nil {
		return fmt.Errorf("writing the canaries: %w", err)
	}
	return nil
}

// externalClause is the name of a package's external tests.
func externalClause(clause string) string { return strings.TrimSuffix(clause, "_test") + "_test" }

// execute runs a command in a folder of the tree within what is left of the time.
func (r *run) execute(ctx context.Context, folder string, limit int, args ...string) (sandbox.Result, error) {
	return r.within(ctx, &r.testing, folder, limit, goEnvironment, args...)
}

// compile is execute with a time of its own: the first run on a machine compiles
// all that the module depends on, which says nothing about its tests.
func (r *run) compile(ctx context.Context, args ...string) (sandbox.Result, error) {
	return r.within(ctx, &r.compiling, ".", buildOutput, slices.Concat(goEnvironment, withoutCollector), args...)
}

func (r *run) within(ctx context.Context, spent *time.Duration, folder string, limit int, environment []string, args ...string) (sandbox.Result, error) {
	left := r.request.Timeout - *spent
	if left <= 0 {
		r.ended = language.StateTimedOut
		return sandbox.Result{}, errEnded
	}
	result, err := r.box.Run(ctx, sandbox.Command{
		Args: append([]string{"sh", "-c", enter, "enter", r.environment}, args...),
		Dir:  path.Join(r.dir, folder), Env: environment, Timeout: left, OutputLimit: limit,
	})
	if err != nil {
		return result, fmt.Errorf("running the tests: %w", err)
	}
	*spent += result.Elapsed
	r.cpu += result.CPU
	return result, nil
}

// say keeps the end of what was written, without marks and the canary, whose name
// is another one every time.
func (r *run) say(output string) {
	for line := range strings.Lines(output[max(0, len(output)-2*maxTail):]) {
		line = strings.ReplaceAll(line, frame, "")
		if !strings.HasPrefix(line, "=== NAME") && (r.canary == "" || !strings.Contains(strings.ToLower(line), strings.ToLower(r.canary))) {
			r.output += line
		}
	}
	r.output = r.output[max(0, len(r.output)-maxTail):]
}

// take keeps results of wanted functions; names that no file of the package
// defines have no id, and belong to nobody who asked.
func (r *run) take(p *testPackage, results map[string]language.TestResult) {
	for name, result := range results {
		function, _, _ := strings.Cut(name, "/")
		if _, wanted := slices.BinarySearch(p.wanted, function); !wanted {
			continue
		}
		result.ID = p.functions[function] + "::" + name
		r.tests[result.ID] = result
	}
}

// problem is one for each test file of a package.
func (r *run) problem(p *testPackage, message string) {
	for _, name := range p.files {
		if len(r.problems) < maxProblems {
			r.problems = append(r.problems, language.FileProblem{Path: name, Message: bounded(message)})
		}
	}
}

// result is the report.
func (r *run) result() *language.TestReport {
	report := &language.TestReport{
		Problems: r.problems, Coverage: r.coverage, Output: strings.ToValidUTF8(r.output, "\uFFFD"), Elapsed: r.testing + r.compiling, CPU: r.cpu,
	}
	selected := slices.Compact(slices.Sorted(slices.Values(r.request.Select)))
	for id, test := range r.tests {
		if _, asked := slices.BinarySearch(selected, id); asked || len(selected) == 0 {
			report.Tests = append(report.Tests, test)
		}
	}
	for _, id := range selected {
		if _, reported := r.tests[id]; !reported {
			report.Tests = append(report.Tests, language.TestResult{ID: id, Outcome: language.OutcomeMissing})
		}
	}
	slices.SortFunc(report.Tests, func(a, b language.TestResult) int { return cmp.Compare(a.ID, b.ID) })
	report.State = r.state(report)
	return report
}

func (r *run) state(report *language.TestReport) language.SuiteState {
	reported := len(report.Tests) - report.Count(language.OutcomeMissing)
	switch {
	case r.ended != "":
		return r.ended
	case len(report.Problems) > 0:
		return language.StateCollectionError
	case reported == 0 && len(r.request.Select) > 0:
		return language.StateCollapsed
	case reported == 0:
		return language.StateNoTests
	default:
		return language.StateCompleted
	}
}
