package golang

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/repoexpert/operator/internal/language"
	"github.com/repoexpert/operator/internal/language/conformance"
	"github.com/repoexpert/operator/internal/sandbox"
)

// inspected is the inventory of files of the module example.com/m.
func inspected(files map[string]string) *language.Inventory {
	i := &inspector{tree: &tree{module: "example.com/m", sources: map[string][]byte{}}, index: newIndex()}
	for name, text := range files {
		i.tree.sources[name] = []byte(text)
	}
	i.read()
	return i.inventory()
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
	inventory := inspected(map[string]string{
		"m.go": "package m\n\nimport \"example.com/m/util\"\n\ntype Base struct{ closed bool }\n\nfunc (b *Base) Close() {}\n\nvar std = &Group{}\n\nfunc New() *Group { return &Group{Base: Base{}} }\n\ntype Handler func(*Group)\n\ntype Number interface{ ~int | ~string; util.Named }\n",
		"group.go": `package m

import (
	"fmt"
	yaml "gopkg.in/yaml.v3"
	"github.com/x/go-dashed"
	. "strings"
	_ "embed"
	"example.com/m/util"
)

// Group embeds.
type Group struct {
	Base
	*util.Helper
	fmt.Stringer
	inner kept
}

type kept struct{ helper util.Helper }

type Pair[K comparable, V any] struct{ key K }

func (p *Pair[K, V]) Key() K { return p.key }

func (g *Group) Run(util2 int, dump func(int), others ...*Base) error {
	g.Close()
	g.Help()
	g.inner.helper.Help()
	dump(1)
	other := New()
	other.Close()
	var b Base
	b.Close()
	std.Close()
	helper, err := util.Make()
	helper.Help()
	_ = len(others)
	p := &Pair[int, string]{}
	p.Key()
	util.Generic[int](1)
	unknown().Close()
	for _, o := range others {
		o.Close()
	}
	dashed.Do(yaml.Marshal)
	func() { fmt := 1; _ = fmt }()
	return fmt.Errorf("no: %w", err)
}

func shadow(util Base) { util.Close(); New := 1; _ = New }
`,
		"util/util.go":      "package util\n\ntype Helper struct{}\n\nfunc (Helper) Help() {}\n\nfunc Make() (*Helper, error) { return nil, nil }\n\nfunc Generic[T any](t T) {}\n\ntype Named interface{ Name() string }\n",
		"m_test.go":         "package m_test\n\nimport \"example.com/m\"\n\nfunc helper() { m.New().Run(1, nil) }\n",
		"inside_test.go":    "package m\n\nfunc helper() { New() }\n",
		"cmd/tool/main.go":  "package main\n\nimport \"example.com/m\"\n\nfunc main() { m.New() }\n",
		"util/other/odd.go": "package strange\n\nfunc F() {}\n",
		"user.go":           "package m\n\nimport \"example.com/m/util/other\"\n\nfunc Use() { strange.F() }\n",
	})
	calls := func(d language.Definition) []string { return d.Calls }
	bases := func(d language.Definition) []string { return d.Bases }
	cases := map[string]struct {
		got  func(language.Definition) []string
		name string
		want []string
	}{
		"receivers, fields, variables and imports": {calls, "example.com/m.Group.Run", []string{
			"example.com/m.Base.Close", "example.com/m.New", "example.com/m.Pair.Key", "example.com/m/util.Generic",
			"example.com/m/util.Helper.Help", "example.com/m/util.Make", "fmt.Errorf", "github.com/x/go-dashed.Do", "len",
		}},
		"embedded types":             {bases, "example.com/m.Group", []string{"example.com/m.Base", "example.com/m/util.Helper", "fmt.Stringer"}},
		"embedded interfaces":        {bases, "example.com/m.Number", []string{"example.com/m/util.Named"}},
		"a parameter hides a name":   {calls, "example.com/m.shadow", []string{"example.com/m.Base.Close"}},
		"an external test":           {calls, "example.com/m_test.helper", []string{"example.com/m.Group.Run", "example.com/m.New"}},
		"a test of the package":      {calls, "example.com/m.helper", []string{"example.com/m.New"}},
		"a program":                  {calls, "example.com/m/cmd/tool.main", []string{"example.com/m.New"}},
		"a package of another name":  {calls, "example.com/m.Use", []string{"example.com/m/util/other.F"}},
		"a function type":            {bases, "example.com/m.Handler", nil},
		"a method of a generic type": {calls, "example.com/m.Pair.Key", nil},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(c.want, c.got(find(t, inventory, c.name)), cmp.Transformer("length", func(list []string) []string { return append([]string{}, list...) })); diff != "" {
				t.Errorf("%s (-want +got):\n%s", c.name, diff)
			}
		})
	}
	for _, module := range inventory.Modules {
		if module.Path != "group.go" {
			continue
		}
		want := []language.Import{
			{Module: "fmt", Alias: "fmt", Line: 4}, {Module: "gopkg.in/yaml.v3", Alias: "yaml", Line: 5}, {Module: "github.com/x/go-dashed", Alias: "dashed", Line: 6},
			{Module: "strings", Name: "*", Line: 7}, {Module: "embed", Alias: "_", Line: 8}, {Module: "example.com/m/util", Alias: "util", Line: 9},
		}
		if diff := cmp.Diff(want, module.Imports); diff != "" {
			t.Errorf("imports (-want +got):\n%s", diff)
		}
	}
}

func TestInspectPlaces(t *testing.T) {
	inventory := inspected(map[string]string{"m.go": `package m

// F has a comment.
//
//line other.go:100
func F(a, b int, _ string, rest ...string) (int, error) {
	// why

	a++

	return a, nil
	// the end
}

type (
	// T is documented.
	T struct {
		x int
	}
	U = T
)

func (t *T) m(int) {}

func oneLine() int { return 1 }

var V, W = F, map[string]int{"x": 1}
`})
	want := []language.Definition{
		{Name: "F", Kind: language.KindFunction, StartLine: 3, EndLine: 13, EndCol: 1, BodyStartLine: 7, BodyEndLine: 12, Docstring: true, Statements: 2,
			Returns: "(int, error)",
			Parameters: []language.Parameter{
				{Name: "a", Kind: "positional", Type: "int"}, {Name: "b", Kind: "positional", Type: "int"},
				{Name: "_", Kind: "positional", Type: "string"}, {Name: "rest", Kind: "varargs", Type: "...string"},
			},
			Names: []string{"a", "nil"}},
		{Name: "T", Kind: language.KindClass, StartLine: 16, StartCol: 1, EndLine: 19, EndCol: 2, Docstring: true, Names: []string{"int", "x"}},
		{Name: "T.m", Kind: language.KindMethod, StartLine: 23, EndLine: 23, EndCol: 21, Parameters: []language.Parameter{{Name: "_", Kind: "positional", Type: "int"}}},
		{Name: "oneLine", Kind: language.KindFunction, Returns: "int", StartLine: 25, EndLine: 25, EndCol: 31, BodyStartLine: 25, BodyEndLine: 25, Statements: 1},
	}
	got := inventory.Modules[0]
	for i := range got.Definitions {
		for _, list := range []*[]string{&got.Definitions[i].Calls, &got.Definitions[i].Names} {
			if len(*list) == 0 {
				*list = nil
			}
		}
	}
	if diff := cmp.Diff(want, got.Definitions); diff != "" {
		t.Errorf("definitions (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"F", "V", "W", "int", "map", "string"}, got.Names); got.Lines != 27 || !slices.Contains(got.Names, "F") {
		t.Errorf("%d lines, names outside of definitions:\n%s", got.Lines, diff)
	}
}

// What the inspector makes must be read again by the stages after it.
func TestInventoryKeepsToItsLimits(t *testing.T) {
	long := strings.Repeat("x", 5000)
	inventory := inspected(map[string]string{
		"m.go": "package m\n\nimport " + long + " \"fmt\"\n\nfunc " + long + "(" + long + " int) { " + long + ".Print(" + strings.Repeat("a,", 10000) + ") }\n",
	})
	document, err := json.Marshal(inventory)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := language.ParseInventory(bytes.NewReader(document), language.DefaultInventoryLimits()); err != nil {
		t.Error(err)
	}
}

func TestInspectSurvivesHostileTrees(t *testing.T) {
	box := conformance.StartBox(t)
	conformance.PutTree(t, box, "tree", fstest.MapFS{
		"go.mod":                  source("module \"../../etc\"\n"),
		"good.go":                 source("package m\n\nfunc F() {}\n"),
		"deep.go":                 source("package m\n\nvar x = " + strings.Repeat("(", 300_000) + strings.Repeat(")", 300_000) + "\n"),
		"wide.go":                 source("package m\n\nvar x = 1" + strings.Repeat("+1", 200_000) + "\n"),
		"zero.go":                 source("package m\x00\n"),
		"bytes.go":                source("package m\n\nvar x = \"\xff\"\n"),
		"carriage.go":             source("package m\n\n// one\rtwo\nfunc G() {}\n"),
		"huge.go":                 source("package m\n//" + strings.Repeat("x", maxFileBytes) + "\n"),
		"ignored.go":              source("//go:build ignore\n\npackage m\n"),
		"m_plan9.go":              source("package m\n"),
		"made.go":                 source("// Code generated by hand. DO NOT EDIT.\n\npackage m\n"),
		".hidden/h.go":            source("package h\n"),
		"_old/o.go":               source("package o\n"),
		"vendor/v/v.go":           source("package v\n"),
		"a/testdata/t.go":         source("package t\n"),
		"tools/go.mod":            source("module example.com/tools\n"),
		"tools/t.go":              source("package t\n"),
		"back\\slash.go":          source("package m\n"),
		"new\nline.go":            source("package m\n"),
		"f/looks/like/a/mark.go":  source("package mark\n"),
		"sp ace/$(touch x)/`q.go": source("package m\n"),
	})
	links := sandbox.Command{Args: []string{"sh", "-c", "ln -s /etc/passwd link.go; ln -s / folder; mkfifo pipe.go"}, Dir: "tree", Timeout: time.Minute}
	if result, err := box.Run(t.Context(), links); err != nil || result.ExitCode != 0 {
		t.Fatal(result, err)
	}
	inventory, err := New().Inspect(t.Context(), box, "tree")
	if err != nil {
		t.Fatal(err)
	}
	var good, bad []string
	for _, module := range inventory.Modules {
		good = append(good, module.Path)
	}
	for _, failure := range inventory.Errors {
		bad = append(bad, failure.Path)
	}
	if diff := cmp.Diff([]string{"f/looks/like/a/mark.go", "good.go", "sp ace/$(touch x)/`q.go"}, good); diff != "" {
		t.Errorf("modules (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"bytes.go", "carriage.go", "deep.go", "wide.go", "zero.go"}, bad); diff != "" {
		t.Errorf("errors (-want +got):\n%s", diff)
	}
	want := []language.SkippedFile{
		{Path: "a/testdata", Reason: "the go command does not build it"}, {Path: "huge.go", Reason: "larger than the limit"},
		{Path: "ignored.go", Reason: "its build constraints exclude it"}, {Path: "link.go", Reason: "symbolic link"},
		{Path: "m_plan9.go", Reason: "its build constraints exclude it"}, {Path: "made.go", Reason: "generated"},
		{Path: "tools", Reason: "another module"}, {Path: "vendor", Reason: "the go command does not build it"},
	}
	if diff := cmp.Diff(want, inventory.Skipped); diff != "" {
		t.Errorf("skipped (-want +got):\n%s", diff)
	}
}

func TestSortBoundsTheFiles(t *testing.T) {
	listed := []string{"f/go.mod"}
	for n := range maxFiles + 10 {
		listed = append(listed, "f/"+strings.Repeat("a", n%50+1)+"/"+strings.Repeat("b", n/50+1)+".go")
	}
	all := &tree{}
	paths := all.sort(listed, func(string) bool { return true })
	if len(paths) != maxFiles+1 || !slices.Contains(paths, moduleFile) || all.truncated == "" {
		t.Errorf("%d paths, truncated %q", len(paths), all.truncated)
	}
	tests := &tree{}
	if paths := tests.sort([]string{"f/a.go", "f/a_test.go", "f/sub/a_test.go", "f/sub/go.mod"}, isTest); !slices.Equal(paths, []string{"a_test.go"}) {
		t.Errorf("tests are %v", paths)
	}
}
