package gate

import (
	"math"

	"gonum.org/v1/gonum/stat/distuv"
)

// lowerBound is the one-sided lower confidence bound of the mean of differences
// at level alpha for the tolerated loss margin, as the package comment says. The
// second result is false where there is no bound: fewer than two differences.
func lowerBound(differences []int, alpha, margin float64) (float64, bool) {
	n := len(differences)
	if n < 2 {
		return 0, false
	}
	sum, squares := 0, 0
	for _, d := range differences {
		sum += d
		squares += d * d
	}
	size := float64(n + 2)
	mean := float64(sum) / size
	variance := max(float64(squares+1)/size-mean*mean, margin*(1-margin))
	quantile := distuv.StudentsT{Sigma: 1, Nu: float64(n - 1)}.Quantile(1 - alpha)
	return mean - quantile*math.Sqrt(variance/(size-1)), true
}

// leastTasks is the smallest n with n >= ln(alpha)/ln(1-margin): if the true loss
// is the margin, the chance that none of n tasks shows it is at most alpha.
func leastTasks(alpha, margin float64) int {
	return int(math.Ceil(math.Log(alpha) / math.Log(1-margin)))
}

// McNemar is the exact one-sided test of the same differences (McNemar 1947, as
// a binomial test on the discordant pairs): the chance of at least as many gains
// among the tasks that changed if a gain were as likely as a loss. It stands
// beside the bound in reports and decides nothing.
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
