package experience

import (
	"bytes"
	"slices"
	"strconv"
	"strings"

	"github.com/repoexpert/operator/internal/language"
	"github.com/repoexpert/operator/internal/task"
)

// replacements are ways to replace lines of a file by a text.
var replacements = []string{
	"sed -i -e '{end}r /dev/stdin' -e {range}d {path} <<'EOF'\n{text}\nEOF",
	"{ head -n {before} {path}; cat; tail -n +{after} {path}; } > /tmp/new <<'EOF' && cp /tmp/new {path}\n{text}\nEOF",
	"sed -i -e '{end}{r /dev/stdin' -e '}' -e {range}d {path} <<'EOF'\n{text}\nEOF",
}

// editWays are indexes of replacements, the short ones more often.
var editWays = []int{0, 0, 1, 2, 2}

// edit is the command that replaces a range of lines of a file; a range that ends
// before it starts says that the text goes before its first line.
func edit(way int, path string, lines task.Lines, text []string) string {
	pattern := replacements[way]
	switch {
	case len(text) == 0:
		pattern = "sed -i {range}d {path}"
	case lines.End < lines.Start && lines.Start == 1:
		pattern = replacements[1]
	case lines.End < lines.Start:
		pattern = "sed -i '{before}r /dev/stdin' {path} <<'EOF'\n{text}\nEOF"
	}
	place := strconv.Itoa(lines.Start)
	if lines.End > lines.Start {
		place += "," + strconv.Itoa(lines.End)
	}
	return strings.NewReplacer(
		"{end}", strconv.Itoa(lines.End), "{range}", place, "{before}", strconv.Itoa(lines.Start-1), "{after}", strconv.Itoa(lines.End+1),
		"{path}", language.Quote(path), "{text}", joined(text),
	).Replace(pattern)
}

// writable says why a shell's here-document cannot hold lines as they are; empty
// when it can.
func writable(lines []string) string {
	text := joined(lines)
	switch {
	case strings.ContainsAny(text, "\r\x00"):
		return "body-line-ends"
	case strings.Contains(text, "```") || slices.Contains(lines, delimiter):
		return "body-delimiter"
	}
	return ""
}

// definitionLine is the line that begins a definition: after its decorators, and
// after a comment that names it.
func definitionLine(source []byte, definition language.Definition, dialect language.Dialect) int {
	pattern, err := language.BasicPattern(dialect.DefinitionPattern(definition))
	if err != nil {
		return definition.StartLine
	}
	lines := bytes.Split(source, []byte("\n"))
	for n := definition.StartLine; n <= min(definition.EndLine, len(lines)); n++ {
		if pattern.Match(lines[n-1]) {
			return n
		}
	}
	return definition.StartLine
}
