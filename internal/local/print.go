package local

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

// Print writes the summary as tables.
func (s Summary) Print(out io.Writer) error {
	var err error
	switch {
	case len(s.Units) > 0:
		err = tabulate(out, tabwriter.AlignRight, s.unitRows())
	case len(s.Plan) > 0:
		var rows strings.Builder
		for _, name := range slices.Sorted(maps.Keys(s.Plan)) {
			fmt.Fprintf(&rows, "%s\t%d\n", name, s.Plan[name])
		}
		err = tabulate(out, 0, rows.String())
	}
	if len(s.Bugs) > 0 {
		err = errors.Join(err, tabulate(out, tabwriter.AlignRight, s.bugRows()))
	}
	if err := errors.Join(err, tabulate(out, tabwriter.AlignRight, s.costRows())); err != nil {
		return err
	}
	_, err = fmt.Fprintf(out, "\nCPU of this call: sandbox is all that ran in the boxes, tasks what Experience counts of it,\n"+
		"worker is this process with its git and its keepers. Peak memory of the worker: %d MiB.\n", s.PeakMemory>>20)
	return err
}

// WriteFile writes the summary as JSON; durations are in nanoseconds.
func (s Summary) WriteFile(path string) error {
	content, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return fmt.Errorf("encoding the summary: %w", err)
	}
	return os.WriteFile(path, append(content, '\n'), 0o644)
}

// tabulate writes rows whose cells end with tabs.
func tabulate(out io.Writer, flags uint, rows string) error {
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', flags)
	_, err := io.WriteString(table, rows)
	return errors.Join(err, table.Flush())
}

func (s Summary) unitRows() string {
	var rows strings.Builder
	rows.WriteString("unit\tcandidates\trun\tnot run\tverified\tsamples\trejected\tdropped\tkept\tCPU s\tCPU s/sample\t  rejected and dropped, by reason\n")
	total := UnitFigures{Unit: "all", Rejected: map[string]int64{}, Dropped: map[string]int64{}}
	for _, f := range s.Units {
		rows.WriteString(f.row())
		total.add(f)
	}
	return rows.String() + total.row()
}

func (f *UnitFigures) add(other UnitFigures) {
	f.Candidates += other.Candidates
	f.Run += other.Run
	f.Verified += other.Verified
	f.Samples += other.Samples
	f.Kept += other.Kept
	f.CPU += other.CPU
	f.Curated = f.Curated || other.Curated
	for code, n := range other.Rejected {
		f.Rejected[code] += n
	}
	for code, n := range other.Dropped {
		f.Dropped[code] += n
	}
}

func (f UnitFigures) row() string {
	dropped, kept, each := "-", "-", "-"
	if f.Curated {
		dropped, kept = fmt.Sprint(sum(f.Dropped)), fmt.Sprint(f.Kept)
	}
	if f.Samples > 0 && f.CPU > 0 {
		each = fmt.Sprintf("%.2f", f.CPU.Seconds()/float64(f.Samples))
	}
	return fmt.Sprintf("%s\t%d\t%d\t%d\t%d\t%d\t%d\t%s\t%s\t%s\t%s\t  %s\n", f.Unit, f.Candidates, f.Run,
		f.Candidates-f.Run, f.Verified, f.Samples, sum(f.Rejected), dropped, kept, seconds(f.CPU), each, reasons(f.Rejected, f.Dropped))
}

// shownReasons bounds the reasons in a row.
const shownReasons = 3

// reasons lists the commonest reasons of both sorts.
func reasons(all ...map[string]int64) string {
	counts := map[string]int64{}
	for _, some := range all {
		for code, n := range some {
			counts[code] += n
		}
	}
	codes := slices.SortedFunc(maps.Keys(counts), func(a, b string) int {
		return cmp.Or(cmp.Compare(counts[b], counts[a]), cmp.Compare(a, b))
	})
	var parts []string
	var others int64
	for i, code := range codes {
		if i < shownReasons {
			parts = append(parts, fmt.Sprintf("%d %s", counts[code], code))
		} else {
			others += counts[code]
		}
	}
	if others > 0 {
		parts = append(parts, fmt.Sprintf("%d of others", others))
	}
	return strings.Join(parts, ", ")
}

func (s Summary) bugRows() string {
	var rows strings.Builder
	rows.WriteString("\nbugs\tcandidates\trun\tverified\trepairs\ttests\tCPU s\tCPU s/verified\t\n")
	for _, f := range s.Bugs {
		each := "-"
		if f.Verified > 0 {
			each = fmt.Sprintf("%.2f", f.CPU.Seconds()/float64(f.Verified))
		}
		fmt.Fprintf(&rows, "%s\t%d\t%d\t%d\t%d\t%d\t%s\t%s\t\n", f.Kind, f.Candidates, f.Run, f.Verified, f.Repairs, f.Tests, seconds(f.CPU), each)
	}
	return rows.String()
}

func (s Summary) costRows() string {
	var rows strings.Builder
	rows.WriteString("\nstage\twall s\tCPU s\tsandbox\tof it tasks\tworker\t\n")
	var total Usage
	for _, f := range s.Stages {
		note := ""
		if f.Reused {
			note = "  reused"
		}
		rows.WriteString(f.Usage.row(string(f.Name), note))
		total = total.plus(f.Usage)
	}
	return rows.String() + total.row("all", "")
}

func (u Usage) row(name, note string) string {
	return fmt.Sprintf("%s\t%s\t%s\t%s\t%s\t%s\t%s\n", name, seconds(u.Wall), seconds(u.CPU), seconds(u.Sandbox), seconds(u.Tasks), seconds(u.Own()), note)
}

func seconds(d time.Duration) string { return fmt.Sprintf("%.1f", d.Seconds()) }
