package evaluate

import (
	"bytes"
	"context"
	"fmt"
	"path/filepath"

	"github.com/repoexpert/operator/internal/grading"
	"github.com/repoexpert/operator/internal/history"
	"github.com/repoexpert/operator/internal/language"
	"github.com/repoexpert/operator/internal/patch"
	"github.com/repoexpert/operator/internal/snapshot"
	"github.com/repoexpert/operator/internal/task"
)

// past is the tree that the served model learned, to tell what changed since. The
// zero value knows of no change.
type past struct {
	repository *history.Repository
	tree       *history.Tree
}

// openPast opens the served commit in the snapshot's history. Where that does not
// reach back so far, nothing is known to have changed.
func (e *evaluation) openPast(ctx context.Context, place string) (past, error) {
	served := e.env.Spec.Served
	if served == nil {
		return past{}, nil
	}
	repository, err := history.Open(ctx, filepath.Join(place, snapshot.RepositoryFolder), snapshot.HeadRef)
	if err != nil {
		return past{}, fmt.Errorf("open the snapshot's history: %w", err)
	}
	tree, err := repository.Tree(ctx, served.Commit)
	if err != nil {
		e.env.Log.Warn("no task counts as changed since the served commit", "commit", served.Commit, "cause", err.Error())
		return past{}, repository.Close()
	}
	return past{repository: repository, tree: tree}, nil
}

func (p past) close() error {
	if p.repository == nil {
		return nil
	}
	return p.repository.Close()
}

// changed says whether a file did not have a text.
func (p past) changed(path, text string) bool {
	if p.tree == nil {
		return false
	}
	content, err := p.tree.Read(path)
	return err != nil || !bytes.Contains(content, []byte(text))
}

// maskIsFresh says whether a function changed since the served commit.
func (t *tools) maskIsFresh(m grading.Masked) bool {
	return t.past.changed(m.Mask.Path, language.Text(m.Original(), m.Definition.StartLine, m.Definition.EndLine))
}

// taskIsFresh says whether a function in which something is broken changed since
// the served commit; outside of functions, the lines themselves.
func (t *tools) taskIsFresh(broken grading.Task) bool {
	for _, path := range broken.Paths() {
		for _, hunk := range patch.Hunks(broken.Fixed[path], broken.Broken[path]) {
			lines := hunk.Lines
			if place, found := t.routes.Around(path, lines); found {
				lines = task.Lines{Start: place.Definition.StartLine, End: place.Definition.EndLine}
			}
			if t.past.changed(path, language.Text(broken.Fixed[path], lines.Start, lines.End)) {
				return true
			}
		}
	}
	return false
}
