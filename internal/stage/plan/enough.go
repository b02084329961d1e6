package plan

import (
	"slices"

	"github.com/repoexpert/operator/api/v1alpha1"
	"github.com/repoexpert/operator/internal/general"
	"github.com/repoexpert/operator/internal/recall"
	"github.com/repoexpert/operator/internal/stage"
	"github.com/repoexpert/operator/internal/task"
)

// figures are how many candidates of each sort a plan holds.
type figures struct {
	masks, masksHeldOut, components, facts, replays int
	bugsHeldOut, featuresHeldOut                    int
	// clustersHeldOut is how many clusters the held-out masks are of, bugClusters and
	// featureClusters the same of bugs and features.
	clustersHeldOut, bugClusters, featureClusters int
}

func (c candidates) figures() figures {
	f := figures{components: len(c.components), facts: len(c.facts), replays: len(c.replays)}
	clusters, bugs, features := map[string]bool{}, map[string]bool{}, map[string]bool{}
	for _, mask := range c.masks {
		if mask.Side == task.SideEvaluation {
			f.masksHeldOut++
			clusters[mask.Cluster] = true
		} else {
			f.masks++
		}
	}
	for _, replay := range c.heldOutReplays {
		if len(replay.Adds) > 0 {
			f.featuresHeldOut++
			features[replay.Cluster] = true
		} else {
			f.bugsHeldOut++
			bugs[replay.Cluster] = true
		}
	}
	f.clustersHeldOut, f.bugClusters, f.featureClusters = len(clusters), len(bugs), len(features)
	return f
}

// heldOut is how many clusters of a kind's tasks there are. A question about a
// fact stands for itself.
func (f figures) heldOut(kind v1alpha1.KindName) int {
	switch kind {
	case v1alpha1.KindContextualImplementation:
		return f.clustersHeldOut
	case v1alpha1.KindIssueResolution, v1alpha1.KindTestGeneration:
		return f.bugClusters
	case v1alpha1.KindFeatureImplementation:
		return f.featureClusters
	case v1alpha1.KindCodebaseQA:
		return f.facts
	case v1alpha1.KindGeneralQuestions:
		return general.Count()
	}
	return 0
}

// samples is the most training samples that the candidates can become: a bug is
// repaired and tested.
func (f figures) samples() int {
	return f.masks + f.components + 2*f.replays + f.facts*recall.TrainingWordings
}

// available is how many tasks of each kind there are to ask.
func (f figures) available() map[v1alpha1.KindName]int {
	return map[v1alpha1.KindName]int{
		v1alpha1.KindContextualImplementation: f.masksHeldOut,
		v1alpha1.KindCodebaseQA:               f.facts,
		v1alpha1.KindIssueResolution:          f.bugsHeldOut,
		v1alpha1.KindTestGeneration:           f.bugsHeldOut,
		v1alpha1.KindFeatureImplementation:    f.featuresHeldOut,
		v1alpha1.KindGeneralQuestions:         general.Count(),
	}
}

// checkEnough ends a run early that could not train or not be judged.
func checkEnough(recipe v1alpha1.Recipe, f figures) error {
	if f.samples() < int(recipe.Experience.MinSamples) {
		return stage.Fail(v1alpha1.FailureData, nil,
			"this commit gives at most %d training samples (%d masked functions, %d components, %d bugs, %d facts in %d wordings), experience.minSamples is %d; "+
				"widen repository.include, raise the samples of experience.units, add tests, or lower minSamples",
			f.samples(), f.masks, f.components, f.replays, f.facts, recall.TrainingWordings, recipe.Experience.MinSamples)
	}
	available := f.available()
	for _, kind := range recipe.Evaluation.Kinds {
		if needed := max(1, int(kind.MinimumTasks)); available[kind.Name] < needed {
			return stage.Fail(v1alpha1.FailureData, nil,
				"this commit gives %d tasks of kind %s, evaluation.kinds asks for at least %d; %s",
				available[kind.Name], kind.Name, needed, remedyFor(kind.Name, recipe.Evaluation.Holdout))
		}
	}
	return nil
}

func remedyFor(kind v1alpha1.KindName, holdout v1alpha1.Holdout) string {
	if holdout == v1alpha1.HoldoutFrontier && slices.Contains(v1alpha1.CommitKinds, kind) {
		return remedyLater
	}
	return remedies[kind]
}

var remedies = map[v1alpha1.KindName]string{
	v1alpha1.KindContextualImplementation: "raise evaluation.holdoutPercent, add tests that cover more functions, or leave the kind out",
	v1alpha1.KindGeneralQuestions:         "these are all there are: lower its minimumTasks",
	v1alpha1.KindCodebaseQA:               "add unit RepositoryRecall to experience.units with more samples, widen repository.include, or leave the kind out",
	v1alpha1.KindIssueResolution:          remedyBugs,
	v1alpha1.KindTestGeneration:           remedyBugs,
	v1alpha1.KindFeatureImplementation:    "such a task is a commit that adds a function or class and its tests, touches held-out functions alone and can still be taken back: raise evaluation.holdoutPercent, fetch more history, or leave the kind out",
}

const remedyBugs = "raise evaluation.holdoutPercent, add tests that cover more functions, or leave the kind out"
