package gate

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/repoexpert/operator/api/v1alpha1"
)

const (
	qa   = v1alpha1.KindCodebaseQA
	impl = v1alpha1.KindContextualImplementation
)

func spec() v1alpha1.Gate {
	return v1alpha1.Gate{PrimaryKind: qa, MinGainPoints: 30, MarginPoints: 15, AlphaPerMille: 50,
		Floors: []v1alpha1.Floor{{Kind: qa, Points: 60}}}
}

// successes is n results of which the first solved ones succeed.
func successes(solved, n int) string {
	return strings.Repeat("1", solved) + strings.Repeat("0", n-solved)
}

func record(kinds ...v1alpha1.KindRecord) v1alpha1.EvaluationRecord {
	return v1alpha1.EvaluationRecord{Fingerprint: "f", Protocol: "p", CandidateDigest: "sha256:candidate", ServedDigest: "sha256:served", Kinds: kinds}
}

func kind(name v1alpha1.KindName, arms map[v1alpha1.ArmName]string) v1alpha1.KindRecord {
	k := v1alpha1.KindRecord{Name: name}
	for _, arm := range []v1alpha1.ArmName{v1alpha1.ArmBase, v1alpha1.ArmCandidate, v1alpha1.ArmServed, v1alpha1.ArmGold, v1alpha1.ArmNoop} {
		if s, ok := arms[arm]; ok {
			k.Arms = append(k.Arms, v1alpha1.ArmRecord{Name: arm, Successes: s})
		}
	}
	return k
}

// decide asks without a plan, an anchor and earlier promotions.
func decide(spec v1alpha1.Gate, record v1alpha1.EvaluationRecord, served string) v1alpha1.Verdict {
	return Rules{}.Decide(spec, Question{Record: record, Served: served}).Verdict
}

type arms = map[v1alpha1.ArmName]string

func TestDecide(t *testing.T) {
	good := arms{v1alpha1.ArmBase: successes(2, 50), v1alpha1.ArmCandidate: successes(47, 50)}
	with := func(base arms, name v1alpha1.ArmName, s string) arms {
		copied := arms{name: s}
		for k, v := range base {
			if k != name {
				copied[k] = v
			}
		}
		return copied
	}
	grouped := kind(qa, arms{v1alpha1.ArmBase: successes(0, 40), v1alpha1.ArmCandidate: successes(30, 40)})
	grouped.Groups, grouped.GroupNames = strings.Repeat("A", 30)+strings.Repeat("B", 10), []string{"easy", "hard"}
	badGroup := kind(qa, good)
	badGroup.Groups, badGroup.GroupNames = strings.Repeat("B", 50), []string{"only"}
	twice := kind(qa, good)
	twice.Arms = append(twice.Arms, twice.Arms[0])

	tests := map[string]struct {
		change func(*v1alpha1.Gate)
		record v1alpha1.EvaluationRecord
		served string
		want   v1alpha1.Decision
		reason string
	}{
		"first model, much better than base": {
			record: record(kind(qa, good)), want: v1alpha1.DecisionPromote,
			reason: "CodebaseQA 94.0 % vs base 4.0 % (n=50): gain 90.0 points, lower bound 77.9 > 0; CodebaseQA floor 60 met",
		},
		"as good as the served model": {
			record: record(kind(qa, with(good, v1alpha1.ArmServed, successes(47, 50)))), served: "sha256:served", want: v1alpha1.DecisionPromote,
			reason: "CodebaseQA 94.0 % vs base 4.0 % (n=50): gain 90.0 points, lower bound 77.9 > 0; vs served 94.0 %: lower bound -8.4 > -15; CodebaseQA floor 60 met",
		},
		"worse than the served model": {
			record: record(kind(qa, arms{v1alpha1.ArmBase: successes(0, 50), v1alpha1.ArmCandidate: successes(35, 50), v1alpha1.ArmServed: successes(47, 50)})),
			served: "sha256:served", want: v1alpha1.DecisionReject,
			reason: "CodebaseQA 70.0 % vs served 94.0 % (n=50): lower bound -36.0 is not above the margin -15",
		},
		"the served model is the candidate itself": {
			record: record(kind(qa, good)), served: "sha256:candidate", want: v1alpha1.DecisionPromote,
			reason: "CodebaseQA 94.0 % vs base 4.0 % (n=50): gain 90.0 points, lower bound 77.9 > 0; CodebaseQA floor 60 met",
		},
		"another model is served now": {
			record: record(kind(qa, good)), served: "sha256:newer", want: v1alpha1.DecisionReject,
			reason: "evaluated against another model than the one served now: evaluate again",
		},
		"served arm missing": {
			record: record(kind(qa, good)), served: "sha256:served", want: v1alpha1.DecisionReject,
			reason: "incomplete evaluation: CodebaseQA has no results of the arm served",
		},
		"no gain": {
			record: record(kind(qa, arms{v1alpha1.ArmBase: successes(47, 50), v1alpha1.ArmCandidate: successes(47, 50)})), want: v1alpha1.DecisionReject,
			reason: "CodebaseQA 94.0 % vs base 94.0 % (n=50): gain 0.0 points, lower bound -3.3 is not above 0",
		},
		"gain below the wanted one": {
			record: record(kind(qa, arms{v1alpha1.ArmBase: successes(20, 50), v1alpha1.ArmCandidate: successes(32, 50)})), want: v1alpha1.DecisionReject,
			reason: "CodebaseQA 64.0 % vs base 40.0 % (n=50): gain 24.0 points is below gate.minGainPoints 30",
		},
		"gain exactly the wanted one": {
			change: func(g *v1alpha1.Gate) { g.MinGainPoints = 24 },
			record: record(kind(qa, arms{v1alpha1.ArmBase: successes(20, 50), v1alpha1.ArmCandidate: successes(32, 50)})), want: v1alpha1.DecisionPromote,
			reason: "CodebaseQA 64.0 % vs base 40.0 % (n=50): gain 24.0 points, lower bound 12.7 > 0; CodebaseQA floor 60 met",
		},
		"below the floor, by the macro average": {
			record: record(grouped), want: v1alpha1.DecisionReject,
			reason: "CodebaseQA 50.0 % is below its floor of 60 %",
		},
		"too few tasks": {
			record: record(kind(qa, arms{v1alpha1.ArmBase: successes(0, 18), v1alpha1.ArmCandidate: successes(18, 18)})), want: v1alpha1.DecisionReject,
			reason: "CodebaseQA has 18 tasks, but a margin of 15 points needs 19: raise evaluation.kinds[].tasks or gate.marginPoints",
		},
		"uninformative primary kind": {
			change: func(g *v1alpha1.Gate) { g.MinGainPoints, g.Floors = 0, nil },
			record: record(kind(qa, arms{v1alpha1.ArmBase: successes(0, 50), v1alpha1.ArmCandidate: successes(2, 50)})), want: v1alpha1.DecisionReject,
			reason: "CodebaseQA is uninformative: every model solves less than 5 % (n=50)",
		},
		"primary kind not evaluated": {
			change: func(g *v1alpha1.Gate) { g.PrimaryKind = impl },
			record: record(kind(qa, good)), want: v1alpha1.DecisionReject,
			reason: "gate.primaryKind ContextualImplementation was not evaluated: add it to evaluation.kinds",
		},
		"floor of a kind that was not evaluated": {
			change: func(g *v1alpha1.Gate) { g.Floors = []v1alpha1.Floor{{Kind: impl, Points: 1}} },
			record: record(kind(qa, good)), want: v1alpha1.DecisionReject,
			reason: "gate.floors names ContextualImplementation, which was not evaluated: add it to evaluation.kinds",
		},
		"executable kind beside it, all zero": {
			record: record(kind(qa, good), kind(impl, arms{v1alpha1.ArmBase: "00", v1alpha1.ArmCandidate: "00", v1alpha1.ArmGold: "11", v1alpha1.ArmNoop: "00"})),
			want:   v1alpha1.DecisionPromote,
			reason: "CodebaseQA 94.0 % vs base 4.0 % (n=50): gain 90.0 points, lower bound 77.9 > 0; CodebaseQA floor 60 met; uninformative: ContextualImplementation",
		},
		"gold fails": {
			record: record(kind(qa, good), kind(impl, arms{v1alpha1.ArmBase: "00", v1alpha1.ArmCandidate: "00", v1alpha1.ArmGold: "10", v1alpha1.ArmNoop: "00"})),
			want:   v1alpha1.DecisionReject,
			reason: "incomplete evaluation: ContextualImplementation: the known answers do not solve all tasks, so its grading is broken",
		},
		"noop succeeds": {
			record: record(kind(qa, good), kind(impl, arms{v1alpha1.ArmBase: "00", v1alpha1.ArmCandidate: "00", v1alpha1.ArmGold: "11", v1alpha1.ArmNoop: "01"})),
			want:   v1alpha1.DecisionReject,
			reason: "incomplete evaluation: ContextualImplementation: tasks count as solved without an answer, so its grading is broken",
		},
		"controls missing": {
			record: record(kind(qa, good), kind(impl, arms{v1alpha1.ArmBase: "00", v1alpha1.ArmCandidate: "00"})),
			want:   v1alpha1.DecisionReject,
			reason: "incomplete evaluation: ContextualImplementation has no results of the arm gold",
		},
		"a task that did not run": {
			record: record(kind(qa, with(good, v1alpha1.ArmCandidate, "x"+successes(49, 49)))), want: v1alpha1.DecisionReject,
			reason: "incomplete evaluation: CodebaseQA has tasks that did not run in the arm candidate",
		},
		"arms of different length": {
			record: record(kind(qa, with(good, v1alpha1.ArmBase, successes(0, 49)))), want: v1alpha1.DecisionReject,
			reason: "incomplete evaluation: CodebaseQA has 50 tasks but 49 results of the arm base",
		},
		"an arm twice": {
			record: record(twice), want: v1alpha1.DecisionReject,
			reason: "incomplete evaluation: CodebaseQA lists the arm base twice",
		},
		"a kind twice": {
			record: record(kind(qa, good), kind(qa, good)), want: v1alpha1.DecisionReject,
			reason: "the evaluation record lists CodebaseQA twice: evaluate again",
		},
		"a group letter without a name": {
			record: record(badGroup), want: v1alpha1.DecisionReject,
			reason: `incomplete evaluation: CodebaseQA has the group letter 'B' without a name`,
		},
		"an empty record": {
			want:   v1alpha1.DecisionReject,
			reason: "the evaluation record names no fingerprint or no candidate: evaluate again",
		},
		"a senseless level": {
			change: func(g *v1alpha1.Gate) { g.AlphaPerMille = 500 },
			record: record(kind(qa, good)), want: v1alpha1.DecisionReject,
			reason: "gate.alphaPerMille 500 must lie between 1 and 499",
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			settings := spec()
			if test.change != nil {
				test.change(&settings)
			}
			got := decide(settings, test.record, test.served)
			if diff := cmp.Diff(test.want, got.Decision); diff != "" {
				t.Error(diff)
			}
			if diff := cmp.Diff(test.reason, got.Reason); diff != "" {
				t.Error(diff)
			}
			if !got.DecidedTime.IsZero() || len(got.Digest) != 71 || len(got.GateDigest) != 71 {
				t.Errorf("malformed verdict %+v", got)
			}
		})
	}
}

func TestDefaultsOfALeftOutGate(t *testing.T) {
	written := v1alpha1.Gate{PrimaryKind: impl, MinGainPoints: 5, MarginPoints: 10, AlphaPerMille: 50}
	empty, full := decide(v1alpha1.Gate{}, record(), ""), decide(written, record(), "")
	if empty.GateDigest != full.GateDigest {
		t.Error("a gate that is left out must be the gate with the API's defaults")
	}
	written.MarginPoints = 11
	if decide(written, record(), "").GateDigest == full.GateDigest {
		t.Error("another margin must be another gate")
	}
}

func TestLeastClusters(t *testing.T) {
	for points, want := range map[int]int{5: 59, 10: 29, 15: 19} {
		if got := LeastClusters(0.05, float64(points)/100); got != want {
			t.Errorf("margin %d: got %d, want %d", points, got, want)
		}
	}
}

func TestMcNemar(t *testing.T) {
	tests := map[string]struct {
		differences []int
		want        float64
	}{
		"nothing changed":  {[]int{0, 0}, 1},
		"one gain":         {[]int{1, 0}, 0.5},
		"five gains":       {[]int{1, 1, 1, 1, 1}, 1.0 / 32},
		"a gain, a loss":   {[]int{1, -1}, 0.75},
		"only losses seen": {[]int{-1, -1}, 1},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if got := McNemar(test.differences); got < test.want-1e-9 || got > test.want+1e-9 {
				t.Errorf("got %v, want %v", got, test.want)
			}
		})
	}
}
