package owntree

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/repoexpert/operator/internal/grading"
	"github.com/repoexpert/operator/internal/history"
	"github.com/repoexpert/operator/internal/language"
	"github.com/repoexpert/operator/internal/symptom"
	"github.com/repoexpert/operator/internal/task"
)

// inspectFolder is where a tree is inspected, below the grader box's root.
const inspectFolder = "inspected"

// Trees makes tasks on the trees of commits.
type Trees struct {
	Repository *history.Repository
	// Head is the commit that the environment was made for.
	Head string
	// Config is that of the snapshot's grader: its source, its inventory and what was
	// measured of it are replaced by those of another tree.
	Config grading.Config

	head *history.Tree
}

// Ground is a tree with what tasks on it are made and graded with.
type Ground struct {
	Tree      grading.Source
	Inventory *language.Inventory
	Grader    *grading.Grader
	Routes    *symptom.Routes
}

// Made is a replay as a task on its commit's tree, or why it is none.
type Made struct {
	Ground
	Task grading.Task
	// Refused says why the tree is not usable: "tree-unusable", or "gold-" with what
	// its tests end with. Empty for a task.
	Refused string
	// CPU that the tests took.
	CPU time.Duration
}

// Make makes a task of a replay of kind task.ReplayFix: its tree is inspected, and
// the tests that the commit changed run until they can be trusted.
func (t *Trees) Make(ctx context.Context, replay task.Replay) (Made, error) {
	tree, inventory, err := t.inspected(ctx, replay.Commit)
	var unusable *history.TreeError
	if errors.As(err, &unusable) || errors.Is(err, language.ErrInventory) {
		return Made{Refused: "tree-unusable"}, nil
	}
	if err != nil {
		return Made{}, err
	}
	config := t.Config
	config.Source, config.Inventory, config.Coverage = tree, inventory, nil
	baseline, reason, cpu, err := grading.Baseline(ctx, config, replay.TestPaths)
	if err != nil || reason != "" {
		return Made{Refused: "gold-" + string(reason), CPU: cpu}, err
	}
	config.Baseline = baseline
	made := Made{CPU: cpu, Ground: Ground{Tree: tree, Inventory: inventory, Grader: grading.New(config), Routes: symptom.NewRoutes(inventory)}}
	made.Task, err = made.Grader.Replaced(replay.ID, replay.Broken, baseline.Stable)
	return made, err
}

// inspected is the tree of a commit with its inventory.
func (t *Trees) inspected(ctx context.Context, commit string) (*history.Tree, *language.Inventory, error) {
	tree, err := t.Tree(ctx, commit)
	if err != nil {
		return nil, nil, err
	}
	inventory, err := t.inspect(ctx, tree)
	return tree, inventory, err
}

// Tree is a commit's tree with the dependencies of the head: those of the commit
// are not in the environment.
func (t *Trees) Tree(ctx context.Context, commit string) (*history.Tree, error) {
	tree, err := t.Repository.Tree(ctx, commit)
	names := t.Config.Adapter.Dialect().Dependencies()
	if err != nil || len(names) == 0 {
		return tree, err
	}
	if t.head == nil {
		if t.head, err = t.Repository.Tree(ctx, t.Head); err != nil {
			return nil, fmt.Errorf("the snapshot's dependencies: %w", err)
		}
	}
	return tree.Borrow(t.head, names), nil
}

func (t *Trees) inspect(ctx context.Context, tree grading.Source) (inventory *language.Inventory, err error) {
	box := t.Config.Box
	if err := box.Remove(ctx, inspectFolder); err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, box.Remove(ctx, inspectFolder)) }()
	content, err := tree.Tree(ctx)
	if err != nil {
		return nil, err
	}
	defer content.Close()
	if err := box.PutTree(ctx, inspectFolder, content); err != nil {
		return nil, fmt.Errorf("putting a commit's tree into the sandbox: %w", err)
	}
	return t.Config.Adapter.Inspect(ctx, box, inspectFolder)
}
