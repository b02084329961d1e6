package local

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestFiguresAddUp(t *testing.T) {
	whole := func() UnitFigures {
		return UnitFigures{
			Unit: "SoftwareDesign", Candidates: 9, Run: 7, Verified: 5, Samples: 4, Rejected: map[string]int64{"a": 2, "b": 1},
			Curated: true, Dropped: map[string]int64{"tooLong": 1}, Kept: 3,
		}
	}
	for name, test := range map[string]struct {
		change func(*UnitFigures)
		says   string
	}{
		"whole":                      {func(*UnitFigures) {}, ""},
		"nothing dropped, uncurated": {func(f *UnitFigures) { f.Curated, f.Kept = false, 0 }, ""},
		"more run than there are":    {func(f *UnitFigures) { f.Candidates = 6 }, "7 of 6 candidates were run"},
		"a rejection is lost":        {func(f *UnitFigures) { f.Rejected["a"] = 1 }, "7 were run, but 4 are samples and 2 rejected"},
		"more verified than run":     {func(f *UnitFigures) { f.Verified = 8 }, "7 were run, but 8 verified"},
		"a sample is lost":           {func(f *UnitFigures) { f.Kept = 2 }, "4 samples, but 2 kept and 1 dropped"},
	} {
		t.Run(name, func(t *testing.T) {
			f := whole()
			test.change(&f)
			err := f.check()
			if (err == nil) != (test.says == "") || err != nil && !strings.Contains(err.Error(), test.says) {
				t.Errorf("got %v, want %q", err, test.says)
			}
		})
	}
}

func TestPrintSummary(t *testing.T) {
	summary := Summary{
		Units: []UnitFigures{
			{Unit: "Design", Candidates: 9, Run: 7, Verified: 5, Samples: 4, CPU: 6 * time.Second, Rejected: map[string]int64{"a": 1, "b": 2, "c": 1, "d": 1}},
			{Unit: "Replay", Candidates: 3},
		},
		Stages: []StageFigures{
			{Name: "Plan", Reused: true},
			{Name: "Experience", Usage: Usage{Wall: 10 * time.Second, CPU: 9 * time.Second, Sandbox: 7 * time.Second, Tasks: 6 * time.Second}},
		},
		PeakMemory: 40 << 20,
	}
	var out bytes.Buffer
	if err := summary.Print(&out); err != nil {
		t.Fatal(err)
	}
	var lines []string
	for line := range strings.Lines(out.String()) {
		lines = append(lines, strings.Join(strings.Fields(line), " "))
	}
	want := []string{
		"unit candidates run not run verified samples rejected dropped kept CPU s CPU s/sample rejected and dropped, by reason",
		"Design 9 7 2 5 4 5 - - 6.0 1.50 2 b, 1 a, 1 c, 1 of others",
		"Replay 3 0 3 0 0 0 - - 0.0 -",
		"all 12 7 5 5 4 5 - - 6.0 1.50 2 b, 1 a, 1 c, 1 of others",
		"",
		"stage wall s CPU s sandbox of it tasks worker",
		"Plan 0.0 0.0 0.0 0.0 0.0 reused",
		"Experience 10.0 9.0 7.0 6.0 2.0",
		"all 10.0 9.0 7.0 6.0 2.0",
		"",
		"CPU of this call: sandbox is all that ran in the boxes, tasks what Experience counts of it,",
		"worker is this process with its git and its keepers. Peak memory of the worker: 40 MiB.",
	}
	if diff := cmp.Diff(want, lines); diff != "" {
		t.Error(diff)
	}
}

func TestUnitOf(t *testing.T) {
	for count, want := range map[string]string{
		"SoftwareDesign.kept": "SoftwareDesign", "samples": "", ".kept": "", "dropped.kept.kept": "", "SoftwareDesign.kept.x": "",
	} {
		unit, ok := unitOf(count, countKept)
		if ok != (want != "") || ok && string(unit) != want {
			t.Errorf("%s gives %q, %t", count, unit, ok)
		}
	}
}
