package gate

import (
	"math"
	"slices"

	"gonum.org/v1/gonum/stat/distuv"
)

// tBound is the lower bound by Student's t, as the package comment defines it, and
// never falls when a difference rises: a gain that stands out widens the variance
// more than it lifts the mean, and then counts as the smaller gain that gives the
// highest bound. It is false where there is no bound: fewer than two differences.
func tBound(differences []float64, alpha, margin float64) (float64, bool) {
	n := len(differences)
	if n < 2 {
		return 0, false
	}
	t, size := quantile(alpha, n), float64(n+2)
	clipped := slices.Clone(differences)
	for {
		mean, variance := moments(clipped)
		// Where the variance is at its floor, no difference widens it.
		most := mean + math.Sqrt(variance*(size-1))/t
		if top := slices.Max(clipped); variance <= margin*(1-margin) || top <= most+clipTolerance {
			return mean - t*math.Sqrt(max(variance, margin*(1-margin))/(size-1)), true
		}
		for i, d := range clipped {
			clipped[i] = min(d, most)
		}
	}
}

// clipTolerance ends the search for the gain above which a difference widens the
// bound; differences are multiples of one over the rollouts of a cluster.
const clipTolerance = 1e-9

// moments are mean and variance with the two pseudo-pairs.
func moments(differences []float64) (mean, variance float64) {
	size := float64(len(differences) + 2)
	squares := make([]float64, len(differences))
	for i, d := range differences {
		squares[i] = d * d
	}
	mean = sum(differences) / size
	return mean, (sum(squares)+1)/size - mean*mean
}

// quantile is that of Student's t for n differences.
func quantile(alpha float64, n int) float64 {
	return distuv.StudentsT{Sigma: 1, Nu: float64(n - 1)}.Quantile(1 - alpha)
}

// sum does not depend on the order of its values.
func sum(values []float64) float64 {
	sorted := slices.Clone(values)
	slices.Sort(sorted)
	total := 0.0
	for _, v := range sorted {
		total += v
	}
	return total
}

// LowerBound is the one-sided lower confidence bound of the mean of differences,
// each of one cluster and in [-1, 1], at level alpha. With a margin above 0, a
// tolerated loss in (0, 1), it is also no higher than the exact binomial bound
// allows; 0 asks for superiority. It is false for fewer than two differences.
func LowerBound(differences []float64, alpha, margin float64) (float64, bool) {
	bound, ok := tBound(differences, alpha, margin)
	if ok && margin > 0 {
		bound = min(bound, -exactLoss(len(differences), -sum(differences), alpha))
	}
	return bound, ok
}

// UpperBound is the t bound on the other side: that of the negated differences.
func UpperBound(differences []float64, alpha, margin float64) (float64, bool) {
	negated := make([]float64, len(differences))
	for i, d := range differences {
		negated[i] = -d
	}
	bound, ok := tBound(negated, alpha, margin)
	return -bound, ok
}

// exactLoss is the upper bound of the loss rate after Clopper and Pearson (1934)
// if the net loss were that many of n clusters broken and all others unchanged:
// the case where the t bound is too low, because few breaks say little of their
// variance.
func exactLoss(n int, lost, alpha float64) float64 {
	lost = max(lost, 0)
	if lost >= float64(n) {
		return 1
	}
	return distuv.Beta{Alpha: lost + 1, Beta: float64(n) - lost}.Quantile(1 - alpha)
}

// LeastClusters is the smallest n with n >= ln(alpha)/ln(1-margin): if the true
// loss is the margin, the chance that none of n clusters shows it is at most alpha.
func LeastClusters(alpha, margin float64) int {
	return int(math.Ceil(math.Log(alpha) / math.Log1p(-margin)))
}

// clustersNeeded is about how many clusters would bring the lower bound above
// -margin if mean and variance stayed as they are; 0 if no number would.
func clustersNeeded(differences []float64, alpha, margin float64) int {
	n := len(differences)
	if n < 2 {
		return LeastClusters(alpha, margin)
	}
	mean, variance := sum(differences)/float64(n), 0.0
	_, variance = moments(differences)
	room := margin + mean
	if room <= 0 {
		return 0
	}
	t := quantile(alpha, n)
	needed := int(math.Ceil(t * t * max(variance, margin*(1-margin)) / (room * room)))
	return max(needed, LeastClusters(alpha, margin), n+1)
}

// McNemar is the exact one-sided test of the same differences (McNemar 1947, as
// a binomial test on the discordant pairs): the chance of at least as many gains
// among the tasks that changed if a gain were as likely as a loss. It is for one
// answer a task, stands beside the bound in reports and decides nothing.
func McNemar(differences []int) float64 {
	gains, changed := 0, 0
	for _, d := range differences {
		if d != 0 {
			changed++
		}
		if d > 0 {
			gains++
		}
	}
	if gains == 0 {
		return 1
	}
	return distuv.Binomial{N: float64(changed), P: 0.5}.Survival(float64(gains - 1))
}
