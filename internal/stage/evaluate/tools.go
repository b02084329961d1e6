package evaluate

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	"github.com/repoexpert/operator/api/v1alpha1"
	"github.com/repoexpert/operator/internal/grading"
	"github.com/repoexpert/operator/internal/language"
	"github.com/repoexpert/operator/internal/owntree"
	"github.com/repoexpert/operator/internal/snapshot"
	"github.com/repoexpert/operator/internal/stage"
	"github.com/repoexpert/operator/internal/symptom"
	"github.com/repoexpert/operator/internal/task"
)

// tools are what executable tasks are made and graded with.
type tools struct {
	// Ground is the snapshot.
	owntree.Ground
	// past is what the served model learned.
	past past
	// commits are nil where the protocol takes no tasks from them.
	commits *commits
	// bugs that were looked at, by id: two kinds work on the same ones.
	bugs map[string]bug
}

// planned reads a file of the plan, one value a line.
func planned[T any](env stage.Env, name string) ([]T, error) {
	folder, err := env.Store.Path(env.Spec.Keys.Output(v1alpha1.StagePlan))
	if err != nil {
		return nil, err
	}
	values, err := task.ReadFile[T](filepath.Join(folder, name))
	if err != nil {
		return nil, stage.Fail(v1alpha1.FailureIntegrity, err, "%s of the plan cannot be read", name)
	}
	return values, nil
}

// toolsOf prepares both boxes and reads the plan, once.
func (e *evaluation) toolsOf(ctx context.Context) (*tools, error) {
	if e.tools != nil {
		return e.tools, nil
	}
	spec := e.env.Spec
	adapter, err := e.adapter(spec.Recipe.Environment.Test.Framework)
	if err != nil {
		return nil, stage.Fail(v1alpha1.FailureConfiguration, nil, "%s", err)
	}
	if err := e.env.PutEnvironment(ctx, e.env.Agent, e.env.Grader); err != nil {
		return nil, err
	}
	place, err := e.env.Store.Path(spec.Keys.Output(v1alpha1.StageFetch))
	if err != nil {
		return nil, err
	}
	tree, err := snapshot.Open(place)
	if err != nil {
		return nil, fmt.Errorf("open the snapshot: %w", err)
	}
	config := grading.Config{Box: e.env.Grader, Adapter: adapter, Source: tree, TestTimeout: spec.Recipe.Experience.TestTimeout.Duration}
	if err := e.readPlan(&config); err != nil {
		return nil, err
	}
	t := &tools{bugs: map[string]bug{}, Ground: owntree.Ground{
		Tree: tree, Inventory: config.Inventory, Routes: symptom.NewRoutes(config.Inventory), Grader: grading.New(config),
	}}
	if t.commits, err = e.openCommits(ctx, place, config); err != nil {
		return nil, err
	}
	if t.past, err = e.openPast(ctx, place, t.commits); err != nil {
		return nil, err
	}
	e.tools = t
	return t, nil
}

// readPlan reads what the plan measured of the snapshot.
func (e *evaluation) readPlan(config *grading.Config) error {
	folder, err := e.env.Store.Path(e.env.Spec.Keys.Output(v1alpha1.StagePlan))
	if err != nil {
		return err
	}
	for name, value := range map[string]any{task.BaselineFile: &config.Baseline, task.CoverageFile: &config.Coverage} {
		content, err := os.ReadFile(filepath.Join(folder, name))
		if err != nil {
			return fmt.Errorf("read the plan: %w", err)
		}
		if err := json.Unmarshal(content, value); err != nil {
			return fmt.Errorf("read %s of the plan: %w", name, err)
		}
	}
	config.Inventory, err = e.readInventory()
	return err
}

func (e *evaluation) readInventory() (*language.Inventory, error) {
	folder, err := e.env.Store.Path(e.env.Spec.Keys.Output(v1alpha1.StagePlan))
	if err != nil {
		return nil, err
	}
	file, err := os.Open(filepath.Join(folder, task.InventoryFile))
	if err != nil {
		return nil, fmt.Errorf("read the plan: %w", err)
	}
	defer func() { _ = file.Close() }() // read only
	inventory, err := language.ParseInventory(file, language.DefaultInventoryLimits())
	if err != nil {
		return nil, fmt.Errorf("read the inventory: %w", err)
	}
	return inventory, nil
}
