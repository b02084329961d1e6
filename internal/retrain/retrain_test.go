package retrain

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/repoexpert/operator/api/v1alpha1"
)

var now = time.Unix(1_700_000_000, 0)

func ago(d time.Duration) time.Time { return now.Add(-d) }

func TestDecide(t *testing.T) {
	old := Run{Name: "old", Commit: "a", Created: ago(time.Hour), Over: true}
	under := func(stage v1alpha1.StageName) Run {
		return Run{Name: "active", Commit: "a", Created: ago(time.Hour), Stage: stage}
	}
	tests := map[string]struct {
		in   Input
		want Plan
		says string
	}{
		"first commit":                 {in: Input{Head: "a"}, want: Plan{Start: &Start{Commit: "a"}}},
		"head unknown":                 {in: Input{Token: "t"}},
		"suspended":                    {in: Input{Head: "a", Token: "t", Suspended: true}},
		"commit with a run":            {in: Input{Head: "a", Runs: []Run{old}}},
		"commit that serves":           {in: Input{Head: "a", ServedCommit: "a"}},
		"new commit":                   {in: Input{Head: "b", Runs: []Run{old}}, want: Plan{Start: &Start{Commit: "b"}}},
		"branch set back":              {in: Input{Head: "a", Runs: []Run{old, {Commit: "b", Created: ago(time.Minute), Over: true}}, ServedCommit: "b"}},
		"gives way before the ledger":  {in: Input{Head: "b", Runs: []Run{under("")}}, want: Plan{Start: &Start{Commit: "b"}}},
		"gives way in Curate":          {in: Input{Head: "b", Runs: []Run{under(v1alpha1.StageCurate)}}, want: Plan{Start: &Start{Commit: "b"}}},
		"does not give way in Train":   {in: Input{Head: "b", Runs: []Run{under(v1alpha1.StageTrain)}}, says: "run active"},
		"does not give way to a token": {in: Input{Head: "a", Token: "t", Runs: []Run{under(v1alpha1.StageEvaluate)}}, says: "run active"},
		"minInterval": {in: Input{Head: "b", Now: now, MinInterval: 2 * time.Hour, Runs: []Run{old}},
			want: Plan{After: time.Hour}, says: "retrain.minInterval 2h0m0s"},
		"minInterval is over":          {in: Input{Head: "b", Now: now, MinInterval: time.Hour, Runs: []Run{old}}, want: Plan{Start: &Start{Commit: "b"}}},
		"a request does not wait":      {in: Input{Head: "a", Token: "t", Now: now, MinInterval: 2 * time.Hour, Runs: []Run{old}}, want: Plan{Start: &Start{Commit: "a", Token: "t"}}},
		"a request is for the head":    {in: Input{Head: "b", Token: "t", Runs: []Run{old}}, want: Plan{Start: &Start{Commit: "b", Token: "t"}}},
		"a handled request":            {in: Input{Head: "a", Token: "t", HandledToken: "t", Runs: []Run{old}}, want: Plan{Handled: "t"}},
		"a request that has its run":   {in: Input{Head: "a", Token: "t", HandledToken: "s", Runs: []Run{{Commit: "a", Token: "t", Over: true}}}, want: Plan{Handled: "t"}},
		"a second request":             {in: Input{Head: "a", Token: "u", HandledToken: "t", Runs: []Run{old}}, want: Plan{Start: &Start{Commit: "a", Token: "u"}, Handled: "t"}},
		"a new commit after a request": {in: Input{Head: "b", Token: "t", HandledToken: "t", Runs: []Run{old}}, want: Plan{Start: &Start{Commit: "b"}, Handled: "t"}},
		"never twice in a second":      {in: Input{Head: "b", Now: now, Runs: []Run{{Commit: "a", Created: now, Over: true}}}, want: Plan{After: spacing}, says: "waits until 2s"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			if tc.in.Now.IsZero() {
				tc.in.Now = now
			}
			got := Decide(tc.in)
			if (got.Waiting == "") != (tc.says == "") || !strings.Contains(got.Waiting, tc.says) {
				t.Fatalf("waits for %q; want %q", got.Waiting, tc.says)
			}
			got.Waiting = ""
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Fatal(diff)
			}
		})
	}
}

// TestAnyHistory plays any sequence of heads, requests and run steps. At no
// time are two runs at work from Train on, no commit is learned twice unasked,
// and once nothing changes the newest head has its run.
func TestAnyHistory(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		in := Input{Now: now, MinInterval: time.Duration(rapid.IntRange(0, 3).Draw(t, "minutes")) * time.Minute}
		unasked := map[string]int{}
		step := func() {
			plan := Decide(in)
			in.HandledToken = plan.Handled
			if plan.Start == nil {
				return
			}
			if plan.Start.Token == "" {
				unasked[plan.Start.Commit]++
			}
			for i := range in.Runs {
				if !in.Runs[i].Over && trains(in.Runs[i].Stage) {
					t.Fatalf("run %s was pushed aside in %s", in.Runs[i].Name, in.Runs[i].Stage)
				}
				in.Runs[i].Over = true
			}
			in.Runs = append(in.Runs, Run{Name: fmt.Sprint(len(in.Runs)), Commit: plan.Start.Commit, Token: plan.Start.Token, Created: in.Now})
		}
		for range rapid.IntRange(1, 40).Draw(t, "steps") {
			switch rapid.IntRange(0, 4).Draw(t, "event") {
			case 0:
				in.Head = rapid.StringMatching("[a-e]").Draw(t, "head")
			case 1:
				in.Token = rapid.StringMatching("[t-w]?").Draw(t, "token")
			case 2:
				in.Now = in.Now.Add(time.Duration(rapid.IntRange(0, 120).Draw(t, "seconds")) * time.Second)
			default:
				if n := len(in.Runs); n > 0 && !in.Runs[n-1].Over {
					in.Runs[n-1].Stage = rapid.SampledFrom(v1alpha1.Stages).Draw(t, "stage")
					in.Runs[n-1].Over = rapid.Bool().Draw(t, "over")
				}
			}
			step()
		}
		for range 3 {
			for i := range in.Runs {
				in.Runs[i].Over = true
			}
			in.Now = in.Now.Add(time.Hour)
			step()
		}
		if plan := Decide(in); plan.Start != nil || plan.Waiting != "" {
			t.Fatalf("does not come to rest: %+v", plan)
		}
		for commit, n := range unasked {
			if n > 1 {
				t.Fatalf("commit %s was learned %d times unasked", commit, n)
			}
		}
		if in.Head != "" && !learned(in) {
			t.Fatalf("head %s has no run", in.Head)
		}
	})
}
