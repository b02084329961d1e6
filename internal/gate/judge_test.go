package gate

import (
	"cmp"
	"fmt"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/repoexpert/operator/api/v1alpha1"
)

const (
	repair = "IssueResolution"
	other  = "CodebaseQA"
)

func standard() Settings {
	return Settings{PrimaryKind: repair, MinGainPoints: 5, MarginPoints: 10, Looks: ThreeLooks(0.05)}
}

// solved says of each arm how many of the first tasks it always solves.
type solved map[string]int

// kindOf is a complete kind of n tasks with eight rollouts, in which each arm's
// model is named as the arm.
func kindOf(name string, n int, arms solved) Kind {
	k := Kind{Name: name, Arms: map[string]Arm{}}
	var clusters []string
	for i := range n {
		clusters = append(clusters, fmt.Sprintf("c%03d", i))
		k.Tasks = append(k.Tasks, Task{Cluster: clusters[i]})
	}
	for arm, count := range arms {
		a := Arm{Digest: arm, Fingerprint: "f", HeldOut: clusters}
		for i := range n {
			c := Count{Rollouts: 8}
			if i < count {
				c.Solved = 8
			}
			a.Results = append(a.Results, c)
		}
		k.Arms[arm] = a
	}
	return k
}

// equal is evidence of a candidate that does all that the served model and the
// anchor do.
func equal(n int) Evidence {
	return Evidence{
		Fingerprint: "f", Candidate: ArmCandidate, Served: ArmServed, Anchor: ArmAnchor, Look: 1,
		Kinds: []Kind{kindOf(repair, n, solved{ArmBase: n / 10, ArmCandidate: n / 2, ArmServed: n / 2, ArmAnchor: n / 2})},
	}
}

// with replaces results of the primary kind.
func (e Evidence) with(arms solved) Evidence {
	k := &e.Kinds[0]
	for name, arm := range kindOf(repair, len(k.Tasks), arms).Arms {
		k.Arms[name] = arm
	}
	return e
}

// arm changes one arm of the primary kind.
func (e Evidence) arm(name string, change func(*Arm)) Evidence {
	a := e.Kinds[0].Arms[name]
	change(&a)
	e.Kinds[0].Arms[name] = a
	return e
}

func TestJudge(t *testing.T) {
	used := func(formatErrors, tokens int) func(*Arm) {
		return func(a *Arm) {
			a.Usage = Usage{Episodes: 100, Turns: 1000, FormatErrors: formatErrors, Tokens: tokens}
		}
	}
	losing := func(steps int) (past []Step) {
		for range steps {
			past = append(past, Step{Loss: 0.03, StdErr: 0.03})
		}
		return past
	}
	other118 := func(arms solved) func(*Settings, *Evidence) {
		return func(_ *Settings, e *Evidence) {
			arms[ArmBase], arms[ArmAnchor] = 0, arms[ArmServed]
			e.Kinds = append(e.Kinds, kindOf(other, 118, arms))
		}
	}
	freshly := func(gains int) func(*Settings, *Evidence) {
		return func(_ *Settings, e *Evidence) {
			e.with(solved{ArmCandidate: 59 + gains})
			for i := 55; i < 65; i++ {
				e.Kinds[0].Tasks[i].Fresh = true
			}
		}
	}
	at := func(look int) func(*Settings, *Evidence) { return func(_ *Settings, e *Evidence) { e.Look = look } }

	tests := map[string]struct {
		n      int
		change func(*Settings, *Evidence)
		want   Decision
		// says is part of the reason, holds of the reason to hold.
		says, holds string
		newAnchor   bool
	}{
		"as good as served and anchor": {want: Promote,
			says: "look 1 of 3 at level 0.0125: IssueResolution 50.0 % vs base 9.3 % (n=118): gain 40.7 points, lower bound 29.6 > 0; vs served 50.0 %: lower bound -6.2 > -10; vs anchor 50.0 %: lower bound -6.2 > -10"},
		"better than the anchor": {want: Promote, newAnchor: true, change: func(_ *Settings, e *Evidence) { e.with(solved{ArmCandidate: 80}) }},
		"no anchor yet":          {want: Promote, newAnchor: true, change: func(_ *Settings, e *Evidence) { e.Anchor = "" }},
		"the anchor is served":   {want: Promote, change: func(_ *Settings, e *Evidence) { e.Anchor = ArmServed }},

		// G0
		"no fingerprint":    {want: Reject, newAnchor: false, change: func(_ *Settings, e *Evidence) { e.Fingerprint = "" }, says: "names no fingerprint"},
		"an unplanned look": {want: Reject, change: at(4), says: "look 4 of 3 at retry 0 was not planned"},
		"an arm is missing": {want: Reject, change: func(_ *Settings, e *Evidence) { delete(e.Kinds[0].Arms, ArmAnchor) }, says: "no results of the arm anchor"},
		"an arm is partial": {want: Reject, change: func(_ *Settings, e *Evidence) {
			e.arm(ArmServed, func(a *Arm) { a.Results[7].Rollouts, a.Results[7].Solved = 1, 0 })
		}, says: "tasks that did not run in the arm served"},
		"an arm is short":    {want: Reject, change: func(_ *Settings, e *Evidence) { e.arm(ArmBase, func(a *Arm) { a.Results = a.Results[1:] }) }, says: "118 tasks but 117 results of the arm base"},
		"impossible counts":  {want: Reject, change: func(_ *Settings, e *Evidence) { e.arm(ArmBase, func(a *Arm) { a.Results[0].Solved = 9 }) }, says: "9 of 8 solved in the arm base"},
		"another evaluation": {want: Reject, change: func(_ *Settings, e *Evidence) { e.arm(ArmBase, func(a *Arm) { a.Fingerprint = "g" }) }, says: "arm base from another evaluation"},
		"another model":      {want: Reject, change: func(_ *Settings, e *Evidence) { e.Served = "newer" }, says: "another model in the arm served"},
		"trained on a task":  {want: Reject, change: func(_ *Settings, e *Evidence) { e.arm(ArmAnchor, func(a *Arm) { a.HeldOut = a.HeldOut[1:] }) }, says: `asks about "c000", which the arm anchor was not kept from`},
		"a kind twice":       {want: Reject, change: func(_ *Settings, e *Evidence) { e.Kinds = append(e.Kinds, e.Kinds[0]) }, says: "lists IssueResolution twice"},
		"gold fails": {want: Reject, change: func(_ *Settings, e *Evidence) {
			e.with(solved{ArmGold: 117, ArmNoop: 0})
			e.Kinds[0].Executable = true
		}, says: "known answers do not solve all"},
		"too few for any look":      {n: 34, want: Reject, says: "has 34 tasks, but a margin of 10 points needs 42"},
		"enough for the last look":  {n: 36, want: Continue, says: "has 36 tasks, but a margin of 10 points needs 42: raise evaluation.kinds[].tasks or gate.marginPoints; next: 4 rollouts a task"},
		"a retry at half the level": {n: 45, want: Reject, change: func(_ *Settings, e *Evidence) { e.Retry = 3 }, says: "has 45 tasks, but a margin of 10 points needs 62"},
		"all arms under 5 percent": {want: Continue, change: func(_ *Settings, e *Evidence) {
			e.with(solved{ArmBase: 0, ArmCandidate: 5, ArmServed: 0, ArmAnchor: 0})
		}, says: "uninformative: every model solves less than 5 %"},

		// G1
		"no better than base":      {want: Continue, change: func(_ *Settings, e *Evidence) { e.with(solved{ArmBase: 59}) }, says: "gain 0.0 points, lower bound -1.9 is not above 0"},
		"worse than base":          {want: Reject, change: func(_ *Settings, e *Evidence) { e.with(solved{ArmBase: 90}) }, says: "gain -26.3 points"},
		"less than the least gain": {want: Continue, change: func(s *Settings, _ *Evidence) { s.MinGainPoints = 41 }, says: "gain 40.7 points is below gate.minGainPoints 41"},

		// G2 and looks
		"a small loss at the first look": {want: Continue, change: func(_ *Settings, e *Evidence) { e.with(solved{ArmCandidate: 54}) }, says: "is not above the margin -10; with these figures it takes about 140 tasks; next: 4 rollouts a task"},
		"a small loss at the last look": {want: Inconclusive, change: func(_ *Settings, e *Evidence) {
			e.with(solved{ArmCandidate: 50})
			e.Look = 3
		}, says: "look 3 of 3 at level 0.025: IssueResolution 42.4 % vs served 50.0 %"},
		"a large loss at the first look": {want: Reject, change: func(_ *Settings, e *Evidence) { e.with(solved{ArmCandidate: 30}) }, says: "worse, upper bound -15.1 is below the margin -10"},

		// G3
		"worse than the anchor only": {want: Reject, change: func(_ *Settings, e *Evidence) {
			e.with(solved{ArmServed: 40, ArmCandidate: 40, ArmAnchor: 70})
		}, says: "vs anchor 59.3 %"},
		"keeps too little of the anchor's gain": {want: Continue, change: func(_ *Settings, e *Evidence) {
			e.with(solved{ArmBase: 0, ArmServed: 7, ArmCandidate: 7, ArmAnchor: 11})
		}, says: "gains 5.9 points over base, less than two thirds of the anchor's 9.3"},

		// G4
		"another kind's floor fails": {want: Reject, change: func(s *Settings, e *Evidence) {
			s.Floors = []Floor{{other, 60}}
			other118(solved{ArmCandidate: 70, ArmServed: 70})(s, e)
		}, says: "CodebaseQA 59.3 % is below its floor of 60 %"},
		"a floor of what was not asked": {want: Reject, change: func(s *Settings, _ *Evidence) { s.Floors = []Floor{{other, 60}} }, says: "gate.floors names CodebaseQA"},
		"another kind loses a lot":      {want: Continue, change: other118(solved{ArmCandidate: 40, ArmServed: 70}), says: "CodebaseQA 33.9 % vs served 59.3 % (n=118): loses 25.4 points, more than 20"},
		"another kind is harmed":        {want: Continue, change: other118(solved{ArmCandidate: 60, ArmServed: 70}), says: "significant harm"},
		"another kind as before":        {want: Promote, change: other118(solved{ArmCandidate: 70, ArmServed: 70})},
		"another kind says nothing":     {want: Promote, change: other118(solved{ArmCandidate: 0, ArmServed: 5}), says: "uninformative: CodebaseQA"},

		// G5
		"format errors, 5 points": {want: Promote, change: func(_ *Settings, e *Evidence) { e.arm(ArmServed, used(10, 900)).arm(ArmCandidate, used(60, 900)) }},
		"format errors, more":     {want: Continue, change: func(_ *Settings, e *Evidence) { e.arm(ArmServed, used(10, 900)).arm(ArmCandidate, used(61, 900)) }, says: "6.1 % of turns have format errors, served 1.0 %"},
		"tokens, 1.3 times":       {want: Promote, change: func(_ *Settings, e *Evidence) { e.arm(ArmServed, used(0, 1000)).arm(ArmCandidate, used(0, 1300)) }},
		"tokens, more":            {want: Continue, change: func(_ *Settings, e *Evidence) { e.arm(ArmServed, used(0, 100000)).arm(ArmCandidate, used(0, 130100)) }, says: "1301 tokens an episode, served 1000"},
		"usage not counted":       {want: Reject, change: func(_ *Settings, e *Evidence) { e.arm(ArmServed, used(0, 1000)) }, says: "no usage of the arm candidate"},

		// Freshness, drift, edits
		"gains where it changed":   {want: Promote, newAnchor: false, change: freshly(1), says: "where the repository changed (n=10): gain 10.0 points"},
		"loses where it changed":   {want: Continue, change: freshly(-1), says: "loses 10.0 points to served where the repository changed (n=10)"},
		"drift so far tolerated":   {want: Promote, change: func(_ *Settings, e *Evidence) { e.Past = losing(4) }},
		"drift":                    {want: Promote, change: func(_ *Settings, e *Evidence) { e.Past = losing(5) }, holds: "past promotions lost step by step (CUSUM 4.5 > 4)"},
		"the planned gate":         {want: Promote, change: func(s *Settings, e *Evidence) { e.PlannedGate = s.Digest() }},
		"the gate was edited":      {want: Promote, change: func(s *Settings, e *Evidence) { e.PlannedGate = s.Digest(); s.MinGainPoints = 4 }, holds: "the gate was edited after the evaluation was planned"},
		"looks that do not grow":   {want: Reject, change: func(s *Settings, _ *Evidence) { s.Looks[1].Rollouts = 2 }, says: "look 2: 2 rollouts are no more than before"},
		"a level that is no level": {want: Reject, change: func(s *Settings, _ *Evidence) { s.Looks[0].Alpha = 0.5 }, says: "look 1: level 0.5"},
		"no look at all":           {want: Reject, change: func(s *Settings, _ *Evidence) { s.Looks = nil }, says: "plans no look"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			settings, evidence := standard(), equal(cmp.Or(test.n, 118))
			if test.change != nil {
				test.change(&settings, &evidence)
			}
			got := Judge(settings, evidence)
			if diff := gocmp.Diff([]any{test.want, test.holds}, []any{got.Decision, got.Hold}); diff != "" {
				t.Errorf("%s\n%s", diff, got.Reason)
			}
			if !strings.Contains(got.Reason, test.says) || got.Reason == "" || strings.Contains(got.Reason, "\n") {
				t.Errorf("says %q, want %q", got.Reason, test.says)
			}
			if got.Decision == Promote && got.NewAnchor != test.newAnchor {
				t.Errorf("next anchor: %v", got.NewAnchor)
			}
		})
	}
}

func TestOverride(t *testing.T) {
	rejected := v1alpha1.Verdict{Decision: v1alpha1.DecisionReject, Reason: "too few tasks"}
	for reason, want := range map[string]string{
		" the old model leaks a key ": "a person's decision: the old model leaks a key; the gate said Reject: too few tasks",
		"":                            "a person's decision; the gate said Reject: too few tasks",
	} {
		if got := Override(reason, rejected); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
	rejected.Reason = strings.Repeat("x", maxReason)
	if got := Override("y", rejected); len(got) != maxReason {
		t.Errorf("%d bytes", len(got))
	}
}

func TestDrift(t *testing.T) {
	tests := map[string]struct {
		past []Step
		want float64
	}{
		"none":                  {nil, 0},
		"gains do not count":    {[]Step{{-0.5, 0.1}, {0.011, 0.1}}, 0.01},
		"losses add up":         {[]Step{{0.03, 0.03}, {0.03, 0.03}}, 1.8},
		"without a measurement": {[]Step{{}, {0.03, 0.03}}, 0.9},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got, stop := Drift(test.past)
			if got < test.want-1e-9 || got > test.want+1e-9 || stop {
				t.Errorf("got %v %v, want %v", got, stop, test.want)
			}
		})
	}
}
