package owntree

import (
	"context"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/repoexpert/operator/internal/history"
)

// unrepeated leaves out candidates that do to the source files what a fix at a commit
// or before it did, as where a revert is taken back: it may have been learned then.
func (f Finder) unrepeated(ctx context.Context, commit string, candidates []history.Candidate) ([]history.Candidate, error) {
	if len(candidates) == 0 {
		return nil, nil
	}
	shapes := map[string]bool{}
	for _, candidate := range candidates {
		shapes[f.shape(candidate.Change)] = true
	}
	learned := map[string]bool{}
	reached := false
	for change, err := range f.Repository.Changes(ctx, history.DefaultLimits()) {
		if err != nil {
			return nil, err
		}
		reached = reached || change.Commit == commit
		if !reached || !shapes[f.shape(change)] || history.Classify(change, f.Kinds, history.DefaultFixLimits()) != history.FixCandidate {
			continue
		}
		sources, err := f.Repository.Contents(ctx, change.Sources(f.Kinds))
		if errors.Is(err, history.ErrTooLarge) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("commit %s: %w", change.Commit, err)
		}
		learned[history.Identity(sources)] = true
	}
	return slices.DeleteFunc(candidates, func(c history.Candidate) bool { return learned[c.Identity] }), nil
}

// shape is what two changes of one identity have in common and no content tells:
// names and numbers of lines of the source files. Other blank lines make another.
func (f Finder) shape(change history.Change) string {
	var shape []string
	for _, file := range change.Sources(f.Kinds) {
		shape = append(shape, fmt.Sprintf("%s +%d -%d", path.Base(file.Path), file.Added, file.Deleted))
	}
	slices.Sort(shape)
	return strings.Join(shape, "\n")
}
