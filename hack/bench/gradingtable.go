package main

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/repoexpert/operator/internal/grading"
	"github.com/repoexpert/operator/internal/grading/cheats"
)

// print writes the tables as Markdown.
func (g *graded) print(out io.Writer) error {
	var text strings.Builder
	fmt.Fprintf(&text, "\n## %s at %.12s\n\nFunctions drawn by seed %d; known answer and nothing graded %d times each.\n\n", g.subject.name, g.subject.commit, g.seed, admissions)
	text.WriteString("| function | tests that grade it | control | known answer | nothing | cheats | cheats that solved it |\n|---|---|---|---|---|---|---|\n")
	for _, t := range g.tasks {
		control := "yes"
		if !t.control {
			control = "no"
		}
		fmt.Fprintf(&text, "| `%s` in %s | %d | %s | %d of %d | %d of %d | %d | %s |\n",
			t.name, t.path, t.failToPass, control, t.gold, admissions, t.empty, admissions, t.cheats, solvedText(t.solved))
	}
	text.WriteString("\n| cheat | graded as |\n|---|---|\n")
	for _, cheat := range cheats.For(g.subject.framework) {
		fmt.Fprintf(&text, "| %s | %s |\n", cheat.Name, reasonsText(g.reasons[cheat.Name]))
	}
	text.WriteString("\n")
	for _, reason := range slices.Sorted(maps.Keys(g.skipped)) {
		fmt.Fprintf(&text, "- drawn and no task: %d, %s\n", g.skipped[reason], reason)
	}
	if g.grades > 0 && g.elapsed > 0 {
		fmt.Fprintf(&text, "- %d patches graded one after another, %.1f a minute, %.2f CPU s each in the sandbox\n",
			g.grades, float64(g.grades)/g.elapsed.Minutes(), g.cpu.Seconds()/float64(g.grades))
	}
	_, err := io.WriteString(out, text.String())
	return err
}

func solvedText(names []string) string {
	if len(names) == 0 {
		return "none"
	}
	return fmt.Sprintf("**%d: %s**", len(names), strings.Join(names, "; "))
}

// reasonsText lists reasons by their names.
func reasonsText(counts map[grading.Reason]int) string {
	var parts []string
	for _, reason := range slices.Sorted(maps.Keys(counts)) {
		parts = append(parts, fmt.Sprintf("%d %s", counts[reason], reason))
	}
	return strings.Join(parts, ", ")
}
