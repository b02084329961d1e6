package evaluate

import (
	"context"
	"errors"
	"io"

	"github.com/repoexpert/operator/api/v1alpha1"
	"github.com/repoexpert/operator/internal/agent"
	"github.com/repoexpert/operator/internal/grading"
	"github.com/repoexpert/operator/internal/language"
	"github.com/repoexpert/operator/internal/stage"
	"github.com/repoexpert/operator/internal/task"
)

const measuresMasks = "held-out functions, written by an agent and graded by the tests that cover them"

// chooseMasks is the kind ContextualImplementation: held-out functions, in the
// plan's order, that are tasks.
func (e *evaluation) chooseMasks(ctx context.Context, wanted v1alpha1.EvaluationKind) (kind, error) {
	masks, err := planned[task.Mask](e.env, task.MasksFile)
	if err != nil {
		return nil, err
	}
	var offers []offer
	for _, mask := range masks {
		if mask.Side == task.SideEvaluation {
			offers = append(offers, offer{
				id: mask.ID, cluster: mask.Cluster, held: e.heldOut(mask.ID, mask.Cluster),
				build: func(k *episodes, t *tools) (job, string, error) { return k.implementation(ctx, t, mask) },
			})
		}
	}
	return e.chooseEpisodes(ctx, wanted, &episodes{measures: measuresMasks}, offers)
}

// implementation makes the task of writing one body. A reason says why there is
// none.
func (k *episodes) implementation(ctx context.Context, tools *tools, mask task.Mask) (job, string, error) {
	masked, err := tools.Grader.Load(mask)
	if errors.Is(err, language.ErrMask) {
		return job{}, refusedMask, nil
	}
	if err != nil {
		return job{}, "", stage.Fail(v1alpha1.FailureIntegrity, err, "the plan does not fit the snapshot")
	}
	t, reason, err := prepared(ctx, tools.Grader, masked.Task, tools.Grader.Check)
	if err != nil || reason != "" {
		return job{}, reason, err
	}
	j := repairing(tools.Grader, t)
	j.fresh, j.text = tools.maskIsFresh(masked), agent.ImplementationTask(mask.Name, mask.Path, "")
	reason, err = k.admit(ctx, &j, t.Gold())
	return j, reason, err
}

// repairing is a job that is graded by the tests that fail while it is open.
func repairing(grader *grading.Grader, t grading.Task) job {
	return job{
		item: item{id: t.ID, made: t.Fingerprint()}, right: t.Paths(), task: &t, grader: grader,
		tree: func(ctx context.Context) (io.ReadCloser, error) { return grader.AgentTree(ctx, t) },
		grade: func(ctx context.Context, submission string) (attempt, error) {
			grade, err := grader.GradePatch(ctx, t, submission)
			return graded(submission, grade), err
		},
	}
}
