package grading

import (
	"bytes"
	"fmt"
	"strings"
)

// contextLines around a hunk, as git writes them.
const contextLines = 3

// Diff returns the change from before to after as one hunk of git's format: a
// mask changes one block of lines. Equal texts give an empty patch.
func Diff(path string, before, after []byte) string {
	if bytes.Equal(before, after) {
		return ""
	}
	old, changed := lines(before), lines(after)
	head := 0
	for head < min(len(old), len(changed)) && old[head] == changed[head] {
		head++
	}
	tail := 0
	for tail < min(len(old), len(changed))-head && old[len(old)-1-tail] == changed[len(changed)-1-tail] {
		tail++
	}
	first := max(0, head-contextLines)
	following := min(tail, contextLines)
	var patch strings.Builder
	fmt.Fprintf(&patch, "diff --git a/%[1]s b/%[1]s\n--- a/%[1]s\n+++ b/%[1]s\n", path)
	fmt.Fprintf(&patch, "@@ -%s +%s @@\n", span(first, len(old)-tail+following), span(first, len(changed)-tail+following))
	write(&patch, ' ', old[first:head])
	write(&patch, '-', old[head:len(old)-tail])
	write(&patch, '+', changed[head:len(changed)-tail])
	write(&patch, ' ', old[len(old)-tail:len(old)-tail+following])
	return patch.String()
}

// lines splits as git does: at line feeds alone.
func lines(text []byte) []string {
	split := strings.SplitAfter(string(text), "\n")
	if split[len(split)-1] == "" {
		split = split[:len(split)-1]
	}
	return split
}

// span is the range from index first to before index end in a hunk's header; an
// empty one names the line before it.
func span(first, end int) string {
	if first == end {
		return fmt.Sprintf("%d,0", first)
	}
	return fmt.Sprintf("%d,%d", first+1, end-first)
}

func write(patch *strings.Builder, mark byte, content []string) {
	for _, line := range content {
		patch.WriteByte(mark)
		patch.WriteString(line)
		if !strings.HasSuffix(line, "\n") {
			patch.WriteString("\n\\ No newline at end of file\n")
		}
	}
}
