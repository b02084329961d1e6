package crossover

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
)

// constant are scores in which the first facts are right, with every seed.
func constant(seeds, facts, right int) Scores {
	scores := make(Scores, seeds)
	for seed := range scores {
		scores[seed] = make([]bool, facts)
		for fact := range right {
			scores[seed][fact] = true
		}
	}
	return scores
}

// alone gives every fact a cluster of its own.
func alone(facts int) []string {
	clusters := make([]string, facts)
	for i := range clusters {
		clusters[i] = fmt.Sprint(i)
	}
	return clusters
}

func TestEffect(t *testing.T) {
	facts := func(seeds, n, own, other int) Facts {
		return Facts{Clusters: alone(n), Own: constant(seeds, n, own), Other: constant(seeds, n, other), Both: constant(seeds, n, other)}
	}
	cases := map[string]struct {
		a, b            Facts
		mean, low, high float64
	}{
		"nothing is known of either":     {facts(3, 50, 0, 0), facts(3, 50, 0, 0), 0, -0.038, 0.038},
		"all is, by its own expert":      {facts(3, 50, 50, 0), facts(3, 50, 50, 0), 1, 0.934, 1},
		"of one repository alone":        {facts(3, 50, 50, 0), facts(3, 50, 0, 0), 0.5, 0.462, 0.538},
		"half of the facts":              {facts(3, 50, 25, 0), facts(3, 50, 25, 0), 0.5, 0.4, 0.6},
		"the other one knows more":       {facts(3, 50, 0, 50), facts(3, 50, 0, 50), -1, -1, -0.934},
		"sizes weigh the same":           {facts(3, 10, 10, 0), facts(3, 90, 0, 0), 0.5, 0.34, 0.66},
		"one seed, over the facts alone": {facts(1, 50, 25, 0), facts(1, 50, 25, 0), 0.5, 0.4, 0.6},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			got := Effect(c.a, c.b)
			if math.Abs(got.Mean-c.mean) > 1e-9 || got.Low > c.mean || got.High < c.mean {
				t.Errorf("got %+v", got)
			}
			if math.Abs(got.Low-c.low) > 0.03 || math.Abs(got.High-c.high) > 0.03 {
				t.Errorf("interval [%.3f, %.3f], want [%.3f, %.3f]", got.Low, got.High, c.low, c.high)
			}
			if same := Sharing(c.a, c.b); same.Mean != got.Mean || same.Low != got.Low {
				t.Errorf("equal scores of the third expert give %+v", same)
			}
		})
	}
}

// Seeds that disagree widen the interval, and so do facts that stand or fall
// together.
func TestWhatWidensTheInterval(t *testing.T) {
	width := func(f Facts) float64 { e := Effect(f, f); return e.High - e.Low }
	steady := Facts{Clusters: alone(60), Own: constant(3, 60, 40), Other: constant(3, 60, 0)}
	shaky := steady
	shaky.Own = Scores{constant(1, 60, 20)[0], constant(1, 60, 40)[0], constant(1, 60, 60)[0]}
	if width(shaky) < 2*width(steady) {
		t.Errorf("%.3f for seeds that disagree, %.3f for those that do not", width(shaky), width(steady))
	}
	together := steady
	together.Clusters = make([]string, 60)
	for i := range together.Clusters {
		together.Clusters[i] = fmt.Sprint(i / 10)
	}
	if width(together) < 1.5*width(steady) {
		t.Errorf("%.3f for clusters of ten, %.3f for single facts", width(together), width(steady))
	}
	if e := Effect(shaky, shaky); len(e.Seeds) != 3 || math.Abs(e.Seeds[2]-1) > 1e-9 {
		t.Errorf("effects of the seeds are %v", e.Seeds)
	}
}

// The interval holds the true effect at least as often as it says: facts differ, the
// seeds of training do, and both at once.
func TestCoverage(t *testing.T) {
	const runs, facts = 1000, 56
	for _, c := range []struct{ byFact, bySeed float64 }{{0, 0}, {0.15, 0}, {0, 0.1}, {0.15, 0.1}, {0.1, 0.15}} {
		for _, seeds := range []int{3, 5} {
			random := rand.New(rand.NewPCG(1, uint64(seeds)))
			covered := 0
			for range runs {
				e := Effect(drawn(random, seeds, facts, c.byFact, c.bySeed), drawn(random, seeds, facts, c.byFact, c.bySeed))
				if e.Low <= 0.4 && 0.4 <= e.High {
					covered++
				}
			}
			rate := float64(covered) / runs
			t.Logf("facts %.2f, seeds %.2f, %d seeds: covered %.3f", c.byFact, c.bySeed, seeds, rate)
			// Three standard errors of the simulation below the level.
			if rate < level-0.021 {
				t.Errorf("facts %.2f, seeds %.2f, %d seeds: covered %.3f", c.byFact, c.bySeed, seeds, rate)
			}
		}
	}
}

// drawn are answers that are right with a chance of .7 and .3, changed by each fact
// and by each model.
func drawn(random *rand.Rand, seeds, facts int, byFact, bySeed float64) Facts {
	f := Facts{Clusters: alone(facts)}
	own, other := make([]float64, facts), make([]float64, facts)
	for i := range facts {
		own[i], other[i] = 0.7+byFact*(2*random.Float64()-1), 0.3+byFact*(2*random.Float64()-1)
	}
	answers := func(chance []float64) []bool {
		model := bySeed * (2*random.Float64() - 1)
		right := make([]bool, facts)
		for i, p := range chance {
			right[i] = random.Float64() < p+model
		}
		return right
	}
	for range seeds {
		f.Own, f.Other = append(f.Own, answers(own)), append(f.Other, answers(other))
	}
	return f
}
