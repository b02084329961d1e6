package evaluate

import (
	"context"
	"errors"
	"io"

	"github.com/repoexpert/operator/api/v1alpha1"
	"github.com/repoexpert/operator/internal/agent"
	"github.com/repoexpert/operator/internal/grading"
	"github.com/repoexpert/operator/internal/stage"
	"github.com/repoexpert/operator/internal/symptom"
	"github.com/repoexpert/operator/internal/task"
)

const (
	measuresIssues = "bugs in held-out functions, repaired by an agent from a report and graded by the tests that the bug fails"
	measuresTests  = "the same sort of bugs, shown by a test that the agent writes: it must fail with the bug and pass without"
)

// bug is a held-out bug that was put into the tree, or why it is no task.
type bug struct {
	task grading.Task
	// issue is what is told of it.
	issue  string
	reason string
}

// wording is for reports of bugs; training has others.
var wording = symptom.Wording{
	Bare:    func(place string) string { return place + " does not behave as it should." },
	Place:   func(place string) string { return "This can be observed in " + place + "." },
	Message: func(place, message string) string { return place + " does not behave as it should: " + message },
}

// chooseIssues is the kind IssueResolution: the agent gets the report of a bug and
// the tree with it.
func (e *evaluation) chooseIssues(ctx context.Context, wanted v1alpha1.EvaluationKind) (kind, error) {
	return e.chooseReplays(ctx, wanted, measuresIssues, func(k *episodes, t *tools, replay task.Replay) (job, string, error) {
		b, err := t.bug(ctx, replay)
		if err != nil || b.reason != "" {
			return job{}, b.reason, err
		}
		j := repairing(t.grader, b.task)
		j.text = agent.RepairTask(b.issue, "")
		j.fresh = t.taskIsFresh(b.task)
		reason, err := k.admit(ctx, &j, b.task.Gold())
		return j, reason, err
	})
}

// chooseTests is the kind TestGeneration: the agent gets the same and writes a
// test. The known answer are the tests that were taken out of its tree.
func (e *evaluation) chooseTests(ctx context.Context, wanted v1alpha1.EvaluationKind) (kind, error) {
	return e.chooseReplays(ctx, wanted, measuresTests, func(k *episodes, t *tools, replay task.Replay) (job, string, error) {
		b, err := t.bug(ctx, replay)
		if err != nil || b.reason != "" {
			return job{}, b.reason, err
		}
		j := writing(t.grader, b.task)
		j.text = agent.WriteTestTask(b.issue)
		gold, err := t.grader.HiddenTests(b.task)
		if err != nil {
			return job{}, "", err
		}
		j.fresh = t.taskIsFresh(b.task)
		reason, err := k.admit(ctx, &j, gold)
		return j, reason, err
	})
}

// writing is a job that is graded by what the written test does with the fault and
// without.
func writing(grader *grading.Grader, t grading.Task) job {
	return job{
		item: item{id: t.ID, made: t.Fingerprint()}, right: t.Paths(),
		tree: func(ctx context.Context) (io.ReadCloser, error) { return grader.AgentTree(ctx, t) },
		grade: func(ctx context.Context, submission string) (attempt, error) {
			written, err := grader.GradeWritten(ctx, t, submission)
			a := graded(submission, written.Grade)
			a.Changed, a.Covered = written.Changed, written.Covered
			return a, err
		},
	}
}

// chooseReplays takes held-out bugs, or features, in the plan's order, that are
// tasks: what commits did comes before mutants.
func (e *evaluation) chooseReplays(
	ctx context.Context, wanted v1alpha1.EvaluationKind, measures string, build func(*episodes, *tools, task.Replay) (job, string, error),
) (kind, error) {
	replays, err := planned[task.Replay](e.env, task.HeldOutReplaysFile)
	if err != nil {
		return nil, err
	}
	features := wanted.Name == v1alpha1.KindFeatureImplementation
	var offers []offer
	for _, replay := range replays {
		if features == (len(replay.Adds) > 0) {
			offers = append(offers, offer{
				id: replay.ID, clusters: append([]string{replay.Cluster}, replay.Clusters...),
				build: func(k *episodes, t *tools) (job, string, error) { return build(k, t, replay) },
			})
		}
	}
	return e.chooseEpisodes(ctx, wanted, measures, offers)
}

// bug puts a bug into the tree and checks that it is noticed.
func (t *tools) bug(ctx context.Context, replay task.Replay) (bug, error) {
	if known, looked := t.bugs[replay.ID]; looked {
		return known, nil
	}
	b, err := t.newBug(ctx, replay)
	if err == nil {
		t.bugs[replay.ID] = b
	}
	return b, err
}

func (t *tools) newBug(ctx context.Context, replay task.Replay) (bug, error) {
	broken, err := t.taskOf(replay)
	if err != nil {
		return bug{}, err
	}
	var b bug
	if b.task, b.reason, err = prepared(ctx, t.grader, broken, t.grader.Check); err != nil || b.reason != "" {
		return b, err
	}
	where, found := t.routes.Symptom(b.task)
	if !found && replay.Issue == "" {
		b.reason = refusedText
		return b, nil
	}
	b.issue = where.Issue(b.task, replay.Issue, wording)
	return b, nil
}

// taskOf is the tree with a replay's fault.
func (t *tools) taskOf(replay task.Replay) (broken grading.Task, err error) {
	if len(replay.Mutations) > 0 {
		broken, err = t.grader.Mutated(replay.ID, replay.Mutations, replay.Tests)
	} else {
		broken, err = t.grader.Replaced(replay.ID, replay.Broken, replay.Tests)
	}
	if errors.Is(err, grading.ErrTask) {
		err = stage.Fail(v1alpha1.FailureIntegrity, err, "the plan does not fit the snapshot")
	}
	return broken, err
}
