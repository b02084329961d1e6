package python

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/repoexpert/operator/internal/language"
	"github.com/repoexpert/operator/internal/language/conformance"
)

// mutateFiles runs mutate.py on a folder with the files and returns its document.
func mutateFiles(t *testing.T, files map[string]string, arguments ...string) []language.Mutation {
	t.Helper()
	root, request := t.TempDir(), filepath.Join(t.TempDir(), requestFile)
	var paths []string
	for name, text := range files {
		write(t, filepath.Join(root, name), text)
		paths = append(paths, name)
	}
	asked, err := json.Marshal(map[string][]string{"paths": paths})
	if err != nil {
		t.Fatal(err)
	}
	write(t, request, string(asked))
	program, err := filepath.Abs(mutateFile)
	if err != nil {
		t.Fatal(err)
	}
	command := exec.Command("python3", append([]string{"-I", "-S", "-B", program, request}, arguments...)...)
	command.Dir = root
	output, err := command.Output()
	if err != nil {
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			t.Fatalf("mutate.py: %v: %s", err, exit.Stderr)
		}
		t.Fatal(err)
	}
	mutations, err := parseMutations(output, paths)
	if err != nil {
		t.Fatalf("%v in %.2000s", err, output)
	}
	return mutations
}

// of lists the mutations of one file, by one operator unless that is empty.
func of(mutations []language.Mutation, path, operator string) []language.Mutation {
	return slices.DeleteFunc(slices.Clone(mutations), func(m language.Mutation) bool {
		return m.Path != path || operator != "" && m.Operator != operator
	})
}

// changes are the lines that faults change, as the new text of the line; "-" and
// the old text for lines that are gone.
func changes(t *testing.T, source string, mutations []language.Mutation) []string {
	t.Helper()
	found := []string{}
	for _, mutation := range mutations {
		result, err := mutation.Apply([]byte(source))
		if err != nil {
			t.Fatal(err)
		}
		before, after := strings.Split(source, "\n"), strings.Split(string(result), "\n")
		first := mutation.Line - 1
		change := strings.TrimSpace(after[first])
		if len(after) < len(before) {
			change = "-" + strings.TrimSpace(strings.Join(before[first:first+len(before)-len(after)], "\n"))
		}
		found = append(found, change)
	}
	return found
}

// Each body is that of a function with the parameters a, b and c.
func TestMutateOperators(t *testing.T) {
	cases := map[string]struct {
		operator string
		body     string
		want     []string
	}{
		"boundaries":               {"comparison-boundary", "return a < b <= c", []string{"return a <= b <= c", "return a < b < c"}},
		"boundary in brackets":     {"comparison-boundary", "return (a) > (b)", []string{"return (a) >= (b)"}},
		"boundary after a comment": {"comparison-boundary", "return (a  # < b\n            >= b)", []string{"> b)"}},
		"negated comparisons":      {"comparison-negation", "return a == b, a != b, a < b, a >= b", []string{"return a != b, a != b, a < b, a >= b", "return a == b, a == b, a < b, a >= b", "return a == b, a != b, a >= b, a >= b", "return a == b, a != b, a < b, a < b"}},
		"membership":               {"membership", "return a in b, a not  in b", []string{"return a not in b, a not  in b", "return a in b, a in b"}},
		"identity":                 {"membership", "return a is None, a is not b", []string{"return a is not None, a is not b", "return a is None, a is b"}},
		"negated conditions":       {"condition-negation", "if a:\n        return b\n    return b if a or b else c", []string{"if not a:", "return b if not (a or b) else c"}},
		"conditions not negated":   {"condition-negation", "if not a:\n        return not(b)\n    return [x for x in a if x.y]", []string{"if a:", "return (b)", "return [x for x in a if not x.y]"}},
		"comparisons are negated":  {"condition-negation", "return 1 if a == b else 2", nil},
		"walrus":                   {"condition-negation", "if (x := a):\n        return x", []string{"if (not (x := a)):"}},
		"boolean operators":        {"boolean-operator", "return a and b and (b or c)", []string{"return a or b and (b or c)", "return a and b or (b or c)", "return a and b and (b and c)"}},
		"operands":                 {"operand-removal", "return (a) and b.c and (b + c)", []string{"return b.c and (b + c)", "return (a) and (b + c)", "return (a) and b.c"}},
		"arithmetic":               {"arithmetic-operator", "return a + b * c % 7", []string{"return a - b * c % 7", "return a + b // c % 7", "return a + b * c // 7"}},
		"texts are no numbers":     {"arithmetic-operator", "return 'x' + a + b, '%s' % a, [a] * 3, f'{a}' + b", nil},
		"bits":                     {"arithmetic-operator", "return a | b << 2", []string{"return a & b << 2", "return a | b >> 2"}},
		"augmented assignments":    {"augmented-assignment", "a += 1\n    a += 'x'\n    return a", []string{"a -= 1", "a = 1", "a = 'x'"}},
		"signs":                    {"unary-minus", "return -a, -(b)", []string{"return a, -(b)", "return -a, (b)"}},
		"forever":                  {"boolean-literal", "while True:\n        a()", nil},
		"the compiler knows":       {"unary-minus", "return -0", nil},
		"a sign beside a word":     {"unary-minus", "return-a", nil},
		"numbers":                  {"constant-off-by-one", "return a[0], 5, -1, True, 0x10, 1_0, 50", []string{"return a[1], 5, -1, True, 0x10, 1_0, 50", "return a[0], 4, -1, True, 0x10, 1_0, 50", "return a[0], 6, -1, True, 0x10, 1_0, 50", "return a[0], 5, -2, True, 0x10, 1_0, 50"}},
		"bounds":                   {"slice-bound", "return a[1:-1]", []string{"return a[:-1]", "return a[0:-1]", "return a[2:-1]", "return a[1:]", "return a[1:-2]"}},
		"bounds that are not told": {"slice-bound", "return a[b:b + c]", []string{"return a[:b + c]", "return a[b + 1:b + c]", "return a[b - 1:b + c]", "return a[b:]", "return a[b:(b + c) + 1]", "return a[b:(b + c) - 1]"}},
		"ranges":                   {"slice-bound", "return range(a), range(1, b), a.range(b)", []string{"return range(a + 1), range(1, b), a.range(b)", "return range(a - 1), range(1, b), a.range(b)", "return range(a), range(1, b + 1), a.range(b)", "return range(a), range(1, b - 1), a.range(b)"}},
		"truth":                    {"boolean-literal", "return a(b, c=True), False", []string{"return a(b, c=False), False", "return a(b, c=True), True"}},
		"texts":                    {"string-constant", "if a == 'name':\n        return a['key'], ', '.join(b), b.split('-'), a('name'), {'x-y': 'text'}", []string{"if a == 'nam':", "return a['ke'], ', '.join(b), b.split('-'), a('name'), {'x-y': 'text'}", "return a['key'], ','.join(b), b.split('-'), a('name'), {'x-y': 'text'}", "return a['key'], ', '.join(b), b.split('_'), a('name'), {'x-y': 'text'}", "return a['key'], ', '.join(b), b.split('-'), a('name'), {'x-': 'text'}"}},
		"defaults":                 {"default-value", "return lambda x, y=True, *, z=3: (x, y, z)", []string{"return lambda x, y=False, *, z=3: (x, y, z)", "return lambda x, y=True, *, z=2: (x, y, z)", "return lambda x, y=True, *, z=4: (x, y, z)"}},
		"statements":               {"statement-removal", "a.b = 1\n    a['b'] = c.d = b  # why\n    a = a.strip()\n    x = b\n    del b[0]\n    a(b)\n    return x", []string{"-a.b = 1", "-a['b'] = c.d = b  # why", "-a = a.strip()", "-del b[0]", "-a(b)"}},
		"the only statement":       {"statement-removal", "if a:\n        b()\n    return c", nil},
		"statements on one line":   {"statement-removal", "a(); b(); return c", nil},
		"a statement of two lines": {"statement-removal", "a(b,\n      c)\n    return c", []string{"-a(b,\n      c)"}},
		"counters of while":        {"statement-removal", "while a:\n        a -= 1\n    b -= 1\n    return b", []string{"-b -= 1"}},
		"branches":                 {"branch-removal", "if a:\n        raise ValueError(b)\n    for x in b:\n        if x:\n            continue\n        a(x)\n    if c is None:\n        c = a\n    return a", []string{"-if a:\n        raise ValueError(b)", "-if x:\n            continue", "-if c is None:\n        c = a"}},
		"no branches":              {"branch-removal", "if a:\n        return 1\n    else:\n        a()\n    while a:\n        if b:\n            break\n        a()\n    if c:\n        def g(): pass\n        return g\n    if os.name == 'nt':\n        a()\n    if b:\n        yield 1", nil},
		"a branch of several":      {"branch-removal", "if a:\n        b()\n    elif b:\n        return c\n    return a", []string{"-elif b:\n        return c"}},
		"results":                  {"return-none", "if a:\n        return b.c\n    if b:\n        return\n    if c:\n        return NotImplemented\n    if a < b:\n        return isinstance(a, b)\n    return not a", []string{"return None"}},
		"loops":                    {"break-continue", "for x in a:\n        if x:\n            break\n        if b:\n            continue\n        c()\n    while a:\n        if b:\n            break\n        c()", []string{"continue", "break"}},
		"arguments":                {"argument-swap", "return a(b, c), a(b, b), isinstance(b, c), a(b, c.d), a(*b, c)", []string{"return a(c, b), a(b, b), isinstance(b, c), a(b, c.d), a(*b, c)"}},
		"options":                  {"keyword-removal", "return a(b, x=(c), y=1), a(x=1), a(b, **c)", []string{"return a(b, y=1), a(x=1), a(b, **c)", "return a(b, x=(c)), a(x=1), a(b, **c)"}},
		"fallbacks":                {"fallback-removal", "return a.get(b, 1), a.pop(b, None), getattr(a, 'x', 1), next(a, b), a.get(b, None), get(a, b)", []string{"return a.get(b), a.pop(b, None), getattr(a, 'x', 1), next(a, b), a.get(b, None), get(a, b)", "return a.get(b, 1), a.pop(b), getattr(a, 'x', 1), next(a, b), a.get(b, None), get(a, b)", "return a.get(b, 1), a.pop(b, None), getattr(a, 'x'), next(a, b), a.get(b, None), get(a, b)", "return a.get(b, 1), a.pop(b, None), getattr(a, 'x', 1), next(a), a.get(b, None), get(a, b)"}},
		"raised exceptions":        {"exception-type", "if a:\n        raise ValueError(b) from c\n    raise c.ValueError", []string{"raise TypeError(b) from c"}},
		"handled exceptions":       {"exception-type", "try:\n        a()\n    except (OSError, b.Wrong):\n        return 1\n    except KeyError as x:\n        return x", []string{"except OSError:", "except b.Wrong:", "except IndexError as x:"}},
		"opposites":                {"function-swap", "return min(a, b), a.startswith(b), a.split(b), a.split(b, 1), min", []string{"return max(a, b), a.startswith(b), a.split(b), a.split(b, 1), min", "return min(a, b), a.endswith(b), a.split(b), a.split(b, 1), min", "return min(a, b), a.startswith(b), a.split(b), a.rsplit(b, 1), min"}},
		"conversions":              {"conversion-removal", "return (a).strip(), b.c.lower().x, str(a + b), sorted(a, key=b)", []string{"return (a), b.c.lower().x, str(a + b), sorted(a, key=b)", "return (a).strip(), b.c.x, str(a + b), sorted(a, key=b)", "return (a).strip(), b.c.lower().x, (a + b), sorted(a, key=b)"}},
	}
	files, seen := map[string]string{}, map[string]bool{}
	for name, c := range cases {
		files[name+".py"] = "def f(a, b, c):\n    " + c.body + "\n"
		seen[c.operator] = true
	}
	mutations := mutateFiles(t, files)
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			path := name + ".py"
			got := changes(t, files[path], of(mutations, path, c.operator))
			want := append([]string{}, c.want...)
			slices.Sort(got)
			slices.Sort(want)
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
	for _, operator := range mutationOperators {
		if !seen[operator] {
			t.Errorf("%s is not tested", operator)
		}
	}
}

// The families that mutate.py knows are the ones that its document may have.
func TestMutateOperatorsAreKnown(t *testing.T) {
	program := "import json, runpy, sys; print(json.dumps(sorted(runpy.run_path(sys.argv[1])['OPERATORS'])))"
	output, err := exec.Command("python3", "-B", "-c", program, mutateFile).Output()
	if err != nil {
		t.Fatal(err)
	}
	want, err := json.Marshal(mutationOperators)
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.ReplaceAll(strings.TrimSpace(string(output)), ", ", ","); got != string(want) {
		t.Errorf("mutate.py has %s, want %s", got, want)
	}
}

func TestMutateNamesFunctions(t *testing.T) {
	source := `import sys

x = 1 < 2


@decorated(1 < 2)
async def outer(a: "1 < 2" = 1) -> (1 < 2):
    """1 < 2"""
    def inner(b):
        return b < 2
    return inner(a) < 3


class A(B, k=1 < 2):
    y = 1 < 2

    class C:
        @property
        def m(self):
            class D:
                def n(self): return self.x < 4
            return D

try:
    pass
except ValueError:
    def late(a): return a < 5
`
	var got []string
	for _, mutation := range mutateFiles(t, map[string]string{"a.py": source}) {
		if mutation.Operator == "comparison-boundary" {
			got = append(got, fmt.Sprintf("%s %d", mutation.Function, mutation.Line))
		}
	}
	want := []string{"outer 10", "outer 11", "A.C.m 21", "late 27"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestMutateLeavesOut(t *testing.T) {
	cases := map[string]string{
		"assertions":          "def f(a):\n    assert a < 1, a + 1\n",
		"annotations":         "def f(a: x[1:2] = None) -> y[3]:\n    b: x[1] = a\n",
		"decorators":          "@d(1, x=True)\ndef f(a):\n    @d(1)\n    def g():\n        pass\n",
		"docstrings":          "def f():\n    'a'\n",
		"f-strings":           "def f(a):\n    b = f'{a + 1:{2}}' 'x'\n",
		"logging":             "def f(self, a):\n    self.logger.warning('%d', a + 1)\n    logging.debug(a < 1)\n",
		"overloads":           "@typing.overload\ndef f(a: int = 1): ...\n",
		"stubs":               "class A:\n    def f(self, a=1):\n        'Do.'\n        raise NotImplementedError\n",
		"texts of exceptions": "def f(a):\n    raise Wrong('%d' % (a + 1), ctx=1)\n",
		"type checking":       "def f():\n    if TYPE_CHECKING:\n        a = 1 < 2\n",
		"versions":            "def f():\n    if sys.version_info >= (3, 8):\n        a = b\n",
		"module level":        "a = 1 < 2\nclass A:\n    b = 1 + c\n",
		"without UTF-8":       "# -*- coding: latin-1 -*-\ndef f(a):\n    b = a < 1\n",
		"what does not parse": "def f(a):\n    b = a < 1 <\n",
	}
	files := map[string]string{}
	for name, source := range cases {
		files[name+".py"] = source
	}
	for _, mutation := range mutateFiles(t, files) {
		t.Errorf("got %+v", mutation)
	}
}

func TestMutateSkipsTests(t *testing.T) {
	source := "def f(a):\n    return a < 1\n"
	files := map[string]string{}
	for _, path := range []string{"tests/helper.py", "a/test/b.py", "test_a.py", "a/b_test.py", "conftest.py", "a/contest.py"} {
		files[path] = source
	}
	for _, mutation := range mutateFiles(t, files) {
		if mutation.Path != "a/contest.py" {
			t.Errorf("got %+v", mutation)
		}
	}
}

func TestMutatePlaces(t *testing.T) {
	cases := map[string]struct{ source, want string }{
		"wide letters":   {"def f(ä):\n    return 'ö€𝄞', ä < 1\n", "def f(ä):\n    return 'ö€𝄞', ä <= 1\n"},
		"a mark":         {"\ufeffdef f(a): return a < 1\n", "\ufeffdef f(a): return a <= 1\n"},
		"Windows":        {"def f(a):\r\n    '''x\r\n    y'''\r\n    return a < 1\r\n", "def f(a):\r\n    '''x\r\n    y'''\r\n    return a <= 1\r\n"},
		"old Macs":       {"def f(a):\r    return a < 1\r", "def f(a):\r    return a <= 1\r"},
		"tabs":           {"class A:\n\tdef f(a):\n\t\treturn a < 1", "class A:\n\tdef f(a):\n\t\treturn a <= 1"},
		"form feeds":     {"x = 1\n\x0c\ndef f(a):\n    return a < 1\n", "x = 1\n\x0c\ndef f(a):\n    return a <= 1\n"},
		"continuations":  {"def f(a):\n    return a \\\n        < 1\n", "def f(a):\n    return a \\\n        <= 1\n"},
		"async":          {"async def f(a):\n    async with a as b:\n        return await b < 1\n", "async def f(a):\n    async with a as b:\n        return await b <= 1\n"},
		"a lambda":       {"def f(a):\n    return lambda b: a < b\n", "def f(a):\n    return lambda b: a <= b\n"},
		"after f-string": {"def f(a):\n    return f'ä{a!r:>{2}}' if a < 1 else a\n", "def f(a):\n    return f'ä{a!r:>{2}}' if a <= 1 else a\n"},
		"nonlocal":       {"def f(a):\n    def g():\n        nonlocal a\n        return a < 1\n    return g\n", "def f(a):\n    def g():\n        nonlocal a\n        return a <= 1\n    return g\n"},
		"match":          {"def f(a):\n    match a:\n        case {'x': b} if b < 1:\n            return b\n", "def f(a):\n    match a:\n        case {'x': b} if b <= 1:\n            return b\n"},
	}
	files := map[string]string{}
	for name, c := range cases {
		files[name+".py"] = c.source
	}
	mutations := mutateFiles(t, files)
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			if name == "match" && exec.Command("python3", "-c", "import sys; sys.exit(sys.version_info < (3, 10))").Run() != nil {
				t.Fatal("python3 has no match statement: 3.10 or newer is needed for the tests")
			}
			var got []string
			for _, mutation := range of(mutations, name+".py", "comparison-boundary") {
				result, err := mutation.Apply([]byte(c.source))
				if err != nil {
					t.Fatal(err)
				}
				got = append(got, string(result))
			}
			if diff := cmp.Diff([]string{c.want}, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestMutateSurvivesHostileFiles(t *testing.T) {
	good := "def f(a):\n    return a < 1\n"
	mutations := mutateFiles(t, map[string]string{
		"good.py":   good,
		"syntax.py": "def f(:\n",
		"zero.py":   "def f(a): return a < 1\x00\n",
		"bytes.py":  "def f(a): return a < '\xff'\n",
		"coding.py": "# -*- coding: no-such -*-\n" + good,
		"deep.py":   "def f(a): return " + strings.Repeat("(", 5000) + strings.Repeat(")", 5000) + "\n",
		"wide.py":   "def f(a): return " + strings.Repeat("1+", 5000) + "1\n",
		"nots.py":   "def f(a): return " + strings.Repeat("not ", 2000) + "a\n",
		"large.py":  "def f(a):\n" + strings.Repeat("    a = a < 1\n", 10_000),
		"power.py":  "def f(a): return 9**9**9**9\n",
		"run.py":    "raise SystemExit(9)\n",
		"json.py":   "raise SystemExit('imported')\n" + good,
	})
	paths := map[string]bool{}
	for _, mutation := range mutations {
		paths[mutation.Path] = true
	}
	if !paths["good.py"] || !paths["json.py"] || paths["syntax.py"] || paths["bytes.py"] || paths["large.py"] {
		t.Errorf("mutated are %v", paths)
	}
}

func TestMutateBounds(t *testing.T) {
	source := "def f(a):\n    return a < 1\ndef g(a):\n    return a < 1\n"
	all := mutateFiles(t, map[string]string{"a.py": source, "b.py": source})
	few := mutateFiles(t, map[string]string{"a.py": source, "b.py": source}, "--max-mutations", "4")
	if len(all) < 16 || len(few) != 4 || few[0].Function != "f" || few[1].Function != "g" || few[3].Path != "b.py" {
		t.Errorf("%d are thinned to %+v", len(all), few)
	}
	for _, arguments := range [][]string{{"--max-file-bytes", "10"}, {"--max-bytes", "10"}, {"--max-function-bytes", "10"}} {
		if got := mutateFiles(t, map[string]string{"a.py": source}, arguments...); len(got) != 0 {
			t.Errorf("%v: got %d mutations", arguments, len(got))
		}
	}
}

func TestMutateErrors(t *testing.T) {
	box := conformance.StartBox(t)
	conformance.PutTree(t, box, "tree", fstest.MapFS{"a.py": file("def f(a):\n    return a < 1\n")})
	if got, err := New().Mutate(t.Context(), box, "tree", nil); err != nil || len(got) != 0 {
		t.Errorf("no paths: %v, %v", got, err)
	}
	for path, want := range map[string]string{"gone.py": "FileNotFoundError", "../a.py": "leaves the tree", "/etc/passwd": "leaves the tree"} {
		_, err := New().Mutate(t.Context(), box, "tree", []string{path})
		if !errors.Is(err, language.ErrInventory) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v", path, err)
		}
	}
	t.Setenv("PATH", t.TempDir())
	box = conformance.StartBox(t)
	conformance.PutTree(t, box, "tree", fstest.MapFS{"a.py": file(passing)})
	if _, err := New().Mutate(t.Context(), box, "tree", []string{"a.py"}); !errors.Is(err, language.ErrEnvironment) && !strings.Contains(err.Error(), "sh") {
		t.Errorf("no Python: got %v", err)
	}
}

const mutation = `{"path":"a.py","function":"f","operator":"membership","line":2,"start":20,"end":22,"replacement":"is"}`

func mutationsOf(entries ...string) string {
	return `{"schema":"` + mutationsSchema + `","mutations":[` + strings.Join(entries, ",") + `]}`
}

func TestParseMutations(t *testing.T) {
	with := func(old, replacement string) string {
		return mutationsOf(strings.Replace(mutation, old, replacement, 1))
	}
	cases := map[string]struct{ document, want string }{
		"good":                 {document: mutationsOf(mutation)},
		"none":                 {document: mutationsOf()},
		"empty":                {document: "", want: "not JSON"},
		"text after it":        {document: mutationsOf() + "x", want: "not JSON"},
		"another schema":       {document: `{"schema":"v0"}`, want: `schema is "v0"`},
		"bytes":                {document: with("is", "\xff"), want: "not UTF-8"},
		"another path":         {document: with("a.py", "b.py"), want: `path "b.py" was not asked for`},
		"another operator":     {document: with("membership", "magic"), want: `operator is "magic"`},
		"no function":          {document: with(`"f"`, `""`), want: "0 bytes"},
		"a long function":      {document: with(`"f"`, `"`+strings.Repeat("f", maxText+1)+`"`), want: "1025 bytes"},
		"before the file":      {document: with("20", "-1"), want: "bytes -1-22"},
		"behind the file":      {document: with("22", "1048577"), want: "bytes 20-1048577"},
		"nothing is replaced":  {document: with("22", "20"), want: "bytes 20-20"},
		"no line":              {document: with(`"line":2`, `"line":0`), want: "line is 0"},
		"a line too far":       {document: with(`"line":2`, `"line":22`), want: "line is 22"},
		"a number too large":   {document: with("20", "1e30"), want: "not JSON"},
		"a long replacement":   {document: with(`"is"`, `"`+strings.Repeat("x", maxReplacement+1)+`"`), want: "has 1025 bytes"},
		"twice":                {document: mutationsOf(mutation, mutation), want: "number 2 is out of order"},
		"too many":             {document: mutationsOf(strings.Split(strings.Repeat(mutation+"\n", maxMutations)+mutation, "\n")...), want: "more than 60000"},
		"a line of the list":   {document: mutationsOf(`7`), want: "not JSON"},
		"an unexpected object": {document: `[]`, want: "not JSON"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			_, err := parseMutations([]byte(c.document), []string{"a.py"})
			if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}

func FuzzParseMutations(f *testing.F) {
	for _, document := range []string{"", mutationsOf(), mutationsOf(mutation), mutationsOf(mutation, strings.Replace(mutation, "20", "21", 1))} {
		f.Add([]byte(document))
	}
	source := []byte(strings.Repeat("x", maxSourceFile))
	f.Fuzz(func(t *testing.T, document []byte) {
		mutations, err := parseMutations(document, []string{"a.py"})
		if err != nil {
			return
		}
		if !slices.IsSortedFunc(mutations, language.Mutation.Compare) {
			t.Error("out of order")
		}
		for _, one := range mutations[:min(len(mutations), 10)] {
			if result, err := one.Apply(source); err != nil || !utf8.Valid(result) {
				t.Errorf("%+v cannot be applied: %v", one, err)
			}
			if one.Path != "a.py" || !slices.Contains(mutationOperators, one.Operator) {
				t.Errorf("accepted %+v", one)
			}
		}
	})
}

// A link could lead out of the tree.
func TestMutateFollowsNoLinks(t *testing.T) {
	root, outside := t.TempDir(), filepath.Join(t.TempDir(), "secret.py")
	write(t, outside, "def f(a):\n    return a < 1\n")
	if err := os.Symlink(outside, filepath.Join(root, "a.py")); err != nil {
		t.Fatal(err)
	}
	request := filepath.Join(t.TempDir(), requestFile)
	write(t, request, `{"paths":["a.py"]}`)
	program, err := filepath.Abs(mutateFile)
	if err != nil {
		t.Fatal(err)
	}
	command := exec.Command("python3", "-I", "-S", "-B", program, request)
	command.Dir = root
	output, err := command.Output()
	if err != nil || strings.Contains(string(output), `"a.py"`) {
		t.Errorf("got %s, %v", output, err)
	}
}
