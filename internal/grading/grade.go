package grading

import (
	"strings"
	"time"

	"github.com/repoexpert/operator/internal/language"
)

// Reason is a stable word for how a patch was graded.
type Reason string

// Reasons.
const (
	// Resolved: every covering test passed.
	Resolved Reason = "resolved"
	// TestsFailed: the run completed, some covering tests did not pass.
	TestsFailed Reason = "tests-failed"
	// TestsMissing: some covering tests were not reported: no failure, no success.
	TestsMissing Reason = "tests-missing"
	// NotCompleted: the run was killed for time, crashed, or files did not import.
	TimedOut        Reason = "tests-timed-out"
	Crashed         Reason = "tests-crashed"
	CollectionError Reason = "tests-not-collected"
	// Forged: the report contradicts what must be in it.
	Forged Reason = "report-forged"
	// BoxLost: the box failed while the tests ran.
	BoxLost Reason = "box-lost"
	// PatchTooLarge, PatchNotApplicable: the patch was not run.
	PatchTooLarge      Reason = "patch-too-large"
	PatchNotApplicable Reason = "patch-not-applicable"
	// PatchOutsideSource: nothing in the patch touches a file that it may change.
	PatchOutsideSource Reason = "patch-outside-source"
	// NoTestAdded, TestNotRun, TestPassesBefore, TestFailsAfter, CopiedTest: a
	// written test is none, fails in its set-up, does not show the fault, fails on
	// the repaired tree, or copies one that its writer could read. UnsteadyTest: it
	// passes on the broken tree after it has run on the repaired one.
	NoTestAdded      Reason = "no-test-added"
	TestNotRun       Reason = "test-not-run"
	TestPassesBefore Reason = "test-passes-before"
	TestFailsAfter   Reason = "test-fails-after"
	CopiedTest       Reason = "test-copied"
	UnsteadyTest     Reason = "test-unsteady"
)

// Grade is what became of a patch.
type Grade struct {
	Resolved bool   `json:"resolved"`
	Reason   Reason `json:"reason"`
	// Failed are the covering tests that failed, in order of their ids.
	Failed []string `json:"failed,omitempty"`
	// Ignored counts the files of the patch that were not applied.
	Ignored int `json:"ignored,omitempty"`
	// Detail is an excerpt for people, at most 300 bytes. A task tells it too, so what
	// differs in every run is left out.
	Detail  string        `json:"detail,omitempty"`
	Elapsed time.Duration `json:"elapsed"`
	CPU     time.Duration `json:"cpu"`
}

// judge turns a report on the covering tests into a grade.
func judge(report *language.TestReport, tests []string) Grade {
	grade := Grade{Elapsed: report.Elapsed, CPU: report.CPU}
	outcomes := report.Outcomes()
	missing := 0
	for _, test := range report.Tests {
		if test.Outcome == language.OutcomeFailed || test.Outcome == language.OutcomeError {
			grade.Failed = append(grade.Failed, test.ID)
			if grade.Detail == "" {
				grade.Detail = language.WithoutAddresses(test.Message)
			}
		}
	}
	for _, id := range tests {
		if outcome, reported := outcomes[id]; !reported || outcome == language.OutcomeMissing || outcome == language.OutcomeSkipped {
			missing++
		}
	}
	grade.Reason = reason(report.State, len(grade.Failed), missing)
	if grade.Detail == "" && stateReason(report.State) != Resolved {
		lines := strings.Split(strings.TrimSpace(report.Output), "\n")
		grade.Detail = excerpt(lines[len(lines)-1])
	}
	grade.Resolved = grade.Reason == Resolved
	return grade
}

func reason(state language.SuiteState, failed, missing int) Reason {
	switch why := stateReason(state); {
	case why != Resolved:
		return why
	case failed > 0:
		return TestsFailed
	case missing > 0:
		return TestsMissing
	default:
		return Resolved
	}
}

// stateReason is why a run says nothing about single tests; Resolved when it does.
func stateReason(state language.SuiteState) Reason {
	switch state {
	case language.StateTimedOut:
		return TimedOut
	case language.StateCrashed:
		return Crashed
	case language.StateCollectionError:
		return CollectionError
	case language.StateNoTests, language.StateCollapsed:
		return TestsMissing
	case language.StateCompleted:
	}
	return Resolved
}
