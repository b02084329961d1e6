package history

import (
	"context"
	"fmt"
	"iter"
	"strings"

	"github.com/repoexpert/operator/internal/localgit"
)

// Frontier parts the newest changes that can be tasks from the commits before.
type Frontier struct {
	// Commit is the newest one before them, the first parent of the oldest of them.
	// Empty where there are fewer changes than were asked for.
	Commit string
	// Candidates is how many such changes there are after it.
	Candidates int
}

// FrontierOf finds the commit before the newest n changes that can be a fix with its
// test. Changes come newest first; none beyond the n-th is read.
func FrontierOf(changes iter.Seq2[Change, error], kinds Kinds, limits FixLimits, n int) (Frontier, error) {
	var f Frontier
	for change, err := range changes {
		if err != nil {
			return Frontier{}, err
		}
		if Classify(change, kinds, limits) != FixCandidate {
			continue
		}
		if f.Candidates++; f.Candidates == n {
			f.Commit = change.Parent
			break
		}
	}
	return f, nil
}

// idBytes is the length of a commit's id with its line's end.
const idBytes = 41

// Line lists the commits of the first-parent line, newest first, at most limit.
func (r *Repository) Line(ctx context.Context, limit int) ([]string, error) {
	ctx, cancel := context.WithTimeout(ctx, listLimit)
	defer cancel()
	out, err := localgit.Output(ctx, int64(limit)*idBytes, "--git-dir", r.dir, "rev-list", "--first-parent", fmt.Sprintf("--max-count=%d", limit), r.head, "--")
	if err != nil {
		return nil, fmt.Errorf("list the first-parent line: %w", err)
	}
	return strings.Fields(string(out)), nil
}
