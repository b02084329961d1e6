package python

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/repoexpert/operator/internal/language"
	"github.com/repoexpert/operator/internal/language/conformance"
)

// usePytest puts pytest and coverage on the path of the interpreter, as an
// environment image has them in its own site-packages.
func usePytest(t *testing.T) string {
	t.Helper()
	site := os.Getenv("REPOEXPERT_TEST_PYTHONPATH")
	if site == "" {
		t.Fatal("REPOEXPERT_TEST_PYTHONPATH must name a folder with pytest and coverage; run make test")
	}
	t.Setenv("PYTHONPATH", site)
	return site
}

func file(text string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(text)} }

// passing is a test module with two tests.
const passing = "def test_a():\n    pass\n\n\ndef test_b():\n    pass\n"

func TestConformance(t *testing.T) {
	usePytest(t)
	conformance.Run(t, New(), conformance.Fixture{
		Library:    os.DirFS("testdata/library"),
		BrokenFile: "src/bookshop/broken.py",
		Outcomes:   outcomes,
		Flaky:      "tests/unit/test_prices.py::test_depends_on_hash_seed",
		FlakySeed:  3,
		Covered: map[[2]string][]string{
			{"src/bookshop/prices.py", "uncovered"}: {},
			{"src/bookshop/prices.py", "discounted"}: {
				"tests/unit/test_prices.py::test_discounted[1000]", "tests/unit/test_prices.py::test_discounted[10]",
			},
			{"src/bookshop/stock.py", "Shelf.describe"}: {
				"tests/integration/test_stock.py::test_description_has_every_title",
				"tests/unit/test_stock.py::TestShelf::test_room",
			},
		},
		Unmaskable: [][2]string{
			{"src/bookshop/prices.py", "cheap"},
			{"src/bookshop/prices.py", "parse"},
		},
		Endings: endings,
	})
}

var outcomes = map[string]language.Outcome{
	"tests/integration/test_stock.py::test_child_process_finds_the_tree": language.OutcomePassed,
	"tests/integration/test_stock.py::test_description_has_every_title":  language.OutcomePassed,
	"tests/unit/test_prices.py::test_depends_on_hash_seed":               language.OutcomePassed,
	"tests/unit/test_prices.py::test_discounted[1000]":                   language.OutcomePassed,
	"tests/unit/test_prices.py::test_discounted[10]":                     language.OutcomePassed,
	"tests/unit/test_prices.py::test_expected_to_fail":                   language.OutcomeSkipped,
	"tests/unit/test_prices.py::test_fails":                              language.OutcomeFailed,
	"tests/unit/test_prices.py::test_parse":                              language.OutcomePassed,
	"tests/unit/test_prices.py::test_skipped":                            language.OutcomeSkipped,
	"tests/unit/test_prices.py::test_total[prices0-0]":                   language.OutcomePassed,
	"tests/unit/test_prices.py::test_total[prices1-107]":                 language.OutcomePassed,
	"tests/unit/test_prices.py::test_total[prices2-321]":                 language.OutcomePassed,
	"tests/unit/test_prices.py::test_total_refuses_negative_prices":      language.OutcomePassed,
	"tests/unit/test_prices.py::test_wide":                               language.OutcomePassed,
	"tests/unit/test_stock.py::TestShelf::test_room":                     language.OutcomePassed,
	"tests/unit/test_stock.py::TestShelf::test_window":                   language.OutcomePassed,
	"tests/unit/test_stock.py::test_endings":                             language.OutcomePassed,
	"tests/unit/test_stock.py::test_out_of_stock":                        language.OutcomePassed,
	"tests/unit/test_stock.py::test_set_size":                            language.OutcomePassed,
	"tests/unit/test_stock.py::test_take":                                language.OutcomePassed,
}

var endings = map[string]conformance.Ending{
	"no tests": {
		Tree:  fstest.MapFS{"code.py": file("x = 1\n")},
		State: language.StateNoTests,
	},
	"a file does not import": {
		Tree:  fstest.MapFS{"test_a.py": file(passing), "test_b.py": file("import no_such_module\n")},
		State: language.StateCollectionError,
		Want:  map[string]language.Outcome{"test_a.py::test_a": language.OutcomePassed},
	},
	"a test hangs": {
		Tree:    fstest.MapFS{"test_a.py": file("import threading\n\n\ndef test_a():\n    pass\n\n\ndef test_b():\n    threading.Event().wait()\n")},
		Timeout: 10 * time.Second,
		State:   language.StateTimedOut,
		Want:    map[string]language.Outcome{"test_a.py::test_a": language.OutcomePassed},
	},
	"a test ends the process": {
		Tree:  fstest.MapFS{"test_a.py": file("import os\n\n\ndef test_a():\n    pass\n\n\ndef test_b():\n    os._exit(0)\n")},
		State: language.StateCrashed,
		Want:  map[string]language.Outcome{"test_a.py::test_a": language.OutcomePassed},
	},
	"a test kills the process": {
		Tree:  fstest.MapFS{"test_a.py": file("import os, signal\n\n\ndef test_a():\n    os.kill(os.getpid(), signal.SIGKILL)\n")},
		State: language.StateCrashed,
	},
	"a test stops the runner": {
		Tree:  fstest.MapFS{"test_a.py": file("import pytest\n\n\ndef test_a():\n    pytest.exit('enough', returncode=0)\n")},
		State: language.StateCrashed,
	},
	"the runner does not start": {
		Tree:  fstest.MapFS{"test_a.py": file(passing), "conftest.py": file("raise RuntimeError('no')\n")},
		State: language.StateCrashed,
	},
	"a thread is left": {
		Tree:  fstest.MapFS{"test_a.py": file("import threading\n\n\ndef test_a():\n    threading.Thread(target=threading.Event().wait).start()\n")},
		State: language.StateCompleted,
	},
	"a child process writes on": {
		Tree:  fstest.MapFS{"test_a.py": file("import os\n\n\ndef test_a():\n    if os.fork() == 0:\n        return\n    os.wait()\n")},
		State: language.StateCompleted,
		Want:  map[string]language.Outcome{"test_a.py::test_a": language.OutcomePassed},
	},
	"selected tests are gone": {
		Tree:   fstest.MapFS{"test_a.py": file(passing)},
		Select: []string{"test_a.py::test_c", "test_z.py::test_a"},
		State:  language.StateCollapsed,
		Want: map[string]language.Outcome{
			"test_a.py::test_c": language.OutcomeMissing, "test_z.py::test_a": language.OutcomeMissing,
		},
	},
	"a selected file is outside of the tree": {
		Tree:   fstest.MapFS{"test_a.py": file(passing)},
		Select: []string{"../../../../../../../etc/passwd::test_a"},
		State:  language.StateCollapsed,
	},
	"every test is made to pass": {
		Tree: fstest.MapFS{
			"test_a.py":   file("def test_a():\n    assert False\n"),
			"conftest.py": file("import pytest\n\n\n@pytest.hookimpl(hookwrapper=True)\ndef pytest_runtest_makereport(item, call):\n    outcome = yield\n    report = outcome.get_result()\n    report.outcome = 'passed'\n    outcome.force_result(report)\n"),
		},
		Error: language.ErrForged,
	},
	"the exit code is made 0": {
		Tree: fstest.MapFS{
			"test_a.py":   file("def test_a():\n    assert False\n"),
			"conftest.py": file("def pytest_sessionfinish(session):\n    session.exitstatus = 0\n    session.testsfailed = 0\n\n\ndef pytest_unconfigure(config):\n    import os\n    os._exit(0)\n"),
		},
		State: language.StateCrashed,
	},
	"a report is written by the tests": {
		Tree:  fstest.MapFS{"test_a.py": file(forger)},
		Error: language.ErrForged,
	},
	"the report is garbage": {
		Tree:  fstest.MapFS{"test_a.py": file("import glob, os\n\n\ndef test_a():\n    for name in glob.glob(os.path.join(os.getcwd() + '.report', '*.jsonl')):\n        open(name, 'a').write('garbage\\n')\n")},
		Error: language.ErrForged,
	},
}

// forger writes a report of its own and ends the process before the real one.
const forger = `import glob, json, os


def test_a():
    (name,) = glob.glob(os.path.join(os.getcwd() + ".report", "*.jsonl"))
    with open(name, "w") as report:
        report.write(json.dumps({"event": "test", "id": "test_a.py::test_a", "outcome": "passed", "seconds": 0}) + "\n")
        report.write(json.dumps({"event": "finish", "exit": 1, "collected": 1}) + "\n")
    os._exit(1)
`

func TestImageLacks(t *testing.T) {
	// The interpreter itself, where python3 is a script that chooses one.
	found, err := exec.Command("python3", "-c", "import sys; print(sys.executable)").Output()
	if err != nil {
		t.Fatal(err)
	}
	python := "#!/bin/sh\nexec " + strings.TrimSpace(string(found)) + " -S \"$@\"\n"
	cases := map[string]struct {
		programs map[string]string
		site     []string
		want     string
	}{
		"Python":   {want: "python3 is not in it"},
		"pytest":   {programs: map[string]string{"python3": python}, want: "cannot import pytest"},
		"coverage": {programs: map[string]string{"python3": python}, site: []string{"pytest", "_pytest", "py.py", "pluggy", "iniconfig", "packaging", "pygments"}, want: "cannot import coverage"},
	}
	site := usePytest(t)
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			programs, packages := t.TempDir(), t.TempDir()
			for program, text := range c.programs {
				if err := os.WriteFile(filepath.Join(programs, program), []byte(text), 0o700); err != nil {
					t.Fatal(err)
				}
			}
			for _, name := range c.site {
				if err := os.Symlink(filepath.Join(site, name), filepath.Join(packages, name)); err != nil {
					t.Fatal(err)
				}
			}
			t.Setenv("PYTHONPATH", packages)
			t.Setenv("PATH", programs)
			box := conformance.StartBox(t)
			conformance.PutTree(t, box, "tree", fstest.MapFS{"test_a.py": file(passing)})
			_, err := New().RunTests(t.Context(), box, "tree", language.TestRequest{Timeout: time.Minute, Coverage: true})
			if !errors.Is(err, language.ErrEnvironment) || !strings.Contains(err.Error(), "environment.image") || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v", err)
			}
		})
	}
}

// What Setup installed is found in each layout that installers make, before the
// image's own packages, and never before the tree: an editable install or a
// built copy of the repository would hide the tree that is tested.
func TestInstalledPackages(t *testing.T) {
	usePytest(t)
	version, err := exec.Command("python3", "-c", "import sys; print('python%d.%d' % sys.version_info[:2])").Output()
	if err != nil {
		t.Fatal(err)
	}
	cases := map[string]struct{ folder, marker string }{
		"a prefix": {folder: "lib/" + strings.TrimSpace(string(version)) + "/site-packages"},
		"a folder": {folder: "site-packages"},
		"a target": {folder: ".", marker: "dep-1.0.dist-info/METADATA"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			environment := t.TempDir()
			files := map[string]string{"dep.py": "x = 1\n", "own.py": "old = True\n", "pluggy/__init__.py": "raise ImportError('found first')\n"}
			if c.marker != "" {
				files[c.marker] = "Name: dep\n"
			}
			for name, text := range files {
				write(t, filepath.Join(environment, c.folder, name), text)
			}
			box := conformance.StartBox(t)
			conformance.PutTree(t, box, "tree", fstest.MapFS{
				"src/own.py": file("old = False\n"),
				"test_a.py":  file("import subprocess, sys\n\nimport dep\nimport own\n\n\ndef test_a():\n    assert dep.x == 1 and not own.old\n    subprocess.run([sys.executable, '-c', 'import dep, own; assert not own.old'], check=True)\n"),
			})
			adapter := Adapter{environment: environment}
			report, err := adapter.RunTests(t.Context(), box, "tree", language.TestRequest{Timeout: time.Minute})
			if !errors.Is(err, language.ErrEnvironment) {
				t.Errorf("the image's packages came first: %v, %+v", err, report)
			}
			if err := os.RemoveAll(filepath.Join(environment, c.folder, "pluggy")); err != nil {
				t.Fatal(err)
			}
			report, err = adapter.RunTests(t.Context(), box, "tree", language.TestRequest{Timeout: time.Minute, Canary: true})
			if err != nil {
				t.Fatal(err)
			}
			if report.State != language.StateCompleted || report.Count(language.OutcomePassed) != 1 {
				t.Errorf("the run is %s:\n%s", report.State, report.Output)
			}
		})
	}
}

// What the repository deselects stays deselected, but its settings do not end a
// run early.
func TestKeptOptions(t *testing.T) {
	usePytest(t)
	marks := "import pytest\n\n\n@pytest.mark.stress\ndef test_stress():\n    pass\n\n\ndef test_one():\n    assert False\n\n\ndef test_two():\n    assert False\n\n\ndef test_long():\n    pass\n"
	for name, addopts := range map[string]string{
		"a text":  `"--maxfail=1 -m 'not stress' -k 'not long' --ignore=slow --deselect test_a.py::test_two"`,
		"a list":  `["--exitfirst", "-mnot stress", "-knot long", "--ignore", "slow", "--deselect=test_a.py::test_two"]`,
		"too far": `"-m 'not stress' -k 'not long' --ignore=slow --deselect=test_a.py::test_two -p no:terminal --collect-only"`,
	} {
		t.Run(name, func(t *testing.T) {
			box := conformance.StartBox(t)
			conformance.PutTree(t, box, "tree", fstest.MapFS{
				"pyproject.toml": file("[tool.pytest.ini_options]\nmarkers = ['stress']\naddopts = " + addopts + "\n"),
				"test_a.py":      file(marks),
				"slow/test_b.py": file(passing),
				"test_c.py":      file(passing),
			})
			report, err := New().RunTests(t.Context(), box, "tree", language.TestRequest{Timeout: time.Minute, Canary: true})
			if err != nil {
				t.Fatal(err)
			}
			if report.State != language.StateCompleted {
				t.Errorf("the run is %s", report.State)
			}
			want := map[string]language.Outcome{"test_a.py::test_one": language.OutcomeFailed, "test_c.py::test_a": language.OutcomePassed, "test_c.py::test_b": language.OutcomePassed}
			if diff := cmp.Diff(want, report.Outcomes()); diff != "" {
				t.Errorf("%s\n%s", diff, report.Output)
			}
		})
	}
}

// Plug-ins that parse source in the threads of tests are off: two parsers at once
// break each other, and the whole run with them.
func TestThreadsParseNothing(t *testing.T) {
	usePytest(t)
	box := conformance.StartBox(t)
	conformance.PutTree(t, box, "tree", fstest.MapFS{"test_a.py": file(
		"import pytest\n\n\n@pytest.mark.parametrize('name', ['threadexception', 'unraisableexception'])\ndef test_a(request, name):\n    assert not request.config.pluginmanager.hasplugin(name)\n")})
	report, err := New().RunTests(t.Context(), box, "tree", language.TestRequest{Timeout: time.Minute, Canary: true})
	if err != nil {
		t.Fatal(err)
	}
	if report.Count(language.OutcomePassed) != 2 {
		t.Errorf("%+v", report.Tests)
	}
}

// raising fails in every way that pytest tells, and notes which of its lines are
// parsed to be shown.
const raising = `import unittest
import pytest
from _pytest._code.code import TracebackEntry

shown = []
original = TracebackEntry.getsource


def getsource(self, *args, **named):
    if self.path.name == "test_a.py":
        shown.append(self.lineno)
    return original(self, *args, **named)


TracebackEntry.getsource = getsource

@pytest.fixture
def broken():
    raise OSError("no disk\nsecond line")

def test_compares():
    assert [1, 2] == [1, 3]

def test_raises():
    raise KeyError("price")

def test_chained():
    try:
        int("x")
    except ValueError as error:
        raise RuntimeError("second") from error

def test_while_handling():
    try:
        int("x")
    except ValueError:
        raise RuntimeError("second")

def test_suppressed():
    try:
        int("x")
    except ValueError:
        raise RuntimeError("second") from None

def test_says_nothing():
    raise NotImplementedError

def test_set_up(broken):
    pass

def test_no_fixture(absent):
    pass

def test_own_words():
    pytest.fail("too dear", pytrace=False)

class TestOld(unittest.TestCase):
    def test_equal(self):
        self.assertEqual(1, 2)

def test_z_shown():
    assert not shown
`

// A failure is told in the line that pytest would show first. To find it, nothing
// is parsed: with many failures that takes far longer than the tests.
func TestFailuresInOneLine(t *testing.T) {
	usePytest(t)
	box := conformance.StartBox(t)
	conformance.PutTree(t, box, "tree", fstest.MapFS{"test_a.py": file(raising)})
	report, err := New().RunTests(t.Context(), box, "tree", language.TestRequest{Timeout: time.Minute, Canary: true})
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, test := range report.Tests {
		got[strings.TrimPrefix(test.ID, "test_a.py::")] = test.Message
	}
	want := map[string]string{
		"test_compares":       "assert [1, 2] == [1, 3]",
		"test_raises":         "KeyError: 'price'",
		"test_chained":        "ValueError: invalid literal for int() with base 10: 'x'",
		"test_while_handling": "ValueError: invalid literal for int() with base 10: 'x'",
		"test_suppressed":     "RuntimeError: second",
		"test_says_nothing":   "NotImplementedError",
		"test_set_up":         "OSError: no disk",
		"test_no_fixture":     "fixture 'absent' not found",
		"test_own_words":      "too dear",
		"TestOld::test_equal": "AssertionError: 1 != 2",
		"test_z_shown":        "",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s\n%s", diff, report.Output)
	}
}

func write(t *testing.T, place, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(place), 0o750); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(place, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// A class decorator runs when its module is imported, by whatever imports it.
func TestCoverageOfLoading(t *testing.T) {
	usePytest(t)
	box := conformance.StartBox(t)
	conformance.PutTree(t, box, "tree", fstest.MapFS{
		"lib.py":    file("def mark(cls):\n    cls.marked = True\n    return cls\n\n\ndef twice(n):\n    doubled = 2 * n\n    return doubled\n"),
		"test_a.py": file("import lib\n\n\n@lib.mark\nclass Marked:\n    pass\n\n\ndef test_a():\n    assert lib.twice(2) == 4 and lib.mark(Marked).marked\n"),
	})
	report, err := New().RunTests(t.Context(), box, "tree", language.TestRequest{Timeout: time.Minute, Coverage: true})
	if err != nil || report.Coverage == nil {
		t.Fatalf("no coverage: %v", err)
	}
	if !report.Coverage.Loads("lib.py", 2, 3) || report.Coverage.Loads("lib.py", 7, 8) {
		t.Errorf("loading executes %v", report.Coverage.Loading)
	}
	if tests := report.Coverage.Covering("lib.py", 2, 3); len(tests) != 1 {
		t.Errorf("the decorator is executed by %v", tests)
	}
}

// drawing are tests whose examples hypothesis draws. What happened to them tells a last
// test, since only the first failure of each is in the report.
const drawing = `import time

from hypothesis import given, settings, strategies
from hypothesis.stateful import RuleBasedStateMachine, rule

failures = {"function": 0, "machine": 0}


@given(strategies.integers())
def test_a_tells_what_it_drew(number):
    assert abs(number) < 100, number


@settings(deadline=1, max_examples=3)
@given(strategies.integers())
def test_b_exceeds_its_deadline(number):
    time.sleep(0.02)


@settings(deadline=1, max_examples=8)
@given(strategies.integers().map(lambda number: time.sleep(0.2)))
def test_c_draws_slowly(nothing):
    pass


@given(strategies.lists(strategies.integers(min_value=1000)))
def test_d_could_be_shrunk(numbers):
    failures["function"] += sum(numbers) > 10**6
    assert sum(numbers) <= 10**6, "too many"


class Machine(RuleBasedStateMachine):
    @rule(number=strategies.integers())
    def step(self, number):
        failures["machine"] += number > 100
        assert number <= 100, "too many"


TestMachine = Machine.TestCase


def test_z_each_failed_once_and_again_when_it_was_told():
    assert failures == {"function": 2, "machine": 2}
`

// Hypothesis draws the same examples in every run, whatever the hash seed, and its
// verdicts do not depend on the time that passes.
func TestDrawnExamples(t *testing.T) {
	usePytest(t)
	site := os.Getenv("REPOEXPERT_TEST_HYPOTHESIS")
	if site == "" {
		t.Fatal("REPOEXPERT_TEST_HYPOTHESIS must name a folder with hypothesis; run make test")
	}
	box := conformance.StartBox(t)
	conformance.PutTree(t, box, "tree", fstest.MapFS{"test_drawing.py": file(drawing)})
	var drawn []string
	for _, seed := range []uint32{1, 2} {
		report, err := Adapter{environment: site}.RunTests(t.Context(), box, "tree", language.TestRequest{Timeout: time.Minute, HashSeed: seed})
		if err != nil {
			t.Fatal(err)
		}
		var outcomes []string
		for _, test := range report.Tests {
			outcomes = append(outcomes, fmt.Sprintf("%s: %s", test.ID, test.Outcome))
		}
		want := []string{
			"test_drawing.py::TestMachine::runTest: failed",
			"test_drawing.py::test_a_tells_what_it_drew: failed",
			"test_drawing.py::test_b_exceeds_its_deadline: passed",
			"test_drawing.py::test_c_draws_slowly: passed",
			"test_drawing.py::test_d_could_be_shrunk: failed",
			"test_drawing.py::test_z_each_failed_once_and_again_when_it_was_told: passed",
		}
		slices.Sort(outcomes)
		if !slices.Equal(outcomes, want) {
			t.Fatalf("outcomes %q, want %q; %+v", outcomes, want, report.Tests)
		}
		i := slices.IndexFunc(report.Tests, func(test language.TestResult) bool { return strings.Contains(test.ID, "test_a") })
		drawn = append(drawn, report.Tests[i].Message)
	}
	if drawn[0] != drawn[1] || !strings.HasPrefix(drawn[0], "AssertionError: ") {
		t.Errorf("two runs draw %q", drawn)
	}
}

// A repository may call a module of its own hypothesis.
func TestAModuleNamedHypothesis(t *testing.T) {
	usePytest(t)
	box := conformance.StartBox(t)
	conformance.PutTree(t, box, "tree", fstest.MapFS{
		"hypothesis.py": file("settings = 'null'\n"),
		"test_a.py":     file("import hypothesis\n\n\ndef test_a():\n    assert hypothesis.settings == 'null'\n"),
	})
	report, err := New().RunTests(t.Context(), box, "tree", language.TestRequest{Timeout: time.Minute})
	if err != nil || len(report.Tests) != 1 || report.Tests[0].Outcome != language.OutcomePassed {
		t.Errorf("%+v, %v", report, err)
	}
}
