package curate

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"

	"github.com/repoexpert/operator/api/v1alpha1"
	"github.com/repoexpert/operator/internal/artifact"
	"github.com/repoexpert/operator/internal/contract"
	"github.com/repoexpert/operator/internal/language/adapters"
	"github.com/repoexpert/operator/internal/recipe/trl"
	"github.com/repoexpert/operator/internal/stage"
	"github.com/repoexpert/operator/internal/task"
	"github.com/repoexpert/operator/internal/teacher"
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

// Tokenizer counts the tokens of samples as the training will see them. The
// counts have the samples' order.
type Tokenizer interface {
	Count(ctx context.Context, baseModel string, samples []task.Sample) ([]int, error)
}

// Run is the stage Curate, with the base model's own tokenizer.
func Run(ctx context.Context, env stage.Env) (contract.StageResult, error) {
	adapter, err := adapters.For(env.Spec.Recipe.Environment.Test.Framework)
	if err != nil {
		return contract.StageResult{}, stage.Fail(v1alpha1.FailureConfiguration, nil, "%s", err)
	}
	return Stage{Tokenizer: trl.Tokenizer{}, ForeignNames: adapter.Dialect().ForeignNames}.Run(ctx, env)
}

// Stage is Curate with what it depends on.
type Stage struct {
	Tokenizer Tokenizer
	// ForeignNames lists the names in a piece of code that are neither built into
	// its language nor bound by it.
	ForeignNames func(code string) []string
}

// Run makes the data set.
func (s Stage) Run(ctx context.Context, env stage.Env) (contract.StageResult, error) {
	p, err := loadPlan(env)
	if err != nil {
		return contract.StageResult{}, err
	}
	card := newCard(env, p.commit, p.licences)
	samples, err := readShards(env, p, card)
	if err != nil {
		return contract.StageResult{}, err
	}
	kept, err := s.curate(ctx, env, p, samples, card)
	if err != nil {
		return contract.StageResult{}, err
	}
	if err := s.describe(ctx, kept, card); err != nil {
		return contract.StageResult{}, err
	}
	if minimum := int(env.Spec.Recipe.Experience.MinSamples); len(kept) < minimum {
		return contract.StageResult{}, stage.Fail(v1alpha1.FailureData, nil,
			"%d samples are left of %d (dropped: %s), experience.minSamples asks for %d; raise the samples of experience.units or training.maxLength in the class, or lower experience.minSamples",
			len(kept), card.lines(), card.droppedText(), minimum)
	}
	result, err := seal(env, p, kept, card)
	if err != nil {
		return contract.StageResult{}, err
	}
	return withTeacher(env, result), nil
}

// withTeacher adds to the result what the run's teacher used. It is no part of the
// data set: a run that finds the same samples made has asked nobody.
func withTeacher(env stage.Env, result contract.StageResult) contract.StageResult {
	t := env.Spec.Recipe.Teacher
	if t == nil {
		return result
	}
	folder, err := env.Store.Path(contract.TeachersFolder + "/" + env.Spec.Run)
	if err != nil {
		env.Log.Warn("what the teacher used is not told", "error", err)
		return result
	}
	used, text, err := teacher.Spent(folder, t.Budget)
	if err != nil {
		env.Log.Warn("what the teacher used is not told", "error", err)
		return result
	}
	if text != "" {
		result.Message = text
		result.Counts = maps.Clone(result.Counts)
		result.Counts["teacher.promptTokens"], result.Counts["teacher.completionTokens"] = used.Prompt, used.Completion
	}
	return result
}

// curate drops what must not be trained and puts the rest in training order.
func (s Stage) curate(ctx context.Context, env stage.Env, p *plan, samples []task.Sample, card *Card) ([]task.Sample, error) {
	r := env.Spec.Recipe
	samples = card.sift(samples, duplicates(samples))
	samples, err := scan(ctx, p, samples, card)
	if err != nil {
		return nil, err
	}
	if r.Training.Answers == v1alpha1.AnswersShuffled {
		p.shuffleAnswers(samples)
	}
	if err := s.measure(ctx, env, samples); err != nil {
		return nil, err
	}
	for i := range samples {
		// What a sample cost is in the card; in the file it would make equal data differ.
		samples[i].Meta.CPUSeconds = 0
	}
	samples = card.sift(samples, tooLong(samples, int(r.Training.MaxLength)))
	samples = card.sift(samples, alikeByUnit(samples))
	samples = s.diversify(samples, card)
	samples = card.sift(samples, mix(samples, r.Experience.Units, p.fileShare))
	return order(samples, p.questions, p.batch, p.seed, card), nil
}

// scan drops what must not be learned whatever else there is: hidden text, text for
// models, harm, secrets, held-out code.
func scan(ctx context.Context, p *plan, samples []task.Sample, card *Card) ([]task.Sample, error) {
	hidden, err := each(ctx, samples, checkHidden)
	if err != nil {
		return nil, err
	}
	samples = card.sift(samples, hidden)
	harmful, err := each(ctx, samples, checkHarm)
	if err != nil {
		return nil, err
	}
	samples = card.sift(samples, harmful)
	secrets, err := newSecrets()
	if err != nil {
		return nil, err
	}
	broken, err := secrets.rules(ctx, samples)
	if err != nil {
		return nil, err
	}
	samples = card.sift(samples, card.secrets(broken))
	leaks, err := each(ctx, samples, p.grams.check)
	if err != nil {
		return nil, err
	}
	return card.sift(samples, leaks), nil
}

// diversify drops edits that come out of nowhere, and thins out what scripts say
// and do too often.
func (s Stage) diversify(samples []task.Sample, card *Card) []task.Sample {
	codes := make([]string, len(samples))
	for i, sample := range samples {
		if shown, all := causality(sample, s.ForeignNames); 100*shown < causalPercent*all {
			codes[i] = dropNotCausal
		}
	}
	samples = card.sift(samples, codes)
	samples = card.sift(samples, coded(surplusRecoveries(samples), dropRecovery))
	samples = card.sift(samples, coded(thin(samples, skeletonPercent, skeletonOf), dropSkeleton))
	return card.sift(samples, coded(thin(samples, phrasePercent, phrasesOf), dropPhrase))
}

// describe completes the card with what the samples that stayed say.
func (s Stage) describe(ctx context.Context, kept []task.Sample, card *Card) error {
	flags, err := each(ctx, kept, flagsOf)
	if err != nil {
		return err
	}
	card.finish(kept, flags, diversityOf(kept, s.ForeignNames))
	return nil
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

// tooLong finds samples that the trainer would cut: half a trajectory teaches to
// stop in the middle.
func tooLong(samples []task.Sample, limit int) []string {
	codes := make([]string, len(samples))
	for i, sample := range samples {
		if sample.Meta.Tokens > limit {
			codes[i] = dropTooLong
		}
	}
	return codes
}

// duplicates finds samples with the same messages as an earlier one.
func duplicates(samples []task.Sample) []string {
	codes := make([]string, len(samples))
	seen := map[string]bool{}
	for i, sample := range samples {
		if seen[sample.Meta.ContentHash] {
			codes[i] = dropDuplicate
		}
		seen[sample.Meta.ContentHash] = true
	}
	return codes
}

// alikeByUnit finds trajectories that are nearly the same as another one of their
// unit. The wordings of one fact are alike by design, and the plan makes them.
func alikeByUnit(samples []task.Sample) []string {
	places := map[v1alpha1.UnitName][]int{}
	for i, sample := range samples {
		if !isQuestion(sample) {
			places[sample.Meta.Unit] = append(places[sample.Meta.Unit], i)
		}
	}
	codes := make([]string, len(samples))
	for _, of := range places {
		unit := make([]task.Sample, len(of))
		for n, i := range of {
			unit[n] = samples[i]
		}
		for n, code := range nearDuplicates(unit) {
			codes[of[n]] = code
		}
	}
	return codes
}

// coded gives a code to what is marked.
func coded(marked []bool, code string) []string {
	codes := make([]string, len(marked))
	for i, mark := range marked {
		if mark {
			codes[i] = code
		}
	}
	return codes
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
		writeJSON(filepath.Join(draft.Path(), ExclusionFile), p.exclusion()),
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
