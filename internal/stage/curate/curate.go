package curate

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/repoexpert/operator/api/v1alpha1"
	"github.com/repoexpert/operator/internal/artifact"
	"github.com/repoexpert/operator/internal/contract"
	"github.com/repoexpert/operator/internal/recipe/trl"
	"github.com/repoexpert/operator/internal/stage"
	"github.com/repoexpert/operator/internal/task"
)

// Files of a data set.
const (
	// DatasetFile is the data set: a task.Sample a line, in training order.
	DatasetFile = "train.jsonl"
	// CardFile and CardData describe it, for people and for programs.
	CardFile = "card.md"
	CardData = "card.json"
	// ExclusionFile lists what was held out.
	ExclusionFile = "exclusion.json"
)

// Why a sample that was read is not in the data set.
const (
	dropDuplicate     = "duplicate"
	dropLeak          = "sharesHeldOutCode"
	dropTooLong       = "tooLong"
	dropOverCap       = "overCap"
	dropUnfilledBatch = "unfilledBatch"
)

// Tokenizer counts the tokens of samples as the training will see them. The
// counts have the samples' order.
type Tokenizer interface {
	Count(ctx context.Context, baseModel string, samples []task.Sample) ([]int, error)
}

// Run is the stage Curate, with the base model's own tokenizer.
func Run(ctx context.Context, env stage.Env) (contract.StageResult, error) {
	return Stage{Tokenizer: trl.Tokenizer{}}.Run(ctx, env)
}

// Stage is Curate with what it depends on.
type Stage struct {
	Tokenizer Tokenizer
}

// Run makes the data set.
func (s Stage) Run(ctx context.Context, env stage.Env) (contract.StageResult, error) {
	p, err := loadPlan(env)
	if err != nil {
		return contract.StageResult{}, err
	}
	card := newCard(env)
	samples, err := readShards(env, p, card)
	if err != nil {
		return contract.StageResult{}, err
	}
	kept, err := s.curate(ctx, env, p, samples, card)
	if err != nil {
		return contract.StageResult{}, err
	}
	card.finish(kept)
	if minimum := int(env.Spec.Recipe.Experience.MinSamples); len(kept) < minimum {
		return contract.StageResult{}, stage.Fail(v1alpha1.FailureData, nil,
			"%d samples are left of %d (dropped: %s), experience.minSamples asks for %d; raise the samples of experience.units or training.maxLength in the class, or lower experience.minSamples",
			len(kept), len(samples), card.droppedText(), minimum)
	}
	return seal(env, p, kept, card)
}

// curate drops what must not be trained and puts the rest in training order.
func (s Stage) curate(ctx context.Context, env stage.Env, p *plan, samples []task.Sample, card *Card) ([]task.Sample, error) {
	r := env.Spec.Recipe
	samples = drop(samples, card, duplicates())
	samples = drop(samples, card, p.grams.check)
	if r.Training.Answers == v1alpha1.AnswersShuffled {
		p.shuffleAnswers(samples)
	}
	if err := s.measure(ctx, env, samples); err != nil {
		return nil, err
	}
	for i := range samples {
		// What a sample cost is in the card; in the file it would make equal data differ.
		card.cost(samples[i])
		samples[i].Meta.CPUSeconds = 0
	}
	samples = drop(samples, card, func(sample task.Sample) string {
		if sample.Meta.Tokens > int(r.Training.MaxLength) {
			return dropTooLong
		}
		return ""
	})
	samples = drop(samples, card, caps(r.Experience.Units))
	return order(samples, p.questions, p.batch, p.seed, card), nil
}

// measure sets the lengths of samples.
func (s Stage) measure(ctx context.Context, env stage.Env, samples []task.Sample) error {
	base, err := env.Store.Path(env.Spec.Keys.BaseModelFolder())
	if err != nil {
		return err
	}
	counts, err := s.Tokenizer.Count(ctx, base, samples)
	if err != nil {
		return err
	}
	if len(counts) != len(samples) {
		return fmt.Errorf("the tokenizer counted %d of %d samples", len(counts), len(samples))
	}
	for i := range samples {
		samples[i].Meta.Tokens = counts[i]
	}
	return nil
}

// drop returns the samples for which check gives no code, and counts the others.
func drop(samples []task.Sample, card *Card, check func(task.Sample) string) []task.Sample {
	var kept []task.Sample
	for _, sample := range samples {
		if code := check(sample); code != "" {
			card.drop(sample, code)
			continue
		}
		kept = append(kept, sample)
	}
	return kept
}

// duplicates finds samples with the same messages as an earlier one.
func duplicates() func(task.Sample) string {
	seen := map[string]bool{}
	return func(sample task.Sample) string {
		if seen[sample.Meta.ContentHash] {
			return dropDuplicate
		}
		seen[sample.Meta.ContentHash] = true
		return ""
	}
}

// caps holds trajectories to what the recipe asks for. Questions are capped by
// the plan's choice of facts.
func caps(units []v1alpha1.Unit) func(task.Sample) string {
	left := map[v1alpha1.UnitName]int32{}
	for _, unit := range units {
		left[unit.Name] = unit.Samples
	}
	return func(sample task.Sample) string {
		if sample.Meta.Unit == v1alpha1.UnitRepositoryRecall {
			return ""
		}
		if left[sample.Meta.Unit] == 0 {
			return dropOverCap
		}
		left[sample.Meta.Unit]--
		return ""
	}
}

// seal writes the data set and seals it.
func seal(env stage.Env, p *plan, kept []task.Sample, card *Card) (contract.StageResult, error) {
	draft, err := env.Store.Begin(env.Spec.Keys.Output(v1alpha1.StageCurate))
	if err != nil {
		return contract.StageResult{}, err
	}
	text, err := card.text()
	if err != nil {
		return contract.StageResult{}, errors.Join(err, draft.Discard())
	}
	err = errors.Join(
		task.WriteFile(filepath.Join(draft.Path(), DatasetFile), kept),
		writeJSON(filepath.Join(draft.Path(), CardData), card),
		os.WriteFile(filepath.Join(draft.Path(), CardFile), text, 0o640),
		writeJSON(filepath.Join(draft.Path(), ExclusionFile), p.exclusion(env.Spec.Commit)),
	)
	if err != nil {
		return contract.StageResult{}, errors.Join(fmt.Errorf("writing the data set: %w", err), draft.Discard())
	}
	counts := card.counts()
	digest, err := draft.Seal(artifact.Manifest{
		Stage: string(v1alpha1.StageCurate), Key: env.Spec.Keys.Dataset, Inputs: env.Spec.Inputs, Counts: counts,
	})
	if err != nil {
		return contract.StageResult{}, err
	}
	return contract.StageResult{Class: v1alpha1.Succeeded, Counts: counts, ManifestDigest: digest}, nil
}

func writeJSON(name string, value any) error {
	content, err := json.MarshalIndent(value, "", " ")
	if err != nil {
		return fmt.Errorf("encoding %s: %w", filepath.Base(name), err)
	}
	return os.WriteFile(name, append(content, '\n'), 0o640)
}
