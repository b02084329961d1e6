package experience

import (
	"context"
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/repoexpert/operator/api/v1alpha1"
	"github.com/repoexpert/operator/internal/artifact"
	"github.com/repoexpert/operator/internal/contract"
	"github.com/repoexpert/operator/internal/language"
	"github.com/repoexpert/operator/internal/language/adapters"
	"github.com/repoexpert/operator/internal/stage"
	"github.com/repoexpert/operator/internal/task"
	"github.com/repoexpert/operator/internal/teacher"
)

// Run is the stage Experience for the shard env.Index.
func Run(ctx context.Context, env stage.Env) (contract.StageResult, error) {
	return Stage{Adapter: adapters.For, Now: time.Now}.Run(ctx, env)
}

// Stage is Experience with what it depends on.
type Stage struct {
	// Adapter returns the language adapter of a test framework.
	Adapter func(v1alpha1.TestFramework) (language.Adapter, error)
	Now     func() time.Time
}

// Run makes or continues one shard.
func (s Stage) Run(ctx context.Context, env stage.Env) (contract.StageResult, error) {
	folder := stage.ShardFolder(env.Spec.Keys.Output(v1alpha1.StageExperience), env.Index)
	if result, found, err := sealed(env, folder); found || err != nil {
		return result, err
	}
	p, err := loadPlan(ctx, env)
	if err != nil {
		return contract.StageResult{}, err
	}
	defer func() { _ = p.close() }() // read only
	draft, j, err := resume(env, folder)
	if err != nil {
		return contract.StageResult{}, err
	}
	if err := s.generate(ctx, env, p, j); err != nil {
		return contract.StageResult{}, errors.Join(err, j.file.Close())
	}
	counts := j.counts(p.candidates())
	if err := j.finish(draft.Path()); err != nil {
		return contract.StageResult{}, err
	}
	digest, err := draft.Seal(artifact.Manifest{
		Stage: string(v1alpha1.StageExperience), Key: env.Spec.Keys.Experience, Inputs: env.Spec.Inputs, Counts: counts,
	})
	if err != nil {
		return contract.StageResult{}, err
	}
	return contract.StageResult{Class: v1alpha1.Succeeded, Counts: counts, ManifestDigest: digest}, nil
}

// sealed returns the result of a shard that is done, after its every byte was
// compared with what was sealed. One that was made from other inputs, or damaged
// since, makes room.
func sealed(env stage.Env, folder string) (contract.StageResult, bool, error) {
	manifest, digest, err := env.Store.Lookup(folder)
	if errors.Is(err, artifact.ErrNotSealed) {
		return contract.StageResult{}, false, nil
	}
	if err == nil && maps.Equal(manifest.Inputs, env.Spec.Inputs) {
		if _, err = env.Store.VerifyContent(folder, digest); err == nil {
			return contract.StageResult{Class: v1alpha1.Succeeded, Counts: manifest.Counts, ManifestDigest: digest, Reused: true}, true, nil
		}
	}
	return contract.StageResult{}, false, env.Store.Remove(folder)
}

// resume opens the draft of a shard with its journal.
func resume(env stage.Env, folder string) (*artifact.Draft, *journal, error) {
	draft, err := env.Store.Resume(folder)
	if err != nil {
		return nil, nil, err
	}
	j, same, err := openJournal(draft.Path(), env.Spec.Inputs)
	if err != nil || same {
		return draft, j, err
	}
	if draft, err = env.Store.Begin(folder); err != nil {
		return nil, nil, err
	}
	j, _, err = openJournal(draft.Path(), env.Spec.Inputs)
	return draft, j, err
}

// generate runs the units that the recipe asks for.
func (s Stage) generate(ctx context.Context, env stage.Env, p *plan, j *journal) error {
	adapter, err := s.Adapter(env.Spec.Recipe.Environment.Test.Framework)
	if err != nil {
		return stage.Fail(v1alpha1.FailureConfiguration, nil, "%s", err)
	}
	if err := env.PutEnvironment(ctx, env.Agent, env.Grader); err != nil {
		return err
	}
	w := newWorkshop(env, p, adapter)
	if env.Spec.Recipe.Teacher != nil {
		if w.teacher, err = teacher.Connect(env.Spec); err != nil {
			return err
		}
		defer w.teacher.Close()
	}
	progress := &progress{report: env.Progress, now: s.Now, start: s.Now()}
	if err := recallSamples(p, j); err != nil {
		return err
	}
	// A bug is repaired and tested in turn, so that it is verified once.
	attempts := slices.Concat(w.implementations(p.masks), w.reports(p.components), w.replays(p.replays))
	for unit, candidates := range p.candidates() {
		if unit != v1alpha1.UnitRepositoryRecall {
			progress.total += min(p.quota[unit], candidates)
		}
	}
	return w.make(ctx, attempts, p.quota, j, progress)
}

// progress turns finished samples into progress lines.
type progress struct {
	report func(contract.Progress)
	now    func() time.Time
	start  time.Time
	done   int
	total  int
}

func (p *progress) add(message string) {
	p.done++
	left := max(0, p.total-p.done)
	each := p.now().Sub(p.start) / time.Duration(p.done)
	p.report(contract.Progress{
		Step: int64(min(p.done, p.total)), Total: int64(p.total),
		ETASeconds: int64((each * time.Duration(left)).Seconds()), Message: message,
	})
}

// rejection makes the record of a candidate that became no sample.
func rejection(unit v1alpha1.UnitName, taskID string, made outcome) *task.Rejection {
	return &task.Rejection{
		Unit: unit, TaskID: taskID, Code: made.code, Detail: made.detail[:min(len(made.detail), 300)],
		Verified: made.verified, CPUSeconds: made.cpu.Seconds(),
	}
}
