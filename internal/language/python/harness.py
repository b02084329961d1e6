"""Run pytest for a program and write down what happened to every test.

    python3 harness.py REQUEST.json

The working directory is the root of the tree. Needs pytest, and coverage when
coverage is asked for, from the environment; everything else is the standard
library (Python >= 3.8). The request:

    results     file for the results, which must not exist
    coverage    file for the coverage, "" when it is not wanted
    paths       test files or folders, [] for pytest's own discovery
    select      ids of the tests to run, [] for all
    canary      name of a test to inject that fails, "" for none
    environment folder in which a set-up installed packages

The results are JSON, one object a line, written as things happen, so that a
crash or a kill leaves what came before:

    {"event": "problem", "path", "message"}            a file did not import
    {"event": "test", "id", "outcome", "seconds", "message"}
    {"event": "finish", "exit", "collected", "dropped"}  only if pytest returned
    {"event": "lacks", "program"}                      pytest or coverage is missing

What of the repository's own pytest settings is set aside, and why: `addopts`
(it may stop early, print, measure or distribute), `filterwarnings` as errors
(coverage's own warnings would fail tests), the cache (it writes into the tree),
and random order. Of `addopts` an import mode is kept, without which files of one
name in two folders cannot be collected, and what selects tests: the others may
be stress tests by the thousand, or need a machine of their own. Where hypothesis
is installed, it draws the same examples in every run, however long they take, and
stops at the first that fails.
"""

import glob
import json
import os
import random
import shlex
import site
import sys

LACKS_EXIT = 97
MAX_ID = 1000
MAX_MESSAGE = 300
MAX_OPTION = 4000
SELECTION = ("-m", "-k", "--ignore", "--ignore-glob", "--deselect")
IMPORT_MODES = ("prepend", "append", "importlib")
OWN_FOLDER = os.path.dirname(os.path.abspath(__file__))
SEVERITY = ["passed", "skipped", "failed", "error"]


def main():
    with open(sys.argv[1], encoding="utf-8") as content:
        request = json.load(content)
    results = Results(request["results"])
    prepare_path(os.getcwd(), request["environment"])
    try:
        import pytest
    except ImportError:
        leave_lacking(results, "pytest")
    measure = start_coverage(results) if request["coverage"] else None
    # After pytest's own selection, which would deselect the canary too.
    pytest.hookimpl(trylast=True)(Recorder.pytest_collection_modifyitems)
    pytest.hookimpl(hookwrapper=True)(Recorder.pytest_runtest_makereport)
    recorder = Recorder(request, results, measure)
    code = int(pytest.main(arguments(request), plugins=[recorder]))
    if measure is not None:
        measure.stop()
        write_coverage(measure, request["coverage"])
    results.write(event="finish", exit=code, collected=recorder.collected, dropped=recorder.dropped)
    sys.stdout.flush()
    sys.stderr.flush()
    # Threads that tests left behind must not keep the process.
    os._exit(code)


def leave_lacking(results, program):
    results.write(event="lacks", program=program)
    sys.exit(LACKS_EXIT)


def arguments(request):
    return [
        "--rootdir=.",
        "--override-ini=addopts=",
        "-Wdefault",
        "--disable-warnings",
        "-pno:cacheprovider",
        "-pno:randomly",
        "--continue-on-collection-errors",
        "--color=no",
        # What threads and finalizers raise comes at any time, and to tell it parses source in
        # a thread. That can break the parser for the report of a failure in another one
        # ("AST constructor recursion depth mismatch", python/cpython issue 106905).
        "-pno:threadexception",
        "-pno:unraisableexception",
        "--tb=short",
        "-q",
    ] + ["./" + path for path in request["paths"]]


def prepare_path(root, environment):
    """Put the tree first, then what the set-up installed, then the image's own.

    The tree must win over an editable install of an earlier copy of it. Child
    processes find the same through PYTHONPATH.
    """
    before = [entry for entry in sys.path if entry and os.path.abspath(entry) != OWN_FOLDER]
    sys.path[:] = before
    for folder in environment_folders(environment):
        site.addsitedir(folder)
    installed = [entry for entry in sys.path if entry not in before]
    sources = os.path.join(root, "src")
    first = [sources] if os.path.isdir(sources) and not os.path.exists(os.path.join(sources, "__init__.py")) else []
    first.append(root)
    sys.path[:] = first + installed + before
    inherited = [entry for entry in os.environ.get("PYTHONPATH", "").split(os.pathsep) if entry]
    os.environ["PYTHONPATH"] = os.pathsep.join(first + installed + inherited)


def environment_folders(environment):
    version = "python%d.%d" % sys.version_info[:2]
    folders = [os.path.join(environment, "lib", version, "site-packages"), os.path.join(environment, "site-packages")]
    if glob.glob(os.path.join(glob.escape(environment), "*.dist-info")):
        folders.append(environment)
    return [folder for folder in folders if os.path.isdir(folder)]


def start_coverage(results):
    # Only this tracer can tell tests apart on every version.
    os.environ.setdefault("COVERAGE_CORE", "ctrace")
    try:
        import coverage
    except ImportError:
        leave_lacking(results, "coverage")
    measure = coverage.Coverage(data_file=None, config_file=False, source=[os.getcwd()], messages=False)
    measure.set_option("run:disable_warnings", ["no-data-collected", "module-not-imported", "no-sysmon", "couldnt-parse"])
    measure.start()
    return measure


def write_coverage(measure, path):
    """Lines by the tests that ran them: {"tests": [...]}, then one file a line.

    What ran outside of tests, as when they were imported, is "loading".
    """
    data = measure.get_data()
    root = os.getcwd() + os.sep
    tests = sorted(context for context in data.measured_contexts() if context)
    index = {context: number for number, context in enumerate(tests)}
    with open(path, "x", encoding="utf-8") as output:
        write_line(output, {"tests": tests})
        for name in sorted(data.measured_files()):
            contexts = data.contexts_by_lineno(name) if name.startswith(root) else {}
            if contexts:
                loading = sorted(line for line in contexts if "" in contexts[line])
                path = name[len(root):].replace(os.sep, "/")
                write_line(output, {"path": path, "loading": loading, "groups": group_lines(contexts, index)})


def write_line(output, document):
    output.write(json.dumps(document, separators=(",", ":")) + "\n")


def group_lines(contexts, index):
    groups = {}
    for line in sorted(contexts):
        covering = tuple(sorted(index[context] for context in set(contexts[line]) if context))
        if covering:
            groups.setdefault(covering, []).append(line)
    return [{"lines": lines, "tests": list(covering)} for covering, lines in groups.items()]


class Results:
    """The file of results; a forked child must not write into it."""

    def __init__(self, path):
        self.owner = os.getpid()
        self.descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC, 0o600)

    def write(self, **event):
        if os.getpid() == self.owner:
            os.write(self.descriptor, json.dumps(event, separators=(",", ":")).encode() + b"\n")


class Recorder:
    """The pytest plugin: selects, injects the canary, records."""

    def __init__(self, request, results, measure):
        self.select = frozenset(request["select"])
        self.canary = request["canary"]
        self.results = results
        self.measure = measure
        self.collected = 0
        self.dropped = 0
        self.current = {}

    def pytest_load_initial_conftests(self, early_config, args):
        for name, value in kept_options(early_config):
            args.append("%s=%s" % (name, value) if name.startswith("--") else name + value)
            if name == "--import-mode":
                early_config.known_args_namespace.importmode = value
        # Tests that draw their examples would be others in every run.
        if drawing(early_config):
            args.append("--hypothesis-seed=0")

    def pytest_configure(self, config):
        if self.select:
            files = sorted({test.split("::", 1)[0] for test in self.select})
            # Without arguments everything would be collected; here is nothing.
            config.args = [name for name in files if inside(name)] or [OWN_FOLDER]

    def pytest_collectreport(self, report):
        if report.failed:
            self.results.write(event="problem", path=report.nodeid[:MAX_ID], message=summary(report))

    def pytest_itemcollected(self, item):
        # Ids beyond any use, such as a whole document as a parameter.
        item.repoexpert_usable = len(item.nodeid) <= MAX_ID

    def pytest_collection_modifyitems(self, session, config, items):
        usable = [item for item in items if getattr(item, "repoexpert_usable", True)]
        self.dropped = len(items) - len(usable)
        kept = [item for item in usable if not self.select or item.nodeid in self.select]
        deselected = [item for item in items if item not in set(kept)]
        if deselected:
            config.hook.pytest_deselected(items=deselected)
        if self.canary:
            place = random.Random(self.canary).randrange(len(kept) + 1)
            kept.insert(place, canary_item(session, self.canary))
        items[:] = kept
        if drawing(config):
            ignore_time(kept)
        self.collected = len({item.nodeid for item in kept})
        # To show the source of every frame parses its whole file each time: where a
        # fault fails 1,000 tests that took 20 times as long as the tests themselves.
        config.option.tbstyle = "value"

    def pytest_runtest_makereport(self, item, call):
        outcome = yield
        if call.excinfo is not None and hasattr(item, "function"):
            outcome.get_result().repoexpert_error = error_text(call.excinfo)

    def pytest_runtest_logstart(self, nodeid):
        self.current[nodeid] = {"outcome": "passed", "seconds": 0.0, "message": ""}
        if self.measure is not None:
            self.measure.switch_context(nodeid)

    def pytest_runtest_logreport(self, report):
        entry = self.current.get(report.nodeid)
        if entry is None:
            return
        entry["seconds"] += report.duration
        outcome = outcome_of(report)
        if SEVERITY.index(outcome) > SEVERITY.index(entry["outcome"]):
            entry["outcome"] = outcome
            entry["message"] = summary(report) if report.failed else ""

    def pytest_runtest_logfinish(self, nodeid):
        entry = self.current.pop(nodeid, None)
        if self.measure is not None:
            self.measure.switch_context("")
        if entry is not None:
            entry["seconds"] = round(entry["seconds"], 6)
            self.results.write(event="test", id=nodeid, **entry)


def kept_options(config):
    """The options in the repository's own `addopts` that are kept, with their values."""
    options = settings(config).get("addopts", "")
    options = getattr(options, "value", options)  # newer versions wrap values
    try:
        words = [str(word) for word in options] if isinstance(options, list) else shlex.split(str(options))
    except ValueError:  # pytest itself refuses these
        return []
    kept = []
    for at, word in enumerate(words):
        following = words[at + 1] if at + 1 < len(words) else ""
        if word[:2] in ("-m", "-k") and not word.startswith("--"):
            name, value = word[:2], word[2:] or following
        else:
            name, equals, value = word.partition("=")
            value = value if equals else following
        allowed = name in SELECTION or (name == "--import-mode" and value in IMPORT_MODES)
        if allowed and 0 < len(value) <= MAX_OPTION:
            kept.append((name, value))
    return kept


def settings(config):
    """What the repository's file of settings says; overrides hide it in `config`."""
    try:
        from _pytest.config.findpaths import load_config_dict_from_file
    except ImportError:
        return config.inicfg
    return (load_config_dict_from_file(config.inipath) if config.inipath else None) or {}


def drawing(config):
    """Whether hypothesis is installed: a module of the repository may have its name."""
    return config.pluginmanager.has_plugin("hypothesispytest")


def ignore_time(items):
    """Keep the clock out of hypothesis' verdicts.

    On a busy machine examples exceed their deadline and are too slow to draw. To shrink
    one that fails changes no verdict, ends by the clock, and takes up to five minutes.
    What earlier runs left in a database of examples is not of this run.
    """
    from hypothesis import HealthCheck, settings

    def untimed(given):
        return settings(
            given,
            database=None,
            deadline=None,
            phases=[phase for phase in given.phases if phase.name not in ("reuse", "shrink", "explain")],
            suppress_health_check=list({*given.suppress_health_check, HealthCheck.too_slow}),
        )

    changed = set()
    for item in items:
        test = getattr(item, "obj", None)
        # A test, where hypothesis' own plugin looks too, and the class of a state machine.
        for holder, name in ((getattr(test, "__func__", test), "_hypothesis_internal_use_settings"), (getattr(item, "cls", None), "settings")):
            given = getattr(holder, name, None)
            if isinstance(given, settings) and (id(holder), name) not in changed:
                changed.add((id(holder), name))
                setattr(holder, name, untimed(given))


def inside(name):
    root = os.path.realpath(os.getcwd())
    return os.path.isfile(name) and os.path.realpath(name).startswith(root + os.sep)


def canary_item(session, name):
    import pytest

    class Canary(pytest.Item):
        def runtest(self):
            raise AssertionError("this test has to fail")

        def reportinfo(self):
            return self.path, None, self.name

    return Canary.from_parent(session, name=name)


def outcome_of(report):
    if hasattr(report, "wasxfail"):
        return "skipped"
    if report.failed:
        return "failed" if report.when == "call" else "error"
    return report.outcome


def error_text(info):
    """What was raised first, as pytest writes it; "" where pytest has words of its own."""
    if info.typename == "FixtureLookupError" or not getattr(info.value, "pytrace", True):
        return ""
    first, known = info.value, set()
    while first is not None and id(first) not in known:
        known.add(id(first))
        info = type(info).from_exc_info((type(first), first, first.__traceback__))
        first = first.__cause__ or (None if first.__suppress_context__ else first.__context__)
    return info.exconly(tryshort=True)


def summary(report):
    """The line of a failure that says most, without addresses of objects."""
    error = getattr(report, "repoexpert_error", "")
    lines = [line.strip() for line in (error or str(report.longrepr or "")).splitlines() if line.strip()]
    if error:
        lines = lines[:1]
    errors = [line[1:].strip() for line in lines if line.startswith("E ")]
    text = (errors or lines[-1:] or [""])[0]
    return text[:MAX_MESSAGE].encode("utf-8", "replace").decode("utf-8")


if __name__ == "__main__":
    main()
