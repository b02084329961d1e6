package experience

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/repoexpert/operator/internal/grading"
	"github.com/repoexpert/operator/internal/patch"
)

const (
	// maxImportHunks bounds the places above a body where a script adds imports.
	maxImportHunks = 3
	// importContext lines are shown around a place where imports are missing.
	importContext = 4
)

// missingText is what the masked file lacks: the body, and the imports that only
// the body used. The imports are blocks of lines above it, as the masked file
// numbers them, the last one first, so that an edit moves no line of the next.
type missingText struct {
	body    []string
	imports []patch.Hunk
	// gap is the line of the placeholder.
	gap int
}

// importText is all lines of the imports.
func (m missingText) importText() string {
	var lines []string
	for _, hunk := range m.imports {
		lines = append(lines, hunk.Text...)
	}
	return joined(lines)
}

// missingOf compares the masked file with the whole one. The code says why a
// script cannot write what is missing.
func missingOf(t grading.Masked) (missing missingText, code string) {
	whole, masked := string(t.Original()), string(t.Gap())
	first, last := t.Definition.BodyStartLine, t.Definition.BodyEndLine
	if lines := strings.Count(whole, "\n") + 1; strings.Contains(whole, "\r") || first < 1 || last >= lines {
		return missing, "body-line-ends"
	}
	lines, left := strings.SplitAfter(whole, "\n"), strings.SplitAfter(masked, "\n")
	missing.gap = first - (len(lines) - (last - first + 1) - (len(left) - 1))
	if missing.gap < 1 || missing.gap > len(left) || !slices.Equal(lines[last:], left[missing.gap:]) {
		return missing, "body-and-imports"
	}
	above, head := strings.Join(lines[:first-1], ""), strings.Join(left[:missing.gap-1], "")
	missing.imports = patch.Hunks([]byte(head), []byte(above))
	slices.Reverse(missing.imports)
	added := func(hunk patch.Hunk) bool { return hunk.Lines.End < hunk.Lines.Start }
	if len(missing.imports) > maxImportHunks || slices.ContainsFunc(missing.imports, func(hunk patch.Hunk) bool { return !added(hunk) }) {
		return missing, "body-and-imports"
	}
	missing.body = strings.Split(whole, "\n")[first-1 : last]
	return missing, writable(append(strings.Split(missing.importText(), "\n"), missing.body...))
}

// imported looks at the lines where imports are missing.
func (i *implementer) imported(s *script, _ result) turn {
	first, last := i.imports[len(i.imports)-1].Lines.Start, i.imports[0].Lines.Start
	command := fmt.Sprintf("sed -n '%d,%dp' %s", max(1, first-importContext), last+importContext, i.path())
	return turn{thought: s.thoughts.say("missing imports", i.slots()...), command: command}
}

// importing adds imports above the body; the last edit is checked.
func (i *implementer) importing(hunk patch.Hunk) step {
	return func(s *script, last result) turn {
		if last.code != 0 {
			return s.fail("script-edit", last.output)
		}
		command := edit(0, i.task.Mask.Path, hunk.Lines, hunk.Text)
		if hunk.Lines == i.imports[len(i.imports)-1].Lines {
			command = i.checked(command)
		}
		slots := append(i.slots(), "{line}", strconv.Itoa(hunk.Lines.Start))
		return turn{thought: s.thoughts.say("write imports", slots...), command: command}
	}
}
