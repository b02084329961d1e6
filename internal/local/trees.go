package local

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"

	"github.com/repoexpert/operator/api/v1alpha1"
	"github.com/repoexpert/operator/internal/artifact"
	"github.com/repoexpert/operator/internal/contract"
	"github.com/repoexpert/operator/internal/snapshot"
	"github.com/repoexpert/operator/internal/stage"
	"github.com/repoexpert/operator/internal/stage/fetch"
)

// compareTrees demands that the checkout's commit, or the other snapshot, has the
// tree that the samples were made from.
func (v Verification) compareTrees(ctx context.Context, store *artifact.Store, spec contract.StageSpec) error {
	folder := spec.Keys.Output(v1alpha1.StageFetch)
	want, err := treeHash(store, folder)
	if err != nil {
		return err
	}
	if v.Checkout != nil {
		got, err := v.fetchTree(ctx, spec)
		if err != nil {
			return fmt.Errorf("--local %s: %w", v.Checkout.Dir, err)
		}
		if got != want {
			return fmt.Errorf("--local %s: commit %s has another tree than %s", v.Checkout.Dir, spec.Commit, folder)
		}
	}
	if v.Snapshot != "" {
		got, err := fileHash(filepath.Join(v.Snapshot, snapshot.TreeFile))
		if err != nil {
			return fmt.Errorf("--snapshot: %w", err)
		}
		if got != want {
			return fmt.Errorf("--snapshot %s: its tree is not the one that the samples were made from", v.Snapshot)
		}
	}
	return nil
}

// fetchTree fetches the samples' commit from the checkout anew.
func (v Verification) fetchTree(ctx context.Context, spec contract.StageSpec) (hash string, err error) {
	scratch, err := os.MkdirTemp("", "repoexpert-")
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(scratch)) }()
	store, err := artifact.Open(scratch)
	if err != nil {
		return "", err
	}
	defer store.Close()
	spec.Recipe.Repository = v1alpha1.Repository{URL: "file://" + v.Checkout.GitDir, Ref: v1alpha1.GitRef{Commit: spec.Commit}}
	env := stage.Env{Spec: spec, Store: store, Log: slog.New(slog.DiscardHandler)}
	if _, err := (fetch.Checkout{Repository: v.Checkout.GitDir}).Run(ctx, env); err != nil {
		return "", err
	}
	return treeHash(store, spec.Keys.Output(v1alpha1.StageFetch))
}

// snapshotCommit is the commit that a sealed snapshot ends at. A sample's own may
// be an earlier one of its history.
func snapshotCommit(ctx context.Context, store *artifact.Store, folder string) (string, error) {
	place, err := store.Path(folder)
	if err != nil {
		return "", err
	}
	commit, err := ask(ctx, filepath.Join(place, snapshot.RepositoryFolder), "-c", "safe.directory=*", "rev-parse", "--verify", "--quiet", "HEAD^{commit}")
	if err == nil && !commitPattern.MatchString(commit) {
		err = fmt.Errorf("%s ends at %.80q, which is no commit", folder, commit)
	}
	return commit, err
}

// treeHash is the hash of a sealed snapshot's tree.
func treeHash(store *artifact.Store, folder string) (string, error) {
	manifest, _, err := store.Lookup(folder)
	if err != nil {
		return "", err
	}
	for _, file := range manifest.Files {
		if file.Path == snapshot.TreeFile {
			return file.SHA256, nil
		}
	}
	return "", fmt.Errorf("%s holds no %s", folder, snapshot.TreeFile)
}

func fileHash(name string) (string, error) {
	file, err := os.Open(name)
	if err != nil {
		return "", err
	}
	defer file.Close()
	sum := sha256.New()
	if _, err := io.Copy(sum, file); err != nil {
		return "", fmt.Errorf("%s: %w", name, err)
	}
	return hex.EncodeToString(sum.Sum(nil)), nil
}
