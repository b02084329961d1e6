package plan

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/repoexpert/operator/api/v1alpha1"
	"github.com/repoexpert/operator/internal/contract"
	"github.com/repoexpert/operator/internal/language"
	"github.com/repoexpert/operator/internal/sandbox"
	"github.com/repoexpert/operator/internal/stage"
	"github.com/repoexpert/operator/internal/task"
)

const (
	// baselineRuns is how often the suite runs before its tests are trusted;
	// longBaselineRuns for a suite that takes longer than longSuite.
	baselineRuns     = 3
	longBaselineRuns = 2
	longSuite        = 2 * time.Minute
	// coverageRuns is how often coverage is measured, a long suite's once.
	coverageRuns = 2
	// coverageFactor is how much longer a run with coverage may take.
	coverageFactor = 4
	// minStablePercent of the tests that were not skipped must pass in every run.
	minStablePercent = 50
	// maxUncollectedPercent of the test files may fail to import: more is a
	// missing dependency, not an optional one.
	maxUncollectedPercent = 25
)

// Directories in the box. Runs happen in a copy under one path, so that ids which
// hold a path are the same in every run, and files that tests leave are not.
const (
	treeDir = "tree"
	workDir = sandbox.TreeFolder
)

// suite runs the repository's tests.
type suite struct {
	adapter  language.Adapter
	box      sandbox.Box
	paths    []string
	timeout  time.Duration
	progress func(contract.Progress)
	// parted says that the tree is not that of the run's commit.
	parted bool
}

// run runs tests in a fresh copy of the tree.
func (s suite) run(ctx context.Context, request language.TestRequest) (*language.TestReport, error) {
	if err := s.box.Remove(ctx, workDir); err != nil {
		return nil, fmt.Errorf("removing an earlier run: %w", err)
	}
	if err := s.box.Copy(ctx, treeDir, workDir); err != nil {
		return nil, fmt.Errorf("copying the tree: %w", err)
	}
	request.Paths, request.Canary = s.paths, true
	report, err := s.adapter.RunTests(ctx, s.box, workDir, request)
	if err != nil {
		return nil, classified(err)
	}
	return report, nil
}

// classified gives an adapter's error the class that the manager acts on.
func classified(err error) error {
	switch {
	case errors.Is(err, language.ErrEnvironment):
		return stage.Fail(v1alpha1.FailureConfiguration, nil, "%s", err)
	case errors.Is(err, language.ErrForged):
		return stage.Fail(v1alpha1.FailureRepositoryCode, err, "the repository's code tampers with the report of its own tests; nothing can be verified with it")
	case errors.Is(err, language.ErrInventory):
		return stage.Fail(v1alpha1.FailureRepositoryCode, err, "the source tree cannot be inspected within the limits; narrow repository.include")
	default:
		return err
	}
}

// baseline runs the suite with different hash seeds and says what can be relied
// on.
func (s suite) baseline(ctx context.Context, testFiles int) (task.Baseline, error) {
	var reports []*language.TestReport
	var seeds []uint32
	runs := baselineRuns
	for n := 0; n < runs; n++ {
		seed := uint32(n + 1)
		s.progress(contract.Progress{Step: int64(n), Total: int64(runs + coverageRuns), Message: "baseline tests"})
		report, err := s.run(ctx, language.TestRequest{Timeout: s.timeout, HashSeed: seed})
		if err != nil {
			return task.Baseline{}, err
		}
		if err := s.usable(report, testFiles); err != nil {
			return task.Baseline{}, err
		}
		if report.Elapsed > longSuite {
			runs = longBaselineRuns
		}
		reports, seeds = append(reports, report), append(seeds, seed)
	}
	baseline := compare(reports)
	baseline.HashSeeds = seeds
	return baseline, enough(baseline, reports[0])
}

// coverage says what the tests execute, with one hash seed as with another, and
// which tests execute different lines: these are nothing to rely on.
func (s suite) coverage(ctx context.Context, seeds []uint32) (coverage *language.Coverage, unsteady []string, err error) {
	for n := range coverageRuns {
		s.progress(contract.Progress{Step: int64(len(seeds) + n), Total: int64(len(seeds) + coverageRuns), Message: "coverage"})
		report, err := s.run(ctx, language.TestRequest{Coverage: true, Timeout: coverageFactor * s.timeout, HashSeed: seeds[n]})
		if err != nil {
			return nil, nil, err
		}
		if report.Coverage == nil {
			return nil, nil, stage.Fail(v1alpha1.FailureRepositoryCode, nil,
				"the tests in %s do not end when coverage is measured (%s): %s", s.where(), report.State, plain(lastLine(report.Output)))
		}
		if coverage == nil {
			coverage = report.Coverage
		} else {
			coverage, unsteady = coverage.Both(report.Coverage)
		}
		if report.Elapsed > longSuite {
			break
		}
	}
	return coverage, unsteady, nil
}

// exclude takes tests out of those that can be relied on.
func exclude(baseline *task.Baseline, tests []string, reason string) {
	for _, id := range tests {
		if at, stable := slices.BinarySearch(baseline.Stable, id); stable {
			baseline.Stable = slices.Delete(baseline.Stable, at, at+1)
			baseline.Excluded = append(baseline.Excluded, task.ExcludedTest{ID: id, Reason: reason})
		}
	}
	slices.SortFunc(baseline.Excluded, func(a, b task.ExcludedTest) int { return cmp.Compare(a.ID, b.ID) })
}

// usable refuses a run that says nothing about single tests.
func (s suite) usable(report *language.TestReport, testFiles int) error {
	switch report.State {
	case language.StateCompleted, language.StateCollapsed:
		return nil
	case language.StateCollectionError:
		if 100*len(report.Problems) <= maxUncollectedPercent*max(testFiles, len(report.Problems)) && len(report.Tests) > 0 {
			return nil
		}
		problem := report.Problems[0]
		return stage.Fail(v1alpha1.FailureRepositoryCode, nil,
			"%d of %d test files do not import; the first is %s: %s; install what is missing in environment.image or with environment.setup%s",
			len(report.Problems), max(testFiles, len(report.Problems)), plain(problem.Path), plain(problem.Message), s.earlier())
	case language.StateNoTests:
		return stage.Fail(v1alpha1.FailureRepositoryCode, nil,
			"no tests were found in %s; set environment.test.paths to the folder of the tests", s.where())
	case language.StateTimedOut:
		return stage.Fail(v1alpha1.FailureRepositoryCode, nil,
			"the tests in %s did not end within experience.testTimeout (%s); raise it in the class, or narrow environment.test.paths", s.where(), s.timeout)
	default:
		return stage.Fail(v1alpha1.FailureRepositoryCode, nil,
			"the test runner failed in %s before the tests ended: %s; the tests must run in environment.image", s.where(), plain(lastLine(report.Output)))
	}
}

// earlier warns of a tree that needs what its own commit names.
func (s suite) earlier() string {
	if !s.parted {
		return ""
	}
	return "; with evaluation.holdout Frontier it is what the earlier commit that is trained on needs"
}

func (s suite) where() string {
	if len(s.paths) == 0 {
		return "the repository"
	}
	return strings.Join(s.paths, ", ")
}

// compare keeps the tests that passed in every run.
func compare(reports []*language.TestReport) task.Baseline {
	outcomes := map[string][]language.Outcome{}
	uncollected := map[string]bool{}
	for n, report := range reports {
		for id, outcome := range report.Outcomes() {
			for len(outcomes[id]) < n {
				outcomes[id] = append(outcomes[id], language.OutcomeMissing)
			}
			outcomes[id] = append(outcomes[id], outcome)
		}
		for _, problem := range report.Problems {
			uncollected[problem.Path] = true
		}
	}
	var baseline task.Baseline
	for id, list := range outcomes {
		if reason := exclusion(list, len(reports)); reason != "" {
			baseline.Excluded = append(baseline.Excluded, task.ExcludedTest{ID: id, Reason: reason})
		} else {
			baseline.Stable = append(baseline.Stable, id)
		}
	}
	slices.Sort(baseline.Stable)
	slices.SortFunc(baseline.Excluded, func(a, b task.ExcludedTest) int { return cmp.Compare(a.ID, b.ID) })
	for path := range uncollected {
		baseline.Uncollected = append(baseline.Uncollected, path)
	}
	slices.Sort(baseline.Uncollected)
	return baseline
}

// exclusion is why a test with these outcomes counts nowhere; "" for one that
// passed every time.
func exclusion(outcomes []language.Outcome, runs int) string {
	first := outcomes[0]
	same := len(outcomes) == runs && !slices.ContainsFunc(outcomes, func(o language.Outcome) bool { return o != first })
	switch {
	case !same:
		return task.ReasonFlaky
	case first == language.OutcomePassed:
		return ""
	case first == language.OutcomeSkipped:
		return task.ReasonSkipped
	default:
		return task.ReasonFailing
	}
}

// enough refuses a baseline in which too few tests pass.
func enough(baseline task.Baseline, first *language.TestReport) error {
	skipped := 0
	for _, test := range baseline.Excluded {
		if test.Reason == task.ReasonSkipped {
			skipped++
		}
	}
	counted := len(baseline.Stable) + len(baseline.Excluded) - skipped
	if len(baseline.Stable) > 0 && 100*len(baseline.Stable) >= minStablePercent*counted {
		return nil
	}
	example := ""
	for _, test := range first.Tests {
		if test.Outcome == language.OutcomeFailed || test.Outcome == language.OutcomeError {
			example = fmt.Sprintf("; the first is %s: %s", plain(test.ID), plain(test.Message))
			break
		}
	}
	return stage.Fail(v1alpha1.FailureRepositoryCode, nil,
		"%d of %d tests fail or are not stable at this commit, at most %d %% may%s; fix them, or install what they need in environment.image",
		counted-len(baseline.Stable), counted, 100-minStablePercent, example)
}

// plain is text of the repository, fit for a condition: one line, printable
// ASCII, short, and without addresses of objects, which differ every time.
func plain(text string) string {
	text, _, _ = strings.Cut(text, "\n")
	text = language.WithoutAddresses(text)
	text = strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return '?'
		}
		return r
	}, text)
	return text[:min(len(text), 160)]
}

func lastLine(text string) string {
	text = strings.TrimSpace(text)
	return text[strings.LastIndexByte(text, '\n')+1:]
}
