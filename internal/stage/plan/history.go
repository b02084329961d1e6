package plan

import (
	"context"
	"path/filepath"

	"github.com/repoexpert/operator/api/v1alpha1"
	"github.com/repoexpert/operator/internal/history"
	"github.com/repoexpert/operator/internal/owntree"
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
	changing, err := m.finder(repository, box).Changing(ctx, candidates)
	if err != nil {
		return classified(err)
	}
	m.walked, m.sameCode = funnel.Walked, len(candidates)-len(changing)
	m.candidates = changing[:min(len(changing), limit)]
	return nil
}

// finder finds in a history what can be tasks.
func (m *mine) finder(repository *history.Repository, box sandbox.Box) owntree.Finder {
	return owntree.Finder{Repository: repository, Adapter: m.adapter, Kinds: m.kinds(), Box: box}
}

// kinds tell files of any commit apart.
func (m *mine) kinds() history.Kinds {
	return owntree.Kinds(m.adapter.Dialect(), m.recipe.Repository, m.tests)
}
