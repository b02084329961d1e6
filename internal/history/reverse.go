package history

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/repoexpert/operator/internal/localgit"
)

// Refusal says why a change cannot be undone on a tree.
type Refusal string

// Refusals.
const (
	// RefusedConflict: later changes touched the same lines.
	RefusedConflict Refusal = "conflict"
	// RefusedGone: the tree has the file no more.
	RefusedGone Refusal = "file-gone"
	// RefusedRenamed: the change itself moved the file, and all that names it
	// since names the new path.
	RefusedRenamed Refusal = "file-renamed"
	// RefusedNoOp: the tree already is without the change.
	RefusedNoOp Refusal = "no-op"
	// RefusedNotText: a link, a submodule or a binary file.
	RefusedNotText Refusal = "not-text"
	// RefusedTooLarge: a file has more than 1 MiB.
	RefusedTooLarge Refusal = "too-large"
)

// Reversal undoes the source part of a change on a tree.
type Reversal struct {
	// Edits replace files of the tree by path; nil content leaves the file out.
	Edits map[string][]byte
	// Refusal is empty if the change can be undone. Path is the file that it is
	// about, empty for all of them.
	Refusal Refusal
	Path    string
}

// refusal is how the undoing of one file ends.
type refusal struct{ why Refusal }

// Error implements error.
func (r refusal) Error() string { return string(r.why) }

// Reverse undoes what a change did to source files, on the tree of the head: by a
// three-way merge of each file, from the version that the change made to the
// version before it. Files that were only moved since are followed.
// The tree itself stays; so do tests and all other files. A part that the tree
// is without already is left as it is: only if nothing is left to undo, that is a
// refusal.
//
// Merging whole files finds the place of a hunk by all the lines of the file.
// Applying the patch backwards finds it by three lines of context, which in code
// that repeats itself are there more than once.
func (r *Repository) Reverse(ctx context.Context, change Change, kinds Kinds, head *Tree) (Reversal, error) {
	edits := map[string][]byte{}
	for _, file := range change.Sources(kinds) {
		path, content, err := r.undo(ctx, file, head)
		var refused refusal
		switch {
		case errors.As(err, &refused) && refused.why == RefusedNoOp:
		case errors.As(err, &refused):
			return Reversal{Refusal: refused.why, Path: file.Path}, nil
		case errors.Is(err, ErrTooLarge):
			return Reversal{Refusal: RefusedTooLarge, Path: file.Path}, nil
		case err != nil:
			return Reversal{}, fmt.Errorf("undo %s: %.100q: %w", change.Commit, file.Path, err)
		default:
			edits[path] = content
		}
	}
	if len(edits) == 0 {
		return Reversal{Refusal: RefusedNoOp}, nil
	}
	return Reversal{Edits: edits}, nil
}

// undo returns the content of one file without the change, nil for no file.
func (r *Repository) undo(ctx context.Context, file File, head *Tree) (path string, content []byte, err error) {
	now := head.id(file.Current)
	switch {
	case !file.Regular || file.Binary:
		return "", nil, refusal{RefusedNotText}
	case file.Status == StatusRenamed:
		return "", nil, refusal{RefusedRenamed}
	case now == file.Before:
		return "", nil, refusal{RefusedNoOp}
	case now == file.After && file.Before == "":
		return file.Current, nil, nil
	case now == file.After:
		content, err = r.blobs.read(file.Before, maxContentBytes)
		return file.Current, content, err
	case now == "":
		return "", nil, refusal{RefusedGone}
	case file.Before == "" || file.After == "":
		return "", nil, refusal{RefusedConflict}
	}
	content, err = r.merge(ctx, now, file.After, file.Before)
	return file.Current, content, err
}

// merge brings what changed from one version to another into a third one.
func (r *Repository) merge(ctx context.Context, into, from, to string) ([]byte, error) {
	dir, err := os.MkdirTemp("", "merge-")
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.RemoveAll(dir) }() // an emptyDir: what stays ends with the pod
	var names []string
	var current []byte
	for i, id := range []string{into, from, to} {
		content, err := r.blobs.read(id, maxContentBytes)
		if err != nil {
			return nil, err
		}
		if bytes.IndexByte(content, 0) >= 0 {
			return nil, refusal{RefusedNotText}
		}
		if i == 0 {
			current = content
		}
		name := filepath.Join(dir, fmt.Sprint(i))
		if err := os.WriteFile(name, content, 0o600); err != nil {
			return nil, err
		}
		names = append(names, name)
	}
	merged, err := r.mergeFiles(ctx, names)
	if err == nil && bytes.Equal(merged, current) {
		return nil, refusal{RefusedNoOp}
	}
	return merged, err
}

// conflicts is the highest exit code of git merge-file that counts conflicts.
const conflicts = 127

func (r *Repository) mergeFiles(ctx context.Context, names []string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, readLimit)
	defer cancel()
	args := append([]string{"--git-dir", r.dir, "merge-file", "--stdout", "--quiet", "--"}, names...)
	merged, err := localgit.Output(ctx, 4*maxContentBytes, args...)
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.ExitCode() > 0 && exit.ExitCode() <= conflicts {
		return nil, refusal{RefusedConflict}
	}
	if merged == nil && err == nil {
		merged = []byte{}
	}
	return merged, err
}
