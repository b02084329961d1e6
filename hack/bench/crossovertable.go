package main

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/repoexpert/operator/hack/bench/crossover"
	"github.com/repoexpert/operator/internal/recall"
)

// print writes the tables as Markdown.
func (e *experiment) print(out io.Writer, elapsed time.Duration) error {
	a, b := e.repositories[0].subject, e.repositories[1].subject
	var text strings.Builder
	fmt.Fprintf(&text, "\n## Crossover: %s at %.12s and %s at %.12s\n\n", a.name, a.commit, b.name, b.commit)
	fmt.Fprintf(&text, "%d facts of each, %d samples for each expert, %d training seeds. Answers are %s.\n\n",
		len(e.chosen[0]), len(e.experts[0].samples), e.bench.seeds, recall.ScoreLabel)
	fmt.Fprintf(&text, "| trained on | right on %s | right on %s |\n|---|---|---|\n", a.name, b.name)
	fmt.Fprintf(&text, "| nothing (base model) | %s | %s |\n", sharesText(e.base[0]), sharesText(e.base[1]))
	for i, of := range e.experts {
		fmt.Fprintf(&text, "| %s | %s | %s |\n", of.name, sharesText(e.scores[i][0]), sharesText(e.scores[i][1]))
	}
	text.WriteString("\nThe expert of both was trained on half of these facts: on them, and on the others:\n\n")
	for repository, of := range e.repositories {
		trained, others := split(e.scores[2][repository], len(e.chosen[repository])/2)
		fmt.Fprintf(&text, "- %s: %s and %s\n", of.subject.name, sharesText(trained), sharesText(others))
	}
	facts := []crossover.Facts{e.facts(0), e.facts(1)}
	text.WriteString("\n| | points | 95 % interval | by seed |\n|---|---|---|---|\n")
	estimateRow(&text, "RCL effect: own expert minus the other's, mean of both repositories", crossover.Effect(facts...))
	estimateRow(&text, "own expert minus the expert of both", crossover.Sharing(facts...))
	over := "facts (by cluster) and training seeds"
	if e.bench.seeds == 1 {
		over = "facts (by cluster) alone, as there is one seed"
	}
	fmt.Fprintf(&text, "\nStudent's t over %s, crossed; see hack/bench/crossover. The effect separates knowledge of a repository from its format. It says nothing of skill at repair, and it is not the comparison with training on one task over many repositories.\n", over)
	fmt.Fprintf(&text, "\n%s in all; trainings %s, answers %s\n", elapsed.Round(time.Second), sumText(e.trained), sumText(e.asked))
	_, err := io.WriteString(out, text.String())
	return err
}

func estimateRow(text *strings.Builder, name string, e crossover.Estimate) {
	seeds := make([]string, len(e.Seeds))
	for i, effect := range e.Seeds {
		seeds[i] = fmt.Sprintf("%+.1f", 100*effect)
	}
	fmt.Fprintf(text, "| %s | %+.1f | %+.1f to %+.1f | %s |\n", name, 100*e.Mean, 100*e.Low, 100*e.High, strings.Join(seeds, ", "))
}

// sharesText is the mean share of right answers, with that of each seed.
func sharesText(scores crossover.Scores) string {
	if len(scores) == 0 || len(scores[0]) == 0 {
		return "-"
	}
	total, parts := 0, make([]string, len(scores))
	for i, of := range scores {
		right := 0
		for _, correct := range of {
			if correct {
				right++
			}
		}
		total += right
		parts[i] = fmt.Sprint(right)
	}
	all := len(scores) * len(scores[0])
	return fmt.Sprintf("%.1f %% (%s of %d)", 100*float64(total)/float64(all), strings.Join(parts, ", "), len(scores[0]))
}

// split divides the facts of every seed at a place.
func split(scores crossover.Scores, at int) (first, rest crossover.Scores) {
	for _, of := range scores {
		first, rest = append(first, of[:at]), append(rest, of[at:])
	}
	return first, rest
}

func sumText(times []time.Duration) string {
	if len(times) == 0 {
		return "none"
	}
	total := time.Duration(0)
	for _, each := range times {
		total += each
	}
	return fmt.Sprintf("%d in %s", len(times), total.Round(time.Second))
}
