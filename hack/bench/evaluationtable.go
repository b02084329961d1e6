package main

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/repoexpert/operator/api/v1alpha1"
	"github.com/repoexpert/operator/internal/report"
)

// print writes the figures as Markdown, and fails where a grade is wrong.
func (e *evaluationRun) print(out io.Writer) error {
	var text strings.Builder
	fmt.Fprintf(&text, "\n## %s at %.12s, %s\n\n", e.place.name, e.place.commit, e.holdout)
	fmt.Fprintf(&text, "Trained on %.12s, at most %d tasks of a kind, seed %d. Models are simulated: they submit nothing.\n\n", e.trained, e.bench.tasks, e.bench.seed)
	text.WriteString("| kind | candidates | tasks | known answer | nothing | models | refused, by reason |\n|---|---|---|---|---|---|---|\n")
	tasks, episodes, wrong := 0, 0, 0
	for _, kind := range e.report.Kinds {
		row := rowOf(kind)
		fmt.Fprintf(&text, "| %s | %d | %d | %d of %d | %d of %d | %d of %d | %s |\n",
			row.title, row.tasks+row.refused, row.tasks, row.known, row.tasks, row.nothing, row.tasks, row.solved, row.episodes, refusedText(kind.Refused))
		tasks, episodes = tasks+row.tasks, episodes+row.episodes
		wrong += row.tasks - row.known + row.nothing + row.solved
	}
	fmt.Fprintf(&text, "\n- Plan: %.0f s\n- admission: %.0f s, %.1f tasks a minute, refused ones beside\n- episodes that submit nothing: %d in %.0f s\n- %.0f CPU s in the sandbox of Evaluate\n",
		e.planning.Seconds(), e.admission.Seconds(), float64(tasks)/e.admission.Minutes(), episodes, e.asking.Seconds(), e.cpu.Seconds())
	if _, err := io.WriteString(out, text.String()); err != nil {
		return err
	}
	if wrong > 0 {
		return fmt.Errorf("%d grades are wrong", wrong)
	}
	return nil
}

// evaluatedKind is a kind's row.
type evaluatedKind struct {
	title                          string
	tasks, refused, known, nothing int
	episodes, solved               int
}

func rowOf(kind report.Kind) evaluatedKind {
	row := evaluatedKind{title: string(kind.Name)}
	if kind.Variant != "" {
		row.title += ", " + kind.Variant
	}
	for _, n := range kind.Refused {
		row.refused += n
	}
	for _, arm := range kind.Arms {
		row.tasks = max(row.tasks, arm.Tasks)
		switch arm.Name {
		case v1alpha1.ArmGold:
			row.known = arm.Solved
		case v1alpha1.ArmNoop:
			row.nothing = arm.Solved
		default:
			row.episodes, row.solved = row.episodes+arm.Tasks, row.solved+arm.Solved
		}
	}
	return row
}

func refusedText(refused map[string]int) string {
	var parts []string
	for _, reason := range slices.Sorted(maps.Keys(refused)) {
		parts = append(parts, fmt.Sprintf("%d %s", refused[reason], reason))
	}
	return strings.Join(parts, "; ")
}
