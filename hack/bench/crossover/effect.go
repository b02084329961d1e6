// Package crossover compares experts of two repositories, and one of both, on the
// facts of both repositories.
//
// An expert that answers its own repository's questions better than an expert of
// another one does, with the same questions, wordings and budget, knows something of
// the repository: what both learned of the format cancels. The RCL effect is the mean
// of that difference over the two repositories,
//
//	1/2 [(A - B on A) + (B - A on B)],
//
// in the terms of repository-centric learning. It is measured on facts that were
// trained, in wordings that were not: retention, not skill at repair, and not the
// paper's comparison with one task over many repositories.
package crossover

import (
	"math"

	"gonum.org/v1/gonum/stat"
	"gonum.org/v1/gonum/stat/distuv"
)

// Scores are the answers of one expert to the facts of one repository: by training
// seed, then by fact.
type Scores [][]bool

// Facts are the facts of one repository with the answers of the experts.
type Facts struct {
	// Clusters name what each fact is about: facts of one are not independent.
	Clusters []string
	// Own is its own expert, Other that of the other repository, Both that of half
	// and half.
	Own, Other, Both Scores
}

// level of all intervals.
const level = 0.95

// Estimate is a mean difference of shares, from -1 to 1, with its interval.
type Estimate struct {
	Mean, Low, High float64
	// Seeds holds the difference of each training seed.
	Seeds []float64
	// Degrees of freedom of the interval.
	Degrees float64
}

// Effect is the RCL effect: the own expert against that of the other repository.
func Effect(repositories ...Facts) Estimate {
	return compare(repositories, func(f Facts) (Scores, Scores) { return f.Own, f.Other })
}

// Sharing is what half of the budget costs: the own expert against that of both.
func Sharing(repositories ...Facts) Estimate {
	return compare(repositories, func(f Facts) (Scores, Scores) { return f.Own, f.Both })
}

// compare estimates the mean over repositories, each with the same weight, of the
// first scores minus the second ones.
//
// Two things are drawn: the facts, by clusters, and the seeds of training, and each
// fact is asked of each seed's models. The variance is the sum of the one between
// clusters, of their means over the seeds, and the one between the seeds' effects, of
// two crossed factors (Cameron, Gelbach and Miller 2011). Their common part is not
// taken off, so the interval is rather too wide. It is Student's t with the degrees of
// freedom of Satterthwaite (1946). The variance between clusters has the two pseudo-
// pairs of the gate (Agresti and Min 2005): facts that all come out alike prove no
// certainty. With one seed the interval is over the facts alone; with two, where seeds
// differ much, it holds the truth less often than it says (92.7 % simulated).
func compare(repositories []Facts, sides func(Facts) (Scores, Scores)) Estimate {
	var e Estimate
	betweenClusters, clusters := 0.0, 0
	for _, facts := range repositories {
		first, second := sides(facts)
		differences := byCluster(facts.Clusters, first, second)
		e.addSeeds(differences, len(repositories))
		means := meansOver(differences)
		betweenClusters += pseudoVariance(means) / float64(len(repositories)*len(repositories))
		clusters += len(means)
	}
	e.Mean = stat.Mean(e.Seeds, nil)
	betweenSeeds, seeds := 0.0, len(e.Seeds)
	if seeds > 1 {
		betweenSeeds = stat.Variance(e.Seeds, nil) / float64(seeds)
	}
	variance := betweenClusters + betweenSeeds
	spread := betweenClusters * betweenClusters / float64(max(1, clusters-len(repositories)))
	if seeds > 1 {
		spread += betweenSeeds * betweenSeeds / float64(seeds-1)
	}
	e.Degrees = variance * variance / spread
	half := distuv.StudentsT{Mu: 0, Sigma: 1, Nu: e.Degrees}.Quantile((1+level)/2) * math.Sqrt(variance)
	e.Low, e.High = max(-1, e.Mean-half), min(1, e.Mean+half)
	return e
}

// addSeeds adds one repository's part of each seed's effect.
func (e *Estimate) addSeeds(differences [][]float64, repositories int) {
	if e.Seeds == nil {
		e.Seeds = make([]float64, len(differences))
	}
	for seed, of := range differences {
		e.Seeds[seed] += stat.Mean(of, nil) / float64(repositories)
	}
}

// byCluster are the differences by seed and cluster, in order of the clusters' first
// facts.
func byCluster(clusters []string, first, second Scores) [][]float64 {
	place, size := map[string]int{}, []float64{}
	for _, cluster := range clusters {
		if _, known := place[cluster]; !known {
			place[cluster] = len(size)
			size = append(size, 0)
		}
		size[place[cluster]]++
	}
	differences := make([][]float64, len(first))
	for seed := range first {
		differences[seed] = make([]float64, len(size))
		for fact, cluster := range clusters {
			at := place[cluster]
			differences[seed][at] += (number(first[seed][fact]) - number(second[seed][fact])) / size[at]
		}
	}
	return differences
}

// meansOver are the means over the seeds, by cluster.
func meansOver(differences [][]float64) []float64 {
	means := make([]float64, len(differences[0]))
	for _, of := range differences {
		for cluster, difference := range of {
			means[cluster] += difference / float64(len(differences))
		}
	}
	return means
}

// pseudoVariance is the variance of a mean, with one pair added in either direction.
func pseudoVariance(values []float64) float64 {
	n := float64(len(values) + 2)
	sum, squares := 0.0, 1.0
	for _, value := range values {
		sum += value
		squares += value * value
	}
	mean := sum / n
	return (squares/n - mean*mean) / (n - 1)
}

func number(right bool) float64 {
	if right {
		return 1
	}
	return 0
}
