// Package simulation draws evaluations whose truth is known and counts how often
// the gate promotes what it must not. Seeds are fixed, so figures repeat.
package simulation

import (
	"fmt"
	"math/rand/v2"

	"gonum.org/v1/gonum/stat/distuv"

	"github.com/repoexpert/operator/internal/gate"
)

// Population is what the served model, or the base model, solves.
type Population struct {
	// Score is the mean success rate over clusters; Correlation says how far
	// clusters are either easy or hard, in [0, 1].
	Score, Correlation float64
	// Clusters of the hold-out, and how many tasks the largest has; the smallest
	// has one.
	Clusters, Tasks int
}

// rate draws the success rate of one cluster: a beta distribution with the
// population's mean and correlation.
func (p Population) rate(source *rand.Rand) float64 {
	switch {
	case p.Score <= 0 || p.Score >= 1 || p.Correlation <= 0:
		return p.Score
	case p.Correlation >= 1:
		if source.Float64() < p.Score {
			return 1
		}
		return 0
	}
	scale := (1 - p.Correlation) / p.Correlation
	return distuv.Beta{Alpha: p.Score * scale, Beta: (1 - p.Score) * scale, Src: source}.Rand()
}

// Change gives the candidate's rate on a cluster from the reference's so that the
// mean over clusters is exactly the reference's mean minus loss.
type Change func(source *rand.Rand, p Population, rate, loss float64) float64

// Evenly lowers every cluster in proportion.
func Evenly(_ *rand.Rand, p Population, rate, loss float64) float64 {
	return rate * (1 - loss/p.Score)
}

// Sparsely breaks few clusters whole and leaves the others as they are.
func Sparsely(source *rand.Rand, p Population, rate, loss float64) float64 {
	if source.Float64() < loss/p.Score {
		return 0
	}
	return rate
}

// Redrawn is another training: it solves that share of the clusters anew, for the
// better or the worse, and loses evenly beside that.
func Redrawn(share float64) Change {
	return func(source *rand.Rand, p Population, rate, loss float64) float64 {
		if source.Float64() < share {
			rate = p.rate(source)
		}
		return Evenly(source, p, rate, loss)
	}
}

// Traded breaks more clusters than it must and repairs a few others.
func Traded(source *rand.Rand, p Population, rate, loss float64) float64 {
	const repaired = 0.03
	if source.Float64() < repaired/(1-p.Score) {
		rate = 1
	}
	if source.Float64() < (loss+repaired)/(p.Score+repaired) {
		return 0
	}
	return rate
}

// shape is the size of every cluster: from one to the most tasks in turn.
func (p Population) shape() []gate.Task {
	var tasks []gate.Task
	for i := range p.Clusters {
		for range 1 + i%max(1, p.Tasks) {
			tasks = append(tasks, gate.Task{Cluster: fmt.Sprintf("%05d", i)})
		}
	}
	return tasks
}

// truth is the success rate of one arm on every cluster.
type truth []float64

// answers adds rollouts of every task to the counts so far.
func (t truth) answers(source *rand.Rand, tasks []gate.Task, counts []gate.Count, rollouts int) {
	cluster, before := -1, ""
	for i, task := range tasks {
		if task.Cluster != before {
			cluster, before = cluster+1, task.Cluster
		}
		for counts[i].Rollouts < rollouts {
			counts[i].Rollouts++
			if source.Float64() < t[cluster] {
				counts[i].Solved++
			}
		}
	}
}
