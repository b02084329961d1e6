package history

import (
	"errors"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// body is a file of count lines, some of them replaced.
func body(count int, replaced map[int]string) string {
	lines := strings.SplitAfter(numbered("line", count), "\n")
	for at, line := range replaced {
		lines[at-1] = line
	}
	return strings.Join(lines, "")
}

func TestReverse(t *testing.T) {
	fault, fix := body(20, map[int]string{10: "fault\n"}), body(20, map[int]string{10: "fix\n"})
	after := func(text string) edit { return edit{files: map[string]string{"a.py": text}} }
	base := map[string]string{"a.py": fault}
	fixed := edit{files: map[string]string{"a.py": fix}}
	with := func(text string, replaced map[int]string) string {
		return body(20, merged(map[int]string{10: text}, replaced))
	}
	tests := map[string]struct {
		base  map[string]string
		fix   edit
		later []edit
		want  Reversal
	}{
		"nothing since": {base, fixed, nil, undone("a.py", fault)},
		"other lines since": {base, fixed, []edit{after(with("fix\n", map[int]string{2: "new\n", 18: ""}))},
			undone("a.py", with("fault\n", map[int]string{2: "new\n", 18: ""}))},
		"same line since":        {base, fixed, []edit{after(with("better\n", nil))}, Reversal{Refusal: RefusedConflict, Path: "a.py"}},
		"next line since":        {base, fixed, []edit{after(with("fix\n", map[int]string{11: "near\n"}))}, Reversal{Refusal: RefusedConflict, Path: "a.py"}},
		"reverted since":         {base, fixed, []edit{after(fault)}, Reversal{Refusal: RefusedNoOp}},
		"reverted, edited":       {base, fixed, []edit{after(with("fault\n", map[int]string{2: "new\n"}))}, Reversal{Refusal: RefusedNoOp}},
		"reverted and reapplied": {base, fixed, []edit{after(fault), after(fix)}, undone("a.py", fault)},
		"gone since":             {base, fixed, []edit{{files: map[string]string{"b": "x"}, deleted: []string{"a.py"}}}, Reversal{Refusal: RefusedGone, Path: "a.py"}},
		"moved since": {base, fixed, []edit{{files: map[string]string{"src/a.py": fix}, deleted: []string{"a.py"}}},
			undone("src/a.py", fault)},
		"moved and edited since": {base, fixed, []edit{{files: map[string]string{"src/a.py": with("fix\n", map[int]string{2: "new\n"})}, deleted: []string{"a.py"}}},
			undone("src/a.py", with("fault\n", map[int]string{2: "new\n"}))},
		"moved by the fix": {base, edit{files: map[string]string{"b.py": fix}, deleted: []string{"a.py"}}, nil, Reversal{Refusal: RefusedRenamed, Path: "b.py"}},
		"file added":       {base, edit{files: map[string]string{"b.py": "new\n"}}, nil, Reversal{Edits: map[string][]byte{"b.py": nil}}},
		"file added, edited since": {base, edit{files: map[string]string{"b.py": "new\n"}}, []edit{{files: map[string]string{"b.py": "newer\n"}}},
			Reversal{Refusal: RefusedConflict, Path: "b.py"}},
		"file added, gone since":    {base, edit{files: map[string]string{"b.py": "new\n"}}, []edit{{deleted: []string{"b.py"}}}, Reversal{Refusal: RefusedNoOp}},
		"file deleted":              {merged(base, map[string]string{"b.py": "old\n"}), edit{deleted: []string{"b.py"}}, nil, undone("b.py", "old\n")},
		"file deleted, back since":  {merged(base, map[string]string{"b.py": "old\n"}), edit{deleted: []string{"b.py"}}, []edit{{files: map[string]string{"b.py": "other\n"}}}, Reversal{Refusal: RefusedConflict, Path: "b.py"}},
		"file emptied by undoing":   {map[string]string{"a.py": ""}, edit{files: map[string]string{"a.py": "fix\n"}}, nil, undone("a.py", "")},
		"file emptied, by merging":  {map[string]string{"a.py": "one\n"}, edit{files: map[string]string{"a.py": "one\ntwo\n"}}, []edit{after("two\n")}, Reversal{Refusal: RefusedConflict, Path: "a.py"}},
		"tests and the rest stay":   {base, edit{files: map[string]string{"a.py": fix, "tests/test_a.py": "x\n", "README": "x\n"}}, nil, undone("a.py", fault)},
		"tests alone":               {base, edit{files: map[string]string{"tests/test_a.py": "x\n"}}, nil, Reversal{Refusal: RefusedNoOp}},
		"CRLF stays":                {map[string]string{"a.py": crlf(fault)}, edit{files: map[string]string{"a.py": crlf(fix)}}, []edit{after(crlf(with("fix\n", map[int]string{2: "new\n"})))}, undone("a.py", crlf(with("fault\n", map[int]string{2: "new\n"})))},
		"CRLF became LF":            {map[string]string{"a.py": crlf(fault)}, edit{files: map[string]string{"a.py": crlf(fix)}}, []edit{after(fix)}, Reversal{Refusal: RefusedConflict, Path: "a.py"}},
		"no line feed at the end":   {map[string]string{"a.py": strings.TrimSuffix(fault, "\n")}, edit{files: map[string]string{"a.py": strings.TrimSuffix(fix, "\n")}}, []edit{after(strings.TrimSuffix(with("fix\n", map[int]string{2: "new\n"}), "\n"))}, undone("a.py", strings.TrimSuffix(with("fault\n", map[int]string{2: "new\n"}), "\n"))},
		"not UTF-8":                 {map[string]string{"a.py": fault + "\xff\n"}, edit{files: map[string]string{"a.py": fix + "\xff\n"}}, []edit{after("\xfe\n" + fix + "\xff\n")}, undone("a.py", "\xfe\n"+fault+"\xff\n")},
		"became binary since":       {base, fixed, []edit{after("\x00" + fix)}, Reversal{Refusal: RefusedNotText, Path: "a.py"}},
		"link":                      {merged(base, map[string]string{"b.py": "x"}), edit{files: map[string]string{"a.py": "b.py"}, modes: map[string]string{"a.py": "120000"}}, nil, Reversal{Refusal: RefusedNotText, Path: "a.py"}},
		"too large since":           {base, fixed, []edit{after(fix + strings.Repeat("x\n", 600_000))}, Reversal{Refusal: RefusedTooLarge, Path: "a.py"}},
		"hostile name":              {map[string]string{"-x\n'.py": fault}, edit{files: map[string]string{"-x\n'.py": fix}}, []edit{{files: map[string]string{"-x\n'.py": with("fix\n", map[int]string{2: "new\n"})}}}, undone("-x\n'.py", with("fault\n", map[int]string{2: "new\n"}))},
		"lines like conflict marks": {map[string]string{"a.py": "<<<<<<< ours\n" + fault}, edit{files: map[string]string{"a.py": "<<<<<<< ours\n" + fix}}, []edit{after("=======\n<<<<<<< ours\n" + fix)}, undone("a.py", "=======\n<<<<<<< ours\n"+fault)},
		"one place of two": {map[string]string{"a.py": body(40, map[int]string{10: "fault\n", 30: "fault\n"})},
			edit{files: map[string]string{"a.py": body(40, map[int]string{10: "fix\n", 30: "fix\n"})}},
			[]edit{after(body(40, map[int]string{10: "better\n", 30: "fix\n"}))},
			Reversal{Edits: map[string][]byte{"a.py": []byte(body(40, map[int]string{10: "better\n", 30: "fault\n"}))}, Refusal: RefusedConflict, Path: "a.py"}},
		"one file of two": {merged(base, map[string]string{"b.py": fault}), edit{files: map[string]string{"a.py": fix, "b.py": fix}}, []edit{{deleted: []string{"a.py"}}},
			Reversal{Edits: map[string][]byte{"b.py": []byte(fault)}, Refusal: RefusedGone, Path: "a.py"}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Setenv("TMPDIR", t.TempDir())
			r := newRepo(t)
			test.fix.parents = []string{r.commit(edit{files: test.base})}
			id := r.commit(test.fix)
			for _, later := range test.later {
				later.parents = []string{r.head()}
				r.commit(later)
			}
			if got := reversed(t, r, id); !cmp.Equal(test.want, got) {
				t.Errorf("(-want +got):\n%s", cmp.Diff(test.want, got))
			}
			if left, err := filepath.Glob(filepath.Join(os.TempDir(), "*")); err != nil || len(left) > 0 {
				t.Errorf("%v stay, error %v", left, err)
			}
		})
	}
}

func undone(path, content string) Reversal {
	return Reversal{Edits: map[string][]byte{path: []byte(content)}}
}

func merged[K comparable](a, b map[K]string) map[K]string {
	all := maps.Clone(a)
	maps.Copy(all, b)
	return all
}

func crlf(text string) string { return strings.ReplaceAll(text, "\n", "\r\n") }

// reversed undoes one commit on the head; without edits, nil stands for none.
func reversed(t *testing.T, r *repo, id string) Reversal {
	t.Helper()
	repository := r.open()
	head, err := repository.Tree(t.Context(), repository.Head())
	if err != nil {
		t.Fatal(err)
	}
	for change, err := range repository.Changes(t.Context(), DefaultLimits()) {
		if err != nil {
			t.Fatal(err)
		}
		if change.Commit != id {
			continue
		}
		got, err := repository.Reverse(t.Context(), change, kinds, head)
		if err != nil {
			t.Fatal(err)
		}
		if len(got.Edits) == 0 {
			got.Edits = nil
		}
		return got
	}
	t.Fatal("the commit is not in the history")
	return Reversal{}
}

// Two functions look alike around the fix, and a third one, put before them
// later, does so too: the patch fits there first.
func TestReverseFindsThePlaceThatWasFixed(t *testing.T) {
	function := func(name, body string) string {
		return "def " + name + "(self):\n    # a comment\n    value = self.read()\n    if not value:\n        " + body + "\n    self.write(value)\n    self.flush()\n    return value\n\n\n"
	}
	before := function("first", "return 1") + function("second", "return 1")
	after := function("first", "return 1") + function("second", "return None")
	later := function("zeroth", "return None") + after
	r := newRepo(t)
	r.commit(edit{files: map[string]string{"a.py": before}})
	id := r.then("fix", map[string]string{"a.py": after})
	r.then("later", map[string]string{"a.py": later})
	want := undone("a.py", function("zeroth", "return None")+before)
	if diff := cmp.Diff(want, reversed(t, r, id)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestContents(t *testing.T) {
	r := newRepo(t)
	r.commit(edit{files: map[string]string{"a.py": "one\ntwo\nthree\n", "gone.py": "x\n", "blank.py": "a\n", "large.py": "x"}})
	r.then("change", map[string]string{"a.py": "zero\none\n2\nthree\nfour", "new.py": "-x\n@@ -1 +1 @@\n", "blank.py": "", "large.py": strings.Repeat("x\n", 600_000)}, "gone.py")
	repository := r.open()
	var files []File
	var large []File
	for _, file := range r.last().Files {
		if file.Path == "large.py" {
			large = append(large, file)
		} else {
			files = append(files, file)
		}
	}
	contents, err := repository.Contents(t.Context(), files)
	if err != nil {
		t.Fatal(err)
	}
	type lines struct{ deleted, added []string }
	got := map[string][]lines{}
	for _, content := range contents {
		for _, hunk := range content.Hunks {
			got[content.File.Path] = append(got[content.File.Path], lines{texts(content.Deleted(hunk)), texts(content.Added(hunk))})
		}
	}
	want := map[string][]lines{
		"a.py":     {{nil, []string{"zero\n"}}, {[]string{"two\n"}, []string{"2\n"}}, {nil, []string{"four"}}},
		"gone.py":  {{[]string{"x\n"}, nil}},
		"new.py":   {{nil, []string{"-x\n", "@@ -1 +1 @@\n"}}},
		"blank.py": {{[]string{"a\n"}, nil}},
	}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(lines{})); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if contents[1].After == nil || contents[2].After != nil || contents[3].Before != nil {
		t.Error("an empty file and none are the same")
	}
	if _, err := repository.Contents(t.Context(), large); !errors.Is(err, ErrTooLarge) {
		t.Errorf("error %v", err)
	}
}

func texts(lines [][]byte) []string {
	var all []string
	for _, line := range lines {
		all = append(all, string(line))
	}
	return all
}
