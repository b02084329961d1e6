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
		if promoted(Decide(settings, before, "sha256:served")) && !promoted(Decide(settings, after, "sha256:served")) {
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
		a, b := Decide(settings, before, "sha256:served"), Decide(settings, after, "sha256:served")
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
				if verdict := Decide(drawGate(t), damaged, "sha256:served"); promoted(verdict) {
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
		n := rapid.IntRange(1, leastTasks(alpha, margin)-1).Draw(t, "tasks")
		r := record(kind(qa, arms{v1alpha1.ArmBase: successes(0, n), v1alpha1.ArmCandidate: successes(n, n), v1alpha1.ArmServed: successes(n, n)}))
		if verdict := Decide(settings, r, "sha256:served"); promoted(verdict) {
			t.Fatalf("promoted with %d tasks: %s", n, verdict.Reason)
		}
	})
}

// The rate of wrong promotions, simulated with a fixed seed: 2,000 runs a cell,
// where the candidate is no better than its base, or worse than the served model
// by exactly the margin. 2,000 runs at .05 have a standard error of .005, and two
// of them are allowed. Where only few tasks break, the bound is known to be
// optimistic: 40,000 runs of the worst cell gave .060. Runs are drawn task by
// task with a shared difficulty, as real arms are.
func TestFalsePromotionsStayBelowAlpha(t *testing.T) {
	const (
		runs   = 2000
		level  = 0.05 + 2*0.005
		sparse = 0.061 + 2*0.005
	)
	cells := map[string]struct {
		n                       int
		base, candidate, served float64
		limit                   float64
	}{
		"no better than base, 30 tasks":           {30, 0.3, 0.3, -1, level},
		"no better than base, 60 tasks":           {60, 0.1, 0.1, -1, level},
		"no better than base, 118 tasks":          {118, 0.5, 0.5, -1, level},
		"worse than served by 10, 30 tasks":       {30, 0, 0.6, 0.7, level},
		"worse than served by 10, 60 tasks":       {60, 0, 0.85, 0.95, sparse},
		"worse than served by 10, 118 tasks":      {118, 0, 0.3, 0.4, level},
		"worse than a perfect served by 10, 50":   {50, 0, 0.9, 1, level},
		"worse than served by 10, rare successes": {60, 0, 0.1, 0.2, level},
	}
	settings := v1alpha1.Gate{PrimaryKind: qa, MarginPoints: 10, AlphaPerMille: 50}
	for name, cell := range cells {
		t.Run(name, func(t *testing.T) {
			source := rand.New(rand.NewPCG(1, 2))
			wrong := 0
			for range runs {
				r, served := simulate(source, cell.n, cell.base, cell.candidate, cell.served), ""
				if cell.served >= 0 {
					served = "sha256:served"
				}
				if promoted(Decide(settings, r, served)) {
					wrong++
				}
			}
			t.Logf("%d of %d", wrong, runs)
			if rate := float64(wrong) / runs; rate > cell.limit {
				t.Errorf("false promotions %.3f > %.3f", rate, cell.limit)
			}
		})
	}
}

// simulate draws a record in which half of the tasks are decided by a difficulty
// that all models share and half by each model's own luck.
func simulate(source *rand.Rand, n int, base, candidate, served float64) v1alpha1.EvaluationRecord {
	drawn := map[v1alpha1.ArmName][]byte{}
	rates := map[v1alpha1.ArmName]float64{v1alpha1.ArmBase: base, v1alpha1.ArmCandidate: candidate, v1alpha1.ArmServed: max(served, 0)}
	for range n {
		difficulty, shared := source.Float64(), source.Float64() < 0.5
		for _, arm := range models {
			luck := source.Float64()
			if shared {
				luck = difficulty
			}
			result := byte('0')
			if luck < rates[arm] {
				result = '1'
			}
			drawn[arm] = append(drawn[arm], result)
		}
	}
	results := arms{}
	for arm, r := range drawn {
		results[arm] = string(r)
	}
	return record(kind(qa, results))
}
