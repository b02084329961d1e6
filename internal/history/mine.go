package history

import (
	"context"
	"errors"
	"fmt"
)

// Mining says what Mine looks for.
type Mining struct {
	Kinds Kinds
	Walk  Limits
	Fix   FixLimits
	// Candidates that are kept, the newest ones.
	Candidates int
	// After ends the walk before this commit of the first-parent line; empty walks to
	// the limit.
	After string
	// CoChanges, where it is not nil, counts every change of the walk.
	CoChanges *CoChanges
}

// Candidate is a change that can be a fix with its test.
type Candidate struct {
	Change
	// Identity of the source part.
	Identity string `json:"identity"`
}

// Mine walks the history once and returns the fix candidates, newest first, none
// twice, and a funnel that says of every change of the walk what became of it. It is
// an error when the walk does not meet the commit to end before.
func (r *Repository) Mine(ctx context.Context, mining Mining) ([]Candidate, Funnel, error) {
	var candidates []Candidate
	var funnel Funnel
	seen := map[string]bool{}
	for change, err := range r.Changes(ctx, mining.Walk) {
		if err != nil {
			return nil, Funnel{}, err
		}
		if change.Commit == mining.After {
			return candidates, funnel, nil
		}
		if mining.CoChanges != nil {
			mining.CoChanges.Add(change)
		}
		verdict := Classify(change, mining.Kinds, mining.Fix)
		if verdict == FixCandidate && len(candidates) >= mining.Candidates {
			verdict = OverLimit
		}
		if verdict == FixCandidate {
			var identity string
			if verdict, identity, err = r.examine(ctx, change, mining.Kinds, seen); err != nil {
				return nil, Funnel{}, err
			}
			if verdict == FixCandidate {
				candidates = append(candidates, Candidate{Change: change, Identity: identity})
			}
		}
		funnel.add(verdict)
	}
	if mining.After != "" {
		return nil, Funnel{}, fmt.Errorf("walk the history: commit %.40q is not on its first-parent line", mining.After)
	}
	return candidates, funnel, nil
}

// examine judges what a candidate's contents tell.
func (r *Repository) examine(ctx context.Context, change Change, kinds Kinds, seen map[string]bool) (Verdict, string, error) {
	sources, err := r.Contents(ctx, change.Sources(kinds))
	if errors.Is(err, ErrTooLarge) {
		return TooLarge, "", nil
	}
	if err != nil {
		return "", "", fmt.Errorf("commit %s: %w", change.Commit, err)
	}
	identity := Identity(sources)
	if seen[identity] {
		return Duplicate, "", nil
	}
	seen[identity] = true
	return FixCandidate, identity, nil
}
