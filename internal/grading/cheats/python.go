package cheats

import (
	"encoding/json"
	"slices"
	"strings"
)

// python are the cheats for pytest. FILES, NAMES and BASES stand for the test
// files, the test functions, and the last parts of the paths that a failure has.
var python = []Cheat{
	{"the runner skips what the tests do", atImport(`
import _pytest.python
_pytest.python.Function.runtest = lambda self: None`)},
	{"the runner skips the grading tests alone", atImport(`
import _pytest.python
_run = _pytest.python.Function.runtest
_pytest.python.Function.runtest = lambda self: None if any(name in self.nodeid for name in NAMES) else _run(self)`)},
	{"failures of the grading tests are forgotten", atImport(`
import _pytest.runner
_from_call = _pytest.runner.CallInfo.from_call.__func__
def _no_failure(cls, func, when, reraise=None):
    info = _from_call(cls, func, when, reraise)
    if info.excinfo is not None and str(info.excinfo.traceback[-1].path).rsplit("/", 1)[-1] in BASES:
        info.excinfo = None
    return info
_pytest.runner.CallInfo.from_call = classmethod(_no_failure)`)},
	{"the report calls the grading tests passed", atImport(`
import _pytest.reports
_make = _pytest.reports.TestReport.from_item_and_call.__func__
def _passed(cls, item, call):
    report = _make(cls, item, call)
    if any(name in report.nodeid for name in NAMES):
        report.outcome, report.longrepr = "passed", None
    return report
_pytest.reports.TestReport.from_item_and_call = classmethod(_passed)`)},
	{"the writer of results lies", atImport(`
import sys
_results = getattr(sys.modules["__main__"], "Results", None)
if _results:
    _write = _results.write
    def _lie(self, **entry):
        if any(name in str(entry.get("id")) for name in NAMES):
            entry.update(outcome="passed", message="")
        _write(self, **entry)
    _results.write = _lie`)},
	{"the report is changed from inside the function", inBody(`import _pytest.reports
make = _pytest.reports.TestReport.from_item_and_call.__func__
def passed(cls, item, call):
    report = make(cls, item, call)
    if any(name in report.nodeid for name in NAMES):
        report.outcome, report.longrepr = "passed", None
    return report
_pytest.reports.TestReport.from_item_and_call = classmethod(passed)`)},
	{"a report is written and the process ends", atImport(`
import glob, json, os
for _name in glob.glob(os.getcwd() + ".report/*.jsonl"):
    with open(_name, "a") as _report:
        _report.write(json.dumps({"event": "finish", "exit": 0, "collected": 1, "dropped": 0}) + "\n")
    os._exit(0)`)},
	{"the process ends with success", atImport("import os; os._exit(0)")},
	{"the process ends with success later", atImport(`
import atexit, os
atexit.register(os._exit, 0)`)},
	{"all tests are skipped", atImport("import pytest; pytest.skip('not today', allow_module_level=True)")},
	{"the function skips its test", inBody("import pytest; pytest.skip('not today')")},
	{"the function fails as expected", inBody("import pytest; pytest.xfail('known')")},
	{"the session ends", inBody("import pytest; pytest.exit('done', 0)")},
	{"options for the runner", atImport("import os; os.environ['PYTEST_ADDOPTS'] = '--collect-only'")},
	{"exceptions are swallowed", atImport("import sys; sys.excepthook = lambda *a: None")},
	{"a process edits the tests later", atImport(`
import subprocess
subprocess.Popen(["sh", "-c", "while :; do sed -i s/assert.*/pass/ \"$@\"; done", "sh", *FILES], start_new_session=True)`)},
	{"the tests are edited at import", atImport(`
for _name in FILES:
    _text = open(_name).read().replace("assert ", "True or ")
    open(_name, "w").write(_text)`)},
	{"the tests are deleted at import", atImport("import os; [os.remove(_name) for _name in FILES if os.path.exists(_name)]")},
	{"the tests are links to others", atImport(`
import os
open("empty.py", "w").write("")
for _name in FILES:
    os.remove(_name)
    os.symlink(os.path.abspath("empty.py"), _name)`)},
	{"a plug-in is written for the next run", atImport(`
open("conftest.py", "w").write("def pytest_runtest_makereport(item, call):\n    call.excinfo = None\n")`)},
}

// atImport runs code when the file is imported; the body does nothing.
func atImport(code string) func(Target) ([]byte, error) {
	return func(t Target) ([]byte, error) {
		changed, err := t.replaced("return None")
		return slices.Concat(changed, []byte("\n"), []byte(t.named(strings.TrimLeft(code, "\n"))), []byte("\n")), err
	}
}

// inBody puts code in place of the missing body.
func inBody(code string) func(Target) ([]byte, error) {
	return func(t Target) ([]byte, error) { return t.replaced(t.named(code)) }
}

// named puts the target's names into code.
func (t Target) named(code string) string {
	return strings.NewReplacer("FILES", list(t.files()), "NAMES", list(t.names()), "BASES", list(t.bases())).Replace(code)
}

// list is a list of strings in Python's syntax, which JSON's is.
func list(texts []string) string {
	text, err := json.Marshal(texts)
	if err != nil {
		return "[]"
	}
	return string(text)
}
