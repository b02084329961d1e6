package experience

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/repoexpert/operator/api/v1alpha1"
	"github.com/repoexpert/operator/internal/history"
	"github.com/repoexpert/operator/internal/language"
	"github.com/repoexpert/operator/internal/recall"
	"github.com/repoexpert/operator/internal/snapshot"
	"github.com/repoexpert/operator/internal/stage"
	"github.com/repoexpert/operator/internal/task"
)

// plan is one shard's part of a plan.
type plan struct {
	commit   string
	snapshot *snapshot.Snapshot
	// history is opened where fixes are dealt with; nil otherwise.
	history    *history.Repository
	inventory  *language.Inventory
	baseline   task.Baseline
	coverage   *language.Coverage
	masks      []task.Mask
	components []task.Component
	facts      []recall.Fact
	replays    []task.Replay
	// quota is how many trajectories of a unit the shard may keep.
	quota map[v1alpha1.UnitName]int
}

func loadPlan(ctx context.Context, env stage.Env) (*plan, error) {
	folder, err := env.Store.Path(env.Spec.Keys.Output(v1alpha1.StagePlan))
	if err != nil {
		return nil, err
	}
	place, err := env.Store.Path(env.Spec.Keys.Output(v1alpha1.StageFetch))
	if err != nil {
		return nil, err
	}
	p := &plan{quota: map[v1alpha1.UnitName]int{}}
	if p.commit, err = env.Trained(); err != nil {
		return nil, err
	}
	if p.snapshot, err = snapshot.Open(place); err != nil {
		return nil, err
	}
	if p.inventory, err = readInventory(filepath.Join(folder, task.InventoryFile)); err != nil {
		return nil, err
	}
	if err := p.read(folder); err != nil {
		return nil, fmt.Errorf("reading the plan: %w", err)
	}
	p.deal(env.Spec.Recipe.Experience, int(env.Index), max(1, int(env.Spec.Shards)))
	if slices.ContainsFunc(p.replays, func(r task.Replay) bool { return r.Kind == task.ReplayFix }) {
		p.history, err = history.Open(ctx, filepath.Join(place, snapshot.RepositoryFolder), snapshot.HeadRef)
	}
	return p, err
}

// close ends what reads the history.
func (p *plan) close() error {
	if p.history == nil {
		return nil
	}
	return p.history.Close()
}

func readInventory(path string) (*language.Inventory, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	return language.ParseInventory(file, language.DefaultInventoryLimits())
}

func (p *plan) read(folder string) (err error) {
	if err := readDocument(filepath.Join(folder, task.BaselineFile), &p.baseline); err != nil {
		return err
	}
	if err := readDocument(filepath.Join(folder, task.CoverageFile), &p.coverage); err != nil {
		return err
	}
	if p.masks, err = task.ReadFile[task.Mask](filepath.Join(folder, task.MasksFile)); err != nil {
		return err
	}
	if p.components, err = task.ReadFile[task.Component](filepath.Join(folder, task.ComponentsFile)); err != nil {
		return err
	}
	if p.replays, err = task.ReadFile[task.Replay](filepath.Join(folder, task.ReplaysFile)); err != nil {
		return err
	}
	p.facts, err = task.ReadFile[recall.Fact](filepath.Join(folder, task.FactsFile))
	return err
}

func readDocument(path string, document any) error {
	content, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(content, document); err != nil {
		return fmt.Errorf("%s: %w", filepath.Base(path), err)
	}
	return nil
}

// deal keeps what this shard trains on: units that the recipe lists, the
// training side alone.
func (p *plan) deal(experience v1alpha1.Experience, index, shards int) {
	asked := map[v1alpha1.UnitName]int{}
	for _, unit := range experience.Units {
		asked[unit.Name] = int(unit.Samples)
		p.quota[unit.Name] = quota(int(unit.Samples), index, shards)
	}
	trainedMasks := slices.DeleteFunc(p.masks, func(m task.Mask) bool {
		return m.Side != task.SideTrain || asked[v1alpha1.UnitContextualImplementation] == 0
	})
	trainedComponents := slices.DeleteFunc(p.components, func(c task.Component) bool {
		return c.Side != task.SideTrain || asked[v1alpha1.UnitSoftwareDesign] == 0
	})
	trainedReplays := slices.DeleteFunc(p.replays, func(r task.Replay) bool {
		return r.Side != task.SideTrain || asked[v1alpha1.UnitEvolutionaryReplay]+asked[v1alpha1.UnitSemanticRuntimeAlignment] == 0
	})
	if asked[v1alpha1.UnitRepositoryRecall] == 0 {
		p.facts = nil
	}
	p.masks = share(bySize(trainedMasks), index, shards, func(m task.Mask) int { return len(m.Tests) })
	p.replays = share(trainedReplays, index, shards, func(r task.Replay) int { return 1 + len(r.Tests) })
	p.components = share(trainedComponents, index, shards, func(task.Component) int { return 1 })
	p.facts = share(p.facts, index, shards, func(recall.Fact) int { return 1 })
}

func (p *plan) candidates() map[v1alpha1.UnitName]int {
	bugs := func(unit v1alpha1.UnitName) int {
		if p.quota[unit] == 0 {
			return 0
		}
		return len(p.replays)
	}
	return map[v1alpha1.UnitName]int{
		v1alpha1.UnitEvolutionaryReplay:       bugs(v1alpha1.UnitEvolutionaryReplay),
		v1alpha1.UnitSemanticRuntimeAlignment: bugs(v1alpha1.UnitSemanticRuntimeAlignment),
		v1alpha1.UnitContextualImplementation: len(p.masks),
		v1alpha1.UnitSoftwareDesign:           len(p.components),
		v1alpha1.UnitRepositoryRecall:         len(p.facts) * recall.TrainingWordings,
	}
}
