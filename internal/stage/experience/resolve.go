package experience

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/repoexpert/operator/internal/agent"
	"github.com/repoexpert/operator/internal/language"
)

// symbols are the names that a report may cite.
type symbols struct {
	tree tree
	// names are modules and definitions, by every name that people use for them.
	names map[string]bool
	// imports are the names that each file imports, modules the module that each of
	// its lines imports.
	imports map[string]map[string]bool
	modules map[string]map[int]string
	// topLevel are the names that each file defines at its top level, name is that of
	// its module.
	topLevel map[string][]string
	name     map[string]string
	isModule map[string]bool
}

// tree is a snapshot's list of files.
type tree interface {
	Has(path string) bool
}

func newSymbols(files tree, inventory *language.Inventory) *symbols {
	s := &symbols{
		tree: files, names: map[string]bool{}, imports: map[string]map[string]bool{}, modules: map[string]map[int]string{},
		topLevel: map[string][]string{}, name: map[string]string{}, isModule: map[string]bool{},
	}
	for _, module := range inventory.Modules {
		s.names[module.Name] = true
		s.names[shortOf(module.Name)] = true
		s.names[path.Dir(module.Path)] = true
		s.name[module.Path], s.isModule[module.Name] = module.Name, true
		for _, definition := range module.Definitions {
			s.names[definition.Name] = true
			s.names[definition.SimpleName()] = true
			s.names[module.FullName(definition)] = true
			if !strings.Contains(definition.Name, ".") {
				s.topLevel[module.Path] = append(s.topLevel[module.Path], definition.Name)
			}
		}
	}
	for _, module := range inventory.Modules {
		s.addImports(module)
	}
	return s
}

// addImports notes what a file imports. Where a name that is imported of a package
// is a module of the tree, that module is imported.
func (s *symbols) addImports(module language.Module) {
	imports, modules := map[string]bool{}, map[int]string{}
	for _, imported := range module.Imports {
		for _, name := range []string{imported.Module, imported.Name, imported.Alias} {
			imports[name] = true
		}
		modules[imported.Line] = imported.Module
		if full := imported.Module + "." + imported.Name; imported.Name != "" && s.isModule[full] {
			modules[imported.Line] = full
		}
	}
	s.imports[module.Path], s.modules[module.Path] = imports, modules
}

// shortOf is the last part of a module's name.
func shortOf(name string) string { return name[strings.LastIndexAny(name, "./")+1:] }

// resolves says whether a citation in a report about files names a file of the
// tree, with or without a line, something defined in it, or an import of the files.
func (s *symbols) resolves(cited string, about []string) bool {
	if cited == "" {
		return false
	}
	file, _, _ := strings.Cut(cited, ":")
	return s.tree.Has(file) || s.names[strings.TrimSuffix(cited, "()")] ||
		slices.ContainsFunc(about, func(file string) bool { return s.imports[file][cited] })
}

// resolveReport checks a report on files: all headings in order, none empty, at
// least one file and one symbol, and nothing cited that is not there. It returns
// why not.
func (s *symbols) resolveReport(report string, about []string) error {
	parts, err := partsOf(report)
	if err != nil {
		return err
	}
	files, names := 0, 0
	for _, part := range parts {
		for n, cited := range strings.Split(part, "`") {
			if n%2 == 0 {
				continue
			}
			if !s.resolves(cited, about) {
				return fmt.Errorf("%.80q is neither a file nor a symbol", cited)
			}
			if file, _, _ := strings.Cut(cited, ":"); s.tree.Has(file) {
				files++
			} else {
				names++
			}
		}
		if strings.Count(part, "`")%2 == 1 {
			return fmt.Errorf("a back quote is not closed in %.80q", part)
		}
	}
	if files == 0 || names == 0 {
		return fmt.Errorf("it cites %d files and %d symbols", files, names)
	}
	return nil
}

// partsOf splits a report at its headings.
func partsOf(report string) ([]string, error) {
	var parts []string
	rest := report
	for i, heading := range agent.ReportHeadings {
		before, after, found := strings.Cut(rest, heading+": ")
		if !found {
			return nil, fmt.Errorf("the part %s is missing", heading)
		}
		if i > 0 {
			parts = append(parts, before)
		}
		rest = after
	}
	parts = append(parts, rest)
	for i, part := range parts {
		if strings.TrimSpace(part) == "" {
			return nil, fmt.Errorf("the part %s is empty", agent.ReportHeadings[i])
		}
	}
	return parts, nil
}
