package grading

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/repoexpert/operator/internal/language"
	"github.com/repoexpert/operator/internal/language/python"
	"github.com/repoexpert/operator/internal/patch"
	"github.com/repoexpert/operator/internal/sandbox"
)

// An endless loop uses its processor all the time; on a busy machine, tests that would
// end got none.
func TestLongerPatience(t *testing.T) {
	const patience, timeout = 30 * time.Second, 10 * time.Minute
	for name, c := range map[string]struct{ cpu, fixed, want time.Duration }{
		"a loop":                         {29 * time.Second, time.Second, 10 * time.Second},
		"a loop in slow tests":           {29 * time.Second, 20 * time.Second, 200 * time.Second},
		"a busy machine":                 {3 * time.Second, time.Second, 2 * time.Minute},
		"a busy machine and slow tests":  {3 * time.Second, 20 * time.Second, 200 * time.Second},
		"tests as slow as the limit":     {29 * time.Second, 2 * time.Minute, timeout},
		"several processors, and a loop": {110 * time.Second, time.Second, 10 * time.Second},
	} {
		g := &Grader{patience: patience, timeout: timeout}
		if got := g.longer(Grade{CPU: c.cpu, Elapsed: patience}, Grade{Elapsed: c.fixed}); got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
}

// A task tells what failed: told again, it must say the same.
func TestJudgeTellsNoAddress(t *testing.T) {
	report := &language.TestReport{State: language.StateCompleted, Tests: []language.TestResult{
		{ID: "a", Outcome: language.OutcomeFailed, Message: "assert <Shelf object at 0x7f3a1c2b4d50> is None"},
	}}
	if got := judge(report, []string{"a"}).Detail; got != "assert <Shelf object at 0x...> is None" {
		t.Errorf("told %q", got)
	}
}

func TestSomeOf(t *testing.T) {
	tests := map[string]struct {
		tests []string
		most  int
		want  []string
	}{
		"none":                        {nil, 3, nil},
		"one case of a function":      {[]string{"t.py::test_a[1]", "t.py::test_a[2]", "t.py::test_b"}, 3, []string{"t.py::test_a[1]", "t.py::test_b"}},
		"the same name in two files":  {[]string{"t.py::test_a", "u.py::test_a"}, 3, []string{"t.py::test_a", "u.py::test_a"}},
		"the same name in a class":    {[]string{"t.py::test_a", "t.py::TestA::test_a[x]"}, 3, []string{"t.py::test_a", "t.py::TestA::test_a[x]"}},
		"as many as may be":           {[]string{"t.py::a", "t.py::b", "t.py::c"}, 3, []string{"t.py::a", "t.py::b", "t.py::c"}},
		"from the whole list, evenly": {[]string{"t.py::a", "t.py::b", "t.py::c", "t.py::d", "t.py::e"}, 2, []string{"t.py::a", "t.py::c"}},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(tc.want, someOf(tc.tests, tc.most)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestJudge(t *testing.T) {
	report := func(state language.SuiteState, outcomes ...language.Outcome) *language.TestReport {
		r := &language.TestReport{State: state}
		for i, outcome := range outcomes {
			r.Tests = append(r.Tests, language.TestResult{ID: string(rune('a' + i)), Outcome: outcome})
		}
		return r
	}
	tests := map[string]struct {
		report *language.TestReport
		want   Reason
	}{
		"all pass":            {report(language.StateCompleted, language.OutcomePassed, language.OutcomePassed), Resolved},
		"one fails":           {report(language.StateCompleted, language.OutcomePassed, language.OutcomeFailed), TestsFailed},
		"set-up fails":        {report(language.StateCompleted, language.OutcomePassed, language.OutcomeError), TestsFailed},
		"one is missing":      {report(language.StateCompleted, language.OutcomePassed, language.OutcomeMissing), TestsMissing},
		"one is not reported": {report(language.StateCompleted, language.OutcomePassed), TestsMissing},
		"one is skipped":      {report(language.StateCompleted, language.OutcomePassed, language.OutcomeSkipped), TestsMissing},
		"killed":              {report(language.StateTimedOut, language.OutcomePassed, language.OutcomePassed), TimedOut},
		"crashed":             {report(language.StateCrashed, language.OutcomePassed, language.OutcomePassed), Crashed},
		"not collected":       {report(language.StateCollectionError, language.OutcomePassed, language.OutcomePassed), CollectionError},
		"nothing ran":         {report(language.StateNoTests), TestsMissing},
		"nothing reported":    {report(language.StateCollapsed), TestsMissing},
		"a state of tomorrow": {report("Paused", language.OutcomePassed, language.OutcomeFailed), TestsFailed},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got := judge(test.report, []string{"a", "b"})
			if got.Reason != test.want || got.Resolved != (test.want == Resolved) {
				t.Errorf("got %+v", got)
			}
		})
	}
}

func TestTouchedFiles(t *testing.T) {
	tests := map[string]struct {
		result sandbox.Result
		want   []string
		ok     bool
	}{
		"two":        {sandbox.Result{Output: "1\t2\ta.py\x000\t1\tb/c d.py\x00"}, []string{"a.py", "b/c d.py"}, true},
		"binary":     {sandbox.Result{Output: "-\t-\ta.bin\x00"}, []string{"a.bin"}, true},
		"refused":    {sandbox.Result{ExitCode: 128, Output: "error: corrupt patch"}, nil, false},
		"no entry":   {sandbox.Result{Output: ""}, nil, false},
		"no path":    {sandbox.Result{Output: "1\t2\t\x00"}, nil, false},
		"cut short":  {sandbox.Result{Output: "1\t2\ta\x00", Truncated: true}, nil, false},
		"timed out":  {sandbox.Result{Output: "1\t2\ta\x00", TimedOut: true}, nil, false},
		"other text": {sandbox.Result{Output: "warning: x\x001\t2\ta\x00"}, nil, false},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got, ok := touchedFiles(test.result)
			if ok != test.ok || ok && cmp.Diff(test.want, got) != "" {
				t.Errorf("got %q, %v", got, ok)
			}
		})
	}
}

// What Diff says, git does.
func TestDiffApplies(t *testing.T) {
	folder := t.TempDir()
	text := rapid.SliceOfN(rapid.SampledFrom([]string{"a\n", "b\n", "\n", "  c\n", "-\n", "@@\n", "é\r\n"}), 0, 12)
	last := rapid.SampledFrom([]string{"", "no newline"})
	rapid.Check(t, func(t *rapid.T) {
		build := func(name string) []byte {
			var content []byte
			for _, line := range text.Draw(t, name) {
				content = append(content, line...)
			}
			return append(content, last.Draw(t, name+" end")...)
		}
		before, after := build("before"), build("after")
		// A file that appears or vanishes has another form of patch; no mask makes one.
		if len(before) == 0 || len(after) == 0 || bytes.Equal(before, after) {
			return
		}
		name := filepath.Join(folder, "f.txt")
		if err := os.WriteFile(name, before, 0o600); err != nil {
			t.Fatal(err)
		}
		apply := exec.Command("git", "apply", "--whitespace=nowarn")
		apply.Dir, apply.Stdin = folder, bytes.NewReader([]byte(patch.Diff("f.txt", before, after)))
		if output, err := apply.CombinedOutput(); err != nil {
			t.Fatalf("git refuses it: %s\n%s", output, patch.Diff("f.txt", before, after))
		}
		got, err := os.ReadFile(name)
		if err != nil || !bytes.Equal(got, after) {
			t.Fatalf("git makes %q of it, want %q (%v)", got, after, err)
		}
	})
}

// tests is a module with tests in every shape, and its inventory.
const testsSource = `import pytest
def helper():
    pass
@pytest.mark.parametrize("x", [1, 2])
def test_one(x):
    pass
class TestGroup:
    size = 2
    def setup_method(self):
        pass
    def test_two(self):
        pass
class TestMixed:
    def test_three(self):
        pass
    def test_four(self):
        pass
`

func TestHide(t *testing.T) {
	function := func(name string, start, end int) language.Definition {
		return language.Definition{Name: name, Kind: language.KindFunction, StartLine: start, EndLine: end}
	}
	class := func(name string, start, end int) language.Definition {
		return language.Definition{Name: name, Kind: language.KindClass, StartLine: start, EndLine: end}
	}
	inventory := &language.Inventory{Modules: []language.Module{{
		Path: "tests/test_a.py", Name: "tests.test_a", IsTest: true, Lines: 17,
		Definitions: []language.Definition{
			function("helper", 2, 3), function("test_one", 4, 6), class("TestGroup", 7, 12),
			function("TestGroup.setup_method", 9, 10), function("TestGroup.test_two", 11, 12),
			class("TestMixed", 13, 17), function("TestMixed.test_three", 14, 15), function("TestMixed.test_four", 16, 17),
		},
	}}}
	importing := &language.Inventory{Modules: append([]language.Module{{
		Path: "tests/test_b.py", Name: "tests.test_b", Imports: []language.Import{{Module: "tests", Name: "test_a"}},
	}}, inventory.Modules...)}
	ofPackage := &language.Inventory{Modules: append([]language.Module{{Path: "tests/other", Name: "tests.test_a"}}, inventory.Modules...)}
	lines := func(ranges ...[2]int) string {
		var kept []byte
		for i, line := range language.Lines([]byte(testsSource)) {
			for _, r := range ranges {
				if i+1 >= r[0] && i+1 <= r[1] {
					kept = append(kept, line...)
				}
			}
		}
		return string(kept)
	}
	all := []string{
		"tests/test_a.py::test_one", "tests/test_a.py::TestGroup::test_two",
		"tests/test_a.py::TestMixed::test_three", "tests/test_a.py::TestMixed::test_four",
	}
	const gone = "(left out)"
	tests := map[string]struct {
		inventory *language.Inventory
		ids       []string
		want      map[string]string
	}{
		"nothing":                 {inventory, nil, map[string]string{}},
		"one parameter":           {inventory, []string{"tests/test_a.py::test_one[2]"}, map[string]string{"tests/test_a.py": lines([2]int{1, 3}, [2]int{7, 17})}},
		"a class's only test":     {inventory, all[1:2], map[string]string{"tests/test_a.py": lines([2]int{1, 6}, [2]int{13, 17})}},
		"one of two in a class":   {inventory, all[2:3], map[string]string{"tests/test_a.py": lines([2]int{1, 13}, [2]int{16, 17})}},
		"all tests":               {inventory, all, map[string]string{"tests/test_a.py": gone}},
		"all tests, imported":     {importing, all, map[string]string{"tests/test_a.py": lines([2]int{1, 3})}},
		"all tests, in a package": {ofPackage, all, map[string]string{"tests/test_a.py": lines([2]int{1, 3})}},
		"a test without a place":  {inventory, []string{"tests/test_a.py::generated"}, map[string]string{"tests/test_a.py": gone}},
		"a file without a place":  {inventory, []string{"README.md::README.md"}, map[string]string{"README.md": gone}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			g := New(Config{
				Adapter: python.New(), Source: memory{FS: fstest.MapFS{"tests/test_a.py": {Data: []byte(testsSource)}}}, Inventory: test.inventory,
			})
			edits, err := g.hide(test.ids)
			if err != nil {
				t.Fatal(err)
			}
			got := map[string]string{}
			for path, content := range edits {
				got[path] = gone
				if content != nil {
					got[path] = string(content)
				}
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}
