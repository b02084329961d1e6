package gate

import (
	"slices"
	"testing"

	"gonum.org/v1/gonum/stat/distuv"
	"pgregory.net/rapid"
)

// drawDifferences draws differences of clusters with eight rollouts, most of them
// small: where single large ones stand out.
func drawDifferences(t *rapid.T) []float64 {
	n := rapid.IntRange(2, 80).Draw(t, "clusters")
	differences := make([]float64, n)
	for i := range differences {
		eighths := rapid.IntRange(-2, 2)
		if rapid.IntRange(0, 19).Draw(t, "outlier") == 0 {
			eighths = rapid.IntRange(-8, 8)
		}
		differences[i] = float64(eighths.Draw(t, "difference")) / 8
	}
	return differences
}

func TestBoundsRiseWithEveryDifference(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		before := drawDifferences(t)
		alpha := rapid.Float64Range(0.005, 0.2).Draw(t, "alpha")
		margin := rapid.SampledFrom([]float64{0, 0.05, 0.1, 0.15}).Draw(t, "margin")
		after := slices.Clone(before)
		i := rapid.IntRange(0, len(after)-1).Draw(t, "cluster")
		after[i] = min(1, after[i]+rapid.SampledFrom([]float64{0.125, 0.5, 1}).Draw(t, "more"))
		for name, bound := range map[string]func([]float64, float64, float64) (float64, bool){"lower": LowerBound, "upper": UpperBound} {
			low, _ := bound(before, alpha, margin)
			high, _ := bound(after, alpha, margin)
			if high < low-1e-7 {
				t.Fatalf("%s bound falls from %v to %v", name, low, high)
			}
		}
	})
}

// One cluster gains all and nineteen a little: without the limit on what stands
// out, a further gain of the one would lower the bound.
func TestAnOutlierDoesNotHurt(t *testing.T) {
	differences := make([]float64, 60)
	for i := range 19 {
		differences[i] = 0.125
	}
	differences[19] = 0.875
	before, _ := LowerBound(differences, 0.0125, 0)
	differences[19] = 1
	after, _ := LowerBound(differences, 0.0125, 0)
	if after < before-1e-9 {
		t.Errorf("the bound falls from %v to %v", before, after)
	}
}

func TestUpperBoundIsTheOtherSide(t *testing.T) {
	differences := []float64{0.5, -0.25, 0, 0, 1, -1}
	upper, _ := UpperBound(differences, 0.05, 0)
	for i := range differences {
		differences[i] = -differences[i]
	}
	if lower, _ := LowerBound(differences, 0.05, 0); lower != -upper {
		t.Errorf("%v and %v", lower, upper)
	}
	if _, ok := LowerBound(differences[:1], 0.05, 0.1); ok {
		t.Error("one difference has no bound")
	}
}

// Where clusters break and none gains, the level is a sum of binomial terms: it is
// kept at every n. The t bound alone does not keep it.
func TestTheLevelOfSparseBreaksIsExact(t *testing.T) {
	const alpha = 0.05
	passes := func(n int, margin float64, bound func([]float64, float64, float64) (float64, bool)) float64 {
		differences := make([]float64, n)
		for broken := range n {
			if lower, _ := bound(differences, alpha, margin); lower <= -margin {
				return distuv.Binomial{N: float64(n), P: margin}.CDF(float64(broken) - 1)
			}
			differences[broken] = -1
		}
		return 1
	}
	worst := 0.0
	for _, margin := range []float64{0.05, 0.1, 0.15} {
		for n := LeastClusters(alpha, margin); n <= 130; n++ {
			if rate := passes(n, margin, LowerBound); rate > alpha {
				t.Errorf("n=%d, margin %v: %.4f", n, margin, rate)
			}
			worst = max(worst, passes(n, margin, tBound))
		}
	}
	if worst < 0.06 {
		t.Errorf("the t bound alone lets only %.4f through: the exact bound is not needed", worst)
	}
}
