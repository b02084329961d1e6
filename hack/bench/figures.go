package main

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/repoexpert/operator/hack/local"
	locally "github.com/repoexpert/operator/internal/local"
)

// figures are what was measured of one subject.
type figures struct {
	subject subject
	seed    int64
	samples int

	// first, again and shards have the history; shards was made in two shards.
	first, again, shards result
	// mutants has no history, recall all questions.
	mutants, recall result

	same, sharded local.Comparison
	// verified is what executing samples once more gave.
	verified string
	// dirty files of the checkouts.
	dirty int
}

// compare holds the later outputs against the first one.
func (f *figures) compare() error {
	first, err := local.ReadOutcomes(f.first.out)
	if err != nil {
		return err
	}
	again, err := local.ReadOutcomes(f.again.out)
	if err != nil {
		return err
	}
	shards, err := local.ReadOutcomes(f.shards.out)
	f.same, f.sharded = first.Compare(again), first.Compare(shards)
	return err
}

// print writes the tables as Markdown.
func (f figures) print(out io.Writer) error {
	var text strings.Builder
	fmt.Fprintf(&text, "\n## %s at %.12s\n\n", f.subject.name, f.subject.commit)
	fmt.Fprintf(&text, "%s, %d samples of each unit, seed %d.\n\n", f.subject.framework, f.samples, f.seed)
	f.units(&text)
	f.bugs(&text)
	f.costs(&text)
	f.agreement(&text)
	_, err := io.WriteString(out, text.String())
	return err
}

func (f figures) units(text *strings.Builder) {
	text.WriteString("| unit | candidates | run | verified | samples | CPU s a sample | rejected |\n|---|---|---|---|---|---|---|\n")
	row := func(name string, u locally.UnitFigures) {
		fmt.Fprintf(text, "| %s | %d | %d | %s | %d | %s | %s |\n", name, u.Candidates, u.Run, share(u.Verified, u.Run), u.Samples, each(u.CPU, u.Samples), codes(u.Rejected))
	}
	for _, u := range f.first.summary.Units {
		row(string(u.Unit), u)
	}
	for _, u := range f.mutants.summary.Units {
		row(string(u.Unit)+" without history", u)
	}
	for _, u := range f.recall.summary.Units {
		row(string(u.Unit)+", all", u)
	}
	text.WriteString("\n")
}

func (f figures) bugs(text *strings.Builder) {
	text.WriteString("| bugs | candidates | run | verified | repairs | tests | CPU s a verified one |\n|---|---|---|---|---|---|---|\n")
	for _, from := range []struct {
		note string
		list []locally.BugFigures
	}{{"", f.first.summary.Bugs}, {" without history", f.mutants.summary.Bugs}} {
		for _, b := range from.list {
			fmt.Fprintf(text, "| %s%s | %d | %d | %s | %d | %d | %s |\n", b.Kind, from.note, b.Candidates, b.Run, share(b.Verified, b.Run), b.Repairs, b.Tests, each(b.CPU, b.Verified))
		}
	}
	text.WriteString("\n")
}

func (f figures) costs(text *strings.Builder) {
	text.WriteString("| run | wall s | CPU s | in the sandbox | worker's own share | peak MiB |\n|---|---|---|---|---|---|\n")
	for _, run := range []struct {
		name string
		result
	}{{"first", f.first}, {"again", f.again}, {"in two shards", f.shards}, {"without history", f.mutants}, {"all questions", f.recall}} {
		total := usage(run.summary)
		fmt.Fprintf(text, "| %s | %.0f | %.0f | %.0f | %s | %d |\n", run.name, run.wall.Seconds(), total.CPU.Seconds(), total.Sandbox.Seconds(),
			percent(total.Own().Seconds(), total.CPU.Seconds()), run.summary.PeakMemory>>20)
	}
	text.WriteString("\n")
}

func (f figures) agreement(text *strings.Builder) {
	fmt.Fprintf(text, "- made again: %s\n- in two shards: %s\n- executed once more (5 %%): %s\n- changed files in the checkouts: %d\n- ended by a limit of time: %d tasks\n",
		f.same, f.sharded, f.verified, f.dirty, f.timeouts())
}

// timeouts counts the tasks that a limit of time ended and that are counted as
// such.
func (f figures) timeouts() int64 {
	var n int64
	for _, r := range []result{f.first, f.again, f.shards, f.mutants} {
		for _, u := range r.summary.Units {
			for code, count := range u.Rejected {
				if strings.Contains(code, "timeout") || strings.Contains(code, "timed-out") {
					n += count
				}
			}
		}
	}
	return n
}

// usage adds up the stages.
func usage(s locally.Summary) locally.Usage {
	var total locally.Usage
	for _, stage := range s.Stages {
		total.CPU += stage.Usage.CPU
		total.Sandbox += stage.Usage.Sandbox
	}
	return total
}

func share(part, all int64) string {
	return fmt.Sprintf("%d (%s)", part, percent(float64(part), float64(all)))
}

func percent(part, all float64) string {
	if all == 0 {
		return "-"
	}
	return fmt.Sprintf("%.0f %%", 100*part/all)
}

func each(all time.Duration, n int64) string {
	if n == 0 {
		return "-"
	}
	return fmt.Sprintf("%.2f", all.Seconds()/float64(n))
}

// codes lists reasons, the commonest first.
func codes(counts map[string]int64) string {
	names := slices.SortedFunc(maps.Keys(counts), func(a, b string) int {
		return cmp.Or(cmp.Compare(counts[b], counts[a]), cmp.Compare(a, b))
	})
	parts := make([]string, len(names))
	for i, name := range names {
		parts[i] = fmt.Sprintf("%d %s", counts[name], name)
	}
	return strings.Join(parts, ", ")
}
