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
	// Refusal says why the change cannot be undone as a whole, and is empty if it
	// can. Edits then are the part that can, maybe none: whether that is still the
	// fault that the change fixed, only its tests tell.
	Refusal Refusal
	// Path is the first file that the refusal is about, empty for all of them.
	Path string
}

// Reverse undoes what a change did to source files, on the tree of the head: by a
// three-way merge of each file, from the version that the change made to the
// version before it. Files that were only moved since are followed. The tree
// itself stays; so do tests and all other files. Where the tree already is
// without a part, nothing is left to undo there: that is a refusal only if it is
// so everywhere.
//
// Merging whole files finds the place of a hunk by all the lines of the file.
// Applying the patch backwards finds it by three lines of context, which in code
// that repeats itself are there more than once.
func (r *Repository) Reverse(ctx context.Context, change Change, kinds Kinds, head *Tree) (Reversal, error) {
	reversal := Reversal{Edits: map[string][]byte{}}
	for _, file := range change.Sources(kinds) {
		undone, err := r.undo(ctx, file, head)
		if errors.Is(err, ErrTooLarge) {
			undone, err = undoing{why: RefusedTooLarge}, nil
		}
		if err != nil {
			return Reversal{}, fmt.Errorf("undo %s: %.100q: %w", change.Commit, file.Path, err)
		}
		if undone.edits {
			reversal.Edits[file.Current] = undone.content
		}
		if reversal.Refusal == "" && undone.why != "" && undone.why != RefusedNoOp {
			reversal.Refusal, reversal.Path = undone.why, file.Path
		}
	}
	if len(reversal.Edits) == 0 && reversal.Refusal == "" {
		reversal.Refusal = RefusedNoOp
	}
	return reversal, nil
}

// undoing is how the undoing of one file ends: with new content or not, and why
// not all of it could be undone.
type undoing struct {
	edits   bool
	content []byte
	why     Refusal
}

func (r *Repository) undo(ctx context.Context, file File, head *Tree) (undoing, error) {
	now := head.id(file.Current)
	switch {
	case !file.Regular || file.Binary:
		return undoing{why: RefusedNotText}, nil
	case file.Status == StatusRenamed:
		return undoing{why: RefusedRenamed}, nil
	case now == file.Before:
		return undoing{why: RefusedNoOp}, nil
	case now == file.After && file.Before == "":
		return undoing{edits: true}, nil
	case now == file.After:
		content, err := r.blobs.read(file.Before, maxContentBytes)
		return undoing{edits: true, content: content}, err
	case now == "":
		return undoing{why: RefusedGone}, nil
	case file.Before == "" || file.After == "":
		return undoing{why: RefusedConflict}, nil
	default:
		return r.merge(ctx, now, file.After, file.Before)
	}
}

// merge brings what changed from one version to another into a third one.
func (r *Repository) merge(ctx context.Context, into, from, to string) (undoing, error) {
	dir, err := os.MkdirTemp("", "merge-")
	if err != nil {
		return undoing{}, err
	}
	defer func() { _ = os.RemoveAll(dir) }() // an emptyDir: what stays ends with the pod
	var names []string
	var current []byte
	for i, id := range []string{into, from, to} {
		content, err := r.blobs.read(id, maxContentBytes)
		if err != nil {
			return undoing{}, err
		}
		if bytes.IndexByte(content, 0) >= 0 {
			return undoing{why: RefusedNotText}, nil
		}
		if i == 0 {
			current = content
		}
		name := filepath.Join(dir, fmt.Sprint(i))
		if err := os.WriteFile(name, content, 0o600); err != nil {
			return undoing{}, err
		}
		names = append(names, name)
	}
	content, clean, err := r.mergeFiles(ctx, names)
	result := undoing{edits: !bytes.Equal(content, current), content: content}
	switch {
	case !clean:
		result.why = RefusedConflict
	case !result.edits:
		result.why = RefusedNoOp
	}
	return result, err
}

// conflicts is the highest exit code of git merge-file that counts conflicts.
const conflicts = 127

// mergeFiles merges three files: what is merged into, where the change begins,
// where it ends. Where they conflict the first one stays, and clean is false.
func (r *Repository) mergeFiles(ctx context.Context, names []string) (merged []byte, clean bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, readLimit)
	defer cancel()
	run := func(options ...string) ([]byte, error) {
		args := append([]string{"--git-dir", r.dir, "merge-file", "--stdout", "--quiet"}, options...)
		return localgit.Output(ctx, 4*maxContentBytes, append(append(args, "--"), names...)...)
	}
	merged, err = run()
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.ExitCode() > 0 && exit.ExitCode() <= conflicts {
		merged, err = run("--ours")
		return merged, false, err
	}
	return merged, err == nil, err
}
