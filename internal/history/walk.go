package history

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"

	"github.com/repoexpert/operator/internal/localgit"
)

// Limits of a walk.
type Limits struct {
	// Commits that are visited, from the head.
	Commits int
	// Files of one change; of a larger one only their number is known.
	Files int
	// MessageBytes are kept of a commit's message.
	MessageBytes int
}

// DefaultLimits fit the first-parent lines of large repositories. A change of
// more than 100 files is a release, a move or a reformatting, not a fix.
func DefaultLimits() Limits {
	return Limits{Commits: 20_000, Files: 100, MessageBytes: 16 << 10}
}

// endOfChange is what git diff-tree repeats as it is, since it is no object's id.
const endOfChange = "end\n"

// walk reads the history from two processes. One lists every commit with its
// files by comparing trees alone; the other compares the contents for the changes
// that are small enough. So a commit of 100,000 files costs no more than its
// trees.
type walk struct {
	limits   Limits
	commits  *localgit.Process
	contents *localgit.Process
	moves    moves
}

// Changes walks the first-parent line from the head, newest first, one change at
// a time. The walk ends with the history, at the limit, after 30 minutes with an
// error as its last element, or when the caller stops.
func (r *Repository) Changes(ctx context.Context, limits Limits) iter.Seq2[Change, error] {
	return func(yield func(Change, error) bool) {
		ctx, cancel := context.WithTimeout(ctx, walkLimit)
		defer cancel()
		w, err := r.walk(ctx, limits)
		if err != nil {
			yield(Change{}, err)
			return
		}
		defer w.commits.Stop()
		defer w.contents.Stop()
		for {
			change, err := w.next()
			if errors.Is(err, io.EOF) {
				if err = w.commits.Wait(); err == nil {
					return
				}
			}
			if err != nil {
				yield(Change{}, fmt.Errorf("walk the history: %w", errors.Join(ctx.Err(), err)))
				return
			}
			if !yield(change, nil) {
				return
			}
		}
	}
}

func (r *Repository) walk(ctx context.Context, limits Limits) (*walk, error) {
	commits, err := r.start(ctx, "-c", "log.showRoot=false", "log", "--first-parent", "--diff-merges=first-parent",
		fmt.Sprintf("--max-count=%d", limits.Commits), "--no-color", "--no-decorate", "--no-notes", "--no-mailmap", "--no-show-signature",
		"--encoding=UTF-8", "--raw", "-z", "--no-abbrev", "--no-renames", "--format=tformat:%H %P%x00%at%x00%B", r.head, "--")
	if err != nil {
		return nil, err
	}
	contents, err := r.start(ctx, "diff-tree", "--stdin", "-r", "-z", "--raw", "--numstat", "--no-abbrev", "--no-commit-id", "--no-color",
		"--no-ext-diff", "--no-textconv", "--find-renames=50%", fmt.Sprintf("-l%d", 2*limits.Files))
	if err != nil {
		commits.Stop()
		return nil, err
	}
	return &walk{limits: limits, commits: commits, contents: contents, moves: moves{}}, nil
}

// next returns the next change, io.EOF after the last one.
func (w *walk) next() (Change, error) {
	change, renames, err := readCommit(w.commits.Out, w.limits)
	if err != nil {
		return Change{}, err
	}
	if change.FileCount > 0 && change.FileCount <= w.limits.Files {
		if change.Files, err = w.files(change); err != nil {
			return Change{}, fmt.Errorf("commit %s: %w", change.Commit, err)
		}
		renames = nil
		for i := range change.Files {
			change.Files[i].Current = w.moves.current(change.Files[i].Path)
			if old := change.Files[i].OldPath; old != "" {
				renames = append(renames, [2]string{old, change.Files[i].Path})
			}
		}
	}
	w.moves.add(renames)
	return change, nil
}

// files compares the contents of one change.
func (w *walk) files(change Change) ([]File, error) {
	_, err := fmt.Fprintf(w.contents.In, "%s %s\n%s", change.Commit, change.Parent, endOfChange)
	if err != nil {
		return nil, errors.Join(err, w.contents.Wait())
	}
	files, err := readFiles(w.contents.Out, w.limits.Files)
	if errors.Is(err, io.ErrUnexpectedEOF) {
		err = errors.Join(err, w.contents.Wait()) // which says why git ended
	}
	return files, err
}

// maxMoves bounds how many moved files are followed.
const maxMoves = 200_000

// moves maps a path before a move to the path at the head.
type moves map[string]string

func (m moves) current(path string) string {
	if current, moved := m[path]; moved {
		return current
	}
	return path
}

// add notes what one change moved, from old to new path. Its targets are looked
// up before its sources are noted: files can change places.
func (m moves) add(renames [][2]string) {
	current := make([]string, len(renames))
	for i, rename := range renames {
		current[i] = m.current(rename[1])
	}
	for i, rename := range renames {
		if len(m) < maxMoves {
			m[rename[0]] = current[i]
		}
	}
}
