package plan

import (
	"maps"
	"slices"
	"strings"

	"github.com/repoexpert/operator/internal/language"
	"github.com/repoexpert/operator/internal/task"
)

const (
	kindModule    = "module"
	kindClass     = "class"
	kindPackage   = "package"
	kindSubsystem = "subsystem"
	// minMethods is the least number of functions of a component worth a report.
	minMethods = 2
	// maxNames bounds a list of symbols or files in a component.
	maxNames = 60
)

// componentsOf lists the modules and top-level classes in scope that hold two
// functions or more, the packages, and the files that change together.
func (m *mine) componentsOf() ([]task.Component, error) {
	components := slices.Concat(m.ofOneFile(), m.ofSeveralFiles())
	for i := range components {
		sites, err := m.sitesOf(components[i])
		if err != nil {
			return nil, err
		}
		components[i].Sites = sites
	}
	return components, nil
}

func (m *mine) ofOneFile() []task.Component {
	var components []task.Component
	for _, module := range m.inventory.Modules {
		if module.IsTest || !m.inScope(module.Path) {
			continue
		}
		if component, ok := m.moduleComponent(module); ok {
			components = append(components, component)
		}
		for _, definition := range module.Definitions {
			if definition.Kind != language.KindClass || strings.Contains(definition.Name, ".") {
				continue
			}
			if component, ok := m.classComponent(module, definition); ok {
				components = append(components, component)
			}
		}
	}
	return components
}

func (m *mine) moduleComponent(module language.Module) (task.Component, bool) {
	component := task.Component{
		ID: task.StableID("component", module.Path, ""), Kind: kindModule, Path: module.Path, Name: module.Name,
		StartLine: 1, EndLine: module.Lines,
	}
	functions := 0
	for _, definition := range module.Definitions {
		if !strings.Contains(definition.Name, ".") || besideItsType(module, definition) {
			component.Symbols = append(component.Symbols, definition.SimpleName())
		}
		if definition.Kind != language.KindClass {
			functions++
		}
	}
	found := map[task.Reference]bool{}
	for _, reference := range m.symbols.bound(module) {
		if reference.Path != module.Path {
			found[reference] = true
		}
	}
	component.Dependencies = sortedReferences(found)
	m.complete(&component, m.users.ofModule[module.Path])
	return component, functions >= minMethods
}

// besideItsType says whether a method stands outside of its type's lines, as all do
// in Go: it is then one of the things that its file defines.
func besideItsType(module language.Module, method language.Definition) bool {
	owner, _, _ := strings.Cut(method.Name, ".")
	return method.Kind == language.KindMethod && !slices.ContainsFunc(module.Definitions, func(d language.Definition) bool {
		return d.Name == owner && d.Kind == language.KindClass && d.StartLine <= method.StartLine && method.EndLine <= d.EndLine
	})
}

func (m *mine) classComponent(module language.Module, class language.Definition) (task.Component, bool) {
	component := task.Component{
		ID: task.StableID("component", module.Path, class.Name), Kind: kindClass, Path: module.Path, Name: class.Name,
		StartLine: class.StartLine, EndLine: class.EndLine,
	}
	for _, definition := range module.Definitions {
		if definition.Kind == language.KindMethod && strings.HasPrefix(definition.Name, class.Name+".") {
			component.Symbols = append(component.Symbols, definition.SimpleName())
		}
	}
	component.Dependencies = m.symbols.usesOfAll(module, class)
	m.complete(&component, m.users.ofDefinition[task.Reference{Name: class.Name, Path: module.Path}])
	return component, len(component.Symbols) >= minMethods
}

// complete fills in who refers to a component and what of it is held out. A
// component is held out as a whole when most of its code is.
func (m *mine) complete(component *task.Component, users map[string]bool) {
	component.Symbols = capped(component.Symbols, maxNames)
	for _, path := range slices.Sorted(maps.Keys(users)) {
		switch {
		case slices.Contains(component.AllFiles(), path):
		case m.tests[path] && len(component.Tests) < maxNames:
			component.Tests = append(component.Tests, path)
		case !m.tests[path] && len(component.Usages) < maxNames:
			component.Usages = append(component.Usages, path)
		}
	}
	component.Cluster = component.ID
	component.Side = task.SideTrain
	heldOut, all := 0, 0
	for n, path := range component.AllFiles() {
		for _, f := range m.byPath[path] {
			hidden, lines := m.heldOutOf(*component, f)
			all += lines
			for _, body := range hidden {
				heldOut += body.End - body.Start + 1
			}
			if n == 0 {
				component.HeldOut = append(component.HeldOut, hidden...)
			}
		}
	}
	slices.SortFunc(component.HeldOut, func(a, b task.Lines) int { return a.Start - b.Start })
	if 2*heldOut > all {
		component.Side = task.SideEvaluation
	}
}

// heldOutOf is what of a function in a component is held out, and how many lines
// its bodies have in all.
func (m *mine) heldOutOf(component task.Component, f function) (hidden []task.Lines, all int) {
	for _, definition := range f.definitions {
		outside := len(component.Files) == 0 && (definition.StartLine < component.StartLine || definition.EndLine > component.EndLine)
		if definition.Nested() || outside {
			continue
		}
		all += definition.BodyLines()
		if m.side(f.id) == task.SideEvaluation && definition.BodyStartLine > 0 {
			hidden = append(hidden, task.Lines{Start: definition.BodyStartLine, End: definition.BodyEndLine})
		}
	}
	return hidden, all
}

// users says which files refer to what.
type users struct {
	ofModule     map[string]map[string]bool
	ofDefinition map[task.Reference]map[string]bool
}

// usersOf follows every import and every resolved name of every file, tests
// included.
func usersOf(inventory *language.Inventory, symbols *symbols) users {
	u := users{ofModule: map[string]map[string]bool{}, ofDefinition: map[task.Reference]map[string]bool{}}
	for _, module := range inventory.Modules {
		for _, reference := range symbols.bound(module) {
			u.add(reference, module.Path)
		}
		for _, definition := range module.Definitions {
			for reference := range symbols.uses(module, definition) {
				u.add(reference, module.Path)
			}
		}
	}
	return u
}

// add counts a reference to a method as one to its class as well.
func (u users) add(reference task.Reference, user string) {
	mark(u.ofModule, reference.Path, user)
	outermost, _, _ := strings.Cut(reference.Name, ".")
	mark(u.ofDefinition, task.Reference{Name: outermost, Path: reference.Path}, user)
}

func mark[K comparable](sets map[K]map[string]bool, key K, user string) {
	if sets[key] == nil {
		sets[key] = map[string]bool{}
	}
	sets[key][user] = true
}

// chooseComponents takes components to train on, with some to spare.
func chooseComponents(components []task.Component, limit int, seed int64) []task.Component {
	trained := slices.DeleteFunc(slices.Clone(components), func(c task.Component) bool { return c.Side != task.SideTrain })
	return choose(trained, limit, seed,
		func(c task.Component) string { return c.ID },
		func(c task.Component) string { return c.Path })
}
