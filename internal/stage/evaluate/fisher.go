package evaluate

import "math"

// driftLevel is the level at which drawn answers count as drawn from another model.
const driftLevel = 0.01

// fisher is the two-sided p value of Fisher's exact test: how likely are counts at
// least as far apart as these, with the same sum, where both are drawn at one rate.
// Tasks that are not equally hard make it larger than it need be.
func fisher(solvedA, a, solvedB, b int) float64 {
	sum := solvedA + solvedB
	observed := hypergeometric(solvedA, a, sum, a+b)
	p := 0.0
	for k := max(0, sum-b); k <= min(a, sum); k++ {
		// Equal chances are computed a little apart.
		if chance := hypergeometric(k, a, sum, a+b); chance <= observed*(1+1e-9) {
			p += chance
		}
	}
	return math.Min(1, p)
}

// hypergeometric is the chance that k of n drawn ones are among the marked of all.
func hypergeometric(k, n, marked, all int) float64 {
	return math.Exp(choices(marked, k) + choices(all-marked, n-k) - choices(all, n))
}

// choices is the logarithm of the number of ways to take k of n.
func choices(n, k int) float64 {
	a, _ := math.Lgamma(float64(n + 1))
	b, _ := math.Lgamma(float64(k + 1))
	c, _ := math.Lgamma(float64(n - k + 1))
	return a - b - c
}
