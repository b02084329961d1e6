package owntree

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/repoexpert/operator/internal/history"
	"github.com/repoexpert/operator/internal/language"
	"github.com/repoexpert/operator/internal/sandbox"
	"github.com/repoexpert/operator/internal/task"
)

const (
	// maxBroken bounds the files of one replay, in bytes.
	maxBroken = 512 << 10
	// parsedFolder is where files are parsed, below the box's root.
	parsedFolder = "parsed"
	// noFile is there where a folder must exist and needs no content.
	noFile = "empty"
)

// Finder finds the changes of a history that can be tasks.
type Finder struct {
	Repository *history.Repository
	Adapter    language.Adapter
	Kinds      history.Kinds
	// Box parses files; nothing of them is executed.
	Box sandbox.Box
}

// Found is a commit's change as a replay on the commit's own tree. It is in no
// cluster yet.
type Found struct {
	task.Replay
	// Sources are the changed source files.
	Sources []history.Content
}

// Usable says whether a task can be made of it: its files are not too large, and
// tests came with it.
func (f Found) Usable() bool { return Fits(f.Broken) && len(f.TestPaths) > 0 }

// Fits says whether there are files, and together not too many bytes of them.
func Fits(files map[string][]byte) bool {
	total := 0
	for _, content := range files {
		total += len(content)
	}
	return total <= maxBroken && len(files) > 0
}

// After lists the usable changes after a commit of the first-parent line, newest
// first, of at most limit candidates; none that repeats a fix from before. It says of
// each what definitions it adds.
func (f Finder) After(ctx context.Context, commit string, limit int) ([]Found, error) {
	candidates, _, err := f.Repository.Mine(ctx, history.Mining{
		Kinds: f.Kinds, Walk: history.DefaultLimits(), Fix: history.DefaultFixLimits(), Candidates: limit, After: commit,
	})
	if err != nil {
		return nil, err
	}
	if candidates, err = f.unrepeated(ctx, commit, candidates); err != nil {
		return nil, err
	}
	if candidates, err = f.Changing(ctx, candidates); err != nil {
		return nil, err
	}
	var all []Found
	for _, candidate := range candidates {
		found, ok, err := f.Fix(ctx, candidate.Change)
		if err != nil {
			return nil, fmt.Errorf("commit %s: %w", candidate.Commit, err)
		}
		if !ok || !found.Usable() {
			continue
		}
		if found.Adds, err = f.adds(ctx, found.Sources); err != nil {
			return nil, fmt.Errorf("commit %s: %w", candidate.Commit, err)
		}
		all = append(all, found)
	}
	return all, nil
}

// Changing leaves out the candidates whose source part changes comments,
// documentation or types alone. Where the adapter cannot tell, they stay.
func (f Finder) Changing(ctx context.Context, candidates []history.Candidate) ([]history.Candidate, error) {
	var revisions []language.Revision
	var of []int
	changes := make([]bool, len(candidates))
	for i, candidate := range candidates {
		sources, err := f.Repository.Contents(ctx, candidate.Sources(f.Kinds))
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
	var same []bool
	err := f.parse(ctx, map[string][]byte{noFile: nil}, func() (err error) {
		same, err = f.Adapter.SameCode(ctx, f.Box, parsedFolder, revisions)
		return err
	})
	if errors.Is(err, language.ErrInventory) {
		return candidates, nil
	}
	if err != nil {
		return nil, err
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

// parse lets the adapter parse files in a folder of their own.
func (f Finder) parse(ctx context.Context, files map[string][]byte, parse func() error) (err error) {
	if err := f.Box.WriteFiles(ctx, parsedFolder, files); err != nil {
		return fmt.Errorf("writing what is parsed: %w", err)
	}
	defer func() { err = errors.Join(err, f.Box.Remove(ctx, parsedFolder)) }()
	return parse()
}

// Fix is a change on the commit's own tree; false where its files are too large.
func (f Finder) Fix(ctx context.Context, change history.Change) (Found, bool, error) {
	sources, err := f.Repository.Contents(ctx, change.Sources(f.Kinds))
	if errors.Is(err, history.ErrTooLarge) {
		return Found{}, false, nil
	}
	if err != nil {
		return Found{}, false, err
	}
	tests, err := f.Repository.Contents(ctx, change.Tests(f.Kinds))
	if errors.Is(err, history.ErrTooLarge) {
		return Found{}, false, nil
	}
	return f.fix(change, sources, tests), err == nil, err
}

// fix is the tree of the commit, its source files as they were before.
func (f Finder) fix(change history.Change, sources, tests []history.Content) Found {
	r := task.Replay{
		ID: task.StableID(string(task.ReplayFix), change.Commit, ""), Kind: task.ReplayFix, Commit: change.Commit, Broken: map[string][]byte{},
	}
	for _, source := range sources {
		r.Paths = append(r.Paths, source.File.Path)
		r.Broken[source.File.Path] = source.Before
		if source.File.OldPath != "" {
			r.Broken[source.File.Path], r.Broken[source.File.OldPath] = nil, source.Before
		}
	}
	dialect := f.Adapter.Dialect()
	for _, test := range tests {
		if test.After != nil && dialect.IsTestFile(test.File.Path) {
			r.TestPaths = append(r.TestPaths, test.File.Path)
		}
	}
	r.Issue, _ = history.Issue(change, sources, tests)
	return Found{Replay: r, Sources: sources}
}

// adds lists the definitions that a change adds, file by file.
func (f Finder) adds(ctx context.Context, sources []history.Content) ([]task.Reference, error) {
	files, before := map[string][]byte{}, map[string][]byte{}
	for _, source := range sources {
		if source.After != nil {
			files[source.File.Path], before[source.File.Path] = source.After, source.Before
		}
	}
	if len(files) == 0 {
		return nil, nil
	}
	var inventory *language.Inventory
	err := f.parse(ctx, files, func() (err error) {
		inventory, err = f.Adapter.Inspect(ctx, f.Box, parsedFolder)
		return err
	})
	if errors.Is(err, language.ErrInventory) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var added []task.Reference
	for _, module := range inventory.Modules {
		added = append(added, Added(f.Adapter.Dialect(), module, before[module.Path])...)
	}
	return added, nil
}

// Added lists the outermost definitions of a file whose beginning is on no line of
// what the file was before.
func Added(dialect language.Dialect, module language.Module, before []byte) []task.Reference {
	var added []task.Reference
	lines := language.Lines(before)
	inOrder := slices.SortedFunc(slices.Values(module.Definitions), func(a, b language.Definition) int { return a.StartLine - b.StartLine })
	for _, definition := range inOrder {
		inside := func(outer task.Reference) bool {
			return definition.Name == outer.Name || strings.HasPrefix(definition.Name, outer.Name+".")
		}
		if definition.Nested() || slices.ContainsFunc(added, inside) {
			continue
		}
		pattern, err := language.BasicPattern(dialect.DefinitionPattern(definition))
		name := []byte(definition.SimpleName())
		// Every pattern ends with the name, which most lines lack: that is cheaper to see.
		begins := func(line []byte) bool { return bytes.Contains(line, name) && pattern.Match(line) }
		if err != nil || slices.ContainsFunc(lines, begins) {
			continue
		}
		added = append(added, task.Reference{Name: definition.Name, Path: module.Path})
	}
	return added
}
