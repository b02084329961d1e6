package curate

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"

	"github.com/repoexpert/operator/api/v1alpha1"
	"github.com/repoexpert/operator/internal/artifact"
	"github.com/repoexpert/operator/internal/contract"
	"github.com/repoexpert/operator/internal/recipe/trl"
	"github.com/repoexpert/operator/internal/stage"
	"github.com/repoexpert/operator/internal/task"
)

// Files of the output.
const (
	DatasetFile = "train.jsonl"
	CardFile    = "card.md"
	CardData    = "card.json"
)

// Tokenizer counts the tokens of samples as the training will see them. The
// counts have the samples' order.
type Tokenizer interface {
	Count(ctx context.Context, baseModel string, samples []task.Sample) ([]int, error)
}

// Run is the stage Curate.
func Run(ctx context.Context, env stage.Env) (contract.StageResult, error) {
	return Stage{Tokenizer: trl.Tokenizer{}}.Run(ctx, env)
}

// Stage is Curate with what it depends on.
type Stage struct {
	Tokenizer Tokenizer
}

// Run reads the shards, cleans them and seals the data set.
func (s Stage) Run(ctx context.Context, env stage.Env) (contract.StageResult, error) {
	p, err := readPlan(env)
	if err != nil {
		return contract.StageResult{}, err
	}
	samples, funnel, err := readShards(env, p)
	if err != nil {
		return contract.StageResult{}, err
	}
	samples = funnel.drop(samples, dropDuplicate, duplicates(samples))
	leaking, err := p.leaking(samples)
	if err != nil {
		return contract.StageResult{}, err
	}
	samples = funnel.drop(samples, dropLeak, leaking)
	if env.Spec.Recipe.Training.Answers == v1alpha1.AnswersShuffled {
		samples = shuffleAnswers(samples, p.facts, uint64(env.Spec.Recipe.Training.Seed))
	}
	tooLong, err := s.measure(ctx, env, samples)
	if err != nil {
		return contract.StageResult{}, err
	}
	samples = funnel.drop(samples, dropTooLong, tooLong)
	if err := enough(env, samples, funnel); err != nil {
		return contract.StageResult{}, err
	}
	return seal(env, trainingOrder(samples, p.facts, env.Spec.Recipe.Training), funnel)
}

// measure sets the samples' lengths and returns which are longer than the
// recipe trains on.
func (s Stage) measure(ctx context.Context, env stage.Env, samples []task.Sample) ([]bool, error) {
	base, err := env.Store.Path(env.Spec.Keys.BaseModelFolder())
	if err != nil {
		return nil, err
	}
	counts, err := s.Tokenizer.Count(ctx, base, samples)
	if err != nil {
		return nil, err
	}
	if len(counts) != len(samples) {
		return nil, fmt.Errorf("the tokenizer counted %d of %d samples", len(counts), len(samples))
	}
	tooLong := make([]bool, len(samples))
	for i := range samples {
		samples[i].Meta.Tokens = counts[i]
		tooLong[i] = counts[i] > int(env.Spec.Recipe.Training.MaxLength)
	}
	return tooLong, nil
}

func enough(env stage.Env, samples []task.Sample, funnel *funnel) error {
	if minimum := int(env.Spec.Recipe.Experience.MinSamples); len(samples) < minimum {
		return stage.Fail(v1alpha1.FailureData, nil,
			"%d samples are left of %d (%s), class experience.minSamples asks for %d: raise experience.units, or lower minSamples",
			len(samples), funnel.read, funnel.dropped(), minimum)
	}
	return nil
}

func seal(env stage.Env, samples []task.Sample, funnel *funnel) (contract.StageResult, error) {
	draft, err := env.Store.Begin(env.Spec.Keys.Output(v1alpha1.StageCurate))
	if err != nil {
		return contract.StageResult{}, err
	}
	card := newCard(env, samples, funnel)
	err = errors.Join(
		task.WriteFile(filepath.Join(draft.Path(), DatasetFile), samples),
		card.write(draft.Path()),
	)
	if err != nil {
		return contract.StageResult{}, errors.Join(err, draft.Discard())
	}
	counts := card.counts()
	digest, err := draft.Seal(artifact.Manifest{
		Stage: string(v1alpha1.StageCurate), Key: env.Spec.Keys.Dataset, Inputs: env.Spec.Inputs, Counts: counts,
	})
	return contract.StageResult{Counts: counts, ManifestDigest: digest}, err
}
