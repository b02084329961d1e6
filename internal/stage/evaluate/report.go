package evaluate

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/repoexpert/operator/api/v1alpha1"
	"github.com/repoexpert/operator/internal/artifact"
	"github.com/repoexpert/operator/internal/report"
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
		Holdout:  e.heldOutOf(),
		Training: e.training, Record: e.record(),
	}
	for _, a := range e.arms {
		if found := e.reused[a.name]; found != nil {
			r.Reused = append(r.Reused, report.Reused{Arm: a.name, AskedAgain: found.askedAgain, Drifted: found.drifted})
		}
		if seen, trained := e.seen[a.name]; trained {
			r.Seen = append(r.Seen, report.Seen{
				Arm: a.name, Facts: len(seen.Facts), Tasks: len(seen.Tasks), Clusters: len(seen.Clusters), Newest: e.newestOf(a.name),
			})
		}
	}
	if spec.Served != nil {
		r.Run.ServedCommit = spec.Served.Commit
	}
	for _, k := range e.kinds {
		if q, closedBook := k.kind.(*questions); closedBook {
			r.Holdout.NotCompared = q.notCompared
		}
		r.Kinds = append(r.Kinds, k.report(k.record(e.armNames())))
		if k.variant != "" {
			continue
		}
		for reason, n := range k.refused() {
			if r.Holdout.Refused == nil {
				r.Holdout.Refused = map[string]int{}
			}
			r.Holdout.Refused[reason] += n
		}
	}
	return r
}

// heldOutOf is what was kept from training, and by which protocol.
func (e *evaluation) heldOutOf() report.Holdout {
	wanted := e.env.Spec.Recipe.Evaluation
	h := report.Holdout{Protocol: e.holdout(), Percent: wanted.HoldoutPercent, Prequential: e.prequential}
	if h.Protocol == v1alpha1.HoldoutFrontier {
		h.Commits, h.Trained = wanted.HoldoutCommits, e.trained
	}
	return h
}

// newestOf is the newest commit that a model was trained on; empty where the branch
// does not tell.
func (e *evaluation) newestOf(name v1alpha1.ArmName) string {
	trained := e.trainedOn(name)
	if run := e.runOf(name); slices.Contains(trained, run) {
		return run
	}
	if e.tools != nil && e.tools.commits != nil {
		if newer, told := newerThan(e.tools.commits.line, trained); told {
			return e.tools.commits.line[newer]
		}
	}
	return ""
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

// report adds to the kind's scores what else is known of its tasks.
func (k *asked) report(record v1alpha1.KindRecord) report.Kind {
	r := report.NewKind(record)
	r.Variant = k.variant
	k.describe(&r)
	scored := k.scored()
	for i, a := range r.Arms {
		if a.Name != v1alpha1.ArmGold && a.Name != v1alpha1.ArmNoop {
			r.Arms[i].Effort = effortOf(slices.Concat(k.attempts[a.Name][:scored]...)).PerSolved(a.Solved)
			if extra := k.attempts[a.Name][scored:]; len(extra) > 0 {
				r.Compositions = append(r.Compositions, report.Arm{Name: a.Name, Score: report.NewScore(solved(slices.Concat(extra...)), len(extra))})
			}
		}
	}
	for i, t := range k.tasks()[:min(scored, report.MaxTasks)] {
		told := report.Task{ID: t.id, Group: t.group, Text: report.Bound(t.text), Gold: report.Bound(t.gold)}
		for _, a := range r.Arms {
			told.Results = append(told.Results, resultOf(k.attempts[a.Name][i], a.Name, i < report.MaxExcerpts))
		}
		r.Tasks = append(r.Tasks, told)
	}
	r.TasksLeftOut, r.Refused = scored-len(r.Tasks), k.refused()
	return r
}

func solved(attempts []attempt) int {
	n := 0
	for _, a := range attempts {
		if a.Correct {
			n++
		}
	}
	return n
}

// effortOf sums up what a model's attempts took.
func effortOf(attempts []attempt) report.Effort {
	var e report.Effort
	for _, a := range attempts {
		e.Seconds += a.Elapsed.Seconds()
		e.PromptTokens += a.PromptTokens
		e.CompletionTokens += a.Tokens
		if a.Status == "" {
			continue
		}
		if e.Episodes == nil {
			e.Episodes = &report.Episodes{Endings: map[string]int{}}
		}
		e.Episodes.Episodes++
		e.Episodes.Turns += a.Steps
		e.Episodes.MeanTurns = float64(e.Episodes.Turns) / float64(e.Episodes.Episodes)
		if a.Grade != nil {
			e.Episodes.RightFileEarly = added(e.Episodes.RightFileEarly, a.RightFile > 0 && a.RightFile <= report.EarlyTurns)
		}
		e.Episodes.FormatErrors += a.FormatErrors
		e.Episodes.Endings[string(a.Status)]++
		if a.Answer == "" {
			e.Episodes.EmptySubmissions++
		}
	}
	return e
}

// added counts one more where it is so.
func added(count *int, so bool) *int {
	n := 0
	if count != nil {
		n = *count
	}
	if so {
		n++
	}
	return &n
}

// resultOf is what the report tells of an arm's tries at one task: how often they
// solved it, and the first of them. What an episode submitted is a patch, which is
// too long for it.
func resultOf(tries []attempt, name v1alpha1.ArmName, excerpt bool) report.Result {
	a := tries[0]
	r := report.Result{Arm: name, Solved: a.Correct, Tokens: a.PromptTokens + a.Tokens, Turns: a.Steps, Ending: string(a.Status)}
	if len(tries) > 1 {
		r.SolvedRollouts, r.Rollouts = solved(tries), len(tries)
	}
	if a.Grade != nil {
		r.Reason = string(a.Grade.Reason)
	} else {
		r.Answer = report.Bound(a.Answer)
	}
	if excerpt && len(a.Messages) > 0 {
		turns := make([]report.Turn, 0, len(a.Messages))
		for _, m := range a.Messages {
			turns = append(turns, report.Turn{Role: string(m.Role), Text: m.Content})
		}
		r.Excerpt = report.Excerpt(turns)
	}
	return r
}
