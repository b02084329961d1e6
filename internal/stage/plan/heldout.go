package plan

import (
	"slices"

	"github.com/repoexpert/operator/api/v1alpha1"
	"github.com/repoexpert/operator/internal/language"
	"github.com/repoexpert/operator/internal/owntree"
	"github.com/repoexpert/operator/internal/task"
)

// heldOutWanted is how many replays are looked for as tasks of evaluation:
// IssueResolution and TestGeneration work on the same bugs.
func (m *mine) heldOutWanted() int { return m.heldOutBugs() + m.heldOutFeatures() }

func (m *mine) heldOutBugs() int {
	_, kinds := m.asked()
	return spareIfAny(max(kinds[v1alpha1.KindIssueResolution].Tasks, kinds[v1alpha1.KindTestGeneration].Tasks))
}

func (m *mine) heldOutFeatures() int {
	_, kinds := m.asked()
	return spareIfAny(kinds[v1alpha1.KindFeatureImplementation].Tasks)
}

// heldOutReplays lists the tasks of evaluation: what commits did and was taken back
// from the snapshot, where every function that it touches is held out. Bugs come
// first, then features. Where there are too few bugs, mutants of held-out functions
// follow them, twice as many as are missing: about half become a task. Where the
// newest commits are kept from training, the tasks are theirs alone.
func (m *mine) heldOutReplays(fixes []task.Replay, seed int64) []task.Replay {
	if m.parted {
		return m.laterReplays(seed)
	}
	var bugs, features []task.Replay
	for _, r := range fixes {
		switch {
		case r.Kind == task.ReplayFix || !m.heldOut(r):
		case len(r.Adds) == 0:
			bugs = append(bugs, r)
		case r.Kind == task.ReplayReversal:
			features = append(features, r)
		}
	}
	id, cluster := func(r task.Replay) string { return r.ID }, func(r task.Replay) string { return r.Cluster }
	chosen := choose(bugs, m.heldOutBugs(), seed, id, cluster)
	if missing := m.heldOutBugs() - len(chosen); missing > 0 {
		stable, breadth := m.stable(), m.coverage.Breadth()
		for _, mutation := range m.drawn(task.SideEvaluation, 2*missing) {
			chosen = append(chosen, m.mutant(task.ReplayMutant, []language.Mutation{mutation}, stable, breadth))
		}
	}
	return append(chosen, choose(features, m.heldOutFeatures(), seed, id, cluster)...)
}

// heldOut says whether no function that a replay touches ever trains. Lines outside
// of functions are nobody's: what they say can be read everywhere.
func (m *mine) heldOut(r task.Replay) bool {
	clusters := r.Clusters
	if len(clusters) == 0 {
		clusters = []string{r.Cluster}
	}
	return !slices.ContainsFunc(clusters, func(cluster string) bool { return m.sides[cluster] != task.SideEvaluation })
}

// clustersAt are the clusters of functions, each once, in order.
func (m *mine) clustersAt(functions []string) []string {
	var clusters []string
	for _, id := range functions {
		clusters = append(clusters, m.cluster[id])
	}
	slices.Sort(clusters)
	return slices.Compact(clusters)
}

// added lists what a file of the snapshot defines and did not before.
func (m *mine) added(file string, before []byte) []task.Reference {
	for _, module := range m.inventory.Modules {
		if module.Path == file {
			return owntree.Added(m.adapter.Dialect(), module, before)
		}
	}
	return nil
}
