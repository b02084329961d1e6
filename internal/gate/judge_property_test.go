package gate

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// drawEvidence draws complete evidence with all models, clusters of one to three
// tasks and two groups. Candidate, served and anchor model are alike, so that
// many are promoted.
func drawEvidence(t *rapid.T) Evidence {
	source := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 1))
	score := rapid.Float64Range(0.2, 1).Draw(t, "score")
	k := Kind{Name: repair, Arms: map[string]Arm{}}
	var clusters []string
	for i := range rapid.IntRange(1, 130).Draw(t, "clusters") {
		clusters = append(clusters, fmt.Sprint(i))
		for range 1 + source.IntN(3) {
			k.Tasks = append(k.Tasks, Task{Cluster: clusters[i], Group: string(rune('A' + source.IntN(2))), Fresh: source.IntN(5) == 0})
		}
	}
	for arm, share := range map[string]float64{ArmBase: 0.2, ArmCandidate: 1, ArmServed: 0.9, ArmAnchor: 0.8} {
		a := Arm{Digest: arm, Fingerprint: "f", HeldOut: clusters}
		for range k.Tasks {
			c := Count{Rollouts: 8}
			for range c.Rollouts {
				if source.Float64() < score*share {
					c.Solved++
				}
			}
			a.Results = append(a.Results, c)
		}
		k.Arms[arm] = a
	}
	return Evidence{
		Fingerprint: "f", Candidate: ArmCandidate, Served: ArmServed, Anchor: ArmAnchor,
		Look: rapid.IntRange(1, 3).Draw(t, "look"), Kinds: []Kind{k},
	}
}

// A further rollout that the candidate solves never turns a promotion into
// anything else.
func TestMoreSolvedNeverHurts(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		evidence := drawEvidence(t)
		before := Judge(standard(), evidence)
		results := evidence.Kinds[0].Arms[ArmCandidate].Results
		c := &results[rapid.IntRange(0, len(results)-1).Draw(t, "task")]
		c.Solved = min(c.Rollouts, c.Solved+rapid.IntRange(1, 8).Draw(t, "more"))
		if after := Judge(standard(), evidence); before.Decision == Promote && after.Decision != Promote {
			t.Fatalf("%s\nthen %s", before.Reason, after.Reason)
		}
	})
}

func TestOrderAndNamesAreIrrelevant(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		evidence := drawEvidence(t)
		before := Judge(standard(), evidence)
		k := &evidence.Kinds[0]
		places := rapid.Permutation(indices(len(k.Tasks))).Draw(t, "order")
		k.Tasks = reorder(k.Tasks, places)
		renamed := func(cluster string) string { return fmt.Sprintf("%x", cluster) + "-renamed" }
		for i := range k.Tasks {
			k.Tasks[i].Cluster = renamed(k.Tasks[i].Cluster)
		}
		for name, a := range k.Arms {
			a.Results = reorder(a.Results, places)
			a.HeldOut = slices.Clone(a.HeldOut)
			for i := range a.HeldOut {
				a.HeldOut[i] = renamed(a.HeldOut[i])
			}
			slices.Reverse(a.HeldOut)
			k.Arms[name] = a
		}
		if after := Judge(standard(), evidence); before.Decision != after.Decision || before.Reason != after.Reason {
			t.Fatalf("%s\nthen %s", before.Reason, after.Reason)
		}
	})
}

func reorder[T any](list []T, places []int) []T {
	out := make([]T, len(list))
	for i, place := range places {
		out[i] = list[place]
	}
	return out
}

// Damage to any arm that is compared never promotes.
func TestDamagedEvidenceNeverPromotes(t *testing.T) {
	damages := map[string]func(a *Arm, task int){
		"partial":            func(a *Arm, task int) { a.Results[task] = Count{} },
		"short":              func(a *Arm, _ int) { a.Results = a.Results[1:] },
		"long":               func(a *Arm, _ int) { a.Results = append(a.Results, Count{8, 8}) },
		"empty":              func(a *Arm, _ int) { *a = Arm{} },
		"impossible":         func(a *Arm, task int) { a.Results[task].Solved = 9 },
		"negative":           func(a *Arm, task int) { a.Results[task].Solved = -1 },
		"another evaluation": func(a *Arm, _ int) { a.Fingerprint = "other" },
	}
	trained := map[string]func(a *Arm, task int){
		"another model": func(a *Arm, _ int) { a.Digest = "other" },
		"no exclusions": func(a *Arm, _ int) { a.HeldOut = nil },
	}
	check := func(damage func(*Arm, int), arms []string) func(*rapid.T) {
		return func(t *rapid.T) {
			evidence := drawEvidence(t)
			name := rapid.SampledFrom(arms).Draw(t, "arm")
			a := evidence.Kinds[0].Arms[name]
			damage(&a, rapid.IntRange(0, len(a.Results)-1).Draw(t, "task"))
			evidence.Kinds[0].Arms[name] = a
			if result := Judge(standard(), evidence); result.Decision != Reject {
				t.Fatalf("%s: %s", result.Decision, result.Reason)
			}
		}
	}
	for name, damage := range damages {
		t.Run(name, rapid.MakeCheck(check(damage, []string{ArmBase, ArmCandidate, ArmServed, ArmAnchor})))
	}
	for name, damage := range trained {
		t.Run(name, rapid.MakeCheck(check(damage, []string{ArmCandidate, ArmServed, ArmAnchor})))
	}
}
