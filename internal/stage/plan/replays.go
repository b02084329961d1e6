package plan

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/repoexpert/operator/api/v1alpha1"
	"github.com/repoexpert/operator/internal/language"
	"github.com/repoexpert/operator/internal/task"
)

const (
	// maxSlips bounds the faults that a mask offers for a first edit.
	maxSlips = 6
	// combinedEvery: one in so many mutants is joined with the next of another
	// function.
	combinedEvery = 5
)

// asksForReplays says whether bugs are needed at all.
func (m *mine) asksForReplays() bool {
	units, _ := m.asked()
	return units[v1alpha1.UnitEvolutionaryReplay] > 0 || units[v1alpha1.UnitSemanticRuntimeAlignment] > 0
}

// replaysWanted is how many bugs are chosen: both units work on the same ones.
func (m *mine) replaysWanted() int {
	units, _ := m.asked()
	return spareIfAny(max(units[v1alpha1.UnitEvolutionaryReplay], units[v1alpha1.UnitSemanticRuntimeAlignment]))
}

// replays lists real fixes first, then twice as many mutants as bugs are wanted: of
// all bugs that are tried, about half become a repair, and what is too much is not
// tried.
// A fix with its reversal is one cluster of work; what is held out is left out, and
// so is the other of the two where one is: they show the same repair.
func (m *mine) replays(fixes []task.Replay, seed int64) []task.Replay {
	wanted := m.replaysWanted()
	if wanted == 0 {
		return nil
	}
	held := map[string]bool{}
	for _, r := range fixes {
		held[r.Commit] = held[r.Commit] || r.Side != task.SideTrain
	}
	trained := slices.DeleteFunc(slices.Clone(fixes), func(r task.Replay) bool { return held[r.Commit] })
	chosen := choose(trained, wanted, seed,
		func(r task.Replay) string { return r.ID }, func(r task.Replay) string { return r.Cluster })
	return append(chosen, m.mutantsOf(2*wanted)...)
}

// sourceFiles lists the files in scope that can hold a fault.
func (m *mine) sourceFiles() []string {
	var paths []string
	for _, module := range m.inventory.Modules {
		if !module.IsTest && m.inScope(module.Path) {
			paths = append(paths, module.Path)
		}
	}
	slices.Sort(paths)
	return paths
}

// slipsOf lists the mutations of a definition's body that stay on one line, of lines
// that stable tests execute.
func (m *mine) slipsOf(path string, definition language.Definition, stable map[string]bool) []language.Mutation {
	var slips []language.Mutation
	for _, mutation := range m.mutations[path] {
		inside := mutation.Line >= definition.BodyStartLine && mutation.Line <= definition.BodyEndLine
		if inside && m.oneLine(mutation) && m.executed(mutation, stable) {
			slips = append(slips, mutation)
		}
	}
	return language.Spread(slips, maxSlips, uint64(m.recipe.Experience.Seed))
}

func (m *mine) oneLine(mutation language.Mutation) bool {
	content, err := m.source(mutation.Path)
	return err == nil && mutation.End <= len(content) && !strings.Contains(mutation.Replacement, "\n") &&
		!strings.Contains(string(content[mutation.Start:mutation.End]), "\n")
}

// drawn lists mutations of the functions of one side that stable tests execute and
// that nothing executes while tests are loaded, balanced over operators and functions.
func (m *mine) drawn(side task.Side, limit int) []language.Mutation {
	stable := m.stable()
	var usable []language.Mutation
	for _, path := range slices.Sorted(maps.Keys(m.mutations)) {
		for _, mutation := range m.mutations[path] {
			if m.side(functionID(path, mutation.Function)) == side && m.executed(mutation, stable) &&
				!m.coverage.Loads(path, mutation.Line, mutation.Line) {
				usable = append(usable, mutation)
			}
		}
	}
	return language.Spread(usable, limit, uint64(m.recipe.Experience.Seed))
}

// mutantsOf lists the mutants of functions that train, with the tests that execute
// the mutated line; some of them combined.
func (m *mine) mutantsOf(limit int) []task.Replay {
	stable := m.stable()
	breadth := m.coverage.Breadth()
	drawn := m.drawn(task.SideTrain, limit)
	replays := make([]task.Replay, 0, len(drawn))
	for i, mutation := range drawn {
		mutations := []language.Mutation{mutation}
		kind := task.ReplayMutant
		if next := i + 1; i%combinedEvery == combinedEvery-1 && next < len(drawn) && drawn[next].Function != mutation.Function {
			mutations, kind = append(mutations, drawn[next]), task.ReplayCombined
		}
		replays = append(replays, m.mutant(kind, mutations, stable, breadth))
	}
	return replays
}

func (m *mine) executed(mutation language.Mutation, stable map[string]bool) bool {
	return slices.ContainsFunc(m.coverage.Covering(mutation.Path, mutation.Line, mutation.Line), func(id string) bool { return stable[id] })
}

func (m *mine) mutant(kind task.ReplayKind, mutations []language.Mutation, stable map[string]bool, breadth map[string]int) task.Replay {
	var tests, paths, names []string
	for _, mutation := range mutations {
		covering := m.coverage.Covering(mutation.Path, mutation.Line, mutation.Line)
		tests = append(tests, narrowest(covering, stable, breadth)...)
		paths = append(paths, mutation.Path)
		names = append(names, strings.Join([]string{
			mutation.Path, mutation.Function, mutation.Operator, strconv.Itoa(mutation.Start), strconv.Itoa(mutation.End), mutation.Replacement,
		}, "\x00"))
	}
	slices.Sort(paths)
	return task.Replay{
		ID: task.StableID(string(kind), strings.Join(names, "\x01"), ""), Kind: kind,
		Cluster: m.cluster[functionID(mutations[0].Path, mutations[0].Function)],
		Side:    m.side(functionID(mutations[0].Path, mutations[0].Function)),
		Paths:   slices.Compact(paths), Mutations: mutations, Slips: m.otherFaults(mutations), Tests: narrowest(distinct(tests), stable, breadth),
	}
}

// otherFaults lists one-line faults in the lines of mutations, without these.
func (m *mine) otherFaults(mutations []language.Mutation) []language.Mutation {
	var others []language.Mutation
	for _, mutation := range mutations {
		for _, other := range m.mutations[mutation.Path] {
			if other.Line == mutation.Line && other != mutation && m.oneLine(other) {
				others = append(others, other)
			}
		}
	}
	return language.Spread(others, maxSlips, uint64(m.recipe.Experience.Seed))
}

// distinct keeps the first of each.
func distinct(list []string) []string {
	seen := map[string]bool{}
	return slices.DeleteFunc(slices.Clone(list), func(value string) bool {
		known := seen[value]
		seen[value] = true
		return known
	})
}

func (m *mine) stable() map[string]bool {
	stable := map[string]bool{}
	for _, id := range m.baseline.Stable {
		stable[id] = true
	}
	return stable
}
