package python

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"unicode/utf8"

	"github.com/repoexpert/operator/internal/language"
)

// Bounds of what harness.py writes.
const (
	maxText     = 1024
	maxTests    = 200_000
	maxProblems = 1000
	maxMessage  = 300
)

// event is one line of results.
type event struct {
	Event     string           `json:"event"`
	ID        string           `json:"id"`
	Outcome   language.Outcome `json:"outcome"`
	Seconds   float64          `json:"seconds"`
	Message   string           `json:"message"`
	Path      string           `json:"path"`
	Exit      int              `json:"exit"`
	Collected int              `json:"collected"`
	Program   string           `json:"program"`
}

// results is what harness.py wrote.
type results struct {
	tests    map[string]language.TestResult
	problems []language.FileProblem
	finish   *event
	lacks    string
}

// parseResults reads the lines that are whole: a killed run leaves a torn one.
func parseResults(document []byte) (*results, error) {
	found := &results{tests: map[string]language.TestResult{}}
	whole := document[:bytes.LastIndexByte(document, '\n')+1]
	for line := range bytes.Lines(whole) {
		var e event
		if err := json.Unmarshal(line, &e); err != nil {
			return nil, fmt.Errorf("a line of results is not JSON: %w", err)
		}
		if err := found.add(e); err != nil {
			return nil, err
		}
	}
	return found, nil
}

func (r *results) add(e event) error {
	if r.finish != nil {
		return fmt.Errorf("results go on after their end")
	}
	switch e.Event {
	case "test":
		return r.addTest(e)
	case "problem":
		if len(r.problems) < maxProblems {
			r.problems = append(r.problems, language.FileProblem{Path: bounded(e.Path, maxText), Message: bounded(e.Message, maxMessage)})
		}
	case "finish":
		r.finish = &e
	case "lacks":
		r.lacks = bounded(e.Program, maxText)
	default:
		return fmt.Errorf("results have an event %.20q", e.Event)
	}
	return nil
}

// severity orders outcomes: of two reports for one id, the worse one counts.
var severity = []language.Outcome{language.OutcomePassed, language.OutcomeSkipped, language.OutcomeFailed, language.OutcomeError}

func (r *results) addTest(e event) error {
	rank := slices.Index(severity, e.Outcome)
	if rank < 0 {
		return fmt.Errorf("a test has the outcome %.20q", e.Outcome)
	}
	if e.ID == "" || len(e.ID) > 4*maxText {
		return fmt.Errorf("a test's id has %d bytes", len(e.ID))
	}
	if e.Seconds < 0 || math.IsNaN(e.Seconds) || math.IsInf(e.Seconds, 0) {
		return fmt.Errorf("a test took %v seconds", e.Seconds)
	}
	before, known := r.tests[e.ID]
	if known && slices.Index(severity, before.Outcome) > rank {
		return nil
	}
	if !known && len(r.tests) == maxTests {
		return fmt.Errorf("results have more than %d tests", maxTests)
	}
	r.tests[e.ID] = language.TestResult{ID: e.ID, Outcome: e.Outcome, Seconds: e.Seconds, Message: bounded(e.Message, maxMessage)}
	return nil
}

// results lists the tests without the canary, and the selected ones that were
// not reported, by id.
func (r *results) results(canary string, selected []string) []language.TestResult {
	tests := make([]language.TestResult, 0, len(r.tests))
	for id, test := range r.tests {
		if id != canary {
			tests = append(tests, test)
		}
	}
	for _, id := range slices.Compact(slices.Sorted(slices.Values(selected))) {
		if _, reported := r.tests[id]; !reported {
			tests = append(tests, language.TestResult{ID: id, Outcome: language.OutcomeMissing})
		}
	}
	slices.SortFunc(tests, func(a, b language.TestResult) int { return cmp.Compare(a.ID, b.ID) })
	return tests
}

// bounded cuts text at a rune's boundary.
func bounded(text string, limit int) string {
	if len(text) <= limit {
		return text
	}
	for limit > 0 && !utf8.RuneStart(text[limit]) {
		limit--
	}
	return text[:limit]
}

// coverageLine is one line of coverage: the table of tests first, then files.
type coverageLine struct {
	Tests []string `json:"tests"`
	Path  string   `json:"path"`
	// Loading are lines that were executed outside of tests.
	Loading []int `json:"loading"`
	Groups  []struct {
		Lines []int `json:"lines"`
		Tests []int `json:"tests"`
	} `json:"groups"`
}

func parseCoverage(document []byte) (*language.Coverage, error) {
	coverage := &language.Coverage{Files: map[string][]language.CoverageGroup{}, Loading: map[string][]int{}}
	first := true
	for text := range bytes.Lines(document) {
		var line coverageLine
		if err := json.Unmarshal(text, &line); err != nil {
			return nil, fmt.Errorf("a line of coverage is not JSON: %w", err)
		}
		if first {
			coverage.Tests, first = line.Tests, false
			continue
		}
		if err := addFile(coverage, line); err != nil {
			return nil, err
		}
	}
	if first {
		return nil, fmt.Errorf("coverage is missing")
	}
	return coverage, nil
}

func addFile(coverage *language.Coverage, line coverageLine) error {
	if !cleanPath(line.Path) {
		return fmt.Errorf("coverage names the path %.80q", line.Path)
	}
	if !slices.IsSorted(line.Loading) {
		return fmt.Errorf("coverage of %.80q has lines out of order", line.Path)
	}
	if len(line.Loading) > 0 {
		coverage.Loading[line.Path] = line.Loading
	}
	for _, group := range line.Groups {
		if !slices.IsSorted(group.Lines) {
			return fmt.Errorf("coverage of %.80q has lines out of order", line.Path)
		}
		for _, test := range group.Tests {
			if test < 0 || test >= len(coverage.Tests) {
				return fmt.Errorf("coverage of %.80q names test %d of %d", line.Path, test, len(coverage.Tests))
			}
		}
		coverage.Files[line.Path] = append(coverage.Files[line.Path], language.CoverageGroup(group))
	}
	return nil
}
