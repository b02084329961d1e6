package main

import (
	"strings"
	"testing"
	"time"

	"github.com/repoexpert/operator/api/v1alpha1"
	"github.com/repoexpert/operator/internal/report"
)

// A wrong grade, from either side, fails the bench; all rows are printed first.
func TestEvaluationTable(t *testing.T) {
	arm := func(name v1alpha1.ArmName, solved int) report.Arm {
		return report.Arm{Name: name, Score: report.Score{Solved: solved, Tasks: 3}}
	}
	for name, test := range map[string]struct {
		base, gold, noop int
		wrong            string
	}{
		"all right":             {0, 3, 0, ""},
		"a known answer failed": {0, 2, 0, "1 grades are wrong"},
		"nothing was right":     {0, 3, 2, "2 grades are wrong"},
		"an idle model solved":  {1, 3, 0, "1 grades are wrong"},
	} {
		t.Run(name, func(t *testing.T) {
			e := evaluationRun{place: place{subject: subject{name: "click", commit: "abc"}}, admission: time.Minute, asking: time.Second, report: report.Report{Kinds: []report.Kind{{
				Name: v1alpha1.KindIssueResolution, Variant: "prequential", Refused: map[string]int{"flaky": 2, "slow": 1},
				Arms: []report.Arm{arm(v1alpha1.ArmBase, test.base), arm(v1alpha1.ArmServed, 0), arm(v1alpha1.ArmGold, test.gold), arm(v1alpha1.ArmNoop, test.noop)},
			}}}}
			var out strings.Builder
			err := e.print(&out)
			if got := errorText(err); got != test.wrong {
				t.Errorf("got %q, want %q", got, test.wrong)
			}
			for _, want := range []string{"| IssueResolution, prequential | 6 | 3 |", "of 6 | 2 flaky; 1 slow |", "3.0 tasks a minute", "6 in 1 s"} {
				if !strings.Contains(out.String(), want) {
					t.Errorf("the table lacks %q:\n%s", want, out.String())
				}
			}
		})
	}
}

func errorText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}
