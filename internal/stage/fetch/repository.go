package fetch

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/repoexpert/operator/api/v1alpha1"
	"github.com/repoexpert/operator/internal/contract"
	"github.com/repoexpert/operator/internal/localgit"
	"github.com/repoexpert/operator/internal/snapshot"
	"github.com/repoexpert/operator/internal/source"
	"github.com/repoexpert/operator/internal/stage"
)

const (
	fetchLimit = 25 * time.Minute
	localLimit = 10 * time.Minute
	fetchedRef = "refs/repoexpert/fetched"
	// maxAnswer bounds what git answers to the questions of this stage, in bytes.
	maxAnswer = 64 << 10
)

// repository writes repository.git and tree.tar of one commit.
type repository struct {
	// git is the folder that both are written to.
	git    string
	spec   contract.StageSpec
	secret string
	// folder of this machine to fetch from; "" fetches from the recipe's URL.
	folder string
}

func (r repository) bare() string { return filepath.Join(r.git, snapshot.RepositoryFolder) }

func (r repository) write(ctx context.Context, counts map[string]int64) error {
	if _, err := r.local(ctx, "init", "--quiet", "--bare", "--initial-branch=snapshot", "--template=", r.bare()); err != nil {
		return err
	}
	if err := r.fetch(ctx); err != nil {
		return err
	}
	if err := r.endAtCommit(ctx); err != nil {
		return err
	}
	if r.spec.Recipe.Evaluation.Holdout == v1alpha1.HoldoutFrontier {
		if err := r.partAtFrontier(ctx, counts); err != nil {
			return err
		}
	}
	commits, err := r.inside(ctx, "rev-list", "--count", snapshot.HeadRef)
	if err != nil {
		return err
	}
	if counts["commits"], err = strconv.ParseInt(strings.TrimSpace(string(commits)), 10, 64); err != nil {
		return fmt.Errorf("count commits: %w", err)
	}
	return r.writeTree(ctx, filepath.Join(r.git, snapshot.TreeFile), counts)
}

// fetch brings the commit with its history. The reference is asked first, which
// every host answers; a commit that is no longer below it is asked by name,
// which some hosts refuse.
func (r repository) fetch(ctx context.Context) error {
	home, remove, err := makePrivate()
	if err != nil {
		return err
	}
	defer func() { _ = remove() }() // an emptyDir: what stays ends with the pod
	remote, err := r.remote(home)
	if err != nil {
		return err
	}
	var refErr error
	if ref := refspec(r.spec.Recipe.Repository.Ref); ref != "" {
		refErr = remote.Fetch(ctx, r.bare(), fetchLimit, "+"+ref+":"+fetchedRef)
		if refErr == nil && r.has(ctx) {
			return nil
		}
	}
	err = remote.Fetch(ctx, r.bare(), fetchLimit, "+"+r.spec.Commit+":"+fetchedRef)
	if err == nil && r.has(ctx) {
		return nil
	}
	return r.explain(ctx, errors.Join(refErr, err))
}

func (r repository) remote(home string) (*source.Remote, error) {
	if r.folder != "" {
		return source.NewLocalRemote(home, r.folder)
	}
	url := r.spec.Recipe.Repository.URL
	credential, err := source.CredentialFromFolder(r.secret, url)
	if err != nil {
		return nil, err
	}
	return source.NewRemote(home, url, credential)
}

func (r repository) explain(ctx context.Context, err error) error {
	var remote *source.Error
	var unsound *source.UnsoundError
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.As(err, &unsound):
		return stage.Fail(v1alpha1.FailureData, err, "repository.url %s: %v: write the history anew without it, or follow another repository", r.spec.Recipe.Repository.URL, unsound)
	case errors.As(err, &remote) && remote.Reason != v1alpha1.ReasonRepositoryUnreachable && remote.Reason != v1alpha1.ReasonRefNotFound:
		return remote
	case errors.As(err, &remote) && !remote.Terminal():
		return remote
	}
	return stage.Fail(v1alpha1.FailureSource, err, "repository.url %s: commit %s cannot be had any more, by its reference or by name: push it again, or follow another reference", r.spec.Recipe.Repository.URL, r.spec.Commit)
}

// refspec is the full name of the reference, "" for a commit.
func refspec(ref v1alpha1.GitRef) string {
	switch {
	case ref.Branch != "":
		return "refs/heads/" + ref.Branch
	case ref.Tag != "":
		return "refs/tags/" + ref.Tag
	default:
		return ""
	}
}

func (r repository) has(ctx context.Context) bool {
	_, err := r.inside(ctx, "cat-file", "-e", r.spec.Commit+"^{commit}")
	return err == nil
}

// endAtCommit keeps exactly what the commit reaches.
func (r repository) endAtCommit(ctx context.Context) error {
	if _, err := r.inside(ctx, "update-ref", "-d", fetchedRef); err != nil {
		return err
	}
	return r.endAt(ctx, r.spec.Commit)
}

// endAt makes a commit the head and forgets what it does not reach.
func (r repository) endAt(ctx context.Context, commit string) error {
	for _, args := range [][]string{
		{"update-ref", snapshot.HeadRef, commit},
		{"repack", "-a", "-d", "--quiet"},
		{"prune", "--expire=now"},
	} {
		if _, err := r.inside(ctx, args...); err != nil {
			return err
		}
	}
	return nil
}

func (r repository) inside(ctx context.Context, args ...string) ([]byte, error) {
	return r.local(ctx, append([]string{"--git-dir", r.bare()}, args...)...)
}

func (r repository) local(ctx context.Context, args ...string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, localLimit)
	defer cancel()
	return localgit.Output(ctx, maxAnswer, args...)
}
