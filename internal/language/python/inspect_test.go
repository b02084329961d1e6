package python_test

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/repoexpert/operator/internal/language"
)

// inspect writes the files into a folder and runs the inspector on it.
func inspect(t *testing.T, files map[string]string, arguments ...string) ([]byte, *language.Inventory) {
	t.Helper()
	root := t.TempDir()
	for name, text := range files {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return run(t, root, arguments...)
}

func run(t *testing.T, root string, arguments ...string) ([]byte, *language.Inventory) {
	t.Helper()
	python, err := exec.LookPath("python3")
	if errors.Is(err, exec.ErrNotFound) {
		t.Skip("python3 is not installed")
	}
	output, err := exec.Command(python, append([]string{"-I", "-S", "-B", "inspect.py", root}, arguments...)...).Output()
	if err != nil {
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			t.Fatalf("inspect.py: %v: %s", err, exit.Stderr)
		}
		t.Fatal(err)
	}
	inventory, err := language.ParseInventory(bytes.NewReader(output), language.DefaultInventoryLimits())
	if err != nil {
		t.Fatalf("%v in %.2000s", err, output)
	}
	return output, inventory
}

func find(t *testing.T, inventory *language.Inventory, name string) language.Definition {
	t.Helper()
	for _, module := range inventory.Modules {
		for _, definition := range module.Definitions {
			if module.FullName(definition) == name {
				return definition
			}
		}
	}
	t.Fatalf("no definition %s", name)
	return language.Definition{}
}

func TestInspectResolvesNames(t *testing.T) {
	files := map[string]string{
		"pkg/__init__.py": "from .core import Group as Group\nfrom .util import *\n",
		"pkg/errors.py":   "class Wrong(ValueError):\n    pass\n",
		"pkg/util.py":     "import json as j\nfrom pkg import errors\n\ndef dump(x):\n    raise errors.Wrong(j.dumps(x))\n",
		"pkg/core.py": `from . import util
from .errors import Wrong as W
from typing import Generic, TypeVar
T = TypeVar("T")

class Base(Generic[T]):
    def close(self): pass

class Group(Base[int]):
    def __init__(self):
        super().close()
    def run(self, dump=None):
        def inner():
            return self.close()
        self.missing()
        dump(1)
        other = Group
        try:
            util.dump(len(self.items))
        except OSError as error:
            raise error
        raise W("no") from None
    @staticmethod
    def build(cls, *a, size: int = 10 + 2, **k): return cls.run()
    @classmethod
    def make(cls): return cls.build()
`,
		"tests/test_core.py":    "import pkg\n\ndef test_group():\n    pkg.Group().run(); pkg.dump(1)\n",
		"src/other/__init__.py": "",
		"src/other/app.py":      "import pkg.core\n\ndef main():\n    pkg.core.Group.make()\n",
	}
	_, inventory := inspect(t, files)
	tests := map[string]struct {
		got  func(language.Definition) []string
		name string
		want []string
	}{
		"re-exported class and star import": {calls, "test_core.test_group", []string{"pkg.core.Group", "pkg.util.dump"}},
		"generic base":                      {bases, "pkg.core.Base", []string{"typing.Generic"}},
		"subscripted base":                  {bases, "pkg.core.Group", []string{"pkg.core.Base"}},
		"builtin base":                      {bases, "pkg.errors.Wrong", []string{"ValueError"}},
		"super":                             {calls, "pkg.core.Group.__init__", []string{"pkg.core.Base.close", "super"}},
		"module alias, unknown attribute and shadowed name": {calls, "pkg.core.Group.run", []string{"len", "pkg.errors.Wrong", "pkg.util.dump"}},
		"raise of a variable is not a type":                 {raises, "pkg.core.Group.run", []string{"pkg.errors.Wrong"}},
		"raise through a module":                            {raises, "pkg.util.dump", []string{"pkg.errors.Wrong"}},
		"inherited through self in a closure":               {calls, "pkg.core.Group.run.<locals>.inner", []string{"pkg.core.Base.close"}},
		"a static method has no self":                       {calls, "pkg.core.Group.build", nil},
		"cls":                                               {calls, "pkg.core.Group.make", []string{"pkg.core.Group.build"}},
		"package below src":                                 {calls, "other.app.main", []string{"pkg.core.Group.make"}},
		"decorator":                                         {decorators, "pkg.core.Group.make", []string{"classmethod"}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, test.got(find(t, inventory, test.name))); diff != "" {
				t.Errorf("%s (-want +got):\n%s", test.name, diff)
			}
		})
	}
	want := []language.Parameter{
		{Name: "cls", Kind: "positional"}, {Name: "a", Kind: "varargs"}, {Name: "size", Kind: "keyword", Type: "int", Default: "10 + 2"}, {Name: "k", Kind: "varkw"},
	}
	if diff := cmp.Diff(want, find(t, inventory, "pkg.core.Group.build").Parameters); diff != "" {
		t.Errorf("parameters (-want +got):\n%s", diff)
	}
}

func calls(d language.Definition) []string      { return d.Calls }
func bases(d language.Definition) []string      { return d.Bases }
func raises(d language.Definition) []string     { return d.Raises }
func decorators(d language.Definition) []string { return d.Decorators }

func TestInspectLines(t *testing.T) {
	_, inventory := inspect(t, map[string]string{"m.py": `
@first
@second(1)
async def f(a, b="é", *,
            c=(1,
               2)):
    """Text."""

    # why
    return a
def g():
    "only text"
`})
	got := []language.Definition{find(t, inventory, "m.f"), find(t, inventory, "m.g")}
	want := []language.Definition{
		{
			Name: "f", Kind: language.KindFunction, StartLine: 2, EndLine: 10, EndCol: 12,
			BodyStartLine: 10, BodyEndLine: 10, Docstring: true, Statements: 1,
			Parameters: []language.Parameter{
				{Name: "a", Kind: "positional"}, {Name: "b", Kind: "positional", Default: `"é"`}, {Name: "c", Kind: "keyword", Default: "(1, 2)"},
			},
			Decorators: []string{"first", "second"}, Names: []string{"a"},
		},
		{Name: "g", Kind: language.KindFunction, StartLine: 11, EndLine: 12, EndCol: 15, Docstring: true},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("definitions (-want +got):\n%s", diff)
	}
}

func TestInspectSurvivesHostileTrees(t *testing.T) {
	files := map[string]string{
		"good.py":         "def f(): pass\n",
		"syntax.py":       "def f(:\n",
		"zero.py":         "x = 1\x00\n",
		"bytes.py":        "# -*- coding: utf-8 -*-\nx = '\xff'\n",
		"coding.py":       "# -*- coding: no-such -*-\n",
		"latin.py":        "# -*- coding: latin-1 -*-\ndef f(x='\xe9'): pass\n",
		"deep.py":         "x = " + strings.Repeat("(", 5000) + strings.Repeat(")", 5000) + "\n",
		"wide.py":         "x = " + strings.Repeat("1+", 50000) + "1\n",
		"feed.py":         "x = 1\n\x0c\ndef f(a=1): pass\n",
		"huge.py":         strings.Repeat("#", 4000) + "\n",
		"loop.py":         "from loop import x\nclass A(B): pass\nclass B(A):\n    def f(self): self.g()\n",
		".hidden/h.py":    "def f(): pass\n",
		"venv/pyvenv.cfg": "",
		"venv/lib/v.py":   "def f(): pass\n",
		"run.py":          "import pathlib\npathlib.Path(__file__ + '.ran').touch()\nraise SystemExit(9)\n",
		"json.py":         "raise SystemExit('imported')\n",
	}
	output, inventory := inspect(t, files, "--max-file-bytes", "120000")
	var good, bad []string
	for _, module := range inventory.Modules {
		good = append(good, module.Path)
	}
	for _, failure := range inventory.Errors {
		bad = append(bad, failure.Path)
	}
	for _, path := range []string{"good.py", "latin.py", "feed.py", "loop.py", "run.py", "json.py"} {
		if !slices.Contains(good, path) {
			t.Errorf("%s is missing; errors are %v", path, inventory.Errors)
		}
	}
	for _, path := range []string{"syntax.py", "zero.py", "bytes.py", "coding.py", "deep.py"} {
		if !slices.Contains(bad, path) {
			t.Errorf("%s is not among the errors", path)
		}
	}
	if got := find(t, inventory, "latin.f").Parameters[0].Default; got != "'é'" {
		t.Errorf("default is %q", got)
	}
	if got := find(t, inventory, "feed.f").Parameters[0].Default; got != "1" {
		t.Errorf("default after a form feed is %q", got)
	}
	if strings.Contains(string(output), "hidden") || strings.Contains(string(output), "venv") {
		t.Error("a hidden folder or a virtual environment was read")
	}
}

func TestInspectBounds(t *testing.T) {
	files := map[string]string{"a.py": "def f(): pass\n", "b.py": "def g(): pass\n", "c.py": strings.Repeat("# long\n", 100)}
	tests := map[string]struct {
		arguments []string
		modules   int
		truncated string
		skipped   int
	}{
		"files":       {[]string{"--max-files", "1"}, 1, "more than 1 files", 0},
		"definitions": {[]string{"--max-definitions", "0"}, 1, "more than 0 definitions", 0},
		"bytes":       {[]string{"--max-file-bytes", "100"}, 2, "", 1},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			_, inventory := inspect(t, files, test.arguments...)
			if len(inventory.Modules) != test.modules || inventory.Truncated != test.truncated || len(inventory.Skipped) != test.skipped {
				t.Errorf("%d modules, truncated %q, skipped %v", len(inventory.Modules), inventory.Truncated, inventory.Skipped)
			}
		})
	}
}

func TestInspectSkipsLinksAndIsDeterministic(t *testing.T) {
	root := t.TempDir()
	outside := filepath.Join(t.TempDir(), "secret.py")
	for path, text := range map[string]string{
		outside:                            "def secret(): pass\n",
		filepath.Join(root, "z.py"):        "def z(): pass\n",
		filepath.Join(root, "a-b.py"):      "def ab(): pass\n",
		filepath.Join(root, "a.py"):        "def a(): pass\n",
		filepath.Join(root, "conftest.py"): "",
	} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink(outside, filepath.Join(root, "link.py")); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(filepath.Dir(outside), filepath.Join(root, "folder")); err != nil {
		t.Fatal(err)
	}
	first, inventory := run(t, root)
	second, _ := run(t, root)
	if !bytes.Equal(first, second) {
		t.Error("two runs differ")
	}
	if strings.Contains(string(first), "secret") {
		t.Error("a link was followed")
	}
	if diff := cmp.Diff([]language.SkippedFile{{Path: "link.py", Reason: "symbolic link"}}, inventory.Skipped); diff != "" {
		t.Errorf("skipped (-want +got):\n%s", diff)
	}
	var paths []string
	for _, module := range inventory.Modules {
		paths = append(paths, module.Path)
		if module.IsTest != (module.Path == "conftest.py") {
			t.Errorf("%s: isTest is %v", module.Path, module.IsTest)
		}
	}
	if !slices.IsSorted(paths) {
		t.Errorf("paths are not sorted: %v", paths)
	}
}
