package curate

import (
	"cmp"
	"slices"
	"strings"

	"github.com/repoexpert/operator/api/v1alpha1"
	"github.com/repoexpert/operator/internal/task"
)

// Caps on what one part of the repository may take of a unit, in percent of the
// unit's samples, each with a number that is always allowed: shares of few samples
// say nothing.
const (
	// clusterPercent: a cluster is one piece of code in several copies. Above the
	// share of one skeleton it would be the commonest lesson.
	clusterPercent = 5
	clusterAlways  = 4
	// filePercent: the largest file of a small library holds about 27 % of its
	// definitions (measured on click). A file that holds more of the plan's tasks
	// may take as much as it holds.
	filePercent = 30
	fileAlways  = 8
	// commitPercent: one commit gives a fix, its test and its reversal, and a large
	// one gives many.
	commitPercent = 5
	commitAlways  = 4
)

// Prefixes of the ids of tasks that are made of a commit of the history: a fix in
// its own tree, and one that was taken back in the snapshot, as a whole or in part.
var historyPrefixes = []string{"fix-", "reversal-", partialPrefix}

const partialPrefix = "partial-"

// sourceCommit returns the commit of the history that a task is made of; "" for a
// task that is made of the snapshot.
func sourceCommit(taskID string) string {
	for _, prefix := range historyPrefixes {
		if rest, found := strings.CutPrefix(taskID, prefix); found {
			commit, _, _ := strings.Cut(rest, "-")
			return commit
		}
	}
	return ""
}

// mix holds each unit to its number of samples, which is its weight, and each
// cluster, file and commit to its part of the unit. A unit that has less than it
// may takes nothing from the others. It returns the code of what is dropped, ""
// for what stays: the first sample of every cluster before any second one, in the
// order of the input. Questions are chosen by the plan's choice of facts.
func mix(samples []task.Sample, units []v1alpha1.Unit, fileShare map[string]float64) []string {
	codes := make([]string, len(samples))
	byUnit := map[v1alpha1.UnitName][]int{}
	for i, sample := range samples {
		if !isQuestion(sample) {
			byUnit[sample.Meta.Unit] = append(byUnit[sample.Meta.Unit], i)
		}
	}
	for _, unit := range units {
		candidates := fair(samples, byUnit[unit.Name])
		c := newCaps(min(int(unit.Samples), len(candidates)), fileShare)
		for _, i := range candidates {
			codes[i] = c.take(samples[i].Meta)
		}
	}
	return codes
}

// fair orders samples by how many of their cluster are before them.
func fair(samples []task.Sample, candidates []int) []int {
	round := map[int]int{}
	seen := map[string]int{}
	for _, i := range candidates {
		round[i] = seen[samples[i].Meta.Cluster]
		seen[samples[i].Meta.Cluster]++
	}
	ordered := slices.Clone(candidates)
	slices.SortStableFunc(ordered, func(a, b int) int { return cmp.Compare(round[a], round[b]) })
	return ordered
}

// caps counts what one unit took.
type caps struct {
	total                    int
	left                     int
	clusters, files, commits map[string]int
	fileShare                map[string]float64
}

func newCaps(total int, fileShare map[string]float64) *caps {
	return &caps{
		total: total, left: total, fileShare: fileShare,
		clusters: map[string]int{}, files: map[string]int{}, commits: map[string]int{},
	}
}

// take counts a sample, or returns the code of the cap that it is beyond.
func (c *caps) take(meta task.Meta) string {
	commit := sourceCommit(meta.TaskID)
	file := max(float64(filePercent)/100, c.fileShare[meta.Path])
	switch {
	case c.left == 0:
		return dropOverCap
	case c.clusters[meta.Cluster] >= max(clusterAlways, c.total*clusterPercent/100):
		return dropClusterCap
	case meta.Path != "" && c.files[meta.Path] >= max(fileAlways, int(float64(c.total)*file)):
		return dropFileCap
	case commit != "" && c.commits[commit] >= max(commitAlways, c.total*commitPercent/100):
		return dropCommitCap
	}
	c.left--
	c.clusters[meta.Cluster]++
	c.files[meta.Path]++
	c.commits[commit]++
	return ""
}
