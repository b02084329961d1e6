package curate

import (
	"fmt"
	"path/filepath"

	"github.com/repoexpert/operator/api/v1alpha1"
	"github.com/repoexpert/operator/internal/recall"
	"github.com/repoexpert/operator/internal/snapshot"
	"github.com/repoexpert/operator/internal/stage"
	"github.com/repoexpert/operator/internal/task"
)

// plan is what Plan says may be trained and what is held out.
type plan struct {
	facts   []recall.Fact
	factIDs map[string]bool
	// clusters are the clusters on the training side by the id of their task.
	clusters map[string]string
	heldOut  []task.HeldOut
	tree     *snapshot.Snapshot
}

func readPlan(env stage.Env) (*plan, error) {
	folder, err := env.Store.Path(env.Spec.Keys.Output(v1alpha1.StagePlan))
	if err != nil {
		return nil, err
	}
	p := &plan{factIDs: map[string]bool{}, clusters: map[string]string{}}
	if p.facts, err = task.ReadFile[recall.Fact](filepath.Join(folder, task.FactsFile)); err != nil {
		return nil, fmt.Errorf("read the plan's facts: %w", err)
	}
	for _, fact := range p.facts {
		p.factIDs[fact.ID] = true
	}
	masks, err := task.ReadFile[task.Mask](filepath.Join(folder, task.MasksFile))
	if err != nil {
		return nil, fmt.Errorf("read the plan's masks: %w", err)
	}
	for _, mask := range masks {
		if mask.Side == task.SideTrain {
			p.clusters[mask.ID] = mask.Cluster
		}
	}
	components, err := task.ReadFile[task.Component](filepath.Join(folder, task.ComponentsFile))
	if err != nil {
		return nil, fmt.Errorf("read the plan's components: %w", err)
	}
	for _, component := range components {
		if component.Side == task.SideTrain {
			p.clusters[component.ID] = component.Cluster
		}
	}
	if p.heldOut, err = task.ReadFile[task.HeldOut](filepath.Join(folder, task.HeldOutFile)); err != nil {
		return nil, fmt.Errorf("read the plan's held-out code: %w", err)
	}
	tree, err := env.Store.Path(env.Spec.Keys.Output(v1alpha1.StageFetch))
	if err != nil {
		return nil, err
	}
	p.tree, err = snapshot.Open(tree)
	return p, err
}
