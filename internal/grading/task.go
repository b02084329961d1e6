package grading

import (
	"errors"
	"fmt"

	"github.com/repoexpert/operator/internal/language"
	"github.com/repoexpert/operator/internal/task"
)

// ErrTask says that a mask does not fit the snapshot and its inventory.
var ErrTask = errors.New("mask does not fit the snapshot")

// Task is one masked function, ready to be graded.
type Task struct {
	Mask       task.Mask
	Definition language.Definition
	// Module is the dotted name of the file.
	Module string
	// Original and Masked are the file before and after its body was taken out.
	Original []byte
	Masked   []byte
	// FailToPass are the covering tests that fail while the body is masked; Check
	// fills it.
	FailToPass []string
	// AlsoFailing are tests beyond the mask's own that fail too; Check fills it.
	// They are hidden from an agent and grade nothing.
	AlsoFailing []string
}

// Gold is the patch that puts the original body back.
func (t Task) Gold() string { return Diff(t.Mask.Path, t.Masked, t.Original) }

// Load masks the body of a function. Errors wrap ErrTask or language.ErrMask.
func (g *Grader) Load(mask task.Mask) (Task, error) {
	module, definition, err := g.find(mask)
	if err != nil {
		return Task{}, err
	}
	original, err := g.tree.Read(mask.Path)
	if err != nil {
		return Task{}, fmt.Errorf("%w: %w", ErrTask, err)
	}
	masked, err := g.adapter.MaskBody(original, definition)
	if err != nil {
		return Task{}, err
	}
	return Task{Mask: mask, Definition: definition, Module: module.Name, Original: original, Masked: masked}, nil
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
