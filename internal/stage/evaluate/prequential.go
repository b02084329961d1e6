package evaluate

import (
	"context"
	"fmt"

	"github.com/repoexpert/operator/api/v1alpha1"
	"github.com/repoexpert/operator/internal/owntree"
	"github.com/repoexpert/operator/internal/report"
	"github.com/repoexpert/operator/internal/task"
)

// prequential is the variant of a kind that base and served model work on alone.
const prequential = "prequential"

// Why base and served model are asked for no task of later commits.
const (
	noneServed   = "no model is served"
	noneNewer    = "the served model was trained on the newest commit"
	notOnTheLine = "the branch's first-parent line does not hold all commits that the served model was trained on, so that nothing can be told of what it has not seen"
	noneUsable   = "no commit since changes code and tests so that a task can be made of it"
)

// choosePrequential adds, where the protocol is Prequential, tasks of the commits
// after the one that the served model was trained on, for it and the base model.
// They come from the newest commits that may be tasks. Where there are none, nothing
// is asked, and the report says why.
func (e *evaluation) choosePrequential(ctx context.Context) error {
	if e.holdout() != v1alpha1.HoldoutPrequential {
		return nil
	}
	e.prequential = &report.Prequential{NotAsked: noneServed}
	if e.env.Spec.Served == nil {
		return nil
	}
	t, err := e.toolsOf(ctx)
	if err != nil {
		return err
	}
	newer, told := newerThan(t.commits.line, e.trainedOn(v1alpha1.ArmServed))
	if e.prequential.NotAsked = notOnTheLine; !told {
		return nil
	}
	e.prequential.After = t.commits.line[newer]
	if e.prequential.NotAsked = noneNewer; newer == 0 {
		return nil
	}
	replays, err := e.later(ctx, t.commits, e.prequential.After)
	if err != nil {
		return fmt.Errorf("find tasks after commit %s: %w", e.prequential.After, err)
	}
	e.prequential.Candidates, e.prequential.NotAsked = len(replays), noneUsable
	for _, wanted := range e.env.Spec.Recipe.Evaluation.Kinds {
		m, ofCommits := makers[wanted.Name]
		if !ofCommits {
			continue
		}
		k := &episodes{
			evaluation: e, label: wanted.Name, variant: prequential, protocol: v1alpha1.HoldoutPrequential,
			measures: m.measuresLater(), refusals: map[string]int{},
		}
		unseen := func(task.Replay) bool { return true }
		if err := k.take(t, int(wanted.Tasks), m.offers(ctx, wanted.Name, replays, unseen)); err != nil {
			return err
		}
		if len(k.jobs) > 0 {
			e.prequential.NotAsked = ""
		}
		e.kinds = append(e.kinds, &asked{kind: k, variant: prequential, rollouts: 1, only: []v1alpha1.ArmName{v1alpha1.ArmBase, v1alpha1.ArmServed}})
	}
	return nil
}

// later lists what the newest commits after another one changed, each on its own
// tree.
func (e *evaluation) later(ctx context.Context, c *commits, after string) ([]task.Replay, error) {
	config := c.trees.Config
	finder := owntree.Finder{
		Repository: c.trees.Repository, Adapter: config.Adapter, Box: config.Box,
		Kinds: owntree.Kinds(config.Adapter.Dialect(), e.env.Spec.Recipe.Repository, nil),
	}
	found, err := finder.After(ctx, after, max(1, int(e.env.Spec.Recipe.Evaluation.HoldoutCommits)))
	if err != nil {
		return nil, err
	}
	replays := make([]task.Replay, 0, len(found))
	for _, f := range found {
		f.Cluster, f.Side = f.ID, task.SideEvaluation
		replays = append(replays, f.Replay)
	}
	return replays, nil
}
