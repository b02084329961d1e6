package python

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"path"
	"strconv"
	"strings"

	"github.com/repoexpert/operator/internal/language"
	"github.com/repoexpert/operator/internal/sandbox"
)

const (
	harnessFile  = "harness.py"
	requestFile  = "request.json"
	resultsFile  = "results.jsonl"
	coverageFile = "coverage.jsonl"

	// lacksExit is harness.py's own exit code for a program that is missing.
	lacksExit = 97
	// maxReport bounds what is read back, in bytes. A suite of 2,000 tests writes
	// 300 KiB of results and as much coverage; a box answers with 64 MiB of JSON
	// at most.
	maxReport = 40 << 20
	// maxOutput is what is kept of pytest's own output.
	maxOutput = 64 << 10
	maxTail   = 4 << 10
)

// request is harness.py's input.
type request struct {
	Results     string   `json:"results"`
	Coverage    string   `json:"coverage"`
	Paths       []string `json:"paths"`
	Select      []string `json:"select"`
	Canary      string   `json:"canary"`
	Environment string   `json:"environment"`
}

// RunTests implements language.Adapter.
func (a Adapter) RunTests(ctx context.Context, box sandbox.Box, dir string, want language.TestRequest) (*language.TestReport, error) {
	tools, report := folders(dir)
	defer discard(ctx, box, tools, report)
	asked := a.request(box, report, want)
	if err := a.prepare(ctx, box, tools, report, asked); err != nil {
		return nil, err
	}
	result, err := box.Run(ctx, command(box, dir, tools, want))
	if err != nil {
		return nil, fmt.Errorf("running the tests: %w", err)
	}
	if result.ExitCode == missingProgram {
		return nil, fmt.Errorf("%w: python3 is not in it; use an image with Python 3.8 or newer", language.ErrEnvironment)
	}
	files, err := box.ReadFiles(ctx, report, []string{resultsFile, coverageFile}, maxReport)
	if err != nil {
		return nil, fmt.Errorf("%w: reading it back: %w", language.ErrForged, err)
	}
	return judge(files, result, want, asked.Canary)
}

func (a Adapter) request(box sandbox.Box, report string, want language.TestRequest) request {
	asked := request{
		Results:     absolute(box, report, resultsFile),
		Paths:       append([]string{}, want.Paths...),
		Select:      append([]string{}, want.Select...),
		Environment: a.environment,
	}
	if want.Coverage {
		asked.Coverage = absolute(box, report, coverageFile)
	}
	if want.Canary {
		asked.Canary = "canary_" + strings.ToLower(rand.Text())
	}
	return asked
}

func (a Adapter) prepare(ctx context.Context, box sandbox.Box, tools, report string, asked request) error {
	document, err := json.Marshal(asked)
	if err != nil {
		return fmt.Errorf("encoding the test request: %w", err)
	}
	// What an earlier run left there would be taken for its results, or be found by
	// the harness's own imports.
	if err := errors.Join(box.Remove(ctx, report), box.Remove(ctx, tools)); err != nil {
		return fmt.Errorf("removing an earlier report: %w", err)
	}
	// An empty file makes the folder; the harness insists on making its own files.
	if err := box.WriteFiles(ctx, report, map[string][]byte{".keep": nil}); err != nil {
		return fmt.Errorf("preparing the report: %w", err)
	}
	err = box.WriteFiles(ctx, tools, map[string][]byte{harnessFile: harnessSource, requestFile: document})
	if err != nil {
		return fmt.Errorf("writing the test harness: %w", err)
	}
	return nil
}

func command(box sandbox.Box, dir, tools string, want language.TestRequest) sandbox.Command {
	return sandbox.Command{
		Args: []string{"python3", absolute(box, tools, harnessFile), absolute(box, tools, requestFile)},
		Dir:  dir,
		Env: []string{
			"PYTHONDONTWRITEBYTECODE=1",
			// Nothing is installed below HOME, where every test may write.
			"PYTHONNOUSERSITE=1",
			"PYTHONHASHSEED=" + strconv.FormatUint(uint64(want.HashSeed), 10),
			"PYTEST_ADDOPTS=",
		},
		Timeout:     want.Timeout,
		OutputLimit: maxOutput,
	}
}

// judge turns what came back into a report, or refuses it.
func judge(files map[string][]byte, result sandbox.Result, want language.TestRequest, canary string) (*language.TestReport, error) {
	found, err := parseResults(files[resultsFile])
	if err != nil {
		return nil, fmt.Errorf("%w: %w", language.ErrForged, err)
	}
	if found.lacks != "" || result.ExitCode == lacksExit {
		return nil, lacking(found.lacks)
	}
	report := &language.TestReport{
		Problems: found.problems,
		Output:   result.Output[max(0, len(result.Output)-maxTail):],
		Elapsed:  result.Elapsed,
		CPU:      result.CPU,
	}
	ended := ending(found, result)
	if ended == "" && canary != "" {
		if err := found.checkCanary("::"+canary, result.ExitCode); err != nil {
			return nil, fmt.Errorf("%w: %w", language.ErrForged, err)
		}
	}
	report.Tests = found.results("::"+canary, want.Select)
	report.State = stateOf(ended, report, want)
	if want.Coverage && ended == "" {
		if report.Coverage, err = parseCoverage(files[coverageFile]); err != nil {
			return nil, fmt.Errorf("%w: %w", language.ErrForged, err)
		}
	}
	return report, nil
}

func lacking(program string) error {
	if program != "coverage" {
		program = "pytest"
	}
	return fmt.Errorf("%w: Python cannot import %s; install it in the image, or with environment.setup into /environment",
		language.ErrEnvironment, program)
}

// ending says how the runner failed to reach its end; "" when it did reach it.
func ending(found *results, result sandbox.Result) language.SuiteState {
	switch {
	case result.TimedOut:
		return language.StateTimedOut
	case found.finish == nil, found.finish.Exit != result.ExitCode:
		return language.StateCrashed
	case result.ExitCode > 1 && result.ExitCode != exitNoTests:
		return language.StateCrashed
	case len(found.tests) != found.finish.Collected:
		return language.StateCrashed
	default:
		return ""
	}
}

// exitNoTests is pytest's exit code when it collected nothing.
const exitNoTests = 5

func stateOf(ended language.SuiteState, report *language.TestReport, want language.TestRequest) language.SuiteState {
	reported := len(report.Tests) - report.Count(language.OutcomeMissing)
	switch {
	case ended != "":
		return ended
	case len(report.Problems) > 0:
		return language.StateCollectionError
	case reported == 0 && len(want.Select) > 0:
		return language.StateCollapsed
	case reported == 0:
		return language.StateNoTests
	default:
		return language.StateCompleted
	}
}

// checkCanary is asked of a run that reached its end.
func (r *results) checkCanary(id string, exitCode int) error {
	canary, reported := r.tests[id]
	switch {
	case !reported:
		return errors.New("the test that has to fail is not in it")
	case canary.Outcome != language.OutcomeFailed && canary.Outcome != language.OutcomeError:
		return fmt.Errorf("the test that has to fail is reported as %s", canary.Outcome)
	case exitCode != 1:
		return fmt.Errorf("a test failed and the runner ended with %d", exitCode)
	default:
		return nil
	}
}

// cleanPath says whether a reported path stays below the tree's root.
func cleanPath(p string) bool {
	return p != "" && len(p) <= maxText && path.Clean(p) == p && !path.IsAbs(p) && p != ".." &&
		!strings.HasPrefix(p, "../") && !strings.ContainsAny(p, "\x00\\\n")
}
