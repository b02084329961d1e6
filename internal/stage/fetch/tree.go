package fetch

import (
	"context"
	"errors"
	"os"

	"github.com/repoexpert/operator/api/v1alpha1"
	"github.com/repoexpert/operator/internal/history"
	"github.com/repoexpert/operator/internal/snapshot"
	"github.com/repoexpert/operator/internal/stage"
)

// writeTree writes the commit's regular files as a tar and counts them.
func (r repository) writeTree(ctx context.Context, file string, counts map[string]int64) (err error) {
	repository, err := history.Open(ctx, r.bare(), snapshot.HeadRef)
	if err != nil {
		return err
	}
	defer repository.Close()
	tree, err := repository.Tree(ctx, repository.Head())
	if err != nil {
		return unfit(err)
	}
	out, err := os.Create(file)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, out.Close()) }()
	size, err := tree.Write(ctx, out)
	if err != nil {
		return unfit(err)
	}
	counts["files"], counts["bytes"] = int64(len(tree.Files())), size
	skipped := map[string]int{"symlinksSkipped": tree.Symlinks, "submodulesSkipped": tree.Submodules}
	for name, n := range skipped {
		if n > 0 {
			counts[name] = int64(n)
		}
	}
	return nil
}

// unfit makes a tree that cannot be taken the data's fault.
func unfit(err error) error {
	var tree *history.TreeError
	if errors.As(err, &tree) {
		return stage.Fail(v1alpha1.FailureData, nil, "%s", tree.Message)
	}
	return err
}
