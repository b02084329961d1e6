package train

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/repoexpert/operator/api/v1alpha1"
	"github.com/repoexpert/operator/internal/contract"
	"github.com/repoexpert/operator/internal/recall"
	"github.com/repoexpert/operator/internal/recipe"
	"github.com/repoexpert/operator/internal/stage"
	"github.com/repoexpert/operator/internal/task"
)

// Files that go with the weights.
const (
	// reportFile says how the model was trained.
	reportFile = "training.json"
	// ExclusionFile lists the clusters that the model was not trained on.
	ExclusionFile = "exclusion.json"
	// FactsFile lists the facts that it was trained on, with the answers that it
	// was given.
	FactsFile = "facts.json"
)

type report struct {
	Training v1alpha1.Training `json:"training"`
	Result   recipe.Result     `json:"result"`
}

// Exclusion is the content of ExclusionFile.
type Exclusion struct {
	// Clusters held out when the model was trained, sorted.
	Clusters []string `json:"clusters"`
	// Masks are the ids of the held-out functions in them, sorted.
	Masks []string `json:"masks"`
}

// TrainedFact is one entry of FactsFile.
type TrainedFact struct {
	ID     string `json:"id"`
	Answer string `json:"answer"`
}

// writeLists writes both lists and returns the numbers of trained facts and of
// samples.
func (t *training) writeLists() (facts, samples int64, err error) {
	trained, samples, err := trainedFacts(filepath.Join(t.dataset, datasetFile))
	if err != nil {
		return 0, 0, stage.Fail(v1alpha1.FailureData, err, "%s cannot be read: %v", datasetFile, err)
	}
	exclusion, err := t.exclusion()
	if err != nil {
		return 0, 0, err
	}
	if err := writeJSON(filepath.Join(t.draft.Path(), FactsFile), trained); err != nil {
		return 0, 0, err
	}
	return int64(len(trained)), samples, writeJSON(filepath.Join(t.draft.Path(), ExclusionFile), exclusion)
}

// trainedFacts reads from the samples themselves which facts were trained with
// which answer: what a plan wanted is not what a model saw. A sample's task id is
// that of its question, which starts with the fact's.
func trainedFacts(name string) ([]TrainedFact, int64, error) {
	file, err := os.Open(name)
	if err != nil {
		return nil, 0, err
	}
	defer func() { _ = file.Close() }()
	seen := map[TrainedFact]bool{}
	var samples int64
	err = task.Decode(file, task.DefaultLimits(), func(_ int, sample task.Sample) error {
		samples++
		if sample.Meta.Unit != v1alpha1.UnitRepositoryRecall || len(sample.Messages) == 0 {
			return nil
		}
		id, _, _ := strings.Cut(sample.Meta.TaskID, "-")
		answer := recall.Normalize(sample.Messages[len(sample.Messages)-1].Content)
		seen[TrainedFact{ID: id, Answer: answer}] = true
		return nil
	})
	trained := slices.SortedFunc(maps.Keys(seen), func(a, b TrainedFact) int {
		return strings.Compare(a.ID+"\x00"+a.Answer, b.ID+"\x00"+b.Answer)
	})
	if trained == nil {
		trained = []TrainedFact{}
	}
	return trained, samples, err
}

// exclusion reads the held-out clusters of the plan that the data set was made
// from. The plan is no input of this stage: its digest is that in the data set's
// own manifest, which the run recorded.
func (t *training) exclusion() (Exclusion, error) {
	spec := t.env.Spec
	curated := spec.Keys.Output(v1alpha1.StageCurate)
	plan := spec.Keys.Output(v1alpha1.StagePlan)
	manifest, err := t.env.Store.Verify(curated, spec.Inputs[curated])
	if err == nil {
		_, err = t.env.Store.Verify(plan, manifest.Inputs[plan])
	}
	if err != nil {
		return Exclusion{}, stage.Fail(v1alpha1.FailureIntegrity, err, "%s is not the plan that %s was made from", plan, curated)
	}
	folder, err := t.env.Store.Path(plan)
	if err != nil {
		return Exclusion{}, err
	}
	masks, err := task.ReadFile[task.Mask](filepath.Join(folder, task.MasksFile))
	if err != nil {
		return Exclusion{}, stage.Fail(v1alpha1.FailureIntegrity, err, "%s/%s cannot be read", contract.PlansFolder, task.MasksFile)
	}
	return exclusionOf(masks), nil
}

func exclusionOf(masks []task.Mask) Exclusion {
	e := Exclusion{Clusters: []string{}, Masks: []string{}}
	for _, mask := range masks {
		if mask.Side == task.SideEvaluation {
			e.Clusters = append(e.Clusters, mask.Cluster)
			e.Masks = append(e.Masks, mask.ID)
		}
	}
	slices.Sort(e.Clusters)
	slices.Sort(e.Masks)
	e.Clusters = slices.Compact(e.Clusters)
	return e
}

func writeJSON(name string, value any) error {
	content, err := json.MarshalIndent(value, "", " ")
	if err != nil {
		return fmt.Errorf("encode %s: %w", filepath.Base(name), err)
	}
	if err := os.WriteFile(name, append(content, '\n'), 0o640); err != nil {
		return fmt.Errorf("write %s: %w", filepath.Base(name), err)
	}
	return nil
}
