package pipeline

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"slices"

	"k8s.io/apimachinery/pkg/types"

	"github.com/repoexpert/operator/api/v1alpha1"
	"github.com/repoexpert/operator/internal/contract"
)

// Versions of the stages' algorithms. Raise one when the same inputs give
// another output: every key from there on changes and experts retrain at their
// next run.
const (
	snapshotVersion    = "snapshot/1"
	baseModelVersion   = "base-model/1"
	environmentVersion = "environment/2"
	planVersion        = "plan/6"
	experienceVersion  = "experience/9"
	datasetVersion     = "dataset/5"
	modelVersion       = "model/1"
	evaluationVersion  = "evaluation/8"
	runVersion         = "run/1"
)

// compiled are the frameworks whose set-up compiles dependencies, also where the
// recipe has no commands for it.
var compiled = map[v1alpha1.TestFramework]bool{v1alpha1.TestGo: true}

// KeysFor returns the keys of all outputs of a run. The comparison enters the
// evaluation's key alone: a look's output never changes, the next look has one of
// its own.
func KeysFor(recipe v1alpha1.Recipe, commit string, comparison Comparison) contract.Keys {
	r := canonical(recipe)
	k := contract.Keys{
		Snapshot:  hash(snapshotVersion, snapshotInputs(r, commit)...),
		BaseModel: hash(baseModelVersion, r.BaseModel),
	}
	if len(r.Environment.Setup) > 0 || compiled[r.Environment.Test.Framework] {
		k.Environment = hash(environmentVersion, k.Snapshot, r.Environment.Image, r.Environment.Setup, r.Environment.Test.Framework)
	}
	where := []any{k.Snapshot, k.Environment, r.Environment.Image, r.Environment.Test,
		r.Experience.CommandTimeout, r.Experience.TestTimeout}
	k.Plan = hash(planVersion, where, r.Repository.Include, r.Repository.Exclude,
		r.Experience.Units, r.Experience.Seed,
		splitOf(r.Evaluation.Holdout), r.Evaluation.HoldoutPercent, r.Evaluation.Kinds)
	experience := []any{where, k.Plan,
		r.Experience.Shards, r.Experience.Units, r.Experience.Seed, r.Evaluation.Agent}
	if r.Teacher != nil {
		experience = append(experience, teacherInputs(*r.Teacher))
	}
	k.Experience = hash(experienceVersion, experience...)
	k.Dataset = hash(datasetVersion, k.Experience, k.Plan, k.BaseModel, r.Images.Trainer,
		r.Experience.Units, r.Experience.MinSamples, r.Experience.Seed,
		r.Training.MaxLength, r.Training.Answers)
	k.Model = hash(modelVersion, k.Dataset, k.BaseModel, r.Images.Trainer, r.Training, r.Engine)
	evaluation := []any{where, k.Plan, k.BaseModel, k.Model, comparison.Served,
		r.Images.Engine, r.Engine, r.EngineDevice, r.Training.Precision,
		r.Experience.Seed, r.Evaluation, r.ProbeQuestions}
	if anchor, look, rollouts := comparison.Anchor, max(1, comparison.Look), max(1, comparison.Rollouts); anchor != nil || look > 1 || rollouts > 1 {
		evaluation = append(evaluation, anchor, look, rollouts)
	}
	k.Evaluation = hash(evaluationVersion, evaluation...)
	return k
}

// snapshotInputs is what a snapshot is made from: the commit, and where its newest
// ancestors are kept from training also what they are told apart by.
func snapshotInputs(r v1alpha1.Recipe, commit string) []any {
	if r.Evaluation.Holdout != v1alpha1.HoldoutFrontier {
		return []any{commit}
	}
	return []any{commit, r.Evaluation.Holdout, r.Evaluation.HoldoutCommits,
		r.Repository.Include, r.Repository.Exclude, r.Environment.Test.Framework}
}

// splitOf is the protocol as training knows it: Prequential trains as Tasks does.
func splitOf(holdout v1alpha1.Holdout) v1alpha1.Holdout {
	if holdout == v1alpha1.HoldoutPrequential {
		return v1alpha1.HoldoutTasks
	}
	return holdout
}

// teacherInputs is what of a teacher changes its samples. Where the model is reached
// and how fast is left out, as a mirror of a repository is. The budget is left
// out because reaching it seals nothing: with a larger one the same output goes
// on.
func teacherInputs(t v1alpha1.Teacher) []any {
	return []any{t.Model, t.Sampling, t.MaxTokensPerTurn, t.ContextTokens, t.AttemptsPerTask}
}

// RunKey returns the full key of a run: 64 hexadecimal digits. Shapes of pods
// and network isolation are left out: they change nothing in what a run makes.
func RunKey(expertUID types.UID, commit string, recipe v1alpha1.Recipe, token string) string {
	r := canonical(recipe)
	r.Pods = v1alpha1.Pods{}
	r.NetworkIsolation = ""
	return hash(runVersion, expertUID, commit, r, token)
}

// canonical orders what the API treats as sets and maps, so that the same
// recipe written in another order has the same keys.
func canonical(recipe v1alpha1.Recipe) v1alpha1.Recipe {
	r := *recipe.DeepCopy()
	slices.Sort(r.Repository.Include)
	slices.Sort(r.Repository.Exclude)
	slices.Sort(r.Environment.Test.Paths)
	slices.SortFunc(r.Experience.Units, func(a, b v1alpha1.Unit) int { return cmp.Compare(a.Name, b.Name) })
	slices.SortFunc(r.Evaluation.Kinds, func(a, b v1alpha1.EvaluationKind) int { return cmp.Compare(a.Name, b.Name) })
	return r
}

// hash is the sha256 of the version and the parts as one JSON list: lists and
// quoting keep neighbours apart, struct fields have a fixed order, and an
// optional field that the API gains later changes nothing while it is unset.
func hash(version string, parts ...any) string {
	content, err := json.Marshal(append([]any{version}, parts...))
	if err != nil {
		// Only API types and strings come here, and those always marshal; an error
		// must nevertheless not become a key that two recipes share.
		content = []byte(version + err.Error())
	}
	sum := sha256.Sum256(content)
	return hex.EncodeToString(sum[:])
}
