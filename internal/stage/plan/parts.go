package plan

import (
	"cmp"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/repoexpert/operator/internal/language"
	"github.com/repoexpert/operator/internal/task"
)

const (
	// maxChanged is the number of files from which on a change says nothing about who
	// belongs to whom: a release, a licence, a new style.
	maxChanged = 30
	// togetherSupport is how many changes of both make two files a pair.
	togetherSupport = 3
	// maxTogether bounds the files of a subsystem: beyond it, pairs of pairs have
	// joined what does not belong together.
	maxTogether = 8
)

// togetherConfidences are the confidences at which files are grouped: the groups
// of the higher one are the cores of those of the lower one. On click, attrs and
// cobra half is rarely reached, and below 0.3 the groups become the whole library.
var togetherConfidences = []float64{0.3, 0.5}

// ofSeveralFiles lists the packages and subsystems in scope, none of the same
// files twice.
func (m *mine) ofSeveralFiles() []task.Component {
	var components []task.Component
	seen := map[string]bool{}
	add := func(component task.Component, ok bool) {
		files := strings.Join(slices.Sorted(slices.Values(component.Files)), "\x00")
		if ok && !seen[files] {
			components = append(components, component)
		}
		seen[files] = seen[files] || ok
	}
	folders := map[string][]language.Module{}
	for _, module := range m.inventory.Modules {
		if !module.IsTest && m.inScope(module.Path) {
			folders[path.Dir(module.Path)] = append(folders[path.Dir(module.Path)], module)
		}
	}
	for _, folder := range slices.Sorted(maps.Keys(folders)) {
		add(m.packageComponent(folder, folders[folder]))
	}
	for _, confidence := range togetherConfidences {
		for _, files := range m.coChanges.Groups(togetherSupport, confidence) {
			if len(files) <= maxTogether {
				add(m.subsystemComponent(files))
			}
		}
	}
	return components
}

// packageComponent is a folder of modules with an interface of its own: those that
// have the folder's name, which begins the names of all others. In Python this is
// __init__.py with the names that it passes on, in Go it is all files.
func (m *mine) packageComponent(folder string, modules []language.Module) (task.Component, bool) {
	name := slices.MinFunc(modules, func(a, b language.Module) int { return cmp.Compare(len(a.Name), len(b.Name)) }).Name
	component := task.Component{ID: task.StableID("component", folder, kindPackage), Kind: kindPackage, Path: folder, Name: name}
	offered := 0
	for _, module := range modules {
		switch {
		case module.Name == name:
			offered += len(module.Definitions) + len(m.symbols.bound(module))
		case !within(module.Name, name):
			return component, false
		}
	}
	slices.SortStableFunc(modules, func(a, b language.Module) int {
		interfaceFirst := cmp.Compare(min(1, len(a.Name)-len(name)), min(1, len(b.Name)-len(name)))
		return cmp.Or(interfaceFirst, -cmp.Compare(len(a.Definitions), len(b.Definitions)), cmp.Compare(a.Path, b.Path))
	})
	ok := m.joinModules(&component, modules)
	return component, ok && offered >= minMethods
}

// subsystemComponent is a group of files that change together.
func (m *mine) subsystemComponent(files []string) (task.Component, bool) {
	var modules []language.Module
	for _, module := range m.inventory.Modules {
		if slices.Contains(files, module.Path) {
			modules = append(modules, module)
		}
	}
	slices.SortFunc(modules, func(a, b language.Module) int {
		return cmp.Or(-cmp.Compare(len(a.Definitions), len(b.Definitions)), cmp.Compare(a.Path, b.Path))
	})
	component := task.Component{
		ID: task.StableID("component", strings.Join(files, "\x00"), kindSubsystem), Kind: kindSubsystem, Path: modules[0].Path,
	}
	return component, m.joinModules(&component, modules)
}

// joinModules fills in what several modules have together: their symbols, what
// they depend on outside of themselves, and who uses any of them.
func (m *mine) joinModules(component *task.Component, modules []language.Module) bool {
	component.StartLine, component.EndLine = 1, modules[0].Lines
	functions := 0
	for _, module := range modules {
		component.Files = append(component.Files, module.Path)
		for _, definition := range module.Definitions {
			if !strings.Contains(definition.Name, ".") {
				component.Symbols = append(component.Symbols, definition.Name)
			}
			if definition.Kind != language.KindClass {
				functions++
			}
		}
	}
	dependencies, users := map[task.Reference]bool{}, map[string]bool{}
	for _, module := range modules {
		for _, reference := range m.symbols.bound(module) {
			if !slices.Contains(component.Files, reference.Path) {
				dependencies[reference] = true
			}
		}
		for user := range m.users.ofModule[module.Path] {
			users[user] = true
		}
	}
	component.Dependencies = sortedReferences(dependencies)
	m.complete(component, users)
	return len(modules) > 1 && functions >= minMethods
}
