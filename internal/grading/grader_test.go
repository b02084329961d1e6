package grading

import (
	"bytes"
	"context"
	"io"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/repoexpert/operator/internal/language"
	"github.com/repoexpert/operator/internal/language/conformance"
	"github.com/repoexpert/operator/internal/language/python"
	"github.com/repoexpert/operator/internal/patch"
	"github.com/repoexpert/operator/internal/sandbox"
	"github.com/repoexpert/operator/internal/task"
)

const library = "../language/python/testdata/library"

// memory is a snapshot in a file system, and as an archive.
type memory struct {
	fs.FS
	archive []byte
}

func (m memory) Read(name string) ([]byte, error) { return fs.ReadFile(m.FS, name) }

func (m memory) Tree(context.Context) (io.ReadCloser, error) {
	return io.NopCloser(bytes.NewReader(m.archive)), nil
}

// world is a grader of the library and the box it works in.
type world struct {
	*Grader
	box       sandbox.Box
	inventory *language.Inventory
	stable    []string
}

func newWorld(t *testing.T) world {
	t.Helper()
	site := os.Getenv("REPOEXPERT_TEST_PYTHONPATH")
	if site == "" {
		t.Fatal("REPOEXPERT_TEST_PYTHONPATH must name a folder with pytest and coverage; run make test")
	}
	t.Setenv("PYTHONPATH", site)
	tree := os.DirFS(library)
	box, adapter := conformance.StartBox(t), python.New()
	conformance.PutTree(t, box, "tree", tree)
	inventory, err := adapter.Inspect(t.Context(), box, "tree")
	if err != nil {
		t.Fatal(err)
	}
	report, err := adapter.RunTests(t.Context(), box, "tree", language.TestRequest{Timeout: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	w := world{box: box, inventory: inventory}
	for _, test := range report.Tests {
		if test.Outcome == language.OutcomePassed {
			w.stable = append(w.stable, test.ID)
		}
	}
	w.Grader = New(Config{
		Box: box, Adapter: adapter, Source: memory{tree, conformance.Tar(t, tree)}, Inventory: inventory,
		Baseline: task.Baseline{Stable: w.stable}, TestTimeout: time.Minute,
	})
	return w
}

// mask takes out a function; its tests are those of the library whose ids hold a
// text.
func (w world) mask(t *testing.T, file, name string, tests string) Masked {
	t.Helper()
	mask := task.Mask{Path: file, Name: name}
	for _, module := range w.inventory.Modules {
		for _, definition := range module.Definitions {
			if module.Path == file && definition.Name == name {
				mask.StartLine = definition.StartLine
			}
		}
	}
	for _, id := range w.stable {
		if strings.Contains(id, tests) {
			mask.Tests = append(mask.Tests, id)
		}
	}
	loaded, err := w.Load(mask)
	if err != nil {
		t.Fatal(err)
	}
	return loaded
}

const prices = "src/bookshop/prices.py"

func TestGradePatch(t *testing.T) {
	w := newWorld(t)
	total := w.mask(t, prices, "total", "test_total")
	gold := total.Gold()
	other := func(file, before, after string) string {
		content, err := w.tree.Read(file)
		if err != nil {
			t.Fatal(err)
		}
		changed := strings.Replace(string(content), before, after, 1)
		if changed == string(content) {
			t.Fatalf("%s does not hold %q", file, before)
		}
		return patch.Diff(file, content, []byte(changed))
	}
	const newFile = "diff --git a/conftest.py b/conftest.py\nnew file mode 100644\n--- /dev/null\n+++ b/conftest.py\n@@ -0,0 +1,3 @@\n" +
		"+def pytest_runtest_makereport(item, call):\n+    call.excinfo = None\n+\n"
	tests := map[string]struct {
		patch   string
		want    Reason
		ignored int
	}{
		"the original body": {patch: gold, want: Resolved},
		"nothing":           {patch: "", want: TestsFailed},
		"a wrong body":      {patch: strings.Replace(gold, "+    return", "+    return 1 +", 1), want: TestsFailed},
		"no syntax":         {patch: strings.Replace(gold, "+    return", "+    return )", 1), want: CollectionError},
		"no end":            {patch: strings.Replace(gold, "+    return", "+    while True: pass\n+    return", 1), want: PatchNotApplicable},
		"tests are changed": {
			patch: other("tests/unit/test_prices.py", "def test_total(", "def untested("), want: PatchOutsideSource, ignored: 1,
		},
		"gold with changed tests": {
			patch: gold + other("tests/unit/test_prices.py", "def test_total(", "def untested("), want: Resolved, ignored: 1,
		},
		"a plug-in that hides failures": {
			patch: newFile + strings.Replace(gold, "+    return", "+    return 1 +", 1), want: TestsFailed, ignored: 1,
		},
		"settings":         {patch: other("pyproject.toml", "[", "# [") + gold, want: Resolved, ignored: 1},
		"another source":   {patch: other("src/bookshop/errors.py", "class ShopError", "class  ShopError") + gold, want: Resolved},
		"no patch":         {patch: "I changed the file.", want: PatchNotApplicable},
		"out of the tree":  {patch: strings.ReplaceAll(gold, prices, "../../"+prices), want: PatchOutsideSource, ignored: 1},
		"an absolute path": {patch: strings.ReplaceAll(gold, "b/"+prices, "/etc/passwd"), want: PatchOutsideSource, ignored: 1},
		"too large":        {patch: gold + strings.Repeat("# x\n", 50_000), want: PatchTooLarge},
		"does not fit":     {patch: strings.Replace(gold, "-    raise", "-    raised", 1), want: PatchNotApplicable},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := w.GradePatch(t.Context(), total.Task, test.patch)
			if err != nil {
				t.Fatal(err)
			}
			if got.Reason != test.want || got.Ignored != test.ignored || got.Resolved != (test.want == Resolved) {
				t.Errorf("got %+v", got)
			}
		})
	}
}

// Code under test that leaves early, reports for itself or hangs is not resolved.
func TestGradePatchTampered(t *testing.T) {
	w := newWorld(t)
	w.timeout = 10 * time.Second
	total := w.mask(t, prices, "total", "test_total")
	tests := map[string]struct{ body, not string }{
		"leaves with success": {body: "import os; os._exit(0)"},
		"hangs":               {body: "while True: pass"},
		"kills the runner":    {body: "import os; os.kill(os.getppid(), 9); os.kill(os.getpid(), 9)"},
		"skips":               {body: "import pytest; pytest.skip('not today')"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			changed := bytes.Replace(total.Gap(), []byte("raise NotImplementedError"), []byte(test.body), 1)
			got, err := w.GradePatch(t.Context(), total.Task, patch.Diff(prices, total.Gap(), changed))
			if err != nil {
				t.Fatal(err)
			}
			if got.Resolved {
				t.Errorf("got %+v", got)
			}
		})
	}
	// What was done before does not reach the next tree.
	got, err := w.GradePatch(t.Context(), total.Task, total.Gold())
	if err != nil || !got.Resolved {
		t.Errorf("afterwards the gold patch gives %+v, %v", got, err)
	}
}

func TestCheckAndAgentTree(t *testing.T) {
	w := newWorld(t)
	checked, grade, err := w.Check(t.Context(), w.mask(t, prices, "total", "test_").Task)
	if err != nil || grade.Reason != TestsFailed || len(checked.FailToPass) == 0 {
		t.Fatalf("got %+v, %v", grade, err)
	}
	for name, look := range map[string]func(context.Context, Task) (Grade, error){"all": w.CheckVisible, "a sample": w.SampleVisible} {
		visible, err := look(t.Context(), checked)
		if err != nil || !visible.Resolved {
			t.Fatalf("%s of the visible tests give %+v, %v", name, visible, err)
		}
		// With the fault, a test that is not taken out fails.
		shown := checked
		shown.FailToPass = without(checked.FailToPass, []string{"tests/unit/test_prices.py::test_total_refuses_negative_prices"})
		if visible, err = look(t.Context(), shown); err != nil || visible.Reason != TestsFailed {
			t.Errorf("%s of the tests, one that fails among them, give %+v, %v", name, visible, err)
		}
	}
	shown := language.TestFunction(checked.FailToPass[0])
	hidden := w.text(t, checked)
	if strings.Contains(hidden, name(shown)) || strings.Contains(hidden, "net += price") {
		t.Error("the agent's tree holds a grading test or the body")
	}
	if !strings.Contains(w.text(t, checked, shown), name(shown)) {
		t.Errorf("%s is not shown", shown)
	}
}

func name(id string) string { return "def " + path.Base(strings.ReplaceAll(id, "::", "/")) + "(" }

// text is the agent's tree in one string.
func (w world) text(t *testing.T, checked Task, keep ...string) string {
	t.Helper()
	tree, err := w.AgentTree(t.Context(), checked, keep...)
	if err != nil {
		t.Fatal(err)
	}
	content, err := io.ReadAll(tree)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

// A function that more tests cover than its mask lists: the others are hidden too.
func TestCheckWideMask(t *testing.T) {
	w := newWorld(t)
	wide := w.mask(t, prices, "total", "test_total")
	for len(wide.Tests) < wideTask {
		wide.Tests = append(wide.Tests, wide.Tests[0])
	}
	checked, grade, err := w.Check(t.Context(), wide.Task)
	if err != nil || grade.Reason != TestsFailed {
		t.Fatalf("got %+v, %v", grade, err)
	}
	all, _, err := w.Check(t.Context(), w.mask(t, prices, "total", "test_").Task)
	if err != nil {
		t.Fatal(err)
	}
	found := slices.Concat(checked.FailToPass, checked.AlsoFailing)
	slices.Sort(found)
	if diff := cmp.Diff(all.FailToPass, found); diff != "" {
		t.Error(diff)
	}
	if len(checked.AlsoFailing) == 0 {
		t.Error("no test beyond the mask's own was found")
	}
}

// What is known to execute a missing body is hidden without a run; what executes a
// wrong one may pass and stay visible.
func TestCheckWideMaskKnownTests(t *testing.T) {
	w := newWorld(t)
	wide := w.mask(t, prices, "total", "test_total")
	beyond := w.mask(t, prices, "total", "test_room").Tests
	if len(beyond) != 1 {
		t.Fatalf("got %v", beyond)
	}
	var body []int
	for line := wide.Definition.BodyStartLine; line <= wide.Definition.BodyEndLine; line++ {
		body = append(body, line)
	}
	w.coverage = &language.Coverage{Tests: beyond, Files: map[string][]language.CoverageGroup{
		wide.Mask.Path: {{Lines: body, Tests: []int{0}}},
	}}
	for len(wide.Tests) < wideTask {
		wide.Tests = append(wide.Tests, wide.Tests[0])
	}
	for missing, want := range map[bool][]string{true: beyond, false: nil} {
		wide.Missing = missing
		checked, grade, err := w.Check(t.Context(), wide.Task)
		if err != nil || grade.Reason != TestsFailed {
			t.Fatalf("got %+v, %v", grade, err)
		}
		if !slices.Equal(checked.AlsoFailing, want) {
			t.Errorf("missing %v: hides %v, want %v", missing, checked.AlsoFailing, want)
		}
	}
}

// Tests that are slow without the fault are waited for, those that the fault keeps
// from ending are not.
func TestPatience(t *testing.T) {
	w := newWorld(t)
	w.patience = time.Millisecond
	total := w.mask(t, prices, "total", "test_")
	_, grade, err := w.Check(t.Context(), total.Task)
	if err != nil || grade.Reason != TestsFailed {
		t.Errorf("slow tests give %+v, %v", grade, err)
	}
	endless := total.Task
	endless.Broken = Edits{prices: bytes.Replace(total.Original(), []byte("    net = "), []byte("    while True:\n        pass\n    net = "), 1)}
	w.patience, w.timeout = 5*time.Second, time.Hour
	if bytes.Equal(endless.Broken[prices], total.Original()) {
		t.Fatal("nothing is broken")
	}
	_, grade, err = w.Check(t.Context(), endless)
	if err != nil || grade.Reason != TimedOut || grade.Elapsed > 20*time.Minute {
		t.Errorf("endless tests give %+v, %v", grade, err)
	}
}
