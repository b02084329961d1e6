package train

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"time"

	"github.com/repoexpert/operator/api/v1alpha1"
	"github.com/repoexpert/operator/internal/artifact"
	"github.com/repoexpert/operator/internal/contract"
	"github.com/repoexpert/operator/internal/engine"
	"github.com/repoexpert/operator/internal/recipe"
	"github.com/repoexpert/operator/internal/stage"
)

// datasetFile is the file of samples in Curate's output.
const datasetFile = "train.jsonl"

// Run is the stage Train.
func Run(ctx context.Context, env stage.Env) (contract.StageResult, error) {
	t, err := newTraining(env)
	if err != nil {
		return contract.StageResult{}, err
	}
	defer func() { _ = os.RemoveAll(t.work) }()
	result, err := t.train(ctx)
	if err != nil {
		return contract.StageResult{}, err
	}
	if err := t.merge(ctx); err != nil {
		return contract.StageResult{}, err
	}
	return t.seal(result)
}

// training is one attempt.
type training struct {
	env    stage.Env
	spec   v1alpha1.Training
	recipe Recipe
	draft  *artifact.Draft
	// dataset and base are absolute folders, work a scratch folder that is removed
	// at the end.
	dataset, base, work string
	started             time.Time
}

func newTraining(env stage.Env) (*training, error) {
	t := &training{env: env, spec: env.Spec.Recipe.Training, started: time.Now()}
	var err error
	if t.recipe, err = recipeFor(t.spec.Trainer); err != nil {
		return nil, stage.Fail(v1alpha1.FailureConfiguration, nil, "%v", err)
	}
	if t.dataset, err = t.input(env.Spec.Keys.Output(v1alpha1.StageCurate)); err != nil {
		return nil, err
	}
	if t.base, err = t.input(env.Spec.Keys.BaseModelFolder()); err != nil {
		return nil, err
	}
	if t.draft, err = env.Store.Resume(env.Spec.Keys.Output(v1alpha1.StageTrain)); err != nil {
		return nil, err
	}
	if t.work, err = os.MkdirTemp("", "train-"); err != nil {
		return nil, fmt.Errorf("make a work folder: %w", err)
	}
	return t, nil
}

// input returns the absolute path of an input after its content was hashed: a
// training costs hours, a wrong byte in its inputs all of them.
func (t *training) input(folder string) (string, error) {
	if _, err := t.env.Store.VerifyContent(folder, t.env.Spec.Inputs[folder]); err != nil {
		return "", stage.Fail(v1alpha1.FailureIntegrity, err, "input %s is not what the run recorded", folder)
	}
	return t.env.Store.Path(folder)
}

// output is the folder of the weights in the draft.
func (t *training) output() string {
	if t.spec.Method == v1alpha1.MethodLoRA {
		return filepath.Join(t.draft.Path(), engine.AdapterFolder)
	}
	return filepath.Join(t.draft.Path(), engine.MergedFolder)
}

// train runs the trainer and checks what it left.
func (t *training) train(ctx context.Context) (recipe.Result, error) {
	resume, err := prepareCheckpoints(t.output())
	if err != nil {
		return recipe.Result{}, err
	}
	if resume {
		t.env.Log.Info("training goes on from a checkpoint", "folder", t.output())
	}
	command, err := t.recipe.Train(recipe.Job{
		Training: t.spec, BaseModel: t.base, Dataset: filepath.Join(t.dataset, datasetFile),
		Work: t.work, Output: t.output(), Resume: resume,
	})
	if err != nil {
		return recipe.Result{}, stage.Fail(v1alpha1.FailureConfiguration, err, "%v", err)
	}
	if err := t.run(ctx, command, t.progress); err != nil {
		return recipe.Result{}, err
	}
	result, err := t.check()
	if err != nil {
		return recipe.Result{}, err
	}
	return result, removeLeftovers(t.output())
}

// progress passes a line of the trainer on.
func (t *training) progress(line string) {
	step, ok := t.recipe.Progress(line)
	if !ok {
		return
	}
	t.env.Progress(contract.Progress{
		Step: step.Step, Total: step.MaxSteps, ETASeconds: step.ETASeconds,
		Message: fmt.Sprintf("loss %.3f", step.Loss),
	})
}

// check believes only what is on the volume.
func (t *training) check() (recipe.Result, error) {
	pattern := t.recipe.Weights(t.spec.Method)
	tensors, err := recipe.CheckWeights(t.output(), pattern)
	if err != nil {
		return recipe.Result{}, stage.Fail(v1alpha1.FailureUnknown, err,
			"the trainer ended with exit code 0 but wrote no usable weights (%s): %v", pattern, err)
	}
	result, err := t.recipe.Result(t.work)
	switch {
	case err != nil:
		return result, stage.Fail(v1alpha1.FailureUnknown, err, "the trainer ended with exit code 0 but says nothing of its last step")
	case result.MaxSteps <= 0 || result.Step != result.MaxSteps:
		return result, stage.Fail(v1alpha1.FailureUnknown, nil, "the trainer ended with exit code 0 at step %d of %d", result.Step, result.MaxSteps)
	case math.IsNaN(result.Loss) || math.IsInf(result.Loss, 0):
		return result, stage.Fail(v1alpha1.FailureData, nil, "the training diverged (loss %v): lower training.learningRate", result.Loss)
	}
	t.env.Log.Info("trained", "steps", result.Step, "loss", result.Loss, "tensors", tensors, "seconds", result.Seconds)
	return result, nil
}

// merge makes a complete model of an adapter where the engine serves no
// adapters.
func (t *training) merge(ctx context.Context) error {
	server, err := engine.For(t.env.Spec.Recipe.Engine)
	if err != nil {
		return stage.Fail(v1alpha1.FailureConfiguration, nil, "%v", err)
	}
	if t.spec.Method != v1alpha1.MethodLoRA || server.LoadsAdapters() {
		return nil
	}
	merged := filepath.Join(t.draft.Path(), engine.MergedFolder)
	// An attempt that ended between merging and sealing left it.
	if err := os.RemoveAll(merged); err != nil {
		return fmt.Errorf("remove an old merge: %w", err)
	}
	command, err := t.recipe.Merge(t.work, t.base, t.output(), merged)
	if err != nil {
		return fmt.Errorf("prepare the merge: %w", err)
	}
	t.env.Log.Info("merging the adapter into its base model")
	if err := t.run(ctx, command, func(string) {}); err != nil {
		return err
	}
	if _, err := recipe.CheckWeights(merged, t.recipe.Weights(v1alpha1.MethodFull)); err != nil {
		return stage.Fail(v1alpha1.FailureUnknown, err, "the merge ended with exit code 0 but wrote no usable weights: %v", err)
	}
	return nil
}

// seal writes what goes with the weights and seals the output. What was measured
// in time is in the result alone: a manifest holds none.
func (t *training) seal(result recipe.Result) (contract.StageResult, error) {
	seen, samples, err := t.describe(result)
	if err != nil {
		return contract.StageResult{}, err
	}
	counts := map[string]int64{
		"steps": result.Step, "samples": samples, "tokens": result.Tokens, "facts": int64(len(seen.Facts)),
		"finalLossMilli": int64(math.Round(result.Loss * 1000)),
	}
	digest, err := t.draft.Seal(artifact.Manifest{
		Stage: string(v1alpha1.StageTrain), Key: t.env.Spec.Keys.Model,
		Inputs: t.env.Spec.Inputs, Counts: counts, Tools: result.Versions,
	})
	if err != nil {
		if errors.Is(err, artifact.ErrDigest) {
			return contract.StageResult{}, stage.Fail(v1alpha1.FailureIntegrity, err, "another attempt sealed another model meanwhile")
		}
		return contract.StageResult{}, fmt.Errorf("seal the model: %w", err)
	}
	reported := map[string]int64{"seconds": int64(math.Round(time.Since(t.started).Seconds()))}
	for name, value := range counts {
		reported[name] = value
	}
	return contract.StageResult{Class: v1alpha1.Succeeded, Counts: reported, ManifestDigest: digest}, nil
}
