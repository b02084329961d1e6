package plan

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/repoexpert/operator/api/v1alpha1"
	"github.com/repoexpert/operator/internal/artifact"
	"github.com/repoexpert/operator/internal/contract"
	"github.com/repoexpert/operator/internal/language"
	"github.com/repoexpert/operator/internal/language/adapters"
	"github.com/repoexpert/operator/internal/sandbox"
	"github.com/repoexpert/operator/internal/snapshot"
	"github.com/repoexpert/operator/internal/stage"
	"github.com/repoexpert/operator/internal/task"
)

// Run is the stage Plan.
func Run(ctx context.Context, env stage.Env) (contract.StageResult, error) {
	adapter, err := adapters.For(env.Spec.Recipe.Environment.Test.Framework)
	if err != nil {
		return contract.StageResult{}, stage.Fail(v1alpha1.FailureConfiguration, nil, "%s", err)
	}
	m := &mine{adapter: adapter, recipe: env.Spec.Recipe}
	if err := prepare(ctx, env, m); err != nil {
		return contract.StageResult{}, err
	}
	if err := measure(ctx, env, m); err != nil {
		return contract.StageResult{}, err
	}
	if err := m.index(); err != nil {
		return contract.StageResult{}, err
	}
	trained, err := env.Trained()
	if err != nil {
		return contract.StageResult{}, err
	}
	if err := m.split(env.Store, trained); err != nil {
		return contract.StageResult{}, err
	}
	chosen, err := m.choose(ctx)
	if err != nil {
		return contract.StageResult{}, err
	}
	if err := checkEnough(m.recipe, chosen.figures()); err != nil {
		return contract.StageResult{}, err
	}
	return seal(env, m, chosen)
}

// prepare puts the tree, and what Setup installed, into the box.
func prepare(ctx context.Context, env stage.Env, m *mine) error {
	place, err := env.Store.Path(env.Spec.Keys.Output(v1alpha1.StageFetch))
	if err != nil {
		return err
	}
	tree, err := snapshot.Open(place)
	if err != nil {
		return err
	}
	m.source, m.place = tree.Read, place
	content, err := tree.Tree(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = content.Close() }() // read only, and the box may have closed it
	if err := env.Agent.PutTree(ctx, treeDir, content); err != nil {
		return fmt.Errorf("putting the tree into the sandbox: %w", err)
	}
	return env.PutEnvironment(ctx, env.Agent)
}

// measure inspects the tree before any of its code runs, then runs its tests.
func measure(ctx context.Context, env stage.Env, m *mine) error {
	var err error
	if m.inventory, err = m.adapter.Inspect(ctx, env.Agent, treeDir); err != nil {
		return classified(err)
	}
	if err := m.mutate(ctx, env.Agent); err != nil {
		return err
	}
	testFiles := 0
	m.tests = map[string]bool{}
	for _, module := range m.inventory.Modules {
		if m.tests[module.Path] = module.IsTest; module.IsTest {
			testFiles++
		}
	}
	if err := m.readHistory(ctx, env.Agent); err != nil {
		return fmt.Errorf("reading the history: %w", err)
	}
	if err := m.readFrontier(ctx, env.Agent); err != nil {
		return fmt.Errorf("reading the commits after the snapshot: %w", err)
	}
	m.coverage = &language.Coverage{}
	if !m.needsTests() {
		return nil
	}
	s := suite{
		adapter: m.adapter, box: env.Agent, progress: env.Progress, parted: m.parted,
		paths:   m.recipe.Environment.Test.Paths,
		timeout: m.recipe.Experience.TestTimeout.Duration,
	}
	if m.baseline, err = s.baseline(ctx, testFiles); err != nil {
		return err
	}
	var unsteady []string
	if m.coverage, unsteady, err = s.coverage(ctx, m.baseline.HashSeeds); err != nil {
		return err
	}
	exclude(&m.baseline, unsteady, task.ReasonUnsteady)
	return nil
}

// needsTests says whether something that is asked for is verified by tests. Facts
// and explorations are not.
func (m *mine) needsTests() bool {
	units, kinds := m.asked()
	return m.asksForReplays() || m.heldOutWanted() > 0 ||
		units[v1alpha1.UnitContextualImplementation] > 0 || kinds[v1alpha1.KindContextualImplementation].Name != ""
}

// mutate lists the faults that units and kinds need: bugs to repair, and slips in
// the bodies to write.
func (m *mine) mutate(ctx context.Context, box sandbox.Box) error {
	units, _ := m.asked()
	if !m.asksForReplays() && m.heldOutWanted() == 0 && units[v1alpha1.UnitContextualImplementation] == 0 {
		return nil
	}
	mutations, err := m.adapter.Mutate(ctx, box, treeDir, m.sourceFiles())
	if err != nil {
		return classified(err)
	}
	m.mutations = map[string][]language.Mutation{}
	for _, mutation := range mutations {
		m.mutations[mutation.Path] = append(m.mutations[mutation.Path], mutation)
	}
	return nil
}

// seal writes the plan's files and seals them.
func seal(env stage.Env, m *mine, chosen candidates) (contract.StageResult, error) {
	draft, err := env.Store.Begin(env.Spec.Keys.Output(v1alpha1.StagePlan))
	if err != nil {
		return contract.StageResult{}, err
	}
	err = errors.Join(
		writeDocument(draft, task.InventoryFile, m.inventory),
		writeDocument(draft, task.BaselineFile, m.baseline),
		task.WriteFile(filepath.Join(draft.Path(), task.FactsFile), chosen.facts),
		task.WriteFile(filepath.Join(draft.Path(), task.MasksFile), chosen.masks),
		task.WriteFile(filepath.Join(draft.Path(), task.ComponentsFile), chosen.components),
		task.WriteFile(filepath.Join(draft.Path(), task.HeldOutFile), chosen.heldOut),
		task.WriteFile(filepath.Join(draft.Path(), task.ReplaysFile), chosen.replays),
		task.WriteFile(filepath.Join(draft.Path(), task.HeldOutReplaysFile), chosen.heldOutReplays),
		writeDocument(draft, task.CoverageFile, m.coverage),
	)
	if err != nil {
		return contract.StageResult{}, errors.Join(fmt.Errorf("writing the plan: %w", err), draft.Discard())
	}
	counts := m.counts(chosen)
	digest, err := draft.Seal(artifact.Manifest{
		Stage: string(v1alpha1.StagePlan), Key: env.Spec.Keys.Plan, Inputs: env.Spec.Inputs, Counts: counts,
		Tools: map[string]string{m.inventory.Language: m.inventory.Runtime},
	})
	if err != nil {
		return contract.StageResult{}, err
	}
	return contract.StageResult{Class: v1alpha1.Succeeded, Counts: counts, ManifestDigest: digest}, nil
}

func (m *mine) counts(chosen candidates) map[string]int64 {
	f := chosen.figures()
	counts := map[string]int64{
		"tests":           int64(len(m.baseline.Stable)),
		"testsExcluded":   int64(len(m.baseline.Excluded)),
		"functions":       int64(len(m.functions)),
		"clusters":        int64(len(m.clusters)),
		"masks":           int64(f.masks),
		"masksHeldOut":    int64(f.masksHeldOut),
		"loaded":          int64(m.loaded),
		"components":      int64(f.components),
		"facts":           int64(f.facts),
		"replays":         int64(f.replays),
		"bugsHeldOut":     int64(f.bugsHeldOut),
		"featuresHeldOut": int64(f.featuresHeldOut),
		"commits":         int64(m.walked),
		"fixes":           int64(len(m.candidates)),
		"sameCode":        int64(m.sameCode),
	}
	for _, kind := range m.recipe.Evaluation.Kinds {
		counts[contract.HeldOutCount(kind.Name)] = int64(f.heldOut(kind.Name))
	}
	if m.parted {
		counts["laterChanges"] = int64(len(m.later))
	}
	return counts
}

func writeDocument(draft *artifact.Draft, name string, document any) error {
	content, err := json.Marshal(document)
	if err != nil {
		return fmt.Errorf("encoding %s: %w", name, err)
	}
	return os.WriteFile(filepath.Join(draft.Path(), name), append(content, '\n'), 0o640)
}
