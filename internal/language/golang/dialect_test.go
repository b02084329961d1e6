package golang

import (
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/repoexpert/operator/internal/language"
	"github.com/repoexpert/operator/internal/language/conformance"
	"github.com/repoexpert/operator/internal/sandbox"
)

func TestDefinitionPattern(t *testing.T) {
	const code = `func Run() {
func RunAll() {
func (g *Group[K, V]) Run(a int) {
func (Other) Run() {
	g.Run()
func Map[K any](k K) {
type Group[K, V any] struct {
type Groups []Group
`
	cases := map[string]struct {
		definition language.Definition
		want       string
	}{
		"a function":         {language.Definition{Name: "Run", Kind: language.KindFunction}, "1:func Run() {\n"},
		"a generic function": {language.Definition{Name: "Map", Kind: language.KindFunction}, "6:func Map[K any](k K) {\n"},
		"a method":           {language.Definition{Name: "Group.Run", Kind: language.KindMethod}, "3:func (g *Group[K, V]) Run(a int) {\n"},
		"a type":             {language.Definition{Name: "Group", Kind: language.KindClass}, "7:type Group[K, V any] struct {\n"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			grep := exec.Command("grep", "-nw", "-e", New().Dialect().DefinitionPattern(c.definition))
			grep.Stdin = strings.NewReader(code)
			got, err := grep.Output()
			if string(got) != c.want || err != nil {
				t.Errorf("got %q, %v", got, err)
			}
		})
	}
}

// The commands are what a shell runs in the root of the tree.
func TestCommands(t *testing.T) {
	box := conformance.StartBox(t)
	conformance.PutTree(t, box, "tree", library(t))
	d := New().Dialect()
	cases := map[string]struct {
		command string
		code    int
	}{
		"a test that passes":    {d.TestCommand("prices/prices_test.go::TestTotal"), 0},
		"a test that fails":     {d.TestCommand("prices/prices_test.go::TestFails"), 1},
		"a test at the root":    {d.TestCommand("bookshop_test.go::TestError"), 0},
		"a package that builds": {d.CheckCommand(language.Module{Path: "stock/stock.go"}), 0},
		"a program at the root": {d.CheckCommand(language.Module{Path: "bookshop.go"}), 0},
		"one that does not":     {d.CheckCommand(language.Module{Path: "broken/broken.go"}), 1},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			result, err := box.Run(t.Context(), sandbox.Command{Args: []string{"sh", "-c", c.command}, Dir: "tree", Timeout: time.Minute, Env: goEnvironment})
			if err != nil || result.ExitCode != c.code {
				t.Errorf("%s: %+v, %v", c.command, result, err)
			}
		})
	}
}

func TestForeignNames(t *testing.T) {
	cases := map[string]struct {
		code string
		want []string
	}{
		"a body":          {"\tlist := strings.Split(text, sep)\n\tfor i, part := range list {\n\t\tg.items[i] = newItem(part, Options{Deep: true})\n\t}\n\treturn len(list), nil\n", []string{"Deep", "Options", "Split", "g", "items", "newItem", "sep", "strings", "text"}},
		"closures":        {"f := func(x int) (err error) { var y T; return g(x, y) }\nf(1)", []string{"T", "g"}},
		"a declaration":   {"func TestA(t *testing.T) {\n\tif err := Run(t.Context()); err != nil {\n\t\tt.Fatal(err.Error())\n\t}\n}", []string{"Context", "Fatal", "Run", "T", "testing"}},
		"half a block":    {"if a := b(); a != c {", []string{"b", "c"}},
		"what is bound":   {"a, b := 1, 2\n_ = a + b", nil},
		"one name":        {"Parse", []string{"Parse"}},
		"a built-in name": {"append", nil},
		"imports":         {"\t\"encoding/json\"\n\tflag \"github.com/spf13/pflag\"\n\t_ \"embed\"\n", []string{"com", "flag", "github", "pflag", "spf13"}},
		"an import":       {"\nimport \"example.com/shop\"\n", []string{"com", "example", "shop"}},
		"no code":         {"it's \x00 \"not", []string{"it"}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			got := New().Dialect().ForeignNames(c.code)
			if diff := cmp.Diff(c.want, append([]string(nil), got...)); diff != "" {
				t.Errorf("names (-want +got):\n%s", diff)
			}
		})
	}
}

func TestFailureName(t *testing.T) {
	cases := map[string]string{
		"--- FAIL: TestA\n    a_test.go:3: got 1\nFAIL\n":                                     "",
		"panic: runtime error: invalid memory address or nil pointer dereference [recovered]": "nil pointer dereference",
		"panic: runtime error: index out of range [3] with length 2":                          "index out of range",
		"panic: not implemented\n\ngoroutine 1":                                               "panic",
		"# m\n./m.go:3:2: undefined: x\nFAIL\tm [build failed]":                               "build failed",
	}
	for output, want := range cases {
		if got := New().Dialect().FailureName(output); got != want {
			t.Errorf("%q is %q, want %q", output, got, want)
		}
	}
}

func TestNewTestFile(t *testing.T) {
	d := New().Dialect()
	imports := []language.Import{
		{Module: "testing", Alias: "testing"}, {Module: "os", Alias: "os"}, {Module: "example.com/m/go-yaml", Alias: "yaml"}, {Module: "embed", Alias: "_"},
	}
	text := "func TestX(t *testing.T) {\n\tyaml.Parse()\n}\n"
	want := "package m_test\n\nimport (\n\t\"testing\"\n\tyaml \"example.com/m/go-yaml\"\n)\n\n" + text
	if got := d.TestFile([]byte("// Copyright\n\npackage m_test\n\nimport \"os\"\n"), imports, text); got != want {
		t.Errorf("got %q", got)
	}
	if name := d.TestFileName("parse"); name != "parse_test.go" || !d.IsTestFile("a/"+name) || d.IsTestFile("a/parse.go") {
		t.Errorf("the file is %s", name)
	}
	if _, err := parse("", []byte(want)); err != nil {
		t.Error(err)
	}
}
