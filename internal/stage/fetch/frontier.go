package fetch

import (
	"context"
	"errors"
	"os"
	"path/filepath"

	"github.com/repoexpert/operator/api/v1alpha1"
	"github.com/repoexpert/operator/internal/history"
	"github.com/repoexpert/operator/internal/language/adapters"
	"github.com/repoexpert/operator/internal/owntree"
	"github.com/repoexpert/operator/internal/snapshot"
	"github.com/repoexpert/operator/internal/stage"
)

// partAtFrontier keeps the newest commits from training: the repository with them
// goes to a folder of its own, and the one that all stages read ends before them.
func (r repository) partAtFrontier(ctx context.Context, counts map[string]int64) error {
	frontier, err := r.frontier(ctx)
	if err != nil {
		return err
	}
	if err := os.CopyFS(filepath.Join(r.git, snapshot.FrontierFolder), os.DirFS(r.bare())); err != nil {
		return err
	}
	counts["frontierCandidates"] = int64(frontier.Candidates)
	return errors.Join(
		snapshot.WriteFrontier(r.git, snapshot.Frontier{Trained: frontier.Commit, Candidates: frontier.Candidates}),
		r.endAt(ctx, frontier.Commit),
	)
}

// frontier is where the newest commits begin that may be tasks, told by their files'
// names.
func (r repository) frontier(ctx context.Context) (history.Frontier, error) {
	recipe := r.spec.Recipe
	adapter, err := adapters.For(recipe.Environment.Test.Framework)
	if err != nil {
		return history.Frontier{}, stage.Fail(v1alpha1.FailureConfiguration, nil, "%s", err)
	}
	repository, err := history.Open(ctx, r.bare(), snapshot.HeadRef)
	if err != nil {
		return history.Frontier{}, err
	}
	defer repository.Close()
	wanted := max(1, int(recipe.Evaluation.HoldoutCommits))
	frontier, err := history.FrontierOf(
		repository.Changes(ctx, history.DefaultLimits()), owntree.Kinds(adapter.Dialect(), recipe.Repository, nil), history.DefaultFixLimits(), wanted)
	if err != nil || frontier.Commit != "" {
		return frontier, err
	}
	return frontier, stage.Fail(v1alpha1.FailureData, nil,
		"evaluation.holdout Frontier keeps the newest %d commits that change code and tests from training, the history of at most 20,000 commits has %d; "+
			"lower evaluation.holdoutCommits, widen repository.include, or choose holdout Tasks",
		wanted, frontier.Candidates)
}
