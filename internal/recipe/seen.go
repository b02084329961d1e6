package recipe

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/repoexpert/operator/api/v1alpha1"
	"github.com/repoexpert/operator/internal/recall"
	"github.com/repoexpert/operator/internal/task"
)

// SeenFile goes with the weights of every trained model.
const SeenFile = "seen.json"

// Seen is what a model was trained on. Whatever is not in it is unseen: models
// are compared only on held-out tasks that neither of them saw, and on facts that
// both were taught.
type Seen struct {
	// Facts with the answers that were taught, which are not the true ones in the
	// control experiment; sorted.
	Facts []SeenFact `json:"facts"`
	// Tasks are the ids, and Clusters the clusters, of the functions and
	// components in the trained trajectories; sorted.
	Tasks    []string `json:"tasks"`
	Clusters []string `json:"clusters"`
	// Commits are those whose trees the samples are about; sorted. A model of an
	// earlier release does not say.
	Commits []string `json:"commits,omitempty"`
}

// SeenFact is a fact with the answer that was taught, normalized.
type SeenFact struct {
	ID     string `json:"id"`
	Answer string `json:"answer"`
}

// ReadSamples reads from the samples themselves what a model will have seen:
// what a plan wanted is not what was trained. It returns their number too.
func ReadSamples(name string) (Seen, int64, error) {
	file, err := os.Open(name)
	if err != nil {
		return Seen{}, 0, err
	}
	defer func() { _ = file.Close() }()
	facts, tasks, clusters, commits := map[SeenFact]bool{}, map[string]bool{}, map[string]bool{}, map[string]bool{}
	var samples int64
	err = task.Decode(file, task.DefaultLimits(), func(_ int, sample task.Sample) error {
		samples++
		commits[sample.Meta.Commit] = true
		if sample.Meta.Unit != v1alpha1.UnitRepositoryRecall {
			tasks[sample.Meta.TaskID] = true
			clusters[sample.Meta.Cluster] = true
			return nil
		}
		if len(sample.Messages) > 0 {
			// A question's id starts with its fact's.
			id, _, _ := strings.Cut(sample.Meta.TaskID, "-")
			facts[SeenFact{id, recall.Normalize(sample.Messages[len(sample.Messages)-1].Content)}] = true
		}
		return nil
	})
	seen := Seen{Facts: []SeenFact{}, Tasks: sorted(tasks), Clusters: sorted(clusters), Commits: sorted(commits)}
	seen.Facts = slices.AppendSeq(seen.Facts, maps.Keys(facts))
	slices.SortFunc(seen.Facts, func(a, b SeenFact) int {
		return strings.Compare(a.ID+"\x00"+a.Answer, b.ID+"\x00"+b.Answer)
	})
	return seen, samples, err
}

func sorted(set map[string]bool) []string {
	return slices.AppendSeq([]string{}, slices.Values(slices.Sorted(maps.Keys(set))))
}

// maxSeen bounds the file, in bytes.
const maxSeen = 64 << 20

// ReadSeen reads the list that goes with a model in the absolute folder.
func ReadSeen(folder string) (Seen, error) {
	name := filepath.Join(folder, SeenFile)
	info, err := os.Stat(name)
	if err != nil {
		return Seen{}, fmt.Errorf("what the model was trained on: %w", err)
	}
	if info.Size() > maxSeen {
		return Seen{}, fmt.Errorf("what the model was trained on: %d bytes", info.Size())
	}
	content, err := os.ReadFile(name)
	if err != nil {
		return Seen{}, fmt.Errorf("what the model was trained on: %w", err)
	}
	var seen Seen
	if err := json.Unmarshal(content, &seen); err != nil {
		return Seen{}, fmt.Errorf("what the model was trained on: %w", err)
	}
	return seen, nil
}

// Knows says whether the model was taught this answer of a fact.
func (s Seen) Knows(fact recall.Fact) bool {
	return slices.Contains(s.Facts, SeenFact{fact.ID, recall.Normalize(fact.Answer)})
}

// Held says whether a task, and all of the clusters that give it away, was held
// out from the model.
func (s Seen) Held(id string, clusters ...string) bool {
	return !slices.Contains(s.Tasks, id) && !slices.ContainsFunc(clusters, func(c string) bool { return slices.Contains(s.Clusters, c) })
}
