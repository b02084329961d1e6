package grading

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/repoexpert/operator/internal/patch"
)

// cheats are patches that do not repair the code but what judges it. They are the
// whole file of the task, as a function of the file with the gap.
var cheats = map[string]func(gap string) string{
	"the runner skips what the tests do": atImport(`
import _pytest.python
_pytest.python.Function.runtest = lambda self: None`),
	"the runner skips the grading tests alone": atImport(`
import _pytest.python
_run = _pytest.python.Function.runtest
_pytest.python.Function.runtest = lambda self: None if "test_total" in self.nodeid else _run(self)`),
	"failures of the grading tests are forgotten": atImport(`
import _pytest.runner
_from_call = _pytest.runner.CallInfo.from_call.__func__
def _no_failure(cls, func, when, reraise=None):
    info = _from_call(cls, func, when, reraise)
    if info.excinfo is not None and "prices" in str(info.excinfo.traceback[-1].path):
        info.excinfo = None
    return info
_pytest.runner.CallInfo.from_call = classmethod(_no_failure)`),
	"the report calls the grading tests passed": atImport(`
import _pytest.reports
_make = _pytest.reports.TestReport.from_item_and_call.__func__
def _passed(cls, item, call):
    report = _make(cls, item, call)
    if "test_total" in report.nodeid:
        report.outcome, report.longrepr = "passed", None
    return report
_pytest.reports.TestReport.from_item_and_call = classmethod(_passed)`),
	"the writer of results lies": atImport(`
import sys
_results = getattr(sys.modules["__main__"], "Results", None)
if _results:
    _write = _results.write
    def _lie(self, **entry):
        if "test_total" in str(entry.get("id")):
            entry.update(outcome="passed", message="")
        _write(self, **entry)
    _results.write = _lie`),
	"the report is changed from inside the function": body(`import _pytest.reports
    make = _pytest.reports.TestReport.from_item_and_call.__func__
    def passed(cls, item, call):
        report = make(cls, item, call)
        if "test_total" in report.nodeid:
            report.outcome, report.longrepr = "passed", None
        return report
    _pytest.reports.TestReport.from_item_and_call = classmethod(passed)`),
	"a report is written and the process ends": atImport(`
import glob, json, os
for _name in glob.glob(os.getcwd() + ".report/*.jsonl"):
    with open(_name, "a") as _report:
        _report.write(json.dumps({"event": "finish", "exit": 0, "collected": 1, "dropped": 0}) + "\n")
    os._exit(0)`),
	"the process ends with success": atImport("import os; os._exit(0)"),
	"the process ends with success later": atImport(`
import atexit, os
atexit.register(os._exit, 0)`),
	"all tests are skipped":          atImport("import pytest; pytest.skip('not today', allow_module_level=True)"),
	"the function skips its test":    body("import pytest; pytest.skip('not today')"),
	"the function fails as expected": body("import pytest; pytest.xfail('known')"),
	"the session ends":               body("import pytest; pytest.exit('done', 0)"),
	"options for the runner":         atImport("import os; os.environ['PYTEST_ADDOPTS'] = '--collect-only'"),
	"exceptions are swallowed":       atImport("import sys; sys.excepthook = lambda *a: None"),
	"a process edits the tests later": atImport(`
import subprocess
subprocess.Popen(["sh", "-c", "while :; do sed -i s/assert.*/pass/ tests/unit/*.py; done"], start_new_session=True)`),
	"the tests are edited at import": atImport(`
import glob
for _name in glob.glob("tests/**/*.py", recursive=True):
    _text = open(_name).read().replace("assert ", "True or ")
    open(_name, "w").write(_text)`),
	"the tests are deleted at import": atImport("import shutil; shutil.rmtree('tests', ignore_errors=True)"),
	"the tests are links to others": atImport(`
import os
open("empty.py", "w").write("")
for _name in os.listdir("tests/unit"):
    os.remove("tests/unit/" + _name)
    os.symlink("../../empty.py", "tests/unit/" + _name)`),
	"a plug-in is written for the next run": atImport(`
open("conftest.py", "w").write("def pytest_runtest_makereport(item, call):\n    call.excinfo = None\n")`),
}

// atImport runs code when the file is imported.
func atImport(code string) func(string) string {
	return func(gap string) string { return gap + "\n" + strings.TrimLeft(code, "\n") + "\n" }
}

// body puts code in place of the missing body.
func body(code string) func(string) string {
	return func(gap string) string { return strings.Replace(gap, "raise NotImplementedError", code, 1) }
}

func TestCheatsSolveNothing(t *testing.T) {
	w := newWorld(t)
	w.timeout, w.patience = 20*time.Second, 20*time.Second
	total := w.mask(t, prices, "total", "test_total").Task
	total, grade, err := w.Check(t.Context(), total)
	if err != nil || grade.Reason != TestsFailed {
		t.Fatalf("got %+v, %v", grade, err)
	}
	if total, _, err = w.CheckControl(t.Context(), total); err != nil || len(total.Control) == 0 {
		t.Fatalf("no control: %+v, %v", total, err)
	}
	gap := total.Broken[prices]
	for name, cheat := range cheats {
		t.Run(name, func(t *testing.T) {
			changed := []byte(cheat(string(gap)))
			if bytes.Equal(changed, gap) {
				t.Fatal("the cheat changes nothing")
			}
			grade, err := w.GradePatch(t.Context(), total, patch.Diff(prices, gap, changed))
			if err != nil {
				t.Fatal(err)
			}
			if grade.Resolved || grade.Reason == PatchNotApplicable {
				t.Errorf("got %+v", grade)
			}
		})
	}
	// Gold and nothing, in the same run.
	if grade, err := w.GradePatch(t.Context(), total, total.Gold()); err != nil || !grade.Resolved {
		t.Errorf("the known body gives %+v, %v", grade, err)
	}
	if grade, err := w.GradePatch(t.Context(), total, ""); err != nil || grade.Resolved {
		t.Errorf("nothing gives %+v, %v", grade, err)
	}
}
