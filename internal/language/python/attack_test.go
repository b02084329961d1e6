package python

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/repoexpert/operator/internal/language"
	"github.com/repoexpert/operator/internal/language/conformance"
	"github.com/repoexpert/operator/internal/sandbox"
)

// reportOf finds the file of results from inside a test.
const reportOf = `import glob, json, os, subprocess, sys, time
name = os.path.join(os.getcwd() + ".report", "results.jsonl")
`

// Reports that a test puts in the place of the real one. Each is refused or says
// that the run did not complete; none passes a test that failed.
func TestReportsInPlaceOfTheRealOne(t *testing.T) {
	usePytest(t)
	tests := map[string]struct {
		code string
		err  error
	}{
		"a link to a file":       {code: `os.remove(name); os.symlink("/etc/passwd", name)`, err: language.ErrForged},
		"a link to itself":       {code: `os.remove(name); os.symlink(name, name)`, err: language.ErrForged},
		"a FIFO":                 {code: `os.remove(name); os.mkfifo(name)`, err: language.ErrForged},
		"a folder":               {code: `os.remove(name); os.mkdir(name)`, err: language.ErrForged},
		"no report":              {code: `os.remove(name)`},
		"a link for its folder":  {code: `os.rename(os.path.dirname(name), "moved"); os.symlink("/etc", os.path.dirname(name))`, err: language.ErrForged},
		"a locked report":        {code: `os.chmod(name, 0)`},
		"more than is read":      {code: `os.truncate(name, 1 << 33)`, err: language.ErrForged},
		"more than a line is":    {code: `open(name, "a").write('{"event":"test","id":"' + "x" * 5000000 + '"}\n')`, err: language.ErrForged},
		"values in each other":   {code: `open(name, "a").write("[" * 200000 + "\n")`, err: language.ErrForged},
		"numbers that are none":  {code: `open(name, "a").write('{"event":"test","id":"a","outcome":"passed","seconds":1e999}\n')`, err: language.ErrForged},
		"bytes that are no text": {code: `open(name, "ab").write(b"\xff\xfe\x00\n")`, err: language.ErrForged},
		"an earlier end":         {code: `open(name, "a").write('{"event":"finish","exit":1,"collected":2}\n')`, err: language.ErrForged},
		"one result, a pass":     {code: `open(name, "a").write(json.dumps({"event": "test", "id": "test_a.py::test_a", "outcome": "passed", "seconds": 0}) + "\n")`},
		"a process that goes on": {code: `subprocess.Popen([sys.executable, "-c", "import time\nwhile True:\n    open(%r, 'a').write('{}\\n'); time.sleep(0.01)" % name], start_new_session=True)`},
		"another canary":         {code: `open(name, "a").write('{"event":"test","id":"::canary_x","outcome":"failed","seconds":0}\n')`},
	}
	box := conformance.StartBox(t)
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			source := reportOf + "\n\ndef test_a():\n    " + test.code + "\n    assert False\n"
			conformance.PutTree(t, box, "tree", fstest.MapFS{"test_a.py": file(source)})
			report, err := New().RunTests(t.Context(), box, "tree", language.TestRequest{
				Timeout: time.Minute, Canary: true, Select: []string{"test_a.py::test_a"},
			})
			switch {
			case test.err != nil && !errors.Is(err, test.err):
				t.Errorf("got %v, %+v, want %v", err, report, test.err)
			case test.err != nil:
			case err != nil:
				if !errors.Is(err, language.ErrForged) {
					t.Errorf("got %v", err)
				}
			case report.State == language.StateCompleted && report.Count(language.OutcomePassed) > 0:
				t.Errorf("a test that failed passed: %+v", report)
			}
		})
	}
	checkHonestRun(t, box)
}

// checkHonestRun demands that the next run in a box is what it would be in a new
// one.
func checkHonestRun(t *testing.T, box sandbox.Box) {
	t.Helper()
	source := "def test_passes():\n    pass\n\n\ndef test_fails():\n    assert False\n"
	conformance.PutTree(t, box, "tree", fstest.MapFS{"test_next.py": file(source)})
	report, err := New().RunTests(t.Context(), box, "tree", language.TestRequest{Timeout: time.Minute, Canary: true})
	if err != nil {
		t.Fatalf("the next run: %v", err)
	}
	if report.State != language.StateCompleted || len(report.Tests) != 2 ||
		report.Count(language.OutcomePassed) != 1 || report.Count(language.OutcomeFailed) != 1 {
		t.Errorf("the next run is %s: %+v\n%s", report.State, report.Tests, report.Output)
	}
}

// passAll makes every test of a process pass.
const passAll = `import _pytest.runner
make = _pytest.runner.TestReport.from_item_and_call
def passed(item, call):
    call.excinfo = None
    return make(item, call)
_pytest.runner.TestReport.from_item_and_call = passed
`

// What the tests of one tree leave does not steer those of the next.
func TestWhatARunLeavesHasNoSay(t *testing.T) {
	usePytest(t)
	places := map[string]string{
		"a module of the user's":      "site.getusersitepackages() + '/usercustomize.py'",
		"a path file of the user's":   "site.getusersitepackages() + '/evil.pth'",
		"settings above the tree":     "os.path.dirname(os.getcwd()) + '/pytest.ini'",
		"a plug-in above the tree":    "os.path.dirname(os.getcwd()) + '/conftest.py'",
		"a module beside the harness": "os.getcwd() + '.tools/json.py'",
		"a module in the tree":        "os.getcwd() + '/pytest.py'",
		"a plug-in in the tree":       "os.getcwd() + '/conftest.py'",
		"a cached module":             "os.getcwd() + '/__pycache__/test_next.cpython-311-pytest.pyc'",
	}
	contents := map[string]string{
		"a path file of the user's": "import os; os._exit(0)\n",
		"settings above the tree":   "[pytest]\npython_functions = nothing\n",
	}
	for name, place := range places {
		t.Run(name, func(t *testing.T) {
			t.Setenv("HOME", t.TempDir())
			content := contents[name]
			if content == "" {
				content = passAll
			}
			planter := fmt.Sprintf("import os, site\n\n\ndef test_a():\n    place = %s\n    os.makedirs(os.path.dirname(place), exist_ok=True)\n    with open(place, 'w') as out:\n        out.write(%q)\n", place, content)
			box := conformance.StartBox(t)
			conformance.PutTree(t, box, "tree", fstest.MapFS{"test_a.py": file(planter)})
			report, err := New().RunTests(t.Context(), box, "tree", language.TestRequest{Timeout: time.Minute})
			if err != nil || report.Count(language.OutcomePassed) != 1 {
				t.Fatalf("nothing is planted: %v, %+v", err, report)
			}
			checkHonestRun(t, box)
		})
	}
}

// A link that waits where the harness is written is replaced, not followed.
func TestTheHarnessIsWrittenNowhereElse(t *testing.T) {
	usePytest(t)
	box, outside := conformance.StartBox(t), t.TempDir()
	if err := os.WriteFile(filepath.Join(outside, "json.py"), []byte(passAll), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, target := range []string{outside, "elsewhere", "/dev/null"} {
		result, err := box.Run(t.Context(), sandbox.Command{
			Args: []string{"sh", "-c", strings.ReplaceAll("rm -rf tree.*; mkdir -p elsewhere; ln -s TARGET tree.tools; ln -s TARGET tree.report", "TARGET", target)},
			Dir:  ".", Timeout: time.Minute,
		})
		if err != nil || result.ExitCode != 0 {
			t.Fatalf("%v, %s", err, result.Output)
		}
		checkHonestRun(t, box)
	}
	if left, err := os.ReadDir(outside); err != nil || len(left) != 1 {
		t.Errorf("outside of the box are %v, %v", left, err)
	}
}
