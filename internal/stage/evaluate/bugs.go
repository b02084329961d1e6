package evaluate

import (
	"context"
	"errors"
	"io"

	"github.com/repoexpert/operator/api/v1alpha1"
	"github.com/repoexpert/operator/internal/agent"
	"github.com/repoexpert/operator/internal/grading"
	"github.com/repoexpert/operator/internal/owntree"
	"github.com/repoexpert/operator/internal/stage"
	"github.com/repoexpert/operator/internal/symptom"
	"github.com/repoexpert/operator/internal/task"
)

// broken is a replay in its tree, or why it is no task.
type broken struct {
	owntree.Ground
	task grading.Task
	// commit of the tree where that is not the snapshot's.
	commit string
	reason string
}

// bug is a held-out bug in its tree, with what is told of it.
type bug struct {
	broken
	issue string
}

// maker makes tasks of a kind of what commits did, and of mutants.
type maker struct {
	// held and later say what the tasks are, held out at the commit that was trained on
	// or of later ones; how, what is done with them.
	held, later, how string
	// build makes a task, or says why there is none.
	build func(*episodes, context.Context, *tools, task.Replay) (job, string, error)
}

var makers = map[v1alpha1.KindName]maker{
	v1alpha1.KindIssueResolution: {
		held: "bugs in held-out functions", later: "bugs that commits repaired",
		how: "repaired by an agent from a report and graded by the tests that the bug fails", build: (*episodes).issue,
	},
	v1alpha1.KindTestGeneration: {
		held: "bugs in held-out functions", later: "bugs that commits repaired",
		how: "shown by a test that the agent writes: it must fail with the bug and pass without", build: (*episodes).test,
	},
	v1alpha1.KindFeatureImplementation: {
		held: "what commits added in held-out functions", later: "what commits added",
		how: "implemented by an agent from a description and graded by the commits' tests", build: (*episodes).feature,
	},
}

// measuresLater says what a score means where the tasks are of later commits.
func (m maker) measuresLater() string { return m.later + ", " + m.how + laterCommits }

// offers are the replays of a kind: features are those that add definitions.
func (m maker) offers(ctx context.Context, kind v1alpha1.KindName, replays []task.Replay, held func(task.Replay) bool) []offer {
	features := kind == v1alpha1.KindFeatureImplementation
	var offers []offer
	for _, replay := range replays {
		if features == (len(replay.Adds) > 0) {
			offers = append(offers, offer{
				id: replay.ID, cluster: replay.Cluster, held: held(replay),
				build: func(k *episodes, t *tools) (job, string, error) { return m.build(k, ctx, t, replay) },
			})
		}
	}
	return offers
}

// wording is for reports of bugs; training has others.
var wording = symptom.Wording{
	Bare:    func(place string) string { return place + " does not behave as it should." },
	Place:   func(place string) string { return "This can be observed in " + place + "." },
	Message: func(place, message string) string { return place + " does not behave as it should: " + message },
}

// issue is a task of IssueResolution: the agent gets the report of a bug and the
// tree with it.
func (k *episodes) issue(ctx context.Context, t *tools, replay task.Replay) (job, string, error) {
	b, err := t.bug(ctx, replay)
	if err != nil || b.reason != "" {
		return job{}, b.reason, err
	}
	j := repairing(b.Grader, b.task)
	j.text, j.commit, j.fresh = agent.RepairTask(b.issue, ""), b.commit, t.isFresh(b.broken)
	reason, err := k.admit(ctx, &j, b.task.Gold())
	return j, reason, err
}

// test is a task of TestGeneration: the agent gets the same and writes a test. The
// known answer are the tests that were taken out of its tree.
func (k *episodes) test(ctx context.Context, t *tools, replay task.Replay) (job, string, error) {
	b, err := t.bug(ctx, replay)
	if err != nil || b.reason != "" {
		return job{}, b.reason, err
	}
	j := writing(b.Grader, b.task)
	j.text, j.commit, j.fresh = agent.WriteTestTask(b.issue), b.commit, t.isFresh(b.broken)
	gold, err := b.Grader.HiddenTests(b.task)
	if err != nil {
		return job{}, "", err
	}
	reason, err := k.admit(ctx, &j, gold)
	return j, reason, err
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
// tasks: what commits did comes before mutants. Where the newest commits were kept
// from training, the tasks are those of them that came after all that any compared
// model was trained on.
func (e *evaluation) chooseReplays(ctx context.Context, wanted v1alpha1.EvaluationKind) (kind, error) {
	replays, err := planned[task.Replay](e.env, task.HeldOutReplaysFile)
	if err != nil {
		return nil, err
	}
	t, err := e.toolsOf(ctx)
	if err != nil {
		return nil, err
	}
	m := makers[wanted.Name]
	k := &episodes{measures: m.held + ", " + m.how}
	held := func(r task.Replay) bool { return e.heldOut(r.ID, append([]string{r.Cluster}, r.Clusters...)...) }
	if e.holdout() == v1alpha1.HoldoutFrontier {
		k.protocol, k.measures = v1alpha1.HoldoutFrontier, m.measuresLater()
		held = func(r task.Replay) bool { return t.commits.isUnseen(r.Commit) }
	}
	return e.chooseEpisodes(ctx, wanted, k, m.offers(ctx, wanted.Name, replays, held))
}

// bug puts a bug into its tree and checks that it is noticed.
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

func (t *tools) newBug(ctx context.Context, replay task.Replay) (b bug, err error) {
	if b.broken, err = t.broken(ctx, replay); err != nil || b.reason != "" {
		return b, err
	}
	if b.task, b.reason, err = prepared(ctx, b.Grader, b.task, b.Grader.Check); err != nil || b.reason != "" {
		return b, err
	}
	where, found := b.Routes.Symptom(b.task)
	if !found && replay.Issue == "" {
		b.reason = refusedText
		return b, nil
	}
	b.issue = where.Issue(b.task, replay.Issue, wording)
	return b, nil
}

// broken is the tree with a replay's fault: the snapshot, or that of its commit.
func (t *tools) broken(ctx context.Context, replay task.Replay) (broken, error) {
	if replay.Kind == task.ReplayFix && t.commits != nil {
		made, err := t.commits.trees.Make(ctx, replay)
		b := broken{Ground: made.Ground, task: made.Task, commit: replay.Commit}
		if made.Refused != "" {
			b.reason = refusedTree
		}
		return b, err
	}
	b := broken{Ground: t.Ground}
	var err error
	if len(replay.Mutations) > 0 {
		b.task, err = t.Grader.Mutated(replay.ID, replay.Mutations, replay.Tests)
	} else {
		b.task, err = t.Grader.Replaced(replay.ID, replay.Broken, replay.Tests)
	}
	if errors.Is(err, grading.ErrTask) {
		err = stage.Fail(v1alpha1.FailureIntegrity, err, "the plan does not fit the snapshot")
	}
	return b, err
}
