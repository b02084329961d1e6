package grading

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/repoexpert/operator/internal/language"
	"github.com/repoexpert/operator/internal/ngram"
	"github.com/repoexpert/operator/internal/patch"
)

const (
	// copyGram and copyShare say when a written test is the copy of one that its
	// writer could read: that share of its runs of tokens is in it.
	copyGram  = 5
	copyShare = 0.8
)

// WrittenGrade is what became of a submitted test.
type WrittenGrade struct {
	Grade
	// Tests are the ids of the tests that the patch adds.
	Tests []string `json:"tests,omitempty"`
	// Changed are the lines of the repair, Covered those that the tests execute.
	Changed int `json:"changed"`
	Covered int `json:"covered"`
}

// GradeWritten grades a patch that writes a test for the fault: of the tests that
// it adds, at least one fails on the broken tree, by what it asserts and not
// because it cannot be loaded, and all pass on the fixed one; back on the broken
// tree they fail again, so that none goes by how often it ran. A copy of a test
// that can be read in the agent's tree is refused. An error is the box's or the
// environment's, not the patch's.
func (g *Grader) GradeWritten(ctx context.Context, t Task, patch string) (WrittenGrade, error) {
	hidden, err := g.agentEdits(t, nil)
	if err != nil {
		return WrittenGrade{}, err
	}
	before, err := g.runWritten(ctx, hidden, patch, nil)
	if err != nil || before.Reason != "" {
		return WrittenGrade{Grade: before.Grade}, err
	}
	graded := WrittenGrade{Tests: g.added(t, before.report)}
	graded.add(before.report)
	if graded.Reason = fails(before.report, graded.Tests); graded.Reason != "" {
		return graded, nil
	}
	if g.copied(hidden, patch) {
		graded.Reason = CopiedTest
		return graded, nil
	}
	after, err := g.runWritten(ctx, hidden.with(t.Fixed), patch, graded.Tests)
	if err != nil || after.Reason != "" {
		return WrittenGrade{Grade: after.Grade}, err
	}
	graded.add(after.report)
	graded.Reason, graded.Detail = passes(after.report, graded.Tests)
	graded.Covered, graded.Changed = covered(t, after.report.Coverage)
	if graded.Reason != Resolved {
		return graded, nil
	}
	again, err := g.runWritten(ctx, hidden, patch, graded.Tests)
	if err != nil || again.Reason != "" {
		return WrittenGrade{Grade: again.Grade}, err
	}
	graded.add(again.report)
	if fails(again.report, graded.Tests) != "" {
		graded.Reason = UnsteadyTest
	}
	graded.Resolved = graded.Reason == Resolved
	return graded, nil
}

// HiddenTests is the patch that gives an agent's tree back the tests that were
// taken out of it: a known answer where a test is asked for.
func (g *Grader) HiddenTests(t Task) (string, error) {
	edits, err := g.hide(slices.Concat(t.FailToPass, t.AlsoFailing))
	if err != nil {
		return "", err
	}
	var tests strings.Builder
	for _, file := range slices.Sorted(maps.Keys(edits)) {
		content, err := g.tree.Read(file)
		if err != nil {
			return "", fmt.Errorf("%w: %w", ErrTask, err)
		}
		tests.WriteString(patch.Diff(file, edits[file], content))
	}
	return tests.String(), nil
}

// written is one run of the tests of a patch: a report, or the grade that says
// why there is none.
type written struct {
	Grade
	report *language.TestReport
}

// runWritten runs what a patch adds to a tree: all tests of the files that it
// touches, or, once they are known, those that it adds, with their coverage.
func (g *Grader) runWritten(ctx context.Context, edits Edits, patch string, tests []string) (result written, err error) {
	if err := g.place(ctx, edits); err != nil {
		return written{}, err
	}
	defer func() { err = errors.Join(err, g.clear(ctx)) }()
	applied, err := g.apply(ctx, workFolder, patch, g.isTestFile)
	if err != nil || applied.reason != "" {
		return written{Grade: Grade{Reason: applied.reason, Ignored: applied.ignored}}, err
	}
	request := language.TestRequest{Paths: applied.files, Timeout: g.timeout, Canary: true}
	if tests != nil {
		request = language.TestRequest{Select: tests, Timeout: g.timeout, Canary: true, Coverage: true}
	}
	report, grade, err := g.report(ctx, request)
	return written{Grade: grade, report: report}, err
}

// isTestFile says whether a patch that writes a test may change a file.
func (g *Grader) isTestFile(file string) bool {
	module, known := g.modules[file]
	if known {
		return module.IsTest && path.Base(file) != "conftest.py"
	}
	return fs.ValidPath(file) && g.adapter.Dialect().IsTestFile(file)
}

// added lists the reported tests that the agent's tree did not have.
func (g *Grader) added(t Task, report *language.TestReport) []string {
	hidden := map[string]bool{}
	for _, id := range slices.Concat(t.FailToPass, t.AlsoFailing) {
		hidden[language.TestFunction(id)] = true
	}
	var added []string
	for _, test := range report.Tests {
		if !g.known[test.ID] || hidden[language.TestFunction(test.ID)] {
			added = append(added, test.ID)
		}
	}
	return added
}

// fails is why the tests do not show the fault; empty when one does.
func fails(report *language.TestReport, tests []string) Reason {
	if reason := stateReason(report.State); reason != Resolved {
		return reason
	}
	if len(tests) == 0 {
		return NoTestAdded
	}
	outcomes := report.Outcomes()
	if slices.ContainsFunc(tests, func(id string) bool { return outcomes[id] == language.OutcomeFailed }) {
		return ""
	}
	if slices.ContainsFunc(tests, func(id string) bool { return outcomes[id] == language.OutcomeError }) {
		return TestNotRun
	}
	return TestPassesBefore
}

// passes says whether all tests pass on the fixed tree.
func passes(report *language.TestReport, tests []string) (Reason, string) {
	grade := judge(report, tests)
	if grade.Reason == TestsFailed {
		return TestFailsAfter, grade.Detail
	}
	return grade.Reason, grade.Detail
}

// add adds what a run cost.
func (w *WrittenGrade) add(report *language.TestReport) {
	w.CPU += report.CPU
	w.Elapsed += report.Elapsed
}

// covered counts the lines of the repair and those that were executed.
func covered(t Task, coverage *language.Coverage) (hit, changed int) {
	for _, path := range t.Paths() {
		executed := map[int]bool{}
		if coverage != nil {
			for _, group := range coverage.Files[path] {
				for _, line := range group.Lines {
					executed[line] = true
				}
			}
		}
		for _, hunk := range patch.Hunks(t.Fixed[path], t.Broken[path]) {
			for line := hunk.Lines.Start; line <= hunk.Lines.End; line++ {
				changed++
				if executed[line] {
					hit++
				}
			}
		}
	}
	return hit, changed
}

// copied says whether what a patch adds is a copy of a test in the agent's tree:
// most of its runs of tokens are in one function of the test files.
func (g *Grader) copied(edits Edits, patch string) bool {
	grams := ngram.Of(ngram.Tokens(addedText(patch)), copyGram)
	if len(grams) == 0 {
		return false
	}
	for file, module := range g.modules {
		visible, edited := edits[file]
		if !module.IsTest || edited && visible == nil {
			continue
		}
		content, err := g.tree.Read(file)
		if err != nil {
			continue // larger than what is read: no test file that a person wrote
		}
		if !edited {
			visible = content
		}
		if containedIn(grams, ngram.Of(ngram.Tokens(string(visible)), copyGram), content, module) {
			return true
		}
	}
	return false
}

// containedIn compares with the visible part of a file, then with each function
// alone: two tests of one file share its imports and fixtures.
func containedIn(grams, visible []uint64, content []byte, module language.Module) bool {
	if !isCopy(grams, visible) {
		return false
	}
	for _, definition := range module.Definitions {
		text := language.Text(content, definition.StartLine, definition.EndLine)
		function := ngram.Of(ngram.Tokens(text), copyGram)
		// One that was taken out is not among what is visible.
		if isCopy(grams, function) && ngram.Common(function, visible) == len(function) {
			return true
		}
	}
	return false
}

func isCopy(grams, of []uint64) bool {
	return float64(ngram.Common(grams, of)) >= copyShare*float64(len(grams))
}

// addedText is what a patch adds.
func addedText(patch string) string {
	var text strings.Builder
	for line := range strings.Lines(patch) {
		if added, ok := strings.CutPrefix(line, "+"); ok && !strings.HasPrefix(line, "+++ ") {
			text.WriteString(added)
		}
	}
	return text.String()
}
