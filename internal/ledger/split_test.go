package ledger

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/repoexpert/operator/internal/task"
)

func clusterOf(ids ...string) Cluster {
	cluster := Cluster{ID: ids[0]}
	for _, id := range ids {
		cluster.Members = append(cluster.Members, Member{ID: id, Body: "text of " + id})
	}
	return cluster
}

func TestDecide(t *testing.T) {
	train := func(id string) Entry { return Entry{Member: id, Body: "text of " + id, Side: task.SideTrain} }
	heldOut := func(id string) Entry { return Entry{Member: id, Body: "text of " + id, Side: task.SideEvaluation} }
	cases := map[string]struct {
		recorded []Entry
		clusters []Cluster
		percent  int32
		want     map[string]task.Side
		entries  []string
	}{
		"a new cluster is decided by the hash": {
			clusters: []Cluster{clusterOf("a"), clusterOf("c")}, percent: 50,
			want:    map[string]task.Side{"a": task.SideEvaluation, "c": task.SideTrain},
			entries: []string{"a", "c"},
		},
		"a recorded cluster stays, whatever the percentage is now": {
			recorded: []Entry{train("a"), heldOut("b")},
			clusters: []Cluster{clusterOf("a"), clusterOf("b")}, percent: 100,
			want: map[string]task.Side{"a": task.SideTrain, "b": task.SideEvaluation},
		},
		"a new member follows its cluster": {
			recorded: []Entry{train("a")},
			clusters: []Cluster{clusterOf("a", "new")}, percent: 100,
			want:    map[string]task.Side{"a": task.SideTrain},
			entries: []string{"new"},
		},
		"when clusters merge, held-out wins": {
			recorded: []Entry{train("a"), heldOut("b")},
			clusters: []Cluster{clusterOf("a", "b")},
			want:     map[string]task.Side{"a": task.SideEvaluation},
			entries:  []string{"a"},
		},
		"when a held-out cluster splits, both parts stay held out": {
			recorded: []Entry{heldOut("a"), heldOut("b")},
			clusters: []Cluster{clusterOf("a"), clusterOf("b")},
			want:     map[string]task.Side{"a": task.SideEvaluation, "b": task.SideEvaluation},
		},
		"a moved function keeps its side": {
			recorded: []Entry{heldOut("old/path")},
			clusters: []Cluster{{ID: "new/path", Members: []Member{{ID: "new/path", Body: "text of old/path"}}}},
			want:     map[string]task.Side{"new/path": task.SideEvaluation},
			entries:  []string{"new/path"},
		},
		"a body that two clusters share is held out in both": {
			clusters: []Cluster{
				{ID: "a", Members: []Member{{ID: "a", Body: "same"}}},
				{ID: "b", Members: []Member{{ID: "b", Body: "same"}}},
			}, percent: 50,
			want:    map[string]task.Side{"a": task.SideEvaluation, "b": task.SideEvaluation},
			entries: []string{"a", "b"},
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			sides, entries := NewSplit(c.recorded).Decide(c.clusters, c.percent, "c0ffee")
			if diff := cmp.Diff(c.want, sides); diff != "" {
				t.Errorf("sides (-want +got):\n%s", diff)
			}
			var members []string
			for _, entry := range entries {
				members = append(members, entry.Member)
			}
			if diff := cmp.Diff(c.entries, members); diff != "" {
				t.Errorf("recorded (-want +got):\n%s", diff)
			}
		})
	}
}

func TestPercentileIsUniform(t *testing.T) {
	heldOut := 0
	for i := range 10_000 {
		if percentile(fmt.Sprintf("src/module%d.py::function", i)) < 20 {
			heldOut++
		}
	}
	if heldOut < 1850 || heldOut > 2150 {
		t.Errorf("%d of 10000 clusters are held out at 20 %%", heldOut)
	}
}

// partition draws a commit: which functions exist, with which bodies, and how
// they cluster. From one commit to the next functions appear, vanish, change,
// merge and split.
func partition(t *rapid.T) []Cluster {
	groups := map[int]*Cluster{}
	for function := range 12 {
		if !rapid.Bool().Draw(t, "exists") {
			continue
		}
		group := rapid.IntRange(0, 5).Draw(t, "group")
		member := Member{ID: fmt.Sprintf("f%02d", function)}
		if body := rapid.IntRange(0, 8).Draw(t, "body"); body > 0 {
			member.Body = fmt.Sprintf("body%d", body)
		}
		if groups[group] == nil {
			groups[group] = &Cluster{ID: member.ID}
		}
		groups[group].Members = append(groups[group].Members, member)
	}
	var clusters []Cluster
	for _, group := range groups {
		clusters = append(clusters, *group)
	}
	slices.SortFunc(clusters, func(a, b Cluster) int { return slices.Compare([]byte(a.ID), []byte(b.ID)) })
	return clusters
}

func TestSequencesOfCommits(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var entries []Entry
		everHeldOut := map[string]bool{}
		for range rapid.IntRange(1, 8).Draw(t, "commits") {
			clusters := partition(t)
			percent := int32(rapid.IntRange(1, 50).Draw(t, "percent"))
			sides, added := NewSplit(entries).Decide(clusters, percent, "commit")
			entries = append(entries, added...)
			again, none := NewSplit(entries).Decide(clusters, percent, "commit")
			if diff := cmp.Diff(sides, again); diff != "" || len(none) != 0 {
				t.Fatalf("decided again: %d new entries, sides\n%s", len(none), diff)
			}
			for _, cluster := range clusters {
				for _, member := range cluster.Members {
					if everHeldOut[member.ID] && sides[cluster.ID] != task.SideEvaluation {
						t.Fatalf("%s was held out and would train", member.ID)
					}
					everHeldOut[member.ID] = everHeldOut[member.ID] || sides[cluster.ID] == task.SideEvaluation
					if got := NewSplit(entries).Side(member.ID); got != sides[cluster.ID] {
						t.Fatalf("%s is recorded as %q in a cluster that is %q", member.ID, got, sides[cluster.ID])
					}
				}
			}
		}
		shuffled := slices.Clone(entries)
		rand.New(rand.NewPCG(1, 2)).Shuffle(len(shuffled), func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
		clusters := partition(t)
		want, _ := NewSplit(entries).Decide(clusters, 20, "commit")
		got, _ := NewSplit(shuffled).Decide(clusters, 20, "commit")
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("the order of lines matters:\n%s", diff)
		}
	})
}
