package promotion

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"pgregory.net/rapid"

	"github.com/repoexpert/operator/api/v1alpha1"
)

var start = metav1.NewTime(time.Unix(1_700_000_000, 0).UTC())

func at(minutes int) metav1.Time {
	return metav1.NewTime(start.Add(time.Duration(minutes) * time.Minute))
}

func model(name, verdict string) v1alpha1.ServedModel {
	return v1alpha1.ServedModel{RunName: name, Commit: "commit-" + name, ModelDigest: "digest-" + name, VerdictDigest: verdict}
}

func passed(name string, created int) Run {
	return Run{Created: at(created).Time, Model: model(name, "v-"+name), Promotable: true}
}

func rejected(name string, created int) Run {
	return Run{Created: at(created).Time, Model: model(name, "v-"+name)}
}

func served(r Run, promoted int) *v1alpha1.ServedModel {
	m := r.Model
	m.PromotedTime = at(promoted)
	return &m
}

func override(r Run, promoted int) *v1alpha1.ServedModel {
	m := served(r, promoted)
	m.VerdictDigest = ""
	return m
}

func TestDecide(t *testing.T) {
	a, b, c := passed("a", 1), passed("b", 2), passed("c", 3)
	bad := rejected("bad", 4)
	good := func(r Run) *Deployment { return &Deployment{Model: *served(r, 5), Ready: true} }
	late := func(r Run) *Deployment { return &Deployment{Model: *served(r, 5), DeadlineExceeded: true} }
	history := func(runs ...Run) []v1alpha1.ServedModel {
		var h []v1alpha1.ServedModel
		for _, r := range runs {
			h = append(h, *served(r, 5))
		}
		return h
	}
	tests := map[string]struct {
		in       Input
		serves   string
		change   Change
		problem  string
		says     string
		awaiting string
		override bool
		denied   []string
		history  []string
	}{
		"nothing yet":                       {},
		"nothing passed":                    {in: Input{Runs: []Run{bad}}},
		"first that passes":                 {in: Input{Runs: []Run{a, bad}}, serves: "a", change: ChangePromoted},
		"newest that passes":                {in: Input{Runs: []Run{b, c, a}}, serves: "c", change: ChangePromoted},
		"newer than what is served":         {in: Input{Runs: []Run{a, b}, Served: served(a, 5)}, serves: "b", change: ChangePromoted},
		"older than what is served":         {in: Input{Runs: []Run{a, b}, Served: served(b, 5)}, serves: "b"},
		"older than a served run that went": {in: Input{Runs: []Run{a}, Served: served(c, 5)}, serves: "c"},
		"newer than a served run that went": {in: Input{Runs: []Run{passed("d", 6)}, Served: served(c, 5)}, serves: "d", change: ChangePromoted},
		"a stricter gate takes nothing away": {
			in: Input{Runs: []Run{a, rejected("b", 2)}, Served: served(b, 5)}, serves: "b"},

		"Manual waits for the first": {in: Input{Runs: []Run{a}, Policy: v1alpha1.PromotionManual}, awaiting: "a"},
		"Manual waits for a newer":   {in: Input{Runs: []Run{a, b}, Served: served(a, 5), Policy: v1alpha1.PromotionManual}, serves: "a", awaiting: "b"},
		"Manual and older":           {in: Input{Runs: []Run{a, b}, Served: served(b, 5), Policy: v1alpha1.PromotionManual}, serves: "b"},

		"pinned":                 {in: Input{Runs: []Run{a, b}, Served: served(b, 5), Pin: "a"}, serves: "a", change: ChangePinned},
		"pinned under Manual":    {in: Input{Runs: []Run{a}, Pin: "a", Policy: v1alpha1.PromotionManual}, serves: "a", change: ChangePinned},
		"pinned against a newer": {in: Input{Runs: []Run{a, b}, Served: served(a, 5), Pin: "a"}, serves: "a"},
		"pinned though rejected": {in: Input{Runs: []Run{a, bad}, Served: served(a, 5), Pin: "bad"}, serves: "bad", change: ChangePinned, override: true},
		"pinned though denied":   {in: Input{Runs: []Run{a, b}, Served: served(a, 5), Denied: []string{"b"}, Pin: "b"}, serves: "b", change: ChangePinned, denied: []string{"b"}},
		"pinned to nothing": {in: Input{Runs: []Run{a}, Served: served(a, 5), Pin: "x"}, serves: "a",
			problem: v1alpha1.ReasonPinnedRunNotFound, says: `"x" is no ExpertRun of this expert`},
		"pin of an older is gone":     {in: Input{Runs: []Run{a, b}, Served: served(a, 5)}, serves: "b", change: ChangePromoted},
		"pin of a rejected is gone":   {in: Input{Runs: []Run{a, bad}, Served: override(bad, 5)}, serves: "a", change: ChangePromoted},
		"pin is gone, but by hand":    {in: Input{Runs: []Run{a, bad}, Served: override(bad, 5), Policy: v1alpha1.PromotionManual}, serves: "bad", awaiting: "a"},
		"pin of the only one is gone": {in: Input{Runs: []Run{bad}, Served: override(bad, 5)}, serves: "bad"},

		"status lost":                    {in: Input{Runs: []Run{a, b}, Deployment: good(a)}, serves: "a", change: ChangeAdopted},
		"status lost, Deployment unread": {in: Input{Runs: []Run{a}, Deployment: &Deployment{}}, serves: "a", change: ChangePromoted},

		"a ready roll enters history":      {in: Input{Runs: []Run{a, b}, Served: served(b, 5), History: history(a), Deployment: good(b)}, serves: "b", history: []string{"b", "a"}},
		"a roll under way does not":        {in: Input{Runs: []Run{a, b}, Served: served(b, 5), History: history(a), Deployment: &Deployment{Model: b.Model}}, serves: "b", history: []string{"a"}},
		"the roll of another one does not": {in: Input{Runs: []Run{a, b}, Served: served(b, 5), History: history(a), Deployment: good(a)}, serves: "b", history: []string{"a"}},
		"served again moves to the front":  {in: Input{Runs: []Run{a, b}, Served: served(a, 5), History: history(b, a), Deployment: good(a), Pin: "a"}, serves: "a", history: []string{"a", "b"}},

		"a missed roll returns": {in: Input{Runs: []Run{a, b}, Served: served(b, 5), History: history(a), Deployment: late(b)},
			serves: "a", change: ChangeRolledBack, denied: []string{"b"}, history: []string{"a"}},
		"a missed roll skips the denied": {in: Input{Runs: []Run{a, b, c}, Served: served(c, 5), History: history(b, a), Denied: []string{"b"}, Deployment: late(c)},
			serves: "a", change: ChangeRolledBack, denied: []string{"b", "c"}, history: []string{"b", "a"}},
		"the denied is told of": {in: Input{Runs: []Run{a, b}, Served: served(a, 5), History: history(a), Denied: []string{"b"}, Deployment: good(a)},
			serves: "a", denied: []string{"b"}, history: []string{"a"}, problem: v1alpha1.ReasonRollFailed, says: "run b passed the gate, but its pods were not ready"},
		"a newer one after the denied": {in: Input{Runs: []Run{a, b, c}, Served: served(a, 5), Denied: []string{"b"}}, serves: "c", change: ChangePromoted, denied: []string{"b"}},
		"the first roll is missed": {in: Input{Runs: []Run{a}, Served: served(a, 5), Deployment: late(a)},
			serves: "a", problem: v1alpha1.ReasonRollFailed, says: "there is no earlier model to return to"},
		"a pinned roll is missed": {in: Input{Runs: []Run{a, b}, Served: served(b, 5), History: history(a), Deployment: late(b), Pin: "b"},
			serves: "b", history: []string{"a"}, problem: v1alpha1.ReasonRollFailed, says: "the roll to the pinned run b missed its deadline"},
		"one that served before misses": {in: Input{Runs: []Run{a, b}, Served: served(b, 5), History: history(b, a), Deployment: late(b)},
			serves: "b", history: []string{"b", "a"}, problem: v1alpha1.ReasonRollFailed, says: "which served before"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			tc.in.Now = at(10)
			if tc.history == nil {
				tc.history = names(tc.in.History)
			}
			got := Decide(tc.in)
			summary := []any{runName(got.Served), got.Change, got.Problem, got.Awaiting, got.Override, got.Denied, names(got.History)}
			want := []any{tc.serves, tc.change, tc.problem, tc.awaiting, tc.override, tc.denied, tc.history}
			if diff := cmp.Diff(want, summary); diff != "" {
				t.Fatal(diff)
			}
			if !strings.Contains(got.ProblemMessage, tc.says) {
				t.Fatalf("says %q; want %q", got.ProblemMessage, tc.says)
			}
		})
	}
}

func runName(m *v1alpha1.ServedModel) string {
	if m == nil {
		return ""
	}
	return m.RunName
}

func names(models []v1alpha1.ServedModel) []string {
	var list []string
	for _, m := range models {
		list = append(list, m.RunName)
	}
	return list
}

// TestAnyHistory plays any sequence of runs, verdicts, pins, policies and rolls,
// with the plan as the next status each time. Whatever happens: deciding again
// comes to rest, what is served passed the gate or is a person's choice, the
// served run gets older only by a person's hand or after a missed roll, and the
// decisions' times rise.
func TestAnyHistory(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		in := Input{Policy: v1alpha1.PromotionAutomatic, Now: at(0)}
		for step := range rapid.IntRange(1, 40).Draw(t, "steps") {
			if rapid.Bool().Draw(t, "clock goes on") {
				in.Now = at(step)
			}
			move(t, &in, step)
			for looks := 0; ; looks++ {
				plan := Decide(in)
				check(t, in, plan)
				rest := cmp.Equal(plan.Served, in.Served) && cmp.Equal(plan.Denied, in.Denied) && cmp.Equal(plan.History, in.History) &&
					cmp.Equal(plan.Anchor, in.Anchor) && cmp.Equal(plan.Steps, in.Steps)
				in.Served, in.History, in.Denied, in.Anchor, in.Steps = plan.Served, plan.History, plan.Denied, plan.Anchor, plan.Steps
				if rest {
					break
				}
				if looks > len(in.Runs) {
					t.Fatalf("does not come to rest: %+v", plan)
				}
			}
		}
	})
}

func move(t *rapid.T, in *Input, step int) {
	switch rapid.IntRange(0, 5).Draw(t, "event") {
	case 0:
		run := rejected(fmt.Sprint("run", step), step)
		run.Promotable, run.BeatsAnchor = rapid.Bool().Draw(t, "passes"), rapid.Bool().Draw(t, "beats the anchor")
		run.Hold = rapid.SampledFrom([]string{"", "", "drift"}).Draw(t, "hold")
		if rapid.Bool().Draw(t, "step") {
			run.Step = &v1alpha1.LossStep{Loss: 1000, StandardError: 20000}
		}
		in.Runs = append(slices.Clone(in.Runs), run)
	case 1:
		in.Pin = ""
		if n := len(in.Runs); n > 0 && rapid.Bool().Draw(t, "pin") {
			in.Pin = in.Runs[rapid.IntRange(0, n-1).Draw(t, "which")].Model.RunName
		}
	case 2:
		in.Policy = rapid.SampledFrom([]v1alpha1.PromotionPolicy{v1alpha1.PromotionAutomatic, v1alpha1.PromotionManual}).Draw(t, "policy")
	case 3:
		if in.Served != nil {
			in.Deployment = &Deployment{Model: *in.Served}
		}
	default:
		if in.Deployment != nil {
			d := *in.Deployment
			d.Ready = rapid.Bool().Draw(t, "ready")
			d.DeadlineExceeded = !d.Ready && rapid.Bool().Draw(t, "late")
			in.Deployment = &d
		}
	}
}

func check(t *rapid.T, in Input, plan Plan) {
	if len(plan.History) > MaxHistory || len(plan.Denied) > MaxDenied {
		t.Fatalf("unbounded: %d in history, %d denied", len(plan.History), len(plan.Denied))
	}
	checkAnchor(t, in, plan)
	if plan.Change == ChangeNone || plan.Change == ChangeAdopted {
		return
	}
	next := find(in.Runs, plan.Served.RunName)
	if next == nil || ((!next.Promotable || next.Hold != "") && plan.Change == ChangePromoted) {
		t.Fatalf("%s serves %s, which did not pass", plan.Change, plan.Served.RunName)
	}
	if in.Served == nil {
		return
	}
	if !in.Served.PromotedTime.Before(&plan.Served.PromotedTime) {
		t.Fatalf("decided at %s after %s", plan.Served.PromotedTime, in.Served.PromotedTime)
	}
	last := find(in.Runs, in.Served.RunName)
	if plan.Change == ChangePromoted && in.Served.VerdictDigest != "" && compare(*next, *last) < 0 {
		t.Fatalf("promoted %s, which is older than %s", next.Model.RunName, last.Model.RunName)
	}
}

// checkAnchor: there is an anchor wherever something is served, it moves only to
// what beat it, what a person chose or, with its own missed roll, what that
// returned to; and a pin leaves no steps.
func checkAnchor(t *rapid.T, in Input, plan Plan) {
	if (plan.Served == nil) != (plan.Anchor == nil) || len(plan.Steps) > MaxSteps {
		t.Fatalf("serves %s with anchor %s and %d steps", runName(plan.Served), runName(plan.Anchor), len(plan.Steps))
	}
	if plan.Served != nil && plan.Served.RunName == in.Pin && (plan.Anchor.RunName != in.Pin || len(plan.Steps) > 0) {
		t.Fatalf("pinned to %s with anchor %s and steps %v", in.Pin, plan.Anchor.RunName, plan.Steps)
	}
	if in.Anchor == nil || plan.Anchor.RunName == in.Anchor.RunName {
		return
	}
	if plan.Change == ChangeRolledBack && in.Anchor.RunName == in.Served.RunName && plan.Anchor.RunName == plan.Served.RunName {
		return
	}
	if next := find(in.Runs, plan.Anchor.RunName); in.Pin != plan.Anchor.RunName && (next == nil || !next.BeatsAnchor) {
		t.Fatalf("the anchor moved from %s to %s", in.Anchor.RunName, plan.Anchor.RunName)
	}
}

// TestAnchorAndSteps: what a promotion, a roll and a person do to them.
func TestAnchorAndSteps(t *testing.T) {
	step := &v1alpha1.LossStep{Loss: 10000, StandardError: 40000}
	a, b, better := passed("a", 1), passed("b", 2), passed("better", 2)
	b.Step, better.Step, better.BeatsAnchor = step, step, true
	held := passed("held", 3)
	held.Hold = "past promotions lost step by step"
	ready := func(r Run) *Deployment { return &Deployment{Model: *served(r, 5), Ready: true} }
	late := &Deployment{Model: *served(b, 5), DeadlineExceeded: true}
	steps := func(names ...string) []v1alpha1.PromotionStep {
		var list []v1alpha1.PromotionStep
		for _, name := range names {
			list = append(list, v1alpha1.PromotionStep{RunName: name, LossStep: *step})
		}
		return list
	}
	full := steps(strings.Fields(strings.Repeat("x ", MaxSteps))...)
	ofA := []v1alpha1.ServedModel{*served(a, 4)}
	tests := map[string]struct {
		in       Input
		serves   string
		anchor   string
		steps    []v1alpha1.PromotionStep
		awaiting string
	}{
		"nothing served":                       {},
		"the first that passes":                {in: Input{Runs: []Run{a}}, serves: "a", anchor: "a"},
		"status lost":                          {in: Input{Runs: []Run{a}, Deployment: ready(a)}, serves: "a", anchor: "a"},
		"served since before there was anchor": {in: Input{Runs: []Run{a}, Served: served(a, 5), History: ofA}, serves: "a", anchor: "a"},
		"promoted, the roll under way":         {in: Input{Runs: []Run{a, better}, Served: served(a, 5), Anchor: served(a, 5), History: ofA}, serves: "better", anchor: "a"},
		"ready, as good as the anchor":         {in: Input{Runs: []Run{a, b}, Served: served(b, 5), Anchor: served(a, 5), History: ofA, Deployment: ready(b)}, serves: "b", anchor: "a", steps: steps("b")},
		"ready, better than the anchor":        {in: Input{Runs: []Run{a, better}, Served: served(better, 5), Anchor: served(a, 5), Steps: steps("a"), History: ofA, Deployment: ready(better)}, serves: "better", anchor: "better", steps: steps("a", "better")},
		"counted once":                         {in: Input{Runs: []Run{a, better}, Served: served(better, 5), Anchor: served(a, 5), History: []v1alpha1.ServedModel{better.Model, a.Model}, Deployment: ready(better)}, serves: "better", anchor: "a"},
		"the oldest step goes":                 {in: Input{Runs: []Run{b}, Served: served(b, 5), Anchor: served(a, 5), Steps: full, History: ofA, Deployment: ready(b)}, serves: "b", anchor: "a", steps: append(full[1:len(full):len(full)], steps("b")...)},
		"a roll that fails counts nothing": {in: Input{Runs: []Run{a, better}, Served: served(better, 5), Anchor: served(a, 5), History: ofA,
			Deployment: &Deployment{Model: *served(better, 5), DeadlineExceeded: true}}, serves: "a", anchor: "a"},
		"held":                  {in: Input{Runs: []Run{a, held}, Served: served(a, 5), Anchor: served(a, 5), Steps: steps("a"), History: ofA}, serves: "a", anchor: "a", steps: steps("a"), awaiting: "held: past promotions lost step by step"},
		"held and pinned":       {in: Input{Runs: []Run{a, held}, Served: served(a, 5), Anchor: served(a, 5), Steps: steps("a"), History: ofA, Pin: "held"}, serves: "held", anchor: "held"},
		"what serves is pinned": {in: Input{Runs: []Run{a, b}, Served: served(b, 5), Anchor: served(a, 5), Steps: steps("b"), Pin: "b"}, serves: "b", anchor: "b"},
		"what a missed roll returns to is pinned": {in: Input{Runs: []Run{a, b}, Served: served(b, 5), Anchor: served(b, 5), Steps: steps("b"), History: ofA, Deployment: late, Pin: "a"},
			serves: "a", anchor: "a"},
		"a roll to what was pinned is missed": {in: Input{Runs: []Run{a, b}, Served: served(b, 5), Anchor: served(b, 5), History: ofA, Deployment: late}, serves: "a", anchor: "a"},
		"a pinned model gets ready":           {in: Input{Runs: []Run{a, b}, Served: served(b, 5), Anchor: served(b, 5), History: ofA, Deployment: ready(b), Pin: "b"}, serves: "b", anchor: "b"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			tc.in.Now, tc.in.Denied = at(10), nil
			got := Decide(tc.in)
			awaiting := strings.TrimSuffix(got.Awaiting+": "+got.AwaitingWhy, ": ")
			want := []any{tc.serves, tc.anchor, tc.steps, tc.awaiting}
			if diff := cmp.Diff(want, []any{runName(got.Served), runName(got.Anchor), got.Steps, awaiting}); diff != "" {
				t.Fatal(diff)
			}
		})
	}
}

func find(runs []Run, name string) *Run {
	for i := range runs {
		if runs[i].Model.RunName == name {
			return &runs[i]
		}
	}
	return nil
}
