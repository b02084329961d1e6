package evaluate

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/repoexpert/operator/api/v1alpha1"
	"github.com/repoexpert/operator/internal/grading"
	"github.com/repoexpert/operator/internal/stage"
)

// A candidate is a task only if the known answer is right three times and none
// never.
func TestAdmit(t *testing.T) {
	tests := map[string]struct {
		// gold and noop are the grades in turn; the last one repeats itself.
		gold, noop string
		want       string
		runs       int
	}{
		"sound":                        {"1", "0", "", 6},
		"the known answer never":       {"0", "0", refusedGold, 2},
		"none is an answer too":        {"1", "1", refusedUnneeded, 2},
		"the known answer not always":  {"101", "0", refusedFlaky, 4},
		"none sometimes":               {"1", "001", refusedFlaky, 6},
		"the known answer fails later": {"110", "0", refusedFlaky, 6},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			runs := map[string]int{}
			j := job{grade: func(_ context.Context, submission string) (attempt, error) {
				results := map[string]string{"gold": test.gold, "": test.noop}[submission]
				at := min(runs[submission], len(results)-1)
				runs[submission]++
				return graded(submission, grading.Grade{Resolved: results[at] == '1'}), nil
			}}
			got, err := j.admit(t.Context(), "gold")
			if err != nil || got != test.want || runs["gold"]+runs[""] != test.runs {
				t.Errorf("got %q after %v, %v", got, runs, err)
			}
		})
	}
	lost := job{grade: func(context.Context, string) (attempt, error) { return attempt{}, errors.New("no box") }}
	if _, err := lost.admit(t.Context(), "gold"); err == nil {
		t.Error("a lost box is no reason to refuse a task")
	}
}

// A grading that gets a control wrong ends the stage.
func TestBrokenGradingEndsTheStage(t *testing.T) {
	right, wrong := graded("", grading.Grade{Resolved: true, Reason: grading.Resolved}), graded("", grading.Grade{Reason: grading.TestsFailed})
	tests := map[string]struct {
		gold, noop attempt
		want       string
	}{
		"both sides are right":      {right, wrong, ""},
		"a known answer that fails": {wrong, wrong, "was not graded as right (tests-failed)"},
		"no answer that passes":     {right, right, "no answer to task a was graded as right (resolved)"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			k := &asked{
				kind:     &episodes{label: v1alpha1.KindContextualImplementation, jobs: []job{{item: item{id: "a"}, gold: test.gold, noop: test.noop}}},
				attempts: map[v1alpha1.ArmName][][]attempt{},
			}
			err := k.control()
			if test.want == "" {
				if err != nil || !k.attempts[v1alpha1.ArmGold][0][0].Correct || k.attempts[v1alpha1.ArmNoop][0][0].Correct {
					t.Errorf("got %v, %v", k.attempts, err)
				}
				return
			}
			if stage.ClassOf(err) != v1alpha1.FailureRepositoryCode || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v", err)
			}
		})
	}
}
