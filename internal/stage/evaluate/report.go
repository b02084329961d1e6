package evaluate

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/repoexpert/operator/api/v1alpha1"
	"github.com/repoexpert/operator/internal/agent"
	"github.com/repoexpert/operator/internal/artifact"
	"github.com/repoexpert/operator/internal/engine"
	"github.com/repoexpert/operator/internal/recall"
	"github.com/repoexpert/operator/internal/report"
)

// What the kinds measure.
const (
	measuresQA    = recall.ScoreLabel + ", asked closed-book in wordings that were never trained; no evidence of repair skill"
	measuresMasks = "held-out functions, written by an agent and graded by the tests that cover them"
)

// writeReport writes the report for programs and for people.
func writeReport(folder string, r report.Report) error {
	content, err := report.Encode(r)
	if err != nil {
		return err
	}
	var page bytes.Buffer
	if err := report.WriteHTML(&page, r); err != nil {
		return err
	}
	for name, content := range map[string][]byte{ReportFile: content, PageFile: page.Bytes()} {
		if err := os.WriteFile(filepath.Join(folder, name), content, 0o640); err != nil {
			return fmt.Errorf("write %s: %w", name, err)
		}
	}
	return nil
}

// report is what this evaluation measured. The verdict is not its own.
func (e *evaluation) report() report.Report {
	spec := e.env.Spec
	r := report.Report{
		Version: report.Version,
		Run: report.Run{
			Namespace: spec.Namespace, Expert: spec.Expert, Name: spec.Run,
			Repository: spec.Recipe.Repository.URL, Commit: spec.Commit,
			BaseModel: spec.Recipe.BaseModel.Name, BaseRevision: spec.Recipe.BaseModel.Revision,
			Engine: spec.Recipe.Engine, Device: spec.Recipe.EngineDevice,
		},
		Holdout: report.Holdout{Protocol: holdout(spec.Recipe.Evaluation.Holdout), Percent: spec.Recipe.Evaluation.HoldoutPercent},
		Seen:    e.seen, Training: e.training, Record: e.record(),
	}
	if spec.Served != nil {
		r.Run.ServedCommit = spec.Served.Commit
	}
	if e.qa != nil {
		r.Holdout.NotCompared = e.qa.notCompared
	}
	if e.masks != nil {
		r.Holdout.Refused = e.masks.refused
	}
	for _, record := range r.Record.Kinds {
		kind := report.NewKind(record)
		if record.Name == v1alpha1.KindCodebaseQA {
			e.qa.describe(&kind, e.arms)
		} else {
			e.masks.describe(&kind, spec.Recipe.Evaluation.Agent.Sampling)
		}
		r.Kinds = append(r.Kinds, kind)
	}
	return r
}

// readTraining reads from the candidate's manifest how it was trained; nil where
// that does not say.
func (e *evaluation) readTraining(folder string) error {
	manifest, _, err := e.env.Store.Lookup(folder)
	if err != nil && !errors.Is(err, artifact.ErrNotSealed) {
		return err
	}
	if manifest.Counts["steps"] > 0 {
		e.training = &report.Training{
			Method: e.env.Spec.Recipe.Training.Method,
			Steps:  manifest.Counts["steps"], Samples: manifest.Counts["samples"], Tokens: manifest.Counts["tokens"],
		}
	}
	return nil
}

// describe adds to the scores what else is known of the questions.
func (q *questions) describe(k *report.Kind, arms []arm) {
	k.Measures = measuresQA
	k.Sampling = report.Sampling{Name: v1alpha1.SamplingGreedy, Version: engine.SamplingVersion, MaxTokens: answerTokens}
	for i, g := range k.Groups {
		b := q.baseline[recall.Kind(g.Name)]
		k.Groups[i].Guess, k.Groups[i].Majority = percentOf(b.Guess), percentOf(b.Majority)
	}
	for i, a := range k.Arms {
		k.Arms[i].Effort = effortOf(q.replies[a.Name]).PerSolved(a.Solved)
	}
	for _, a := range arms {
		if replies := q.composedReplies[a.name]; len(replies) > 0 {
			solved := count(replies, func(r reply) bool { return r.Correct })
			k.Compositions = append(k.Compositions, report.Arm{Name: a.name, Score: report.NewScore(solved, len(replies))})
		}
	}
	for i, question := range q.asked[:min(len(q.asked), report.MaxTasks)] {
		t := report.Task{
			ID: question.ID, Group: string(question.Kind), Text: report.Bound(question.Text), Gold: report.Bound(question.Answer),
		}
		for _, a := range arms {
			r := q.replies[a.name][i]
			t.Results = append(t.Results, report.Result{Arm: a.name, Solved: r.Correct, Answer: report.Bound(r.Text), Tokens: r.PromptTokens + r.Tokens})
		}
		k.Tasks = append(k.Tasks, t)
	}
	k.TasksLeftOut = len(q.asked) - len(k.Tasks)
}

func percentOf(share float64) *float64 {
	percent := 100 * share
	return &percent
}

func effortOf(replies []reply) report.Effort {
	var e report.Effort
	for _, r := range replies {
		e.Seconds += r.Elapsed.Seconds()
		e.PromptTokens += r.PromptTokens
		e.CompletionTokens += r.Tokens
	}
	return e
}

// describe adds to the scores what else is known of the episodes.
func (m *implementations) describe(k *report.Kind, sampling v1alpha1.Sampling) {
	k.Measures = measuresMasks
	k.Sampling = report.Sampling{
		Name: sampling, Version: engine.SamplingVersion, MaxTokens: m.profile.MaxTokensPerTurn,
		Agent: m.profile.Name, MaxTurns: m.profile.MaxSteps,
	}
	for i, a := range k.Arms {
		if effort, asked := episodesOf(m.results[a.Name]); asked {
			k.Arms[i].Effort = effort.PerSolved(a.Solved)
		}
	}
	for i, masked := range m.tasks[:min(len(m.tasks), report.MaxTasks)] {
		t := report.Task{ID: masked.Mask.ID, Text: report.Bound(masked.Mask.Name + " in " + masked.Mask.Path)}
		for _, a := range k.Arms {
			t.Results = append(t.Results, resultOf(a.Name, m.results[a.Name][i], i < report.MaxExcerpts))
		}
		k.Tasks = append(k.Tasks, t)
	}
	k.TasksLeftOut = len(m.tasks) - len(k.Tasks)
}

// episodesOf sums up an arm's episodes; controls have none.
func episodesOf(outcomes []outcome) (report.Effort, bool) {
	effort := report.Effort{Episodes: &report.Episodes{Endings: map[string]int{}}}
	asked := false
	for _, o := range outcomes {
		t := o.Transcript
		if t == nil {
			continue
		}
		asked = true
		effort.Seconds += o.Elapsed.Seconds()
		effort.PromptTokens += int64(t.Usage.PromptTokens)
		effort.CompletionTokens += int64(t.Usage.CompletionTokens)
		effort.Episodes.Turns += t.Steps
		effort.Episodes.FormatErrors += t.FormatErrors
		effort.Episodes.Endings[string(t.Status)]++
		if t.Submission == "" {
			effort.Episodes.EmptySubmissions++
		}
	}
	return effort, asked
}

func resultOf(name v1alpha1.ArmName, o outcome, excerpt bool) report.Result {
	r := report.Result{Arm: name, Solved: o.Grade.Resolved, Reason: string(o.Grade.Reason)}
	if o.Transcript == nil {
		return r
	}
	r.Turns, r.Ending = o.Transcript.Steps, string(o.Transcript.Status)
	r.Tokens = int64(o.Transcript.Usage.PromptTokens + o.Transcript.Usage.CompletionTokens)
	if excerpt {
		r.Excerpt = excerptOf(o.Transcript)
	}
	return r
}

func excerptOf(t *agent.Transcript) []report.Turn {
	turns := make([]report.Turn, 0, len(t.Messages))
	for _, m := range t.Messages {
		turns = append(turns, report.Turn{Role: string(m.Role), Text: m.Content})
	}
	return report.Excerpt(turns)
}

func count[T any](results []T, solved func(T) bool) int {
	n := 0
	for _, r := range results {
		if solved(r) {
			n++
		}
	}
	return n
}
