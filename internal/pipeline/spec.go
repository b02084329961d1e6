package pipeline

import (
	"time"

	"github.com/repoexpert/operator/api/v1alpha1"
	"github.com/repoexpert/operator/internal/contract"
)

// deadlines are the stages' own time limits. They bound a hang, not the work:
// a stage that hits one goes on from what it has sealed or checkpointed.
var deadlines = map[v1alpha1.StageName]time.Duration{
	v1alpha1.StageFetch:      30 * time.Minute,
	v1alpha1.StageSetup:      time.Hour,
	v1alpha1.StagePlan:       2 * time.Hour,
	v1alpha1.StageExperience: 6 * time.Hour,
	v1alpha1.StageCurate:     time.Hour,
	v1alpha1.StageTrain:      24 * time.Hour,
	v1alpha1.StageEvaluate:   12 * time.Hour,
}

// inputs lists the stages whose sealed outputs a stage reads, the model to
// compare with and the base model apart.
var inputs = map[v1alpha1.StageName][]v1alpha1.StageName{
	v1alpha1.StageFetch:      {},
	v1alpha1.StageSetup:      {v1alpha1.StageFetch},
	v1alpha1.StagePlan:       {v1alpha1.StageFetch, v1alpha1.StageSetup},
	v1alpha1.StageExperience: {v1alpha1.StageFetch, v1alpha1.StageSetup, v1alpha1.StagePlan},
	v1alpha1.StageCurate:     {v1alpha1.StageFetch, v1alpha1.StagePlan, v1alpha1.StageExperience},
	v1alpha1.StageTrain:      {v1alpha1.StageCurate},
	v1alpha1.StageEvaluate:   {v1alpha1.StageFetch, v1alpha1.StageSetup, v1alpha1.StagePlan, v1alpha1.StageTrain},
}

// readsBaseModel says whether a stage reads Fetch's second output.
func readsBaseModel(stage v1alpha1.StageName) bool {
	return stage == v1alpha1.StageCurate || stage == v1alpha1.StageTrain || stage == v1alpha1.StageEvaluate
}

// SpecFor returns what an attempt of a stage is told. It reads the ledger, so
// that a stage works on exactly the outputs that the run recorded.
func SpecFor(run *v1alpha1.ExpertRun, id AttemptID, models Models) contract.StageSpec {
	comparison := ComparisonOf(run, models)
	keys := KeysFor(run.Spec.Recipe, run.Spec.Commit, comparison)
	spec := contract.StageSpec{
		Version:         contract.Version,
		Stage:           id.Stage,
		Namespace:       run.Namespace,
		Expert:          run.Spec.ExpertName,
		Run:             run.Name,
		Attempt:         id.Number,
		Commit:          run.Spec.Commit,
		Recipe:          recipeFor(run, id.Stage),
		Keys:            keys,
		Inputs:          map[string]string{},
		DeadlineSeconds: int64(deadlines[id.Stage] / time.Second),
		Shards:          max(1, run.Spec.Recipe.Experience.Shards),
		Served:          models.Served,
	}
	for _, name := range inputs[id.Stage] {
		if s := Stage(&run.Status, name); s != nil && s.ManifestDigest != "" {
			spec.Inputs[keys.Output(name)] = s.ManifestDigest
		}
	}
	if fetch := Stage(&run.Status, v1alpha1.StageFetch); readsBaseModel(id.Stage) && fetch != nil {
		spec.Inputs[keys.BaseModelFolder()] = fetch.BaseModelDigest
	}
	if id.Stage == v1alpha1.StageEvaluate {
		compare(&spec, comparison, run.Status.Looks)
	}
	return spec
}

// compare tells Evaluate what to compare with and which look to make.
func compare(spec *contract.StageSpec, c Comparison, looks []v1alpha1.LookStatus) {
	spec.Anchor, spec.Look, spec.Rollouts = c.Anchor, c.Look, c.Rollouts
	for _, model := range []*contract.ServedModel{c.Served, c.Anchor} {
		if model != nil {
			spec.Inputs[contract.ModelsFolder+"/"+model.ModelKey] = model.ModelDigest
		}
	}
	if n := len(looks); n > 0 {
		spec.PreviousLook = contract.EvaluationsFolder + "/" + looks[n-1].Key
		spec.Inputs[spec.PreviousLook] = looks[n-1].ManifestDigest
	}
}

// recipeFor is the recipe as a stage reads it: without shapes of pods, and for
// a training that ran out of memory with a smaller batch and as much more
// accumulation, which takes the same steps.
func recipeFor(run *v1alpha1.ExpertRun, stage v1alpha1.StageName) v1alpha1.Recipe {
	recipe := *run.Spec.Recipe.DeepCopy()
	recipe.Pods = v1alpha1.Pods{}
	s := Stage(&run.Status, stage)
	t := &recipe.Training
	if stage == v1alpha1.StageTrain && s != nil && t.BatchSize > 1 &&
		failuresOf(s, v1alpha1.FailureOutOfMemory) > 0 {
		factor := t.BatchSize
		if t.BatchSize%2 == 0 {
			factor = 2
		}
		t.GradientAccumulation = max(1, t.GradientAccumulation) * factor
		t.BatchSize /= factor
	}
	return recipe
}

// keyOf returns the key of a stage's output.
func keyOf(keys contract.Keys, stage v1alpha1.StageName) string {
	return map[v1alpha1.StageName]string{
		v1alpha1.StageFetch:      keys.Snapshot,
		v1alpha1.StageSetup:      keys.Environment,
		v1alpha1.StagePlan:       keys.Plan,
		v1alpha1.StageExperience: keys.Experience,
		v1alpha1.StageCurate:     keys.Dataset,
		v1alpha1.StageTrain:      keys.Model,
		v1alpha1.StageEvaluate:   keys.Evaluation,
	}[stage]
}
