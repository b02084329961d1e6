package gate

import (
	"math/rand/v2"
	"testing"

	"pgregory.net/rapid"

	"github.com/repoexpert/operator/api/v1alpha1"
)

// drawLook draws a whole record of a look with several rollouts, clusters and an
// anchor. The candidate is mostly good: damage must be what stops it.
func drawLook(t *rapid.T) v1alpha1.EvaluationRecord {
	n := rapid.IntRange(80, 160).Draw(t, "tasks")
	look := rapid.Int32Range(1, 3).Draw(t, "look")
	rollouts := []int32{2, 4, 8}[look-1]
	source := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 1))
	arm := func(name v1alpha1.ArmName, rate float64) v1alpha1.ArmRecord {
		results := make([]byte, n)
		for i := range results {
			results[i] = '0'
			for range rollouts {
				if source.Float64() < rate {
					results[i]++
				}
			}
		}
		return v1alpha1.ArmRecord{Name: name, Rollouts: rollouts, Successes: string(results)}
	}
	k := v1alpha1.KindRecord{Name: v1alpha1.KindIssueResolution, Arms: []v1alpha1.ArmRecord{
		arm(v1alpha1.ArmCandidate, 0.9), arm(v1alpha1.ArmBase, 0.1), arm(v1alpha1.ArmServed, 0.9), arm(v1alpha1.ArmAnchor, 0.9),
		arm(v1alpha1.ArmGold, 1), arm(v1alpha1.ArmNoop, 0),
	}}
	for i := range n {
		k.Clusters = append(k.Clusters, int32(i))
		k.Fresh += "0"
	}
	r := record(k)
	r.Look, r.AnchorDigest = look, "sha256:anchor"
	return r
}

func lookGate() v1alpha1.Gate {
	return v1alpha1.Gate{PrimaryKind: v1alpha1.KindIssueResolution, MinGainPoints: 5, MarginPoints: 15, AlphaPerMille: 50, Looks: v1alpha1.LooksThree}
}

func decideLook(r v1alpha1.EvaluationRecord) Answer {
	return Rules{}.Decide(lookGate(), Question{Record: r, Served: "sha256:served", Anchor: "sha256:anchor"})
}

func TestDamagedLooksNeverPromote(t *testing.T) {
	damages := map[string]func(*v1alpha1.EvaluationRecord, *v1alpha1.ArmRecord){
		"a look of another number": func(r *v1alpha1.EvaluationRecord, _ *v1alpha1.ArmRecord) { r.Look++ },
		"fewer rollouts":           func(_ *v1alpha1.EvaluationRecord, a *v1alpha1.ArmRecord) { a.Rollouts-- },
		"rollouts forgotten":       func(_ *v1alpha1.EvaluationRecord, a *v1alpha1.ArmRecord) { a.Rollouts = 0 },
		"more solved than tried":   func(_ *v1alpha1.EvaluationRecord, a *v1alpha1.ArmRecord) { a.Successes = "9" + a.Successes[1:] },
		"a task that did not run":  func(_ *v1alpha1.EvaluationRecord, a *v1alpha1.ArmRecord) { a.Successes = "x" + a.Successes[1:] },
		"a cluster less": func(r *v1alpha1.EvaluationRecord, _ *v1alpha1.ArmRecord) {
			r.Kinds[0].Clusters = r.Kinds[0].Clusters[1:]
		},
		"one cluster of all": func(r *v1alpha1.EvaluationRecord, _ *v1alpha1.ArmRecord) { clear(r.Kinds[0].Clusters) },
		"a freshness more":   func(r *v1alpha1.EvaluationRecord, _ *v1alpha1.ArmRecord) { r.Kinds[0].Fresh += "0" },
		"another anchor":     func(r *v1alpha1.EvaluationRecord, _ *v1alpha1.ArmRecord) { r.AnchorDigest = "sha256:other" },
		"no anchor":          func(r *v1alpha1.EvaluationRecord, _ *v1alpha1.ArmRecord) { r.AnchorDigest = "" },
		"an arm renamed":     func(_ *v1alpha1.EvaluationRecord, a *v1alpha1.ArmRecord) { a.Name = "other" },
		"gold that fails": func(r *v1alpha1.EvaluationRecord, _ *v1alpha1.ArmRecord) {
			r.Kinds[0].Arms[4].Successes = r.Kinds[0].Arms[5].Successes
		},
	}
	for name, damage := range damages {
		t.Run(name, func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) {
				r := drawLook(t)
				damage(&r, &r.Kinds[0].Arms[rapid.IntRange(0, 3).Draw(t, "arm")])
				if got := decideLook(r); promoted(got.Verdict) {
					t.Fatalf("promoted: %s", got.Verdict.Reason)
				}
			})
		})
	}
}

// One more rollout that the candidate solves never turns a promotion into anything
// else, and undamaged records are promoted now and then.
func TestMoreSolvedRolloutsNeverHurt(t *testing.T) {
	passed := 0
	rapid.Check(t, func(t *rapid.T) {
		before := drawLook(t)
		after := *before.DeepCopy()
		arm := &after.Kinds[0].Arms[0]
		results := []byte(arm.Successes)
		i := rapid.IntRange(0, len(results)-1).Draw(t, "task")
		results[i] = min(results[i]+1, '0'+byte(arm.Rollouts))
		arm.Successes = string(results)
		if !promoted(decideLook(before).Verdict) {
			return
		}
		passed++
		if got := decideLook(after); !promoted(got.Verdict) {
			t.Fatalf("no longer promoted: %s", got.Verdict.Reason)
		}
	})
	if passed == 0 {
		t.Error("no record was promoted: the property says nothing")
	}
}
