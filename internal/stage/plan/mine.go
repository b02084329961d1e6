package plan

import (
	"context"
	"fmt"

	"github.com/repoexpert/operator/api/v1alpha1"
	"github.com/repoexpert/operator/internal/artifact"
	"github.com/repoexpert/operator/internal/contract"
	"github.com/repoexpert/operator/internal/history"
	"github.com/repoexpert/operator/internal/language"
	"github.com/repoexpert/operator/internal/ledger"
	"github.com/repoexpert/operator/internal/owntree"
	"github.com/repoexpert/operator/internal/recall"
	"github.com/repoexpert/operator/internal/stage"
	"github.com/repoexpert/operator/internal/task"
)

// mine is what is known of a commit when candidates are derived from it.
type mine struct {
	adapter   language.Adapter
	recipe    v1alpha1.Recipe
	source    func(path string) ([]byte, error)
	inventory *language.Inventory
	baseline  task.Baseline
	coverage  *language.Coverage
	// mutations are the faults that can be put into each source file in scope.
	mutations map[string][]language.Mutation

	// place is the snapshot's folder. walked counts the commits of its history,
	// candidates are those that can be fixes, without as many as sameCode that change
	// no code.
	place            string
	walked, sameCode int
	candidates       []history.Candidate
	// parted says that the snapshot ends before the run's commit, later are the changes
	// after it that may be tasks.
	parted bool
	later  []owntree.Found
	// coChanges say which source files in scope change together.
	coChanges *history.CoChanges

	functions []function
	byPath    map[string][]function
	clusters  []ledger.Cluster
	// cluster maps a function's id to its cluster, sides a cluster to its side.
	cluster map[string]string
	sides   map[string]task.Side
	// heldOutNames are the qualified names of held-out functions, of any file.
	heldOutNames map[string]bool
	tests        map[string]bool
	symbols      *symbols
	users        users
	// loaded is how many functions with tests are no masks, as they run while tests
	// are loaded.
	loaded int
}

// index derives what all candidates need: functions, clusters, names.
func (m *mine) index() error {
	functions, err := functionsOf(m.inventory, func(path string) ([][]byte, error) {
		content, err := m.source(path)
		return language.Lines(content), err
	})
	if err != nil {
		return fmt.Errorf("reading the inspected files: %w", err)
	}
	m.functions = functions
	m.clusters = clustersOf(m.inventory, functions)
	m.symbols = newSymbols(m.inventory)
	m.users = usersOf(m.inventory, m.symbols)
	m.byPath, m.cluster = map[string][]function{}, map[string]string{}
	for _, f := range functions {
		m.byPath[f.module.Path] = append(m.byPath[f.module.Path], f)
	}
	for _, cluster := range m.clusters {
		for _, member := range cluster.Members {
			m.cluster[member.ID] = cluster.ID
		}
	}
	return nil
}

// split takes the sides from the ledger, as it is after what is new at this
// commit was recorded.
func (m *mine) split(store *artifact.Store, commit string) error {
	folder, err := store.Path(contract.LedgerFolder)
	if err != nil {
		return err
	}
	file, err := ledger.Open(folder)
	if err != nil {
		return err
	}
	recorded, err := file.Read()
	if err != nil {
		return stage.Fail(v1alpha1.FailureIntegrity, err,
			"the ledger of held-out functions, ledger/%s, is corrupt; restore it from a backup: a new one would train on what was held out", ledger.FileName)
	}
	sides, entries := ledger.NewSplit(recorded).Decide(m.clusters, m.recipe.Evaluation.HoldoutPercent, commit)
	if err := file.Append(entries); err != nil {
		return err
	}
	m.sides = sides
	m.heldOutNames = map[string]bool{}
	for _, f := range m.functions {
		if m.side(f.id) == task.SideEvaluation {
			m.heldOutNames[f.definitions[0].Name] = true
		}
	}
	return nil
}

func (m *mine) side(function string) task.Side { return m.sides[m.cluster[function]] }

func (m *mine) inScope(path string) bool {
	return owntree.InScope(path, m.recipe.Repository)
}

// candidates is everything that a plan holds besides inventory and baseline.
type candidates struct {
	masks      []task.Mask
	components []task.Component
	facts      []recall.Fact
	heldOut    []task.HeldOut
	replays    []task.Replay
	// heldOutReplays are tasks of evaluation.
	heldOutReplays []task.Replay
}

// choose derives all candidates and takes what the recipe asks for.
func (m *mine) choose(ctx context.Context) (candidates, error) {
	masks, err := m.masksOf()
	if err != nil {
		return candidates{}, err
	}
	if err := ctx.Err(); err != nil {
		return candidates{}, err
	}
	units, kinds := m.asked()
	seed := m.recipe.Experience.Seed
	chosen := candidates{heldOut: append(m.heldOutTexts(), m.laterTexts()...)}
	trained, asked := units[v1alpha1.UnitContextualImplementation], kinds[v1alpha1.KindContextualImplementation].Tasks
	chosen.masks = chooseMasks(masks, spareIfAny(trained), spareIfAny(asked), seed)
	fixes, err := m.fixesOf(ctx)
	if err != nil {
		return candidates{}, fmt.Errorf("reading the history: %w", err)
	}
	if n := units[v1alpha1.UnitSoftwareDesign]; n > 0 {
		components, err := m.componentsOf()
		if err != nil {
			return candidates{}, err
		}
		chosen.components = chooseComponents(components, spare(n), seed)
	}
	chosen.replays = m.replays(fixes, seed)
	chosen.heldOutReplays = m.heldOutReplays(fixes, seed)
	if n := units[v1alpha1.UnitRepositoryRecall]; n > 0 {
		chosen.facts = recall.Select(m.factsOf(), int(n), uint64(seed))
	}
	return chosen, nil
}

func spareIfAny(asked int32) int {
	if asked == 0 {
		return 0
	}
	return spare(asked)
}

// asked is what the recipe asks for, by unit and by kind.
func (m *mine) asked() (map[v1alpha1.UnitName]int32, map[v1alpha1.KindName]v1alpha1.EvaluationKind) {
	units := map[v1alpha1.UnitName]int32{}
	for _, unit := range m.recipe.Experience.Units {
		units[unit.Name] = unit.Samples
	}
	kinds := map[v1alpha1.KindName]v1alpha1.EvaluationKind{}
	for _, kind := range m.recipe.Evaluation.Kinds {
		kinds[kind.Name] = kind
	}
	return units, kinds
}
