package plan

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"

	"github.com/repoexpert/operator/api/v1alpha1"
	"github.com/repoexpert/operator/internal/history"
	"github.com/repoexpert/operator/internal/language"
	"github.com/repoexpert/operator/internal/sandbox"
	"github.com/repoexpert/operator/internal/snapshot"
)

// spareFixes is how many candidates more than are wanted are looked at, in percent:
// some change no code.
const spareFixes = 25

// history opens the snapshot's history.
func (m *mine) history(ctx context.Context) (*history.Repository, error) {
	return history.Open(ctx, filepath.Join(m.place, snapshot.RepositoryFolder), snapshot.HeadRef)
}

// readHistory walks the history once, if bugs or components are asked for: it
// keeps the newest fixes, and counts which files change together.
func (m *mine) readHistory(ctx context.Context, box sandbox.Box) error {
	m.coChanges = history.NewCoChanges(m.sourceFiles(), maxChanged)
	units, _ := m.asked()
	limit := m.replaysWanted()
	if m.heldOutWanted() > 0 {
		limit = max(limit, reversedFixes)
	}
	if limit == 0 && units[v1alpha1.UnitSoftwareDesign] == 0 {
		return nil
	}
	repository, err := m.history(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = repository.Close() }() // read only
	candidates, funnel, err := repository.Mine(ctx, history.Mining{
		Kinds: m.kinds(), Walk: history.DefaultLimits(), Fix: history.DefaultFixLimits(),
		Candidates: limit + limit*spareFixes/100, CoChanges: m.coChanges,
	})
	if err != nil {
		return err
	}
	changing, err := m.changingCode(ctx, box, repository, candidates)
	if err != nil {
		return err
	}
	m.walked, m.sameCode = funnel.Walked, len(candidates)-len(changing)
	m.candidates = changing[:min(len(changing), limit)]
	return nil
}

// changingCode leaves out the candidates whose source part changes comments,
// documentation or types alone. Where the adapter cannot tell, they stay.
func (m *mine) changingCode(ctx context.Context, box sandbox.Box, repository *history.Repository, candidates []history.Candidate) ([]history.Candidate, error) {
	var revisions []language.Revision
	var of []int
	changes := make([]bool, len(candidates))
	for i, candidate := range candidates {
		sources, err := repository.Contents(ctx, candidate.Sources(m.kinds()))
		if err != nil {
			return nil, fmt.Errorf("commit %s: %w", candidate.Commit, err)
		}
		for _, source := range sources {
			if source.Before == nil || source.After == nil {
				changes[i] = true
				continue
			}
			revisions, of = append(revisions, language.Revision{Before: source.Before, After: source.After}), append(of, i)
		}
	}
	same, err := m.adapter.SameCode(ctx, box, treeDir, revisions)
	if errors.Is(err, language.ErrInventory) {
		return candidates, nil
	}
	if err != nil {
		return nil, classified(err)
	}
	for n, i := range of {
		changes[i] = changes[i] || !same[n]
	}
	var changing []history.Candidate
	for i, candidate := range candidates {
		if changes[i] {
			changing = append(changing, candidate)
		}
	}
	return changing, nil
}
