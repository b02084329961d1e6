package gate

import (
	"slices"
	"strings"
)

// uninformativePercent: a kind where every model is below it says nothing about
// any of them.
const uninformativePercent = 5

// sample is a kind whose form was checked, with its tasks by cluster and group.
type sample struct {
	Kind
	// order lists the tasks by cluster.
	order []int
	// groups of all tasks.
	groups []string
	// clusters counts them.
	clusters int
	scores   map[string]float64
}

func newSample(k Kind) *sample {
	s := &sample{Kind: k, order: make([]int, len(k.Tasks)), scores: map[string]float64{}}
	for i := range s.order {
		s.order[i] = i
	}
	slices.SortFunc(s.order, func(a, b int) int { return strings.Compare(k.Tasks[a].Cluster, k.Tasks[b].Cluster) })
	for i, task := range s.order {
		if i == 0 || k.Tasks[task].Cluster != k.Tasks[s.order[i-1]].Cluster {
			s.clusters++
		}
		if !slices.Contains(s.groups, k.Tasks[task].Group) {
			s.groups = append(s.groups, k.Tasks[task].Group)
		}
	}
	return s
}

// clusterMeans averages the values of tasks by cluster, in the order of clusters'
// names.
func (s *sample) clusterMeans(in func(Task) bool, value func(task int) float64) []float64 {
	means := make([]float64, 0, s.clusters)
	var values []float64
	for i, task := range s.order {
		if in(s.Tasks[task]) {
			values = append(values, value(task))
		}
		last := i == len(s.order)-1 || s.Tasks[task].Cluster != s.Tasks[s.order[i+1]].Cluster
		if last && len(values) > 0 {
			means = append(means, mean(values))
			values = values[:0]
		}
	}
	return means
}

func mean(values []float64) float64 { return sum(values) / float64(max(1, len(values))) }

func all(Task) bool { return true }

func fresh(task Task) bool { return task.Fresh }

// differences pairs the candidate with a reference, cluster by cluster.
func (s *sample) differences(reference string, in func(Task) bool) []float64 {
	candidate, other := s.Arms[ArmCandidate].Results, s.Arms[reference].Results
	return s.clusterMeans(in, func(task int) float64 { return candidate[task].rate() - other[task].rate() })
}

// score is the macro average over groups of one arm, in percent.
func (s *sample) score(arm string) float64 {
	if score, known := s.scores[arm]; known {
		return score
	}
	results := s.Arms[arm].Results
	scores := make([]float64, len(s.groups))
	for i, group := range s.groups {
		in := func(task Task) bool { return task.Group == group }
		scores[i] = mean(s.clusterMeans(in, func(task int) float64 { return results[task].rate() }))
	}
	s.scores[arm] = 100 * mean(scores)
	return s.scores[arm]
}

// informative says whether any model solves enough to tell models apart.
func (j *judgement) informative(s *sample) bool {
	return slices.ContainsFunc(j.models, func(arm string) bool { return s.score(arm) >= uninformativePercent })
}
