package report

import (
	"encoding/json"
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/repoexpert/operator/api/v1alpha1"
	"github.com/repoexpert/operator/internal/gate"
)

// The figures are those of method 3 in table I of Newcombe, Statistics in
// Medicine 17 (1998).
func TestNewScore(t *testing.T) {
	tests := []struct {
		solved, tasks      int
		percent, low, high float64
	}{
		{81, 263, 30.80, 25.53, 36.62},
		{15, 148, 10.14, 6.24, 16.05},
		{0, 20, 0, 0, 16.11},
		{1, 29, 3.45, 0.61, 17.18},
		{20, 20, 100, 83.89, 100},
		{0, 0, 0, 0, 100},
	}
	for _, test := range tests {
		s := NewScore(test.solved, test.tasks)
		for _, pair := range [][2]float64{{s.Percent, test.percent}, {s.Low, test.low}, {s.High, test.high}} {
			if math.Abs(pair[0]-pair[1]) > 0.006 {
				t.Errorf("%d of %d: %+v, want %v", test.solved, test.tasks, s, test)
			}
		}
	}
}

func TestNewKind(t *testing.T) {
	k := NewKind(sample().Record.Kinds[0])
	type figures struct {
		Solved, Tasks int
		Macro         float64
	}
	got := map[v1alpha1.ArmName]figures{}
	for _, a := range k.Arms {
		got[a.Name] = figures{a.Solved, a.Tasks, *a.Macro}
	}
	want := map[v1alpha1.ArmName]figures{
		v1alpha1.ArmBase: {1, 4, 25}, v1alpha1.ArmCandidate: {3, 4, 75}, v1alpha1.ArmServed: {2, 4, 50},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	wantComparisons := []Comparison{
		{With: v1alpha1.ArmBase, Gained: 3, Lost: 1, McNemar: 0.3125}, {With: v1alpha1.ArmServed, Gained: 1, McNemar: 0.5},
	}
	if diff := cmp.Diff(wantComparisons, k.Comparisons); diff != "" {
		t.Error(diff)
	}
	if g := k.Groups[1]; g.Name != "Raises" || g.Arms[1].Solved != 2 || g.Arms[1].Tasks != 2 {
		t.Errorf("group %+v", g)
	}
	if *k.Guess != 12.5 || *k.Majority != 41.7 {
		t.Errorf("baselines %v, %v", *k.Guess, *k.Majority)
	}
}

// Tasks that no arm ran, groups without tasks and kinds without a candidate come
// from records that were cut short.
func TestNewKindOfOddRecords(t *testing.T) {
	k := NewKind(v1alpha1.KindRecord{
		GroupNames: []string{"empty"}, Arms: []v1alpha1.ArmRecord{{Name: v1alpha1.ArmBase, Successes: "1x"}},
	})
	if k.Groups != nil || k.Guess != nil || k.Arms[0].Macro != nil || k.Arms[0].Solved != 1 || k.Arms[0].Tasks != 2 {
		t.Errorf("%+v", k)
	}
	if len(k.Comparisons) > 0 {
		t.Errorf("no candidate is compared: %+v", k.Comparisons)
	}
}

func TestRoundTrip(t *testing.T) {
	joined, err := Join(sample(), run())
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range []Report{sample(), joined} {
		content, err := Encode(r)
		if err != nil {
			t.Fatal(err)
		}
		got, err := Parse(content)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(r, got); diff != "" {
			t.Error(diff)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	changed := func(change func(*Report)) string {
		r := sample()
		change(&r)
		content, err := json.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		return string(content)
	}
	tests := map[string]struct{ content, want string }{
		"no JSON":         {"<html>", "read the report: invalid character"},
		"another version": {`{"version":1}`, "a report of version 1, this program reads version 2"},
		"another type":    {`{"version":2,"kinds":"many"}`, "read the report: json: cannot unmarshal"},
		"too large":       {strings.Repeat(" ", maxSize+1), "a report of 33554433 bytes"},
		"many kinds":      {changed(func(r *Report) { r.Kinds = make([]Kind, 17) }), "a report with 17 kinds"},
		"many arms":       {changed(func(r *Report) { r.Kinds[0].Groups[0].Arms = make([]Arm, 9) }), "a report with 9 arms"},
		"many groups":     {changed(func(r *Report) { r.Kinds[0].Groups = make([]Group, 27) }), "too many groups"},
		"many tasks":      {changed(func(r *Report) { r.Kinds[1].Tasks = make([]Task, 10001) }), "too many groups, tasks or comparisons of kind \"ContextualImplementation\""},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if _, err := Parse([]byte(test.content)); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want %s", err, test.want)
			}
		})
	}
}

func TestJoin(t *testing.T) {
	tests := map[string]struct {
		change func(*v1alpha1.ExpertRun)
		err    string
		check  func(Report) bool
	}{
		"all": {func(*v1alpha1.ExpertRun) {}, "", func(r Report) bool {
			// 168 s / (9.5 s - 1.1 s) of each solved question; the base model wrote no
			// function.
			return r.Decision.Time == "2026-11-25T20:00:00Z" && *r.Training.Seconds == 168 && len(r.Training.BreakEven) == 1 &&
				math.Abs(r.Training.BreakEven[0].Solved-20) < 1e-9
		}},
		"no verdict yet": {func(run *v1alpha1.ExpertRun) { run.Status.Verdict = nil }, "", func(r Report) bool {
			return r.Decision == nil && r.Training.Seconds != nil
		}},
		"a model that was reused": {func(run *v1alpha1.ExpertRun) { run.Status.Stages[0].Reused = true }, "", func(r Report) bool {
			return r.Decision != nil && r.Training.Seconds == nil && r.Training.BreakEven == nil
		}},
		"no record":            {func(run *v1alpha1.ExpertRun) { run.Status.Evaluation = nil }, "the run has no evaluation yet", nil},
		"another evaluation":   {func(run *v1alpha1.ExpertRun) { run.Status.Evaluation.Fingerprint = "other" }, "another evaluation", nil},
		"another candidate":    {func(run *v1alpha1.ExpertRun) { run.Status.Evaluation.CandidateDigest = "other" }, "another evaluation", nil},
		"another served model": {func(run *v1alpha1.ExpertRun) { run.Status.Evaluation.ServedDigest = "" }, "another evaluation", nil},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			original, of := sample(), run()
			test.change(of)
			got, err := Join(original, of)
			if test.err != "" {
				if err == nil || !strings.Contains(err.Error(), test.err) {
					t.Errorf("got %v", err)
				}
				return
			}
			if err != nil || !test.check(got) {
				t.Errorf("%+v, %+v, %v", got.Decision, got.Training, err)
			}
			if diff := cmp.Diff(sample(), original); diff != "" {
				t.Errorf("the report that was given changed: %s", diff)
			}
		})
	}
}

func TestExcerptIsBounded(t *testing.T) {
	turns := make([]Turn, 10)
	turns[9] = Turn{"user", strings.Repeat("é", maxTurn)}
	got := Excerpt(turns)
	if last := got[len(got)-1].Text; len(got) != maxTurns || len(last) > maxTurn || !strings.HasSuffix(last, "é…") {
		t.Errorf("%d turns, the last has %d bytes", len(got), len(last))
	}
}

// Rollouts of one task are tries at it: the share is of all tries, the interval that
// of the tasks.
func TestNewKindOfRollouts(t *testing.T) {
	k := NewKind(v1alpha1.KindRecord{Arms: []v1alpha1.ArmRecord{
		{Name: v1alpha1.ArmBase, Successes: "0240", Rollouts: 4},
		{Name: v1alpha1.ArmCandidate, Successes: "1241", Rollouts: 4},
		{Name: v1alpha1.ArmAnchor, Successes: "0110"},
		{Name: v1alpha1.ArmGold, Successes: "1111"},
	}})
	want := newScore(8, 4, 4)
	if got := k.Arms[1].Score; got != want || got.Percent != 50 || got.Rollouts != 4 || got.Low != NewScore(2, 4).Low {
		t.Errorf("got %+v", got)
	}
	if ratio(want) != "8 of 16 (4 tasks, 4 times each)" {
		t.Errorf("shown as %q", ratio(want))
	}
	wantComparisons := []Comparison{
		{With: v1alpha1.ArmBase, Gained: 2, McNemar: 0.25}, {With: v1alpha1.ArmAnchor, Gained: 2, Lost: 1, McNemar: 0.5},
	}
	if diff := cmp.Diff(wantComparisons, k.Comparisons); diff != "" {
		t.Error(diff)
	}
}

// Several rollouts of tasks that stand together: the score is the gate's, and the
// interval that of as many tasks.
func TestScoreOfRollouts(t *testing.T) {
	record := v1alpha1.KindRecord{Name: v1alpha1.KindIssueResolution, Clusters: []int32{0, 0, 1, 2}, Arms: []v1alpha1.ArmRecord{
		{Name: v1alpha1.ArmCandidate, Successes: "440x", Rollouts: 4},
		{Name: v1alpha1.ArmAnchor, Successes: "2220", Rollouts: 2},
	}}
	k := NewKind(record)
	candidate := k.Arms[0]
	if candidate.Solved != 8 || candidate.Tasks != 4 || candidate.Rollouts != 4 || candidate.Percent != 50 {
		t.Errorf("%+v", candidate.Score)
	}
	if one := NewScore(2, 4); one.Low != candidate.Low || one.High != candidate.High {
		t.Errorf("interval %v to %v, want that of 2 of 4", candidate.Low, candidate.High)
	}
	want, ok := gate.Score(record, v1alpha1.ArmCandidate)
	if !ok || candidate.Macro == nil || *candidate.Macro != want || int(want) != 33 {
		t.Errorf("macro %v, want the gate's %v", candidate.Macro, want)
	}
	if c := k.Comparisons[0]; c.With != v1alpha1.ArmAnchor || c.Gained != 0 || c.Lost != 1 {
		t.Errorf("%+v", c)
	}
}
