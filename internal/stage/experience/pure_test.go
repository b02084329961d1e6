package experience

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/repoexpert/operator/api/v1alpha1"
	"github.com/repoexpert/operator/internal/language"
	"github.com/repoexpert/operator/internal/language/python"
	"github.com/repoexpert/operator/internal/task"
)

// Shards have every value once, no shard has more than one above another, and
// their quotas add up to the limit and what each has to spare.
func TestShare(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		shards := rapid.IntRange(1, 9).Draw(t, "shards")
		values := rapid.SliceOfN(rapid.IntRange(0, 50), 0, 60).Draw(t, "values")
		limit := rapid.IntRange(0, 100).Draw(t, "limit")
		type item struct{ id, weight int }
		items := make([]item, len(values))
		for i, weight := range values {
			items[i] = item{i, weight}
		}
		var all []int
		total, smallest, largest := 0, len(items), 0
		for index := range shards {
			mine := share(items, index, shards, func(i item) int { return i.weight })
			for _, value := range mine {
				all = append(all, value.id)
			}
			smallest, largest = min(smallest, len(mine)), max(largest, len(mine))
			total += quota(limit, index, shards) - spare
		}
		slices.Sort(all)
		if len(all) != len(items) || len(slices.Compact(all)) != len(items) {
			t.Fatalf("%d values become %d", len(items), len(all))
		}
		if largest-smallest > 1 || total != limit {
			t.Fatalf("shards have %d to %d values, quotas are %d of %d", smallest, largest, total, limit)
		}
	})
}

func TestBySize(t *testing.T) {
	masks := []task.Mask{{ID: "long", BodyStart: 1, EndLine: 40}, {ID: "b", BodyStart: 1, EndLine: 4}, {ID: "a", BodyStart: 1, EndLine: 2}}
	var got []string
	for _, mask := range bySize(masks) {
		got = append(got, mask.ID)
	}
	if diff := cmp.Diff([]string{"b", "a", "long"}, got); diff != "" {
		t.Error(diff)
	}
}

func TestJournal(t *testing.T) {
	inputs := map[string]string{"plans/a": "sha256:1"}
	whole := `{"inputs":{"plans/a":"sha256:1"}}` + "\n" + `{"unit":"SoftwareDesign","taskId":"a","rejection":{"unit":"SoftwareDesign","taskId":"a","code":"x"}}` + "\n"
	tests := map[string]struct {
		content string
		same    bool
		done    int
	}{
		"none":                 {"", true, 0},
		"whole":                {whole, true, 1},
		"torn":                 {whole + `{"unit":"Softw`, true, 1},
		"other inputs":         {strings.Replace(whole, "sha256:1", "sha256:2", 1), false, 0},
		"no JSON":              {whole + "x\n", false, 0},
		"begins in the middle": {whole[strings.IndexByte(whole, '\n')+1:], false, 0},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			folder := t.TempDir()
			if err := os.WriteFile(filepath.Join(folder, journalFile), []byte(test.content), 0o600); err != nil {
				t.Fatal(err)
			}
			j, same, err := openJournal(folder, inputs)
			if err != nil || same != test.same {
				t.Fatalf("got %v, %v", same, err)
			}
			if !same {
				return
			}
			if len(j.entries) != 1+test.done {
				t.Errorf("%d entries", len(j.entries))
			}
			if err := j.add(entry{Unit: v1alpha1.UnitSoftwareDesign, TaskID: "b", Rejection: &task.Rejection{TaskID: "b"}}); err != nil {
				t.Fatal(err)
			}
			if err := j.finish(folder); err != nil {
				t.Fatal(err)
			}
			rejections, err := task.ReadFile[task.Rejection](filepath.Join(folder, RejectionsFile))
			if err != nil || len(rejections) != test.done+1 {
				t.Errorf("got %v, %v", rejections, err)
			}
		})
	}
}

func TestResolveReport(t *testing.T) {
	inventory := &language.Inventory{Modules: []language.Module{{
		Path: "src/lib/a.py", Name: "lib.a", Imports: []language.Import{{Module: "os"}},
		Definitions: []language.Definition{{Name: "Group.command", Kind: language.KindMethod}},
	}}}
	s := newSymbols(files{"src/lib/a.py", "tests/test_a.py"}, inventory)
	report := func(parts ...string) string {
		headings := []string{"Functionality", "Structure", "Dependencies", "Usages", "Interactions", "Tests"}
		var lines []string
		for i, part := range parts {
			lines = append(lines, headings[i]+": "+part)
		}
		return strings.Join(lines, "\n")
	}
	tests := map[string]struct {
		report string
		want   string
	}{
		"resolves":          {report("`a` in `src/lib/a.py`", "`Group.command`, `command`, `lib.a.Group.command`", "`os`", "none", "`tests/test_a.py:12`", "`tests/test_a.py`"), ""},
		"an unknown file":   {report("`src/lib/b.py`", "x", "x", "x", "x", "x"), `"src/lib/b.py" is neither`},
		"an unknown symbol": {report("`src/lib/a.py` `gone`", "x", "x", "x", "x", "x"), `"gone" is neither`},
		"another's import":  {report("`src/lib/a.py` `sys`", "x", "x", "x", "x", "x"), `"sys" is neither`},
		"a part missing":    {report("`a`", "x", "x"), "the part Usages is missing"},
		"a part empty":      {report("`a` `src/lib/a.py`", " ", "x", "x", "x", "x"), "the part Structure is empty"},
		"no file":           {report("`a`", "x", "x", "x", "x", "x"), "cites 0 files and 1 symbols"},
		"an open quote":     {report("`a` `src/lib/a.py` `a", "x", "x", "x", "x", "x"), "neither"},
		"nothing":           {"", "Functionality is missing"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			err := s.resolveReport(test.report, []string{"src/lib/b.py", "src/lib/a.py"})
			if test.want == "" && err != nil || test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)) {
				t.Errorf("got %v, want %q", err, test.want)
			}
		})
	}
}

// files stands in for a snapshot: it has files of these paths.
type files []string

func (f files) Has(path string) bool { return slices.Contains(f, path) }

func TestScriptReadsObservations(t *testing.T) {
	tests := map[string]struct {
		text string
		want result
	}{
		"an observation": {"<returncode>2</returncode>\n<output>\na\n</output>", result{2, "a\n"}},
		"empty":          {"<returncode>0</returncode>\n<output>\n</output>", result{0, ""}},
		"the task":       {"Write it.", result{}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if got := parseObservation(test.text); got != test.want {
				t.Errorf("got %+v", got)
			}
		})
	}
	want := map[int]string{3: "def a():", 4: "    pass"}
	if diff := cmp.Diff(want, numbered("3:def a():\n4-    pass\n--\nx:y\n")); diff != "" {
		t.Error(diff)
	}
}

// Every phrase has wordings enough, short ones, and no slot that nobody fills.
func TestPhrases(t *testing.T) {
	slots := []string{"{name}", "{path}", "{words}", "{line}", "{error}", "{file}", "{message}"}
	for situation, wordings := range phrases {
		if len(wordings) < 8 || len(slices.Compact(slices.Sorted(slices.Values(wordings)))) != len(wordings) {
			t.Errorf("%s has %d wordings", situation, len(wordings))
		}
		for _, wording := range wordings {
			rest := wording
			for _, slot := range slots {
				rest = strings.ReplaceAll(rest, slot, "")
			}
			if strings.ContainsAny(rest, "{}`\n") || len(wording) > 80 {
				t.Errorf("%s: %q", situation, wording)
			}
		}
	}
	if got := (&thoughts{}).say("repair", "{line}", "3", "{error}", "ValueError"); strings.Contains(got, "{") {
		t.Errorf("slots are left in %q", got)
	}
}

// What is nowhere is searched for once in the file and once everywhere, and keeps
// nothing else from being searched for.
func TestSearchesDoNotRepeat(t *testing.T) {
	i := &implementer{
		dialect: python.New().Dialect(), nowhere: map[string]bool{}, rounds: 1,
		missingText: missingText{body: []string{"    return alpha(beta, gamma, delta, epsilon, zeta)"}},
	}
	i.task.Mask.Path = "a.py"
	s := &script{seen: map[string]bool{}, thoughts: &thoughts{}}
	var got []string
	for range searches {
		got = append(got, i.missing(s, result{}).command)
	}
	want := []string{
		"for n in alpha beta delta epsilon; do grep -nwm1 $n a.py; done",
		"for n in alpha beta delta epsilon; do grep -rnwm1 $n --include='*.py' . | head -1; done",
		"for n in gamma zeta; do grep -rnwm1 $n --include='*.py' . | head -1; done",
		"", "", "", "",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	s.seen["gamma"] = true
	if names := i.unseen(s); slices.Contains(names, "gamma") || len(names) != 5 {
		t.Errorf("unseen are %v", names)
	}
}
