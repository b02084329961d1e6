package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/repoexpert/operator/api/v1alpha1"
	"github.com/repoexpert/operator/internal/contract"
	"github.com/repoexpert/operator/internal/grading"
	"github.com/repoexpert/operator/internal/language"
	"github.com/repoexpert/operator/internal/language/adapters"
	locally "github.com/repoexpert/operator/internal/local"
	"github.com/repoexpert/operator/internal/sandbox"
	"github.com/repoexpert/operator/internal/snapshot"
	"github.com/repoexpert/operator/internal/task"
)

// planned is what the worker's stage Plan left in an output folder.
type planned struct {
	snapshot  *snapshot.Snapshot
	inventory *language.Inventory
	baseline  task.Baseline
	coverage  *language.Coverage
	masks     []task.Mask
}

// openPlan reads the only plan of an output folder.
func openPlan(out string) (planned, error) {
	p := planned{}
	plan, err := only(filepath.Join(out, contract.PlansFolder))
	if err != nil {
		return p, err
	}
	place, err := only(filepath.Join(out, contract.SnapshotsFolder))
	if err != nil {
		return p, err
	}
	if p.snapshot, err = snapshot.Open(place); err != nil {
		return p, err
	}
	file, err := os.Open(filepath.Join(plan, task.InventoryFile))
	if err != nil {
		return p, err
	}
	defer file.Close()
	if p.inventory, err = language.ParseInventory(file, language.DefaultInventoryLimits()); err != nil {
		return p, err
	}
	if err := readJSON(filepath.Join(plan, task.BaselineFile), &p.baseline); err != nil {
		return p, err
	}
	if err := readJSON(filepath.Join(plan, task.CoverageFile), &p.coverage); err != nil {
		return p, err
	}
	p.masks, err = task.ReadFile[task.Mask](filepath.Join(plan, task.MasksFile))
	return p, err
}

// only is the single folder in a folder.
func only(folder string) (string, error) {
	entries, err := os.ReadDir(folder)
	if err != nil {
		return "", err
	}
	if len(entries) != 1 {
		return "", fmt.Errorf("%s has %d entries, not one", folder, len(entries))
	}
	return filepath.Join(folder, entries[0].Name()), nil
}

// grader grades on the plan as the stages do.
func (p planned) grader(box sandbox.Box, framework v1alpha1.TestFramework) (*grading.Grader, error) {
	adapter, err := adapters.For(framework)
	if err != nil {
		return nil, err
	}
	return grading.New(grading.Config{
		Box: box, Adapter: adapter, Source: p.snapshot, Inventory: p.inventory, Baseline: p.baseline, Coverage: p.coverage,
		TestTimeout: locally.DefaultOptions().TestTimeout,
	}), nil
}

// builds says why a changed file of a subject does not compile: such a change would
// be turned down for that and prove nothing.
func builds(ctx context.Context, p place, path string, changed []byte) (err error) {
	folder, err := os.MkdirTemp("", "bench-cheat-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(folder)) }()
	file := filepath.Join(folder, filepath.Base(path))
	if err := os.WriteFile(file, changed, 0o600); err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, "python3", "-c", "import sys; compile(open(sys.argv[1]).read(), sys.argv[1], 'exec')", file)
	if p.framework == v1alpha1.TestGo {
		overlay := filepath.Join(folder, "overlay.json")
		content, err := json.Marshal(map[string]map[string]string{"Replace": {filepath.Join(p.head, path): file}})
		if err != nil {
			return err
		}
		if err := os.WriteFile(overlay, content, 0o600); err != nil {
			return err
		}
		cmd = exec.CommandContext(ctx, "go", "build", "-overlay", overlay, "./"+filepath.Dir(path))
	}
	cmd.Dir = p.head
	if output, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("the changed file does not build: %w: %.500s", err, output)
	}
	return nil
}
