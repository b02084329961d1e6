package grading

import (
	"fmt"
	"slices"
	"strings"

	"github.com/repoexpert/operator/internal/language"
)

// hide returns the edits that take tests out of the tree: the whole function with
// all its parameters, a class that has no test left, and the file if it has none
// and no other needs it. A test whose function is not found takes its file along.
func (g *Grader) hide(ids []string) (Edits, error) {
	byFile := map[string]map[string]bool{}
	for _, id := range ids {
		file, name := language.SplitTest(id)
		if byFile[file] == nil {
			byFile[file] = map[string]bool{}
		}
		byFile[file][name] = true
	}
	edits := Edits{}
	for file, names := range byFile {
		content, err := g.withoutTests(file, names)
		if err != nil {
			return nil, err
		}
		edits[file] = content
	}
	return edits, nil
}

func (g *Grader) withoutTests(file string, names map[string]bool) ([]byte, error) {
	module, known := g.modules[file]
	if !known || !definesAll(module, names) {
		return nil, nil
	}
	gone, left := removals(module, names)
	if left == 0 && !g.needed[module.Name] {
		return nil, nil
	}
	content, err := g.tree.Read(file)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrTask, err)
	}
	rest, err := g.adapter.RemoveDefinitions(content, gone)
	if err != nil {
		return nil, nil // what is visible then shows whether the tree does without the file
	}
	return rest, nil
}

func definesAll(module language.Module, names map[string]bool) bool {
	defined := map[string]bool{}
	for _, definition := range module.Definitions {
		defined[definition.Name] = true
	}
	for name := range names {
		if !defined[name] {
			return false
		}
	}
	return true
}

// removals returns the named tests and the classes that they leave without a
// test, and how many tests are left.
func removals(module language.Module, names map[string]bool) ([]language.Definition, int) {
	var gone []language.Definition
	leftIn := map[string]int{}
	left := 0
	for _, definition := range module.Definitions {
		class, _, isMember := strings.Cut(definition.Name, ".")
		switch {
		case names[definition.Name]:
			gone = append(gone, definition)
		case isTest(definition):
			left++
			if isMember {
				leftIn[class]++
			}
		}
	}
	for _, definition := range module.Definitions {
		if definition.Kind == language.KindClass && leftIn[definition.Name] == 0 && anyMember(names, definition.Name) {
			gone = append(gone, definition)
		}
	}
	return gone, left
}

func anyMember(names map[string]bool, class string) bool {
	for name := range names {
		if strings.HasPrefix(name, class+".") {
			return true
		}
	}
	return false
}

func isTest(definition language.Definition) bool {
	return definition.Kind != language.KindClass && !definition.Nested() && strings.HasPrefix(strings.ToLower(definition.SimpleName()), "test")
}

// visible lists the stable tests that an edited test file still has.
func (g *Grader) visible(edits Edits, t Task) []string {
	gone := map[string]bool{}
	for _, id := range slices.Concat(t.FailToPass, t.AlsoFailing) {
		gone[language.TestFunction(id)] = true
	}
	var tests []string
	for _, id := range g.stable {
		if file, _ := language.SplitTest(id); edits[file] != nil && !gone[language.TestFunction(id)] {
			tests = append(tests, id)
		}
	}
	return tests
}
