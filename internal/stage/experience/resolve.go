package experience

import (
	"fmt"
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
	// imports are the names that each file imports.
	imports map[string]map[string]bool
	// modules are the modules that each file imports, in order of their names.
	modules map[string][]string
}

// tree is a snapshot's list of files.
type tree interface {
	Has(path string) bool
}

func newSymbols(files tree, inventory *language.Inventory) *symbols {
	s := &symbols{tree: files, names: map[string]bool{}, imports: map[string]map[string]bool{}, modules: map[string][]string{}}
	for _, module := range inventory.Modules {
		s.names[module.Name] = true
		s.names[module.Name[strings.LastIndexAny(module.Name, "./")+1:]] = true
		for _, definition := range module.Definitions {
			s.names[definition.Name] = true
			s.names[definition.SimpleName()] = true
			s.names[module.FullName(definition)] = true
		}
		imports := map[string]bool{}
		for _, imported := range module.Imports {
			for _, name := range []string{imported.Module, imported.Name, imported.Alias} {
				imports[name] = true
			}
		}
		s.imports[module.Path] = imports
		for _, imported := range module.Imports {
			s.modules[module.Path] = append(s.modules[module.Path], imported.Module)
		}
		slices.Sort(s.modules[module.Path])
		s.modules[module.Path] = slices.Compact(s.modules[module.Path])
	}
	return s
}

// resolves says whether a citation in a report about a file names a file of the
// tree, with or without a line, something defined in it, or an import of the file.
func (s *symbols) resolves(cited, about string) bool {
	if cited == "" {
		return false
	}
	path, _, _ := strings.Cut(cited, ":")
	return s.tree.Has(path) || s.names[strings.TrimSuffix(cited, "()")] || s.imports[about][cited]
}

// resolveReport checks a report on a file: all headings in order, none empty, at
// least one file and one symbol, and nothing cited that is not there. It returns
// why not.
func (s *symbols) resolveReport(report, about string) error {
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
			if path, _, _ := strings.Cut(cited, ":"); s.tree.Has(path) {
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
