package evaluate

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"

	"github.com/repoexpert/operator/api/v1alpha1"
	"github.com/repoexpert/operator/internal/grading"
	"github.com/repoexpert/operator/internal/history"
	"github.com/repoexpert/operator/internal/owntree"
	"github.com/repoexpert/operator/internal/snapshot"
)

// laterCommits is added to what a score measures where no model that is asked was
// trained on the tasks' commits.
const laterCommits = "; each is of a commit that comes after all that the asked models were trained on, and is on the commit's own tree"

// commits are those of the branch, with what makes tasks of them on their own trees.
type commits struct {
	trees *owntree.Trees
	// line is the first-parent line of the run's commit, newest first.
	line []string
	// unseen is how many of the newest come after all that any compared model was
	// trained on.
	unseen int
}

// openCommits opens the commits where the protocol takes tasks from them; else nil.
func (e *evaluation) openCommits(ctx context.Context, place string, config grading.Config) (*commits, error) {
	folder := snapshot.RepositoryFolder
	switch e.holdout() {
	case v1alpha1.HoldoutFrontier:
		folder = snapshot.FrontierFolder
	case v1alpha1.HoldoutPrequential:
	default:
		return nil, nil
	}
	repository, err := history.Open(ctx, filepath.Join(place, folder), snapshot.HeadRef)
	if err != nil {
		return nil, fmt.Errorf("open the commits of the branch: %w", err)
	}
	c := &commits{trees: &owntree.Trees{Repository: repository, Head: e.trained, Config: config}}
	if c.line, err = repository.Line(ctx, history.DefaultLimits().Commits); err != nil {
		return nil, err
	}
	c.unseen = len(c.line)
	for name := range e.seen {
		newer, _ := newerThan(c.line, e.trainedOn(name))
		c.unseen = min(c.unseen, newer)
	}
	return c, nil
}

// isUnseen says whether a commit comes after all that any compared model was trained
// on.
func (c *commits) isUnseen(commit string) bool { return slices.Contains(c.line[:c.unseen], commit) }

func (c *commits) close() error {
	if c == nil {
		return nil
	}
	return c.trees.Repository.Close()
}

// newerThan is how many of a line's commits come after all that a model was trained
// on. It is false, and none, where the line does not hold all of that, as after the
// history was written anew: nothing can be told then.
func newerThan(line, trained []string) (int, bool) {
	places := make(map[string]int, len(line))
	for at, commit := range line {
		places[commit] = at
	}
	if len(trained) == 0 {
		return 0, false
	}
	newest := len(line)
	for _, commit := range trained {
		at, known := places[commit]
		if !known {
			return 0, false
		}
		newest = min(newest, at)
	}
	return newest, true
}

// trainedOn are the commits that a model was trained on. One that does not say was
// trained on its run's.
func (e *evaluation) trainedOn(name v1alpha1.ArmName) []string {
	if commits := e.seen[name].Commits; len(commits) > 0 {
		return commits
	}
	return []string{e.runOf(name)}
}

// runOf is the commit of a trained model's run; of this one, the commit that it
// learned.
func (e *evaluation) runOf(name v1alpha1.ArmName) string {
	switch {
	case name == v1alpha1.ArmServed && e.env.Spec.Served != nil:
		return e.env.Spec.Served.Commit
	case name == v1alpha1.ArmAnchor && e.env.Spec.Anchor != nil:
		return e.env.Spec.Anchor.Commit
	default:
		return e.trained
	}
}

// holdout is the protocol.
func (e *evaluation) holdout() v1alpha1.Holdout {
	if h := e.env.Spec.Recipe.Evaluation.Holdout; h != "" {
		return h
	}
	return v1alpha1.HoldoutTasks
}
