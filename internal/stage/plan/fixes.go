package plan

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/repoexpert/operator/internal/history"
	"github.com/repoexpert/operator/internal/language"
	"github.com/repoexpert/operator/internal/owntree"
	"github.com/repoexpert/operator/internal/patch"
	"github.com/repoexpert/operator/internal/task"
)

// reversedFixes of the newest candidates are tried on the snapshot: of older ones
// next to none can be undone there.
const reversedFixes = 100

// fixesOf makes bugs of the fixes of the history, newest first: each on its own
// tree and, where that can be done, taken back from the snapshot as a whole or in
// part.
func (m *mine) fixesOf(ctx context.Context) ([]task.Replay, error) {
	if len(m.candidates) == 0 {
		return nil, nil
	}
	repository, err := m.history(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { _ = repository.Close() }() // read only
	head, err := repository.Tree(ctx, repository.Head())
	if err != nil {
		return nil, err
	}
	var replays []task.Replay
	for n, candidate := range m.candidates {
		found, err := m.replaysOf(ctx, repository, head, candidate.Change, n < reversedFixes)
		if err != nil {
			return nil, fmt.Errorf("commit %s: %w", candidate.Commit, err)
		}
		replays = append(replays, found...)
	}
	return replays, nil
}

func (m *mine) replaysOf(ctx context.Context, repository *history.Repository, head *history.Tree, change history.Change, reverse bool) ([]task.Replay, error) {
	found, ok, err := m.finder(repository, nil).Fix(ctx, change)
	if err != nil || !ok {
		return nil, err
	}
	fix := found.Replay
	fix.Cluster, fix.Side = m.clusterOf(fix.ID, m.touched(found.Sources))
	var replays []task.Replay
	if found.Usable() {
		replays = append(replays, fix)
	}
	if !reverse {
		return replays, nil
	}
	reversal, err := repository.Reverse(ctx, change, m.kinds(), head)
	if err != nil || !owntree.Fits(reversal.Edits) {
		return replays, err
	}
	if undone, ok := m.reversal(fix, reversal); ok {
		replays = append(replays, undone)
	}
	return replays, nil
}

// touched lists the functions of the snapshot that a change of the past touched:
// the last ones that the text above and in its hunks defines, by their names.
func (m *mine) touched(sources []history.Content) []string {
	var ids []string
	for _, source := range sources {
		changed := m.changedIn(source)
		for _, f := range m.byPath[source.File.Current] {
			if changed[f.id] {
				ids = append(ids, f.id)
			}
		}
	}
	return ids
}

// changedIn are the functions of the snapshot that begin in the hunks of a file's
// change, or above one of them as the last before it.
func (m *mine) changedIn(source history.Content) map[string]bool {
	begins := m.beginnings(source.File.Current, bytes.Split(source.After, []byte("\n")))
	changed := map[string]bool{}
	for _, hunk := range source.Hunks {
		last := min(hunk.AfterStart+max(hunk.AfterLines, 1), len(begins))
		first := max(0, min(hunk.AfterStart, len(begins))-1)
		for first > 0 && len(begins[first]) == 0 {
			first--
		}
		for n := first; n < last; n++ {
			for _, id := range begins[n] {
				changed[id] = true
			}
		}
	}
	return changed
}

// beginnings lists, for every line of a file as it was, the functions that the
// snapshot has in the file and whose definition the line begins.
func (m *mine) beginnings(file string, lines [][]byte) [][]string {
	begins := make([][]string, len(lines))
	dialect := m.adapter.Dialect()
	for _, f := range m.byPath[file] {
		definition := f.definitions[0]
		name := []byte(definition.SimpleName())
		pattern, err := language.BasicPattern(dialect.DefinitionPattern(definition))
		if err != nil {
			continue
		}
		for n, line := range lines {
			if bytes.Contains(line, name) && pattern.Match(line) {
				begins[n] = append(begins[n], f.id)
			}
		}
	}
	return begins
}

// clusterOf is the cluster of what a bug touches, its own name where that is
// nothing known, and its side: a held-out function makes the whole bug held out.
func (m *mine) clusterOf(own string, functions []string) (string, task.Side) {
	cluster, side := own, task.SideTrain
	for n, id := range functions {
		if n == 0 {
			cluster = m.cluster[id]
		}
		if m.side(id) == task.SideEvaluation {
			cluster, side = m.cluster[id], task.SideEvaluation
		}
	}
	return cluster, side
}

// reversal is the snapshot without a fix. It is a bug that tests can show if they
// execute a line of it. Of a fix that later changes overlap, a part may still be
// taken back: that is a fault of its own, of which the commit's message says nothing.
func (m *mine) reversal(fix task.Replay, reversal history.Reversal) (task.Replay, bool) {
	r := task.Replay{Kind: task.ReplayReversal, Commit: fix.Commit, Broken: reversal.Edits, Issue: fix.Issue}
	if reversal.Refusal != "" {
		r.Kind, r.Issue = task.ReplayPartial, ""
	}
	r.ID = task.StableID(string(r.Kind), fix.Commit, "")
	var covering, touched []string
	for _, file := range slices.Sorted(maps.Keys(reversal.Edits)) {
		now, err := m.source(file)
		if err != nil {
			return r, false
		}
		r.Paths = append(r.Paths, file)
		r.Adds = append(r.Adds, m.added(file, reversal.Edits[file])...)
		for _, hunk := range patch.Hunks(now, reversal.Edits[file]) {
			first, last := hunk.Lines.Start, max(hunk.Lines.Start, hunk.Lines.End)
			covering = append(covering, m.coverage.Covering(file, first, last)...)
			for _, f := range m.byPath[file] {
				if f.overlaps(first, last) {
					touched = append(touched, f.id)
				}
			}
		}
	}
	r.Tests = narrowest(distinct(covering), m.stable(), m.coverage.Breadth())
	r.Cluster, r.Side = m.clusterOf(r.ID, touched)
	if clusters := m.clustersAt(touched); len(clusters) > 1 {
		r.Clusters = clusters
	}
	return r, len(r.Tests) > 0
}
