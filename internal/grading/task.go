package grading

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/repoexpert/operator/internal/language"
	"github.com/repoexpert/operator/internal/patch"
	"github.com/repoexpert/operator/internal/task"
)

// ErrTask says that a candidate does not fit the snapshot and its inventory.
var ErrTask = errors.New("candidate does not fit the snapshot")

// Task is a broken tree and the tests that show what is broken.
type Task struct {
	ID string
	// Broken are the files that differ from the grader's tree while the task is
	// open; Fixed are the same files as the tree has them.
	Broken, Fixed Edits
	// Tests are the tests that execute what is broken: those first that execute
	// little else.
	Tests []string
	// FailToPass are the tests that fail while the task is open, PassToPass others
	// of the same runs, which pass; Check fills both.
	FailToPass, PassToPass []string
	// Message is what the first failing test says; Check fills it.
	Message string
	// Missing says that the fault is a missing body: what executes it fails.
	Missing bool
	// AlsoFailing are failing tests beyond those that a patch is graded with; Check
	// fills it. They are hidden from an agent.
	AlsoFailing []string
	// Control are test functions of FailToPass that fail when they are made to;
	// CheckControl fills it. A patch that makes one of them pass is refused.
	Control []string
}

// Paths are the files that differ, in order.
func (t Task) Paths() []string { return slices.Sorted(maps.Keys(t.Broken)) }

// Gold is the patch from the broken to the fixed tree.
func (t Task) Gold() string {
	var gold strings.Builder
	for _, path := range t.Paths() {
		gold.WriteString(patch.Diff(path, t.Broken[path], t.Fixed[path]))
	}
	return gold.String()
}

// Masked is a task whose fault is one missing body.
type Masked struct {
	Task
	Mask       task.Mask
	Definition language.Definition
	Module     language.Module
}

// Original is the file with the body.
func (m Masked) Original() []byte { return m.Fixed[m.Mask.Path] }

// Gap is the file without the body.
func (m Masked) Gap() []byte { return m.Broken[m.Mask.Path] }

// Load masks the body of a function. Errors wrap ErrTask or language.ErrMask.
func (g *Grader) Load(mask task.Mask) (Masked, error) {
	module, definition, err := g.find(mask)
	if err != nil {
		return Masked{}, err
	}
	original, err := g.tree.Read(mask.Path)
	if err != nil {
		return Masked{}, fmt.Errorf("%w: %w", ErrTask, err)
	}
	masked, err := g.adapter.MaskBody(original, definition)
	if err != nil {
		return Masked{}, err
	}
	return Masked{
		Task: Task{ID: mask.ID, Broken: Edits{mask.Path: masked}, Fixed: Edits{mask.Path: original}, Missing: true, Tests: mask.Tests},
		Mask: mask, Definition: definition, Module: module,
	}, nil
}

func (g *Grader) find(mask task.Mask) (language.Module, language.Definition, error) {
	module, known := g.modules[mask.Path]
	if !known || module.IsTest {
		return module, language.Definition{}, fmt.Errorf("%w: %q is no source file of the inventory", ErrTask, mask.Path)
	}
	for _, definition := range module.Definitions {
		if definition.Name == mask.Name && definition.StartLine == mask.StartLine {
			return module, definition, nil
		}
	}
	return module, language.Definition{}, fmt.Errorf("%w: %s does not define %q at line %d", ErrTask, mask.Path, mask.Name, mask.StartLine)
}

// Mutated is a task whose faults are mutations of the tree. Errors wrap ErrTask.
func (g *Grader) Mutated(id string, mutations []language.Mutation, tests []string) (Task, error) {
	t := Task{ID: id, Broken: Edits{}, Fixed: Edits{}, Tests: tests}
	// From the end of each file, so that a mutation moves no other's bytes.
	ordered := slices.SortedFunc(slices.Values(mutations), func(a, b language.Mutation) int { return b.Start - a.Start })
	for _, mutation := range ordered {
		if module, known := g.modules[mutation.Path]; !known || module.IsTest {
			return t, fmt.Errorf("%w: %q is no source file of the inventory", ErrTask, mutation.Path)
		}
		if _, read := t.Fixed[mutation.Path]; !read {
			content, err := g.tree.Read(mutation.Path)
			if err != nil {
				return t, fmt.Errorf("%w: %w", ErrTask, err)
			}
			t.Fixed[mutation.Path], t.Broken[mutation.Path] = content, content
		}
		mutated, err := mutation.Apply(t.Broken[mutation.Path])
		if err != nil {
			return t, fmt.Errorf("%w: %w", ErrTask, err)
		}
		t.Broken[mutation.Path] = mutated
	}
	return t, nil
}
