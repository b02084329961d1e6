package gate

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/repoexpert/operator/api/v1alpha1"
)

// full is a record with all that may be in one: two tasks, two rollouts of each.
func full() v1alpha1.EvaluationRecord {
	arm := func(name v1alpha1.ArmName, successes string) v1alpha1.ArmRecord {
		return v1alpha1.ArmRecord{Name: name, Successes: successes, Rollouts: 2}
	}
	candidate := arm(v1alpha1.ArmCandidate, "21")
	candidate.Usage = &v1alpha1.UsageRecord{Episodes: 4, Turns: 40, FormatErrors: 1, Tokens: 9000}
	return v1alpha1.EvaluationRecord{
		Fingerprint: "f", CandidateDigest: "sha256:candidate", ServedDigest: "sha256:served", AnchorDigest: "sha256:anchor", Look: 2,
		Kinds: []v1alpha1.KindRecord{{
			Name: v1alpha1.KindIssueResolution, Groups: "AB", GroupNames: []string{"a", "b"}, Clusters: []int32{7, 7}, Fresh: "01",
			Arms: []v1alpha1.ArmRecord{candidate, arm(v1alpha1.ArmAnchor, "0x"), {Name: v1alpha1.ArmGold, Successes: "11"}},
		}},
	}
}

func TestFromRecord(t *testing.T) {
	plan := Rules{}.Plan(v1alpha1.Gate{Looks: v1alpha1.LooksThree}, 2)
	got, err := FromRecord(Question{
		Record: full(), Served: "sha256:served", Anchor: "sha256:anchor", Plan: &plan,
		Steps: []v1alpha1.PromotionStep{{RunName: "r", LossStep: v1alpha1.LossStep{Loss: -20000, StandardError: 50000}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	heldOut := []string{"0000007", "0000007"}
	want := Evidence{
		Fingerprint: "f", Candidate: "sha256:candidate", Served: "sha256:served", Anchor: "sha256:anchor",
		Look: 2, Retry: 2, PlannedGate: plan.GateDigest,
		Past: []Step{{Loss: -0.02, StdErr: 0.05}},
		Kinds: []Kind{{
			Name: "IssueResolution", Executable: true,
			Tasks: []Task{{Cluster: "0000007", Group: "A"}, {Cluster: "0000007", Group: "B", Fresh: true}},
			Arms: map[string]Arm{
				ArmCandidate: {Digest: "sha256:candidate", Fingerprint: "f", HeldOut: heldOut, Results: []Count{{2, 2}, {1, 2}},
					Usage: Usage{Episodes: 4, Turns: 40, FormatErrors: 1, Tokens: 9000}},
				ArmAnchor: {Digest: "sha256:anchor", Fingerprint: "f", HeldOut: heldOut, Results: []Count{{0, 2}, {}}},
				ArmGold:   {Fingerprint: "f", HeldOut: heldOut, Results: []Count{{1, 1}, {1, 1}}},
			},
		}},
	}
	if diff := cmp.Diff(want, got, cmpopts.EquateApprox(0, 1e-12)); diff != "" {
		t.Error(diff)
	}
}

func TestRecordOfOtherModelsIsRefused(t *testing.T) {
	tests := map[string]struct {
		served, anchor string
		change         func(*v1alpha1.EvaluationRecord)
		want           string
	}{
		"as evaluated":                             {served: "sha256:served", anchor: "sha256:anchor"},
		"nothing served, no anchor":                {},
		"the candidate serves":                     {served: "sha256:candidate", anchor: "sha256:candidate"},
		"the anchor serves":                        {served: "sha256:served", anchor: "sha256:served"},
		"another model serves":                     {served: "sha256:new", anchor: "sha256:anchor", want: "another model than the one served now"},
		"another anchor":                           {served: "sha256:served", anchor: "sha256:new", want: "another anchor than there is now"},
		"an anchor, evaluated without":             {served: "sha256:served", anchor: "sha256:anchor", change: func(r *v1alpha1.EvaluationRecord) { r.AnchorDigest = "" }, want: "another anchor"},
		"fewer groups than tasks":                  {change: func(r *v1alpha1.EvaluationRecord) { r.Kinds[0].Groups = "A" }, want: "2 tasks but 1 group letters"},
		"a group without a name":                   {change: func(r *v1alpha1.EvaluationRecord) { r.Kinds[0].Groups = "AC" }, want: "group letter 'C' without a name"},
		"fewer clusters than tasks":                {change: func(r *v1alpha1.EvaluationRecord) { r.Kinds[0].Clusters = []int32{1} }, want: "2 tasks but 1 clusters"},
		"freshness of more tasks than there are":   {change: func(r *v1alpha1.EvaluationRecord) { r.Kinds[0].Fresh = "010" }, want: "3 digits of freshness"},
		"an arm twice":                             {change: func(r *v1alpha1.EvaluationRecord) { k := &r.Kinds[0]; k.Arms = append(k.Arms, k.Arms[0]) }, want: "lists the arm candidate twice"},
		"no clusters: each task is one of its own": {change: func(r *v1alpha1.EvaluationRecord) { r.Kinds[0].Clusters = nil }},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			r := full()
			if test.change != nil {
				test.change(&r)
			}
			_, err := FromRecord(Question{Record: r, Served: test.served, Anchor: test.anchor})
			if got := fmt.Sprint(err); (test.want == "") != (err == nil) || !strings.Contains(got, test.want) {
				t.Errorf("got %v, want %q", err, test.want)
			}
		})
	}
}

// three is a gate with three looks, and looked a record of n tasks at one of them:
// base solves none, the candidate all.
func three() v1alpha1.Gate {
	return v1alpha1.Gate{PrimaryKind: impl, MinGainPoints: 5, MarginPoints: 10, AlphaPerMille: 50, Looks: v1alpha1.LooksThree}
}

func looked(look, rollouts int32, n, solved int) v1alpha1.EvaluationRecord {
	r := record(kind(impl, arms{
		v1alpha1.ArmGold: strings.Repeat(fmt.Sprint(rollouts), n), v1alpha1.ArmNoop: strings.Repeat("0", n),
		v1alpha1.ArmBase:      strings.Repeat("0", n),
		v1alpha1.ArmCandidate: strings.Repeat(fmt.Sprint(rollouts), solved) + strings.Repeat("0", n-solved),
		v1alpha1.ArmServed:    strings.Repeat(fmt.Sprint(rollouts), n-5) + "00000",
	}))
	r.Look = look
	for i := range r.Kinds[0].Arms {
		r.Kinds[0].Arms[i].Rollouts = rollouts
	}
	return r
}

func TestAnswers(t *testing.T) {
	planned := Rules{}.Plan(three(), 0)
	edited := three()
	edited.MarginPoints = 12
	slow := make([]v1alpha1.PromotionStep, 20)
	for i := range slow {
		slow[i] = v1alpha1.PromotionStep{LossStep: v1alpha1.LossStep{Loss: 15000, StandardError: 40000}}
	}
	tests := map[string]struct {
		gate  v1alpha1.Gate
		q     Question
		want  v1alpha1.Decision
		more  bool
		says  string
		holds string
	}{
		"decided at the first look": {gate: three(), q: Question{Record: looked(1, 2, 80, 75), Plan: &planned},
			want: v1alpha1.DecisionPromote, says: "look 1 of 3 at level 0.0125: ContextualImplementation 93.8 % vs base 0.0 % (n=80)"},
		"undecided at the first look": {gate: three(), q: Question{Record: looked(1, 2, 80, 73), Served: "sha256:served", Plan: &planned}, more: true,
			want: v1alpha1.DecisionReject, says: "look 1 of 3 at level 0.0125: not decided: ContextualImplementation 91.2 % vs served 93.8 % (n=80): lower bound -10.1 is not above the margin -10; with these figures it takes about 84 tasks; next: 4 rollouts a task"},
		"the same at the last look": {gate: three(), q: Question{Record: looked(3, 8, 80, 73), Served: "sha256:served", Plan: &planned},
			want: v1alpha1.DecisionPromote, says: "look 3 of 3 at level 0.025"},
		"a look with too few rollouts": {gate: three(), q: Question{Record: looked(2, 2, 80, 75), Plan: &planned},
			want: v1alpha1.DecisionReject, says: "ContextualImplementation has tasks that did not run in the arm candidate"},
		"greedy answers beside it, given once": {gate: three(), q: Question{Record: func() v1alpha1.EvaluationRecord {
			r := looked(3, 8, 80, 75)
			r.Kinds = append(r.Kinds, kind(qa, arms{v1alpha1.ArmBase: "00", v1alpha1.ArmCandidate: "11"}))
			return r
		}(), Plan: &planned}, want: v1alpha1.DecisionPromote, says: "look 3 of 3"},
		"more solved than tried": {gate: three(), q: Question{Record: func() v1alpha1.EvaluationRecord {
			r := looked(1, 2, 80, 75)
			r.Kinds[0].Arms[1].Successes = "3" + r.Kinds[0].Arms[1].Successes[1:]
			return r
		}(), Plan: &planned}, want: v1alpha1.DecisionReject, says: "ContextualImplementation has tasks with 3 of 2 solved in the arm candidate"},
		"judged by another gate than planned": {gate: edited, q: Question{Record: looked(1, 2, 80, 75), Plan: &planned},
			want: v1alpha1.DecisionPromote, says: "waits for a person", holds: "the gate was edited after the evaluation was planned"},
		"slow decay": {gate: three(), q: Question{Record: looked(1, 2, 80, 75), Plan: &planned, Steps: slow},
			want: v1alpha1.DecisionPromote, says: "waits for a person", holds: "past promotions lost step by step (CUSUM 5.5 > 4)"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got := Rules{}.Decide(test.gate, test.q)
			v := got.Verdict
			if v.Decision != test.want || got.Continue != test.more || v.Hold != test.holds || !strings.Contains(v.Reason, test.says) {
				t.Errorf("%s, continue %v, hold %q: %s", v.Decision, got.Continue, v.Hold, v.Reason)
			}
			if v.Look != look(test.q.Record) {
				t.Errorf("look %d, want %d", v.Look, look(test.q.Record))
			}
		})
	}
}

// A retry halves the level: what passes barely does not pass twice as easily.
func TestRetryIsJudgedAtHalfTheLevel(t *testing.T) {
	for retry, want := range []string{"", "look 1 of 1 at level 0.025: ", "look 1 of 1 at level 0.0125: "} {
		plan := Rules{}.Plan(spec(), retry)
		v := Rules{}.Decide(spec(), Question{Record: record(kind(qa, arms{v1alpha1.ArmBase: successes(2, 50), v1alpha1.ArmCandidate: successes(47, 50)})), Plan: &plan}).Verdict
		if !strings.HasPrefix(v.Reason, want+"CodebaseQA") || v.Hold != "" {
			t.Errorf("retry %d: %s, hold %q", retry, v.Reason, v.Hold)
		}
	}
}

// What a promotion leaves for the next decision.
func TestVerdictOfAPromotion(t *testing.T) {
	v := decide(three(), looked(1, 2, 80, 75), "sha256:served")
	if v.Step == nil || v.Step.Loss != 0 || v.Step.StandardError <= 0 || v.Anchor != v1alpha1.AnchorReplaced {
		t.Errorf("step %+v, anchor %q: the first verdict sets the anchor and has a step of no loss", v.Step, v.Anchor)
	}
	q := Question{Record: looked(1, 2, 80, 75), Served: "sha256:served", Anchor: "sha256:served"}
	if v := (Rules{}).Decide(three(), q).Verdict; v.Decision != v1alpha1.DecisionPromote || v.Anchor != "" {
		t.Errorf("%s, anchor %q: a model that is as good as the anchor leaves it", v.Decision, v.Anchor)
	}
}

func TestMinimumTasksOfAllLooks(t *testing.T) {
	for looks, want := range map[v1alpha1.GateLooks]int{"": 29, v1alpha1.LooksOne: 29, v1alpha1.LooksThree: 36} {
		if got := MinimumTasks(v1alpha1.Gate{MarginPoints: 10, AlphaPerMille: 50, Looks: looks}); got != want {
			t.Errorf("looks %q: %d tasks, want %d", looks, got, want)
		}
	}
}
