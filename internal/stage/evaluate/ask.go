package evaluate

import (
	"context"
	"errors"
	"fmt"

	"github.com/repoexpert/operator/api/v1alpha1"
	"github.com/repoexpert/operator/internal/engine"
	"github.com/repoexpert/operator/internal/process"
	"github.com/repoexpert/operator/internal/recall"
	"github.com/repoexpert/operator/internal/recipe"
	"github.com/repoexpert/operator/internal/stage"
)

// maxCause bounds the model server's own words in a message, in bytes.
const maxCause = 300

// ask runs the controls and then the arms, in the sets that one server holds.
func (e *evaluation) ask(ctx context.Context) error {
	if e.masks != nil {
		if err := e.runControls(ctx); err != nil {
			return err
		}
	}
	models := make([]engine.Model, 0, len(e.arms))
	byName := map[string]arm{}
	for _, a := range e.arms {
		models = append(models, a.model)
		byName[a.model.Name] = a
	}
	for _, set := range e.server.Together(models) {
		if err := e.load(ctx, set); err != nil {
			return err
		}
		for _, model := range set {
			if err := e.askArm(ctx, byName[model.Name]); err != nil {
				return err
			}
		}
	}
	return nil
}

func (e *evaluation) load(ctx context.Context, set []engine.Model) error {
	recipeOf := e.env.Spec.Recipe
	err := e.servers.Load(ctx, set, engine.Settings{
		Engine: recipeOf.Engine, Device: recipeOf.EngineDevice,
		ContextTokens: int32(e.profile().ContextTokens), Port: e.port,
	})
	var failed *engine.StartError
	if !errors.As(err, &failed) {
		return err
	}
	class := recipe.Classify(1, failed.Tail).Class
	return stage.Fail(class, err, "%s: %s", failed.Reason, process.LastLine(failed.Tail, maxCause))
}

func (e *evaluation) askArm(ctx context.Context, a arm) error {
	e.env.Log.Info("asking", "arm", a.name)
	if e.qa != nil {
		if err := e.askQuestions(ctx, a); err != nil {
			return err
		}
	}
	if e.masks != nil {
		return e.implement(ctx, a)
	}
	return nil
}

// record is what the gate decides from.
func (e *evaluation) record() v1alpha1.EvaluationRecord {
	spec := e.env.Spec
	record := v1alpha1.EvaluationRecord{
		Fingerprint:     e.fingerprint(),
		Protocol:        fmt.Sprintf("%s: held-out functions; CodebaseQA: %s", holdout(spec.Recipe.Evaluation.Holdout), recall.ScoreLabel),
		CandidateDigest: spec.Inputs[spec.Keys.Output(v1alpha1.StageTrain)],
	}
	if spec.Served != nil {
		record.ServedDigest = spec.Served.ModelDigest
	}
	if e.qa != nil {
		record.Kinds = append(record.Kinds, e.qa.kindRecord(e.arms))
	}
	if e.masks != nil {
		record.Kinds = append(record.Kinds, e.masks.kindRecord(e.arms))
	}
	return record
}

func holdout(h v1alpha1.Holdout) v1alpha1.Holdout {
	if h == "" {
		return v1alpha1.HoldoutTasks
	}
	return h
}

// counts are the stage's figures.
func (e *evaluation) counts() map[string]int64 {
	counts := map[string]int64{}
	for _, kind := range e.record().Kinds {
		for _, a := range kind.Arms {
			counts[string(kind.Name)+".tasks"] = int64(len(a.Successes))
			solved := int64(0)
			for _, c := range a.Successes {
				if c == '1' {
					solved++
				}
			}
			counts[string(kind.Name)+"."+string(a.Name)] = solved
		}
	}
	return counts
}
