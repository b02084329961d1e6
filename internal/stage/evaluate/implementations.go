package evaluate

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/repoexpert/operator/api/v1alpha1"
	"github.com/repoexpert/operator/internal/agent"
	"github.com/repoexpert/operator/internal/engine"
	"github.com/repoexpert/operator/internal/grading"
	"github.com/repoexpert/operator/internal/language"
	"github.com/repoexpert/operator/internal/recipe"
	"github.com/repoexpert/operator/internal/sandbox"
	"github.com/repoexpert/operator/internal/stage"
	"github.com/repoexpert/operator/internal/task"
)

const (
	// agentFolder is where an agent works, below its box's root.
	agentFolder = sandbox.TreeFolder
	// leftFolder never holds anything: to remove it ends what an agent left running.
	leftFolder = agentFolder + ".left"
)

// implementations is the kind ContextualImplementation.
type implementations struct {
	grader  *grading.Grader
	profile agent.Profile
	tasks   []grading.Masked
	// refused are functions that are no task, by reason.
	refused map[string]int
	results map[v1alpha1.ArmName][]outcome
}

// outcome of one arm on one task.
type outcome struct {
	Grade      grading.Grade
	Transcript *agent.Transcript
	// Elapsed is the episode's time, without its preparation and its grading.
	Elapsed time.Duration
}

// Reasons why a function is no task.
const (
	refusedSeen     = "seen by the served model"
	refusedUnneeded = "tests pass without the body"
	refusedVisible  = "other tests fail without the body"
	refusedGold     = "tests fail with the known body"
	refusedMask     = "cannot be masked"
)

// chooseMasks takes held-out functions, in the plan's order, that are tasks.
func (e *evaluation) chooseMasks(ctx context.Context, kind v1alpha1.EvaluationKind, served *recipe.Seen, adapterFor func(v1alpha1.TestFramework) (language.Adapter, error)) (*implementations, error) {
	masks, err := planned[task.Mask](e.env, task.MasksFile)
	if err != nil {
		return nil, err
	}
	grader, err := e.newGrader(ctx, adapterFor)
	if err != nil {
		return nil, err
	}
	m := &implementations{grader: grader, profile: e.profile(), refused: map[string]int{}, results: map[v1alpha1.ArmName][]outcome{}}
	for _, mask := range masks {
		if len(m.tasks) == int(kind.Tasks) {
			break
		}
		if mask.Side != task.SideEvaluation {
			continue
		}
		if served != nil && !served.Held(mask) {
			m.refused[refusedSeen]++
			continue
		}
		admitted, reason, err := m.admit(ctx, mask)
		if err != nil {
			return nil, fmt.Errorf("admit task %s: %w", mask.ID, err)
		}
		if reason != "" {
			m.refused[reason]++
			e.env.Log.Info("a held-out function is no task", "path", mask.Path, "name", mask.Name, "reason", reason)
			continue
		}
		m.tasks = append(m.tasks, admitted)
	}
	e.progress.total += int64((len(e.arms) + 2) * len(m.tasks))
	return m, enough(kind, len(m.tasks), m.whyRefused())
}

// admit checks that the tests need the body and accept the known one. A reason
// says why the function is no task.
func (m *implementations) admit(ctx context.Context, mask task.Mask) (grading.Masked, string, error) {
	loaded, err := m.grader.Load(mask)
	if errors.Is(err, language.ErrMask) {
		return loaded, refusedMask, nil
	}
	if err != nil {
		return loaded, "", stage.Fail(v1alpha1.FailureIntegrity, err, "the plan does not fit the snapshot")
	}
	checked := loaded
	var grade grading.Grade
	checked.Task, grade, err = m.grader.Check(ctx, loaded.Task)
	if err != nil || grade.Reason != grading.TestsFailed {
		return checked, refusedUnneeded, err
	}
	if grade, err = m.grader.CheckVisible(ctx, checked.Task); err != nil || !grade.Resolved {
		return checked, refusedVisible, err
	}
	if checked.Task, _, err = m.grader.CheckControl(ctx, checked.Task); err != nil {
		return checked, "", err
	}
	if grade, err = m.grader.GradePatch(ctx, checked.Task, checked.Gold()); err != nil || !grade.Resolved {
		return checked, refusedGold, err
	}
	return checked, "", nil
}

// whyRefused lists the reasons in a fixed order.
func (m *implementations) whyRefused() string {
	text := "held-out functions that are no task: none"
	for i, reason := range []string{refusedSeen, refusedUnneeded, refusedVisible, refusedGold, refusedMask} {
		if i == 0 {
			text = "held-out functions that are no task:"
		}
		text += fmt.Sprintf(" %d %s;", m.refused[reason], reason)
	}
	return text[:len(text)-1]
}

// runControls grades the known bodies and empty answers. It fails if that is not
// all and none.
func (e *evaluation) runControls(ctx context.Context) error {
	controls := []struct {
		name  v1alpha1.ArmName
		patch func(grading.Task) string
		want  bool
		broke string
	}{
		{v1alpha1.ArmGold, grading.Task.Gold, true, "the known body of %s in %s was not graded as right (%s)"},
		{v1alpha1.ArmNoop, func(grading.Task) string { return "" }, false, "no answer for %s in %s was graded as right (%s)"},
	}
	for _, control := range controls {
		for _, t := range e.masks.tasks {
			grade, err := e.masks.grader.GradePatch(ctx, t.Task, control.patch(t.Task))
			if err != nil {
				return fmt.Errorf("arm %s, task %s: %w", control.name, t.Mask.ID, err)
			}
			if grade.Resolved != control.want {
				return stage.Fail(v1alpha1.FailureRepositoryCode, nil,
					control.broke+"; the tests that cover it do not give the same result twice, so they cannot grade: repair or exclude them",
					t.Mask.Name, t.Mask.Path, grade.Reason)
			}
			e.masks.results[control.name] = append(e.masks.results[control.name], outcome{Grade: grade})
			e.progress.add(string(v1alpha1.KindContextualImplementation) + " " + string(control.name))
		}
	}
	return nil
}

// implement lets one arm work on every task.
func (e *evaluation) implement(ctx context.Context, a arm) error {
	limits := e.env.Spec.Recipe.Evaluation.Agent
	chat := engine.NewChat(engine.Address(e.port), a.model.Name, e.server.Fields(limits.Sampling, int32(e.masks.profile.MaxTokensPerTurn)))
	for _, t := range e.masks.tasks {
		result, err := e.episode(ctx, chat, t)
		if err != nil {
			return fmt.Errorf("arm %s, task %s: %w", a.name, t.Mask.ID, err)
		}
		e.masks.results[a.name] = append(e.masks.results[a.name], result)
		e.progress.add(string(v1alpha1.KindContextualImplementation) + " " + string(a.name))
	}
	return nil
}

// episode plays one task in the agent's box and grades it in the other one.
func (e *evaluation) episode(ctx context.Context, model agent.Model, t grading.Masked) (result outcome, err error) {
	content, err := e.masks.grader.AgentTree(ctx, t.Task)
	if err != nil {
		return outcome{}, err
	}
	defer func() { err = errors.Join(err, content.Close()) }()
	tree, err := agent.PrepareTree(ctx, e.env.Agent, agentFolder, content)
	if err != nil {
		return outcome{}, err
	}
	started := time.Now()
	transcript, err := agent.Run(ctx, agent.Episode{
		Profile: e.masks.profile, Task: agent.ImplementationTask(t.Mask.Name, t.Mask.Path, ""),
		Model: model, Box: e.env.Agent, Tree: tree,
	})
	if err != nil {
		return outcome{}, err
	}
	elapsed := time.Since(started)
	// What still runs ends before the grading; the tree stays, for the next one to be
	// made of it.
	if err := e.env.Agent.Remove(ctx, leftFolder); err != nil {
		return outcome{}, fmt.Errorf("clear the agent's box: %w", err)
	}
	// Only what was submitted counts, and nothing is an answer too.
	grade, err := e.masks.grader.GradePatch(ctx, t.Task, transcript.Submission)
	return outcome{Grade: grade, Transcript: &transcript, Elapsed: elapsed}, err
}

func (m *implementations) kindRecord(arms []arm) v1alpha1.KindRecord {
	record := v1alpha1.KindRecord{Name: v1alpha1.KindContextualImplementation}
	names := []v1alpha1.ArmName{}
	for _, a := range arms {
		names = append(names, a.name)
	}
	for _, name := range append(names, v1alpha1.ArmGold, v1alpha1.ArmNoop) {
		record.Arms = append(record.Arms, v1alpha1.ArmRecord{
			Name: name, Successes: successes(m.results[name], func(o outcome) bool { return o.Grade.Resolved }),
		})
	}
	return record
}
