package gate

import (
	"fmt"
	"math"

	"gonum.org/v1/gonum/stat/distuv"
)

// leastPower below which a comparison is not worth its GPU time.
const leastPower = 0.5

// Bounds of the search for a remedy.
const (
	mostClusters     = 10000
	mostMarginPoints = 50
)

// Model is what the power is computed under: two models that are equally good on
// average over clusters.
type Model struct {
	// Score is their mean success rate, in (0, 1).
	Score float64
	// Correlation of two rollouts of one model on one cluster, in [0, 1): how far
	// clusters are either easy or hard.
	Correlation float64
	// Seed is the standard deviation, over clusters, of the true difference of two
	// trainings that are equal on average.
	Seed float64
}

// StandardModel is assumed where nothing was measured: a third solved, half of the
// variance between clusters, and trainings that differ by .2 on a cluster, which
// is about 2 points over 100 clusters, as repeated trainings of a repository's
// expert did (1.5 to 3 points).
var StandardModel = Model{Score: 0.3, Correlation: 0.5, Seed: 0.2}

// variance of a cluster's difference with k rollouts.
func (m Model) variance(rollouts int) float64 {
	return 2*m.Score*(1-m.Score)*(1-m.Correlation)/float64(rollouts) + m.Seed*m.Seed
}

// Power is the chance that an equally good candidate is shown to be no worse by
// margin with n clusters, by the look that shows it best: all looks together show
// it at least as often. Sums of differences are taken as normal.
func Power(looks []Look, margin float64, n int, model Model) float64 {
	best := 0.0
	for _, look := range looks {
		best = max(best, look.power(margin, n, model))
	}
	return best
}

func (l Look) power(margin float64, n int, model Model) float64 {
	if n < 2 || n < LeastClusters(l.Alpha, margin) {
		return 0
	}
	v, size := model.variance(l.Rollouts), float64(n+2)
	used := max((float64(n)*v+1)/size, margin*(1-margin))
	allowed := min(
		size*(margin-quantile(l.Alpha, n)*math.Sqrt(used/(size-1))),
		mostLost(n, l.Alpha, margin),
	)
	return distuv.UnitNormal.CDF(allowed / math.Sqrt(float64(n)*v))
}

// mostLost is the largest net loss, in clusters, that still rules out the margin
// by the exact bound.
func mostLost(n int, alpha, margin float64) float64 {
	low, high := 0.0, float64(n)
	for range 40 {
		middle := (low + high) / 2
		if exactLoss(n, middle, alpha) < margin {
			low = middle
		} else {
			high = middle
		}
	}
	return low
}

// Underpowered says, before anything is run, that n clusters would not show an
// equally good candidate to be no worse in at least half of the cases, and which
// number of clusters or which margin would. It is "" when they would.
func Underpowered(settings Settings, n int, model Model) string {
	power := Power(settings.Looks, settings.margin(), n, model)
	if power >= leastPower {
		return ""
	}
	remedy := ""
	if needed := clustersForPower(settings, n, model); needed > 0 {
		remedy = fmt.Sprintf("needs %d tasks", needed)
	}
	if points := marginForPower(settings, n, model); points > 0 {
		if remedy != "" {
			remedy += " or "
		} else {
			remedy = "needs "
		}
		remedy += fmt.Sprintf("gate.marginPoints %d", points)
	}
	if remedy == "" {
		remedy = "no number of tasks and no margin helps"
	}
	return fmt.Sprintf("Underpowered: an equally good model would pass %d tasks at gate.marginPoints %d with a chance of %.2f: %s",
		n, settings.MarginPoints, power, remedy)
}

// clustersForPower doubles and then halves: power grows with n but for small steps.
func clustersForPower(settings Settings, n int, model Model) int {
	enough := func(n int) bool { return Power(settings.Looks, settings.margin(), n, model) >= leastPower }
	low, high := n, max(2*n, 2)
	for !enough(high) {
		if high >= mostClusters {
			return 0
		}
		low, high = high, min(2*high, mostClusters)
	}
	for high-low > 1 {
		if middle := (low + high) / 2; enough(middle) {
			high = middle
		} else {
			low = middle
		}
	}
	return high
}

func marginForPower(settings Settings, n int, model Model) int {
	for points := settings.MarginPoints + 1; points <= mostMarginPoints; points++ {
		if Power(settings.Looks, float64(points)/100, n, model) >= leastPower {
			return points
		}
	}
	return 0
}
