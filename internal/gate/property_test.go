package gate

import (
	"math/rand/v2"
	"testing"

	"pgregory.net/rapid"

	"github.com/repoexpert/operator/api/v1alpha1"
)

// drawRecord draws a complete record of one kind with all three models.
func drawRecord(t *rapid.T) v1alpha1.EvaluationRecord {
	n := rapid.IntRange(1, 130).Draw(t, "tasks")
	draw := func(label string) string {
		percent := rapid.IntRange(0, 100).Draw(t, label+" percent")
		source := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, label+" seed"), 1))
		return bernoulli(source, n, float64(percent)/100)
	}
	k := kind(qa, arms{v1alpha1.ArmBase: draw("base"), v1alpha1.ArmCandidate: draw("candidate"), v1alpha1.ArmServed: draw("served")})
	k.GroupNames = []string{"one", "two"}
	for i := range n {
		k.Groups += string(rune('A' + i%2*min(1, n-1)))
	}
	return record(k)
}

func bernoulli(source *rand.Rand, n int, p float64) string {
	results := make([]byte, n)
	for i := range results {
		results[i] = '0'
		if source.Float64() < p {
			results[i] = '1'
		}
	}
	return string(results)
}

func drawGate(t *rapid.T) v1alpha1.Gate {
	return v1alpha1.Gate{
		PrimaryKind:   qa,
		MinGainPoints: rapid.Int32Range(0, 30).Draw(t, "gain"),
		MarginPoints:  rapid.Int32Range(5, 25).Draw(t, "margin"),
		AlphaPerMille: rapid.Int32Range(10, 200).Draw(t, "alpha"),
	}
}

func promoted(v v1alpha1.Verdict) bool { return v.Decision == v1alpha1.DecisionPromote }

// A task more that the candidate solves never turns a promotion into a rejection.
func TestMoreEvidenceNeverHurts(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		settings, before := drawGate(t), drawRecord(t)
		after := *before.DeepCopy()
		results := []byte(after.Kinds[0].Arms[1].Successes)
		results[rapid.IntRange(0, len(results)-1).Draw(t, "task")] = '1'
		after.Kinds[0].Arms[1].Successes = string(results)
		if promoted(decide(settings, before, "sha256:served")) && !promoted(decide(settings, after, "sha256:served")) {
			t.Fatalf("promoted %+v but not %+v", before, after)
		}
	})
}

func TestOrderOfTasksIsIrrelevant(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		settings, before := drawGate(t), drawRecord(t)
		after := *before.DeepCopy()
		k := &after.Kinds[0]
		places := rapid.Permutation(indices(len(k.Groups))).Draw(t, "order")
		k.Groups = permute(k.Groups, places)
		for i := range k.Arms {
			k.Arms[i].Successes = permute(k.Arms[i].Successes, places)
		}
		a, b := decide(settings, before, "sha256:served"), decide(settings, after, "sha256:served")
		if a.Decision != b.Decision || a.Reason != b.Reason {
			t.Fatalf("%q against %q", a.Reason, b.Reason)
		}
	})
}

func indices(n int) []int {
	list := make([]int, n)
	for i := range list {
		list[i] = i
	}
	return list
}

func permute(text string, places []int) string {
	out := make([]byte, len(text))
	for i, place := range places {
		out[i] = text[place]
	}
	return string(out)
}

// Damage to any arm that is needed never promotes.
func TestDamagedRecordsNeverPromote(t *testing.T) {
	damages := map[string]func(*v1alpha1.EvaluationRecord, int){
		"arm removed": func(r *v1alpha1.EvaluationRecord, arm int) {
			k := &r.Kinds[0]
			k.Arms = append(k.Arms[:arm:arm], k.Arms[arm+1:]...)
		},
		"task cut off": func(r *v1alpha1.EvaluationRecord, arm int) {
			a := &r.Kinds[0].Arms[arm]
			a.Successes = a.Successes[:len(a.Successes)-1]
		},
		"task not run": func(r *v1alpha1.EvaluationRecord, arm int) {
			a := &r.Kinds[0].Arms[arm]
			a.Successes = "x" + a.Successes[1:]
		},
		"foreign letter": func(r *v1alpha1.EvaluationRecord, arm int) {
			a := &r.Kinds[0].Arms[arm]
			a.Successes = "2" + a.Successes[1:]
		},
		"another served model": func(r *v1alpha1.EvaluationRecord, _ int) { r.ServedDigest = "sha256:other" },
		"no fingerprint":       func(r *v1alpha1.EvaluationRecord, _ int) { r.Fingerprint = "" },
		"no kind":              func(r *v1alpha1.EvaluationRecord, _ int) { r.Kinds = nil },
	}
	for name, damage := range damages {
		t.Run(name, func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) {
				damaged := drawRecord(t)
				damage(&damaged, rapid.IntRange(0, 2).Draw(t, "arm"))
				if verdict := decide(drawGate(t), damaged, "sha256:served"); promoted(verdict) {
					t.Fatalf("promoted: %s", verdict.Reason)
				}
			})
		})
	}
}

// With few tasks, two models that solve exactly the same are no proof that one
// is not worse.
func TestEqualResultsAtSmallSizesProveNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		settings := drawGate(t)
		alpha, margin := float64(settings.AlphaPerMille)/1000, float64(settings.MarginPoints)/100
		n := rapid.IntRange(1, LeastClusters(alpha, margin)-1).Draw(t, "tasks")
		r := record(kind(qa, arms{v1alpha1.ArmBase: successes(0, n), v1alpha1.ArmCandidate: successes(n, n), v1alpha1.ArmServed: successes(n, n)}))
		if verdict := decide(settings, r, "sha256:served"); promoted(verdict) {
			t.Fatalf("promoted with %d tasks: %s", n, verdict.Reason)
		}
	})
}
