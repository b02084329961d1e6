package experience

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/repoexpert/operator/api/v1alpha1"
	"github.com/repoexpert/operator/internal/agent"
	"github.com/repoexpert/operator/internal/grading"
	"github.com/repoexpert/operator/internal/language"
	"github.com/repoexpert/operator/internal/owntree"
	"github.com/repoexpert/operator/internal/sandbox"
	"github.com/repoexpert/operator/internal/snapshot"
	"github.com/repoexpert/operator/internal/stage"
	"github.com/repoexpert/operator/internal/symptom"
	"github.com/repoexpert/operator/internal/task"
	"github.com/repoexpert/operator/internal/teacher"
)

// agentFolder is the working tree of an episode, below the agent box's root.
const agentFolder = sandbox.TreeFolder

// workshop makes trajectories, one after another.
type workshop struct {
	box    sandbox.Box
	grader *grading.Grader
	// trees are those of commits of the history.
	trees    *owntree.Trees
	dialect  language.Dialect
	snapshot *snapshot.Snapshot
	symbols  *symbols
	routes   *symptom.Routes
	profile  agent.Profile
	commit   string
	seed     uint64
	log      *slog.Logger
	// teacher makes the trajectories; nil where scripts do.
	teacher *teacher.Connection
	// last is the bug that was verified last.
	last *checked
}

func newWorkshop(env stage.Env, p *plan, adapter language.Adapter) *workshop {
	experience := env.Spec.Recipe.Experience
	profile := agent.Paper()
	if timeout := experience.CommandTimeout.Duration; timeout > 0 {
		profile.CommandTimeout = timeout
	}
	config := grading.Config{
		Box: env.Grader, Adapter: adapter, Source: p.snapshot, Inventory: p.inventory, Baseline: p.baseline, Coverage: p.coverage,
		TestTimeout: experience.TestTimeout.Duration,
	}
	return &workshop{
		box: env.Agent, snapshot: p.snapshot, profile: profile, commit: p.commit, seed: uint64(experience.Seed), log: env.Log,
		symbols: newSymbols(p.snapshot, p.inventory), dialect: adapter.Dialect(), routes: symptom.NewRoutes(p.inventory),
		trees: &owntree.Trees{Repository: p.history, Head: p.commit, Config: config}, grader: grading.New(config),
	}
}

// attempt is one candidate of a unit.
type attempt struct {
	unit v1alpha1.UnitName
	id   string
	run  func(ctx context.Context) (outcome, error)
}

// outcome is a sample, or the reason why there is none.
type outcome struct {
	sample *task.Sample
	// verified says that the task itself was shown to be sound, sample or not.
	verified bool
	// bug is what was shown of a verified bug.
	bug    *task.Bug
	code   string
	detail string
	cpu    time.Duration
}

// reject is an outcome without a sample.
func reject(code, detail string, cpu time.Duration) outcome {
	return outcome{code: code, detail: detail, cpu: cpu}
}

// make runs candidates in order until the quotas of their units are kept. What
// the journal has already is not run again.
func (w *workshop) make(ctx context.Context, candidates []attempt, quota map[v1alpha1.UnitName]int, j *journal, p *progress) error {
	for _, candidate := range candidates {
		if j.kept[candidate.unit] >= quota[candidate.unit] || j.done[key(candidate.unit, candidate.id)] {
			continue
		}
		made, err := j.attempt(ctx, candidate)
		if err != nil {
			return fmt.Errorf("%s %s: %w", candidate.unit, candidate.id, err)
		}
		e := entry{
			Unit: candidate.unit, TaskID: candidate.id, Sample: made.sample,
			Verified: made.verified || made.sample != nil, CPUMillis: made.cpu.Milliseconds(),
		}
		if made.sample != nil {
			// All of it: the verification before the trajectory too.
			made.sample.Meta.CPUSeconds = made.cpu.Seconds()
		} else {
			e.Rejection = rejection(candidate.unit, candidate.id, made)
			w.log.Info("candidate rejected", "unit", candidate.unit, "task", candidate.id, "code", made.code)
		}
		if err := j.add(e); err != nil {
			return err
		}
		if made.sample != nil {
			p.add(string(candidate.unit))
		}
	}
	return nil
}

// attempt runs a candidate, after the journal says so: one whose every run ended
// with the pod is not run again.
func (j *journal) attempt(ctx context.Context, candidate attempt) (outcome, error) {
	if j.begun[key(candidate.unit, candidate.id)] >= maxBegun {
		return reject("ended-with-the-pod", "", 0), nil
	}
	if err := j.add(entry{Unit: candidate.unit, TaskID: candidate.id, Begun: true}); err != nil {
		return outcome{}, err
	}
	made, err := candidate.run(ctx)
	if err != nil {
		return made, errors.Join(err, j.add(entry{Unit: candidate.unit, TaskID: candidate.id, Released: true}))
	}
	return made, nil
}

// play runs one scripted episode in a fresh tree and returns what the script
// thought of it beside the transcript.
func (w *workshop) play(ctx context.Context, prompt string, tree agent.Tree, s *script) (agent.Transcript, error) {
	transcript, err := agent.Run(ctx, agent.Episode{Profile: w.profile, Task: prompt, Model: s, Box: w.box, Tree: tree})
	if err != nil && s.code == "" {
		return transcript, err
	}
	if s.code == "" && transcript.Status != agent.Submitted {
		s.code = "episode-" + string(transcript.Status)
	}
	for _, turn := range s.slips {
		transcript.Messages[turn].Loss = task.LossNone
	}
	return transcript, nil
}

// sample completes a sample of a scripted transcript.
func (w *workshop) sample(meta task.Meta, t agent.Transcript) *task.Sample {
	meta.Provenance, meta.ContentHash = task.ProvenanceScripted, task.ContentHash(t.Messages)
	if meta.Commit == "" {
		meta.Commit = w.commit
	}
	return &task.Sample{Messages: t.Messages, Meta: meta}
}
