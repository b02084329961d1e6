package evaluate

import (
	"bytes"
	"context"
	"fmt"
	"path/filepath"

	"github.com/repoexpert/operator/api/v1alpha1"
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

// openPast opens the commit that the served model was trained on in the snapshot's
// history. Where that does not reach back so far, nothing is known to have changed.
func (e *evaluation) openPast(ctx context.Context, place string, c *commits) (past, error) {
	served := e.env.Spec.Served
	if served == nil {
		return past{}, nil
	}
	repository, err := history.Open(ctx, filepath.Join(place, snapshot.RepositoryFolder), snapshot.HeadRef)
	if err != nil {
		return past{}, fmt.Errorf("open the snapshot's history: %w", err)
	}
	commit := served.Commit
	if c != nil {
		if newer, told := newerThan(c.line, e.trainedOn(v1alpha1.ArmServed)); told {
			commit = c.line[newer]
		}
	}
	tree, err := repository.Tree(ctx, commit)
	if err != nil {
		e.env.Log.Warn("no task counts as changed since the served commit", "commit", commit, "cause", err.Error())
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

// isFresh says whether a function in which something is broken changed since the
// served commit; outside of functions, the lines themselves. What a later commit did
// is not fresh: no model has learned it.
func (t *tools) isFresh(b broken) bool {
	if b.commit != "" {
		return false
	}
	for _, path := range b.task.Paths() {
		for _, hunk := range patch.Hunks(b.task.Fixed[path], b.task.Broken[path]) {
			lines := hunk.Lines
			if place, found := t.Routes.Around(path, lines); found {
				lines = task.Lines{Start: place.Definition.StartLine, End: place.Definition.EndLine}
			}
			if t.past.changed(path, language.Text(b.task.Fixed[path], lines.Start, lines.End)) {
				return true
			}
		}
	}
	return false
}
