package plan

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"github.com/repoexpert/operator/internal/language"
	"github.com/repoexpert/operator/internal/task"
)

// maxHops bounds how far a name is followed through re-exports.
const maxHops = 8

// symbols finds what dotted names mean in one tree, without its tests.
type symbols struct {
	// modules by dotted name, definitions by full dotted name.
	modules     map[string]language.Module
	definitions map[string]task.Reference
}

func newSymbols(inventory *language.Inventory) *symbols {
	s := &symbols{modules: map[string]language.Module{}, definitions: map[string]task.Reference{}}
	for _, module := range inventory.Modules {
		if module.IsTest {
			continue
		}
		// Files may share a name, as those of one package do: the first definition counts.
		if _, taken := s.modules[module.Name]; !taken {
			s.modules[module.Name] = module
		}
		for _, definition := range module.Definitions {
			if _, taken := s.definitions[module.FullName(definition)]; !taken {
				s.definitions[module.FullName(definition)] = task.Reference{Name: definition.Name, Path: module.Path}
			}
		}
	}
	return s
}

// find follows a dotted name to its definition or module.
func (s *symbols) find(name string) (task.Reference, bool) {
	for range maxHops {
		if reference, ok := s.definitions[name]; ok {
			return reference, true
		}
		if module, ok := s.modules[name]; ok {
			return task.Reference{Name: module.Name, Path: module.Path}, true
		}
		next, ok := s.exported(name)
		if !ok {
			return task.Reference{}, false
		}
		name = next
	}
	return task.Reference{}, false
}

// exported is where a module has a name from that it does not define.
func (s *symbols) exported(name string) (string, bool) {
	at := strings.LastIndexByte(name, '.')
	if at < 0 {
		return "", false
	}
	for _, imported := range s.modules[name[:at]].Imports {
		if imported.Name != "" && cmp.Or(imported.Alias, imported.Name) == name[at+1:] {
			return imported.Module + "." + imported.Name, true
		}
	}
	return "", false
}

// bound maps the names that a module's imports bind to what they mean.
func (s *symbols) bound(module language.Module) map[string]task.Reference {
	names := map[string]task.Reference{}
	for _, imported := range module.Imports {
		target := imported.Module
		if imported.Name != "" {
			target += "." + imported.Name
		}
		if reference, ok := s.find(target); ok {
			names[cmp.Or(imported.Alias, imported.Name, imported.Module)] = reference
		}
	}
	return names
}

// uses is what a definition refers to and the tree defines outside of it:
// resolved calls and exceptions, and mentioned names that an import or the module
// binds. What a nested definition refers to is not in it.
func (s *symbols) uses(module language.Module, definition language.Definition) map[task.Reference]bool {
	found := map[task.Reference]bool{}
	for _, list := range [][]string{definition.Calls, definition.Raises, definition.Bases, definition.Decorators} {
		for _, name := range list {
			if reference, ok := s.find(name); ok {
				found[reference] = true
			}
		}
	}
	imported := s.bound(module)
	for _, name := range definition.Names {
		if reference, ok := imported[name]; ok {
			found[reference] = true
		} else if reference, ok := s.definitions[module.Name+"."+name]; ok {
			found[reference] = true
		}
	}
	maps.DeleteFunc(found, func(reference task.Reference, _ bool) bool {
		return reference.Path == module.Path && within(reference.Name, definition.Name)
	})
	return found
}

// within says whether a qualified name is another one or inside of it.
func within(name, outer string) bool {
	return name == outer || strings.HasPrefix(name, outer+".")
}

// usesOfAll is the same of a definition with all that is nested in it.
func (s *symbols) usesOfAll(module language.Module, outer language.Definition) []task.Reference {
	found := map[task.Reference]bool{}
	for _, definition := range module.Definitions {
		if within(definition.Name, outer.Name) {
			maps.Copy(found, s.uses(module, definition))
		}
	}
	maps.DeleteFunc(found, func(reference task.Reference, _ bool) bool {
		return reference.Path == module.Path && within(reference.Name, outer.Name)
	})
	return sortedReferences(found)
}

func sortedReferences(found map[task.Reference]bool) []task.Reference {
	references := make([]task.Reference, 0, len(found))
	for reference := range found {
		references = append(references, reference)
	}
	slices.SortFunc(references, func(a, b task.Reference) int {
		return cmp.Or(cmp.Compare(a.Path, b.Path), cmp.Compare(a.Name, b.Name))
	})
	return references[:min(len(references), maxReferences)]
}

// maxReferences bounds a list of names in a candidate.
const maxReferences = 50
