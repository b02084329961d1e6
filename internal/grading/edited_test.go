package grading

import (
	"os"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/repoexpert/operator/internal/language"
	"github.com/repoexpert/operator/internal/language/conformance"
	"github.com/repoexpert/operator/internal/language/python"
	"github.com/repoexpert/operator/internal/patch"
	"github.com/repoexpert/operator/internal/task"
)

// Code that is imported before the tests are read can write the tests that judge it:
// seen on click, whose conftest.py imports it.
func TestEditedTestsSolveNothing(t *testing.T) {
	site := os.Getenv("REPOEXPERT_TEST_PYTHONPATH")
	if site == "" {
		t.Fatal("REPOEXPERT_TEST_PYTHONPATH must name a folder with pytest and coverage; run make test")
	}
	t.Setenv("PYTHONPATH", site)
	const source, tests = "def double(n):\n    raise NotImplementedError\n", "import lib\n\ndef test_double():\n    assert lib.double(2) == 4\n"
	tree := fstest.MapFS{
		"lib.py":      {Data: []byte("def double(n):\n    return 2 * n\n")},
		"conftest.py": {Data: []byte("import lib\n")},
		"test_lib.py": {Data: []byte(tests)},
	}
	box, adapter := conformance.StartBox(t), python.New()
	g := New(Config{
		Box: box, Adapter: adapter, Source: memory{tree, conformance.Tar(t, tree)}, TestTimeout: time.Minute,
		Inventory: &language.Inventory{Modules: []language.Module{{Path: "lib.py", Name: "lib"}}},
		Baseline:  task.Baseline{Stable: []string{"test_lib.py::test_double"}},
	})
	broken := Task{
		Broken: Edits{"lib.py": []byte(source)}, Fixed: Edits{"lib.py": tree["lib.py"].Data}, Tests: []string{"test_lib.py::test_double"},
	}
	checked, _, err := g.Check(t.Context(), broken)
	if err != nil {
		t.Fatal(err)
	}
	edit := "\n\nname = __file__.replace('lib.py', 'test_lib.py')\nbefore = open(name).read()\nopen(name, 'w').write(before.replace('assert ', 'True or '))\n"
	restore := "import atexit\natexit.register(lambda: open(name, 'w').write(before))\n"
	patchOf := func(code string) string {
		changed := strings.Replace(source, "raise NotImplementedError", "return None", 1) + code
		return patch.Diff("lib.py", []byte(source), []byte(changed))
	}
	controlled, _, err := g.CheckControl(t.Context(), checked)
	if err != nil || len(controlled.Control) != 1 {
		t.Fatalf("controls %v, %v", controlled.Control, err)
	}
	for name, c := range map[string]struct {
		task  Task
		patch string
	}{
		"edited": {checked, patchOf(edit)}, "edited, with a control": {controlled, patchOf(edit)},
		"edited and put back": {controlled, patchOf(edit + restore)},
	} {
		t.Run(name, func(t *testing.T) {
			if grade, err := g.GradePatch(t.Context(), c.task, c.patch); err != nil || grade.Reason != Forged {
				t.Errorf("got %+v, %v", grade, err)
			}
		})
	}
	if grade, err := g.GradePatch(t.Context(), controlled, controlled.Gold()); err != nil || !grade.Resolved {
		t.Errorf("the known body gives %+v, %v", grade, err)
	}
}
