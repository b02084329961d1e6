package grading

import (
	"fmt"
	"slices"
	"strings"

	"github.com/repoexpert/operator/internal/language"
	"github.com/repoexpert/operator/internal/task"
)

// hide returns the edits that take tests out of the tree: the whole function with
// all its parameters, a class that has no test left, and the file if it has none
// and nothing imports it. A test whose function is not found takes its file along.
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
	ranges, left := removals(module, names)
	if left == 0 && !g.imported[module.Name] {
		return nil, nil
	}
	content, err := g.tree.Read(file)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrTask, err)
	}
	return cut(content, ranges), nil
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

// removals returns the lines of the named tests and of the classes that they
// leave without a test, and how many tests are left.
func removals(module language.Module, names map[string]bool) ([]task.Lines, int) {
	var ranges []task.Lines
	leftIn := map[string]int{}
	left := 0
	for _, definition := range module.Definitions {
		class, _, isMember := strings.Cut(definition.Name, ".")
		switch {
		case names[definition.Name]:
			ranges = append(ranges, task.Lines{Start: definition.StartLine, End: definition.EndLine})
		case isTest(definition):
			left++
			if isMember {
				leftIn[class]++
			}
		}
	}
	for _, definition := range module.Definitions {
		if definition.Kind == language.KindClass && leftIn[definition.Name] == 0 && anyMember(names, definition.Name) {
			ranges = append(ranges, task.Lines{Start: definition.StartLine, End: definition.EndLine})
		}
	}
	return ranges, left
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
	return definition.Kind != language.KindClass && !definition.Nested() && strings.HasPrefix(definition.SimpleName(), "test")
}

func cut(content []byte, ranges []task.Lines) []byte {
	kept := make([]byte, 0, len(content))
	for i, line := range language.Lines(content) {
		inside := func(r task.Lines) bool { return i+1 >= r.Start && i+1 <= r.End }
		if !slices.ContainsFunc(ranges, inside) {
			kept = append(kept, line...)
		}
	}
	return kept
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
