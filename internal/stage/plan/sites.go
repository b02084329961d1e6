package plan

import (
	"cmp"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/repoexpert/operator/internal/language"
	"github.com/repoexpert/operator/internal/task"
)

const (
	// maxSites bounds the uses of a component that are listed, maxSiteFiles the files
	// of one symbol.
	maxSites     = 24
	maxSiteFiles = 4
)

// sitesOf lists lines of other files that use a component's symbols: of a class
// itself, else of its top-level definitions.
func (m *mine) sitesOf(component task.Component) ([]task.Site, error) {
	type used struct {
		name  string
		files []string
	}
	var symbols []used
	for _, file := range component.AllFiles() {
		for _, name := range m.topLevel(component, file) {
			users := m.users.ofDefinition[task.Reference{Name: name, Path: file}]
			files := slices.DeleteFunc(slices.Sorted(maps.Keys(users)), func(user string) bool {
				return slices.Contains(component.AllFiles(), user) || !m.tests[user] && !m.inScope(user)
			})
			symbols = append(symbols, used{name: name, files: files})
		}
	}
	slices.SortStableFunc(symbols, func(a, b used) int {
		return cmp.Or(-cmp.Compare(len(a.files), len(b.files)), cmp.Compare(a.name, b.name))
	})
	var sites []task.Site
	for _, symbol := range symbols {
		found := 0
		for _, file := range symbol.files {
			if len(sites) == maxSites || found == maxSiteFiles {
				break
			}
			line, err := m.lastUse(file, symbol.name)
			if err != nil {
				return nil, err
			}
			if line > 0 {
				found++
				sites = append(sites, task.Site{Name: symbol.name, Path: file, Line: line})
			}
		}
	}
	return sites, nil
}

// topLevel lists the symbols of a component's file that others can name.
func (m *mine) topLevel(component task.Component, file string) []string {
	if component.Kind == kindClass {
		return []string{component.Name}
	}
	var names []string
	for _, module := range m.inventory.Modules {
		if module.Path != file {
			continue
		}
		for _, definition := range module.Definitions {
			// An overloaded function has several definitions.
			if !strings.Contains(definition.Name, ".") && !slices.Contains(names, definition.Name) {
				names = append(names, definition.Name)
			}
		}
	}
	return names
}

// lastUse is the last line of a file that names a symbol, as a whole word; 0 where
// it is outside of all functions, so that it may be no more than an import, or
// where a held-out body names it too.
func (m *mine) lastUse(file, name string) (int, error) {
	content, err := m.source(file)
	if err != nil {
		return 0, err
	}
	word := regexp.MustCompile(`\b` + regexp.QuoteMeta(name) + `\b`)
	last := 0
	for n, line := range language.Lines(content) {
		if !word.Match(line) {
			continue
		}
		last = n + 1
		for _, f := range m.byPath[file] {
			if f.overlaps(last, last) && m.side(f.id) == task.SideEvaluation {
				return 0, nil
			}
		}
	}
	if !m.insideFunction(file, last) {
		return 0, nil
	}
	return last, nil
}

func (m *mine) insideFunction(file string, line int) bool {
	for _, module := range m.inventory.Modules {
		if module.Path == file {
			return slices.ContainsFunc(module.Definitions, func(d language.Definition) bool {
				return d.Kind != language.KindClass && d.StartLine <= line && line <= d.EndLine
			})
		}
	}
	return false
}
