package plan

import (
	"cmp"
	"slices"

	"github.com/repoexpert/operator/internal/language"
	"github.com/repoexpert/operator/internal/task"
)

const (
	// minStatements is the least size of a body that is worth writing.
	minStatements = 3
	// maxMaskTests bounds the tests that grade one mask: the narrowest ones tell
	// soonest, and a run of many tests costs more than it adds.
	maxMaskTests = 20
)

// maskable returns the one definition of a function that can be masked: at the
// top level of its module or class, long enough, and the only one of its name
// that is (a property's getter and setter could not be told apart in words).
func (f function) maskable() (language.Definition, bool) {
	var found []language.Definition
	for _, definition := range f.definitions {
		if definition.Statements >= minStatements && definition.BodyStartLine > 0 && !definition.Nested() {
			found = append(found, definition)
		}
	}
	if len(found) != 1 {
		return language.Definition{}, false
	}
	return found[0], true
}

// narrowest orders the stable tests among ids by how much they execute in all
// and keeps the first ones.
func narrowest(ids []string, stable map[string]bool, breadth map[string]int) []string {
	kept := slices.DeleteFunc(slices.Clone(ids), func(id string) bool { return !stable[id] })
	slices.SortFunc(kept, func(a, b string) int {
		return cmp.Or(cmp.Compare(breadth[a], breadth[b]), cmp.Compare(a, b))
	})
	return kept[:min(len(kept), maxMaskTests)]
}

// masksOf lists all masks of the functions in scope, by id of the function. What runs
// while tests are loaded is no candidate: without it there is no test that fails, only
// files that cannot be loaded.
func (m *mine) masksOf() ([]task.Mask, error) {
	stable := m.stable()
	breadth := m.coverage.Breadth()
	var masks []task.Mask
	for _, f := range m.functions {
		definition, ok := f.maskable()
		if !ok || !m.inScope(f.module.Path) {
			continue
		}
		if m.coverage.Loads(f.module.Path, definition.BodyStartLine, definition.BodyEndLine) {
			m.loaded++
			continue
		}
		covering := m.coverage.Covering(f.module.Path, definition.BodyStartLine, definition.BodyEndLine)
		tests := narrowest(covering, stable, breadth)
		if len(tests) == 0 {
			continue
		}
		source, err := m.source(f.module.Path)
		if err != nil {
			return nil, err
		}
		if _, err := m.adapter.MaskBody(source, definition); err != nil {
			continue // counted by its absence: the log says how many functions were no candidates
		}
		masks = append(masks, task.Mask{
			ID: task.StableID("mask", f.module.Path, definition.Name), Cluster: m.cluster[f.id], Side: m.side(f.id),
			Path: f.module.Path, Name: definition.Name,
			StartLine: definition.StartLine, BodyStart: definition.BodyStartLine, EndLine: definition.BodyEndLine,
			Tests: tests, Uses: m.symbols.usesOfAll(f.module, definition), Slips: m.slipsOf(f.module.Path, definition, stable),
		})
	}
	return masks, nil
}

// chooseMasks takes as many masks as the recipe can use, with some to spare: the
// training side for its unit, the held-out side for its kind of task.
func chooseMasks(masks []task.Mask, train, heldOut int, seed int64) (chosen []task.Mask) {
	limits := map[task.Side]int{task.SideTrain: train, task.SideEvaluation: heldOut}
	for _, side := range []task.Side{task.SideTrain, task.SideEvaluation} {
		ofSide := slices.DeleteFunc(slices.Clone(masks), func(mask task.Mask) bool { return mask.Side != side })
		chosen = append(chosen, choose(ofSide, limits[side], seed,
			func(mask task.Mask) string { return mask.ID },
			func(mask task.Mask) string { return mask.Cluster })...)
	}
	return chosen
}

// heldOutTexts is the gold text of every held-out function, chosen as a mask or
// not.
func (m *mine) heldOutTexts() []task.HeldOut {
	var texts []task.HeldOut
	for _, f := range m.functions {
		if f.text != "" && m.side(f.id) == task.SideEvaluation {
			name := f.definitions[0].Name
			texts = append(texts, task.HeldOut{ID: task.StableID("mask", f.module.Path, name), Path: f.module.Path, Name: name, Text: f.text})
		}
	}
	return texts
}
