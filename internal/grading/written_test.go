package grading

import (
	"bytes"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/repoexpert/operator/internal/language"
	"github.com/repoexpert/operator/internal/patch"
)

// broken is the library with a fault in the last line of total.
func (w world) broken(t *testing.T) Task {
	t.Helper()
	content, err := w.tree.Read(prices)
	if err != nil {
		t.Fatal(err)
	}
	at := bytes.Index(content, []byte("net + tax"))
	var tests []string
	for _, id := range w.stable {
		if strings.Contains(id, "test_total") {
			tests = append(tests, id)
		}
	}
	mutated, err := w.Mutated("a-fault", []language.Mutation{{
		Path: prices, Function: "total", Operator: "arithmetic-operator", Start: at, End: at + len("net + tax"), Replacement: "net - tax",
	}}, tests)
	if err != nil {
		t.Fatal(err)
	}
	checked, grade, err := w.Check(t.Context(), mutated)
	if err != nil || grade.Reason != TestsFailed {
		t.Fatalf("the fault is not noticed: %+v, %v", grade, err)
	}
	return checked
}

func TestMutated(t *testing.T) {
	w := newWorld(t)
	checked := w.broken(t)
	if len(checked.FailToPass) != 2 || len(checked.PassToPass) < minPassToPass {
		t.Errorf("%v fail, %v pass", checked.FailToPass, checked.PassToPass)
	}
	if grade, err := w.GradePatch(t.Context(), checked, checked.Gold()); err != nil || !grade.Resolved {
		t.Errorf("the gold patch gives %+v, %v", grade, err)
	}
	if grade, err := w.GradePatch(t.Context(), checked, ""); err != nil || grade.Reason != TestsFailed {
		t.Errorf("nothing gives %+v, %v", grade, err)
	}
	for name, mutation := range map[string]language.Mutation{
		"a test file": {Path: "tests/unit/test_prices.py"}, "a file that is not there": {Path: "src/none.py"}, "beyond the end": {Path: prices, End: 1 << 20},
	} {
		if _, err := w.Mutated("x", []language.Mutation{mutation}, nil); err == nil {
			t.Errorf("%s is mutated", name)
		}
	}
}

func TestGradeWritten(t *testing.T) {
	w := newWorld(t)
	checked := w.broken(t)
	added := func(file, text string) string { return patch.Diff(file, nil, []byte(text)) }
	const head = "from bookshop import total\n\n\n"
	reproduces := head + "def test_tax_is_added():\n    assert total([200, 300]) == 535\n"
	existing, err := w.tree.Read("tests/unit/test_stock.py")
	if err != nil {
		t.Fatal(err)
	}
	tests := map[string]struct {
		patch string
		want  Reason
		tests []string
	}{
		"reproduces": {patch: added("tests/unit/test_tax.py", reproduces), want: Resolved, tests: []string{"tests/unit/test_tax.py::test_tax_is_added"}},
		"in a file that is there": {
			patch: patch.Diff("tests/unit/test_stock.py", existing, append(bytes.Clone(existing), "\n\ndef test_tax_is_added():\n    from bookshop import total\n    assert total([200, 300]) == 535\n"...)),
			want:  Resolved, tests: []string{"tests/unit/test_stock.py::test_tax_is_added"},
		},
		"does not import":     {patch: added("tests/unit/test_tax.py", "import nowhere\n"+reproduces), want: CollectionError},
		"no syntax":           {patch: added("tests/unit/test_tax.py", "def test_x(:\n"), want: CollectionError},
		"passes before":       {patch: added("tests/unit/test_tax.py", head+"def test_nothing():\n    assert total([]) == 0\n"), want: TestPassesBefore},
		"fails after":         {patch: added("tests/unit/test_tax.py", head+"def test_wrong():\n    assert total([200, 300]) == 536\n"), want: TestFailsAfter},
		"one of two fails":    {patch: added("tests/unit/test_tax.py", reproduces+"\n\ndef test_wrong():\n    assert total([1]) == 9\n"), want: TestFailsAfter},
		"fails in its set-up": {patch: added("tests/unit/test_tax.py", "import pytest\n\n\n@pytest.fixture\ndef broken():\n    raise OSError\n\n\ndef test_x(broken):\n    pass\n"), want: TestNotRun},
		"adds none":           {patch: added("tests/unit/test_tax.py", head), want: TestsMissing},
		"passes the second time": {
			patch: added("tests/unit/test_tax.py", "import os\n\nran = "+strconv.Quote(filepath.Join(t.TempDir(), "ran"))+"\n\n\ndef test_x():\n    if not os.path.exists(ran):\n        open(ran, \"w\").close()\n        assert False\n"),
			want:  UnsteadyTest,
		},
		"repairs instead":      {patch: checked.Gold(), want: PatchOutsideSource},
		"out of the tree":      {patch: strings.ReplaceAll(added("tests/test_tax.py", reproduces), "tests/test_tax.py", "../test_tax.py"), want: PatchOutsideSource},
		"a plug-in for pytest": {patch: added("tests/conftest.py", reproduces), want: PatchOutsideSource},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := w.GradeWritten(t.Context(), checked, test.patch)
			if err != nil {
				t.Fatal(err)
			}
			if got.Reason != test.want || got.Resolved != (test.want == Resolved) {
				t.Fatalf("got %+v", got)
			}
			if !got.Resolved {
				return
			}
			if diff := cmp.Diff(test.tests, got.Tests); diff != "" {
				t.Error(diff)
			}
			if got.Changed != 1 || got.Covered != 1 {
				t.Errorf("%d of %d changed lines are covered", got.Covered, got.Changed)
			}
		})
	}
}

// A test that can be read in the tree does not count a second time under
// another name; one that was hidden does.
func TestCopiedTests(t *testing.T) {
	w := newWorld(t)
	checked := w.broken(t)
	edits, err := w.agentEdits(checked, nil)
	if err != nil {
		t.Fatal(err)
	}
	tests := map[string]struct {
		text string
		want bool
	}{
		"a visible test":           {"def test_other(price):\n    assert discounted(price) <= price\n", true},
		"a hidden test":            {"def test_other(prices, want):\n    assert total(prices) == want\n", false},
		"a test of its own":        {"def test_other():\n    assert total([2, 3]) > total([2])\n    assert total([2, 3]) > total([3])\n", false},
		"too short to be compared": {"x = 1\n", false},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if got := w.copied(edits, patch.Diff("tests/test_new.py", nil, []byte(test.text))); got != test.want {
				t.Errorf("got %t", got)
			}
		})
	}
}
