package plan

import (
	"context"
	"path/filepath"
	"slices"
	"strings"

	"github.com/repoexpert/operator/internal/history"
	"github.com/repoexpert/operator/internal/sandbox"
	"github.com/repoexpert/operator/internal/snapshot"
	"github.com/repoexpert/operator/internal/task"
)

// readFrontier finds, where the snapshot ends before the run's commit, the changes
// after it that may be tasks.
func (m *mine) readFrontier(ctx context.Context, box sandbox.Box) error {
	frontier, parted, err := snapshot.ReadFrontier(m.place)
	if err != nil || !parted {
		return err
	}
	repository, err := history.Open(ctx, filepath.Join(m.place, snapshot.FrontierFolder), snapshot.HeadRef)
	if err != nil {
		return err
	}
	defer func() { _ = repository.Close() }() // read only
	m.parted = true
	if m.later, err = m.finder(repository, box).After(ctx, frontier.Trained, frontier.Candidates); err != nil {
		return classified(err)
	}
	return nil
}

// laterReplays lists the tasks of the commits after the snapshot, each on its own
// tree: bugs, then features.
func (m *mine) laterReplays(seed int64) []task.Replay {
	var bugs, features []task.Replay
	for _, found := range m.later {
		r := found.Replay
		r.Cluster, _ = m.clusterOf(r.ID, m.touched(m.here(found.Sources)))
		r.Side = task.SideEvaluation
		if len(r.Adds) == 0 {
			bugs = append(bugs, r)
		} else {
			features = append(features, r)
		}
	}
	id, cluster := func(r task.Replay) string { return r.ID }, func(r task.Replay) string { return r.Cluster }
	return append(choose(bugs, m.heldOutBugs(), seed, id, cluster), choose(features, m.heldOutFeatures(), seed, id, cluster)...)
}

// here are files of a later change as the snapshot calls them, where it has them.
func (m *mine) here(sources []history.Content) []history.Content {
	named := slices.Clone(sources)
	for i, source := range named {
		for _, path := range []string{source.File.OldPath, source.File.Path} {
			if _, known := m.byPath[path]; known {
				named[i].File.Current = path
				break
			}
		}
	}
	return named
}

// laterTexts are the lines that the later changes add.
func (m *mine) laterTexts() []task.HeldOut {
	var texts []task.HeldOut
	for _, found := range m.later {
		for _, source := range found.Sources {
			if text := addedLines(source); text != "" {
				texts = append(texts, task.HeldOut{ID: found.ID, Path: source.File.Path, Text: text, Later: true})
			}
		}
	}
	return texts
}

func addedLines(source history.Content) string {
	var text strings.Builder
	for _, hunk := range source.Hunks {
		for _, line := range source.Added(hunk) {
			_, _ = text.Write(line)
		}
	}
	return text.String()
}

// remedyLater is what helps where commits after the snapshot give too few tasks.
const remedyLater = "such a task is one of the newest commits that change code and tests, which evaluation.holdout Frontier keeps from training: raise evaluation.holdoutCommits, widen repository.include, or leave the kind out"
