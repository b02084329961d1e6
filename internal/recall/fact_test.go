package recall

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/repoexpert/operator/internal/language"
)

func function(name string, change ...func(*language.Definition)) language.Definition {
	definition := language.Definition{Name: name, Kind: language.KindFunction, StartLine: 1, EndLine: 2}
	for _, apply := range change {
		apply(&definition)
	}
	return definition
}

func calls(names ...string) func(*language.Definition) {
	return func(d *language.Definition) { d.Calls = names }
}

func mentions(names ...string) func(*language.Definition) {
	return func(d *language.Definition) { d.Names = names }
}

func raising(names ...string) func(*language.Definition) {
	return func(d *language.Definition) { d.Raises = names }
}

func parameter(name, value string) func(*language.Definition) {
	return func(d *language.Definition) {
		d.Parameters = append(d.Parameters, language.Parameter{Name: name, Kind: "positional", Default: value})
	}
}

func class(name string, baseNames ...string) language.Definition {
	return function(name, func(d *language.Definition) { d.Kind, d.Bases = language.KindClass, baseNames })
}

func method(name string, change ...func(*language.Definition)) language.Definition {
	return function(name, append(change, func(d *language.Definition) { d.Kind = language.KindMethod })...)
}

func module(path string, definitions ...language.Definition) language.Module {
	return language.Module{Path: path, Name: "pkg.m", Lines: 10, Definitions: definitions}
}

func TestExtract(t *testing.T) {
	tests := map[string]struct {
		modules []language.Module
		want    map[Kind]map[string]string
	}{
		"a function is defined in its file": {
			modules: []language.Module{module("pkg/m.py", function("load"))},
			want:    map[Kind]map[string]string{DefinitionFile: {"load": "pkg/m.py"}},
		},
		"methods, nested functions and special names have no file question": {
			modules: []language.Module{module("pkg/m.py", method("A.load"), function("f.<locals>.g"), function("__getattr__"))},
			want:    map[Kind]map[string]string{Owner: {"load": "A"}},
		},
		"two definitions of one name are ambiguous": {
			modules: []language.Module{module("pkg/m.py", function("load")), module("pkg/n.py", function("load"))},
			want:    map[Kind]map[string]string{},
		},
		"a definition in a test makes a name ambiguous and is not asked": {
			modules: []language.Module{
				module("pkg/m.py", function("load")),
				{Path: "tests/test_m.py", IsTest: true, Definitions: []language.Definition{function("load"), function("test_x")}},
			},
			want: map[Kind]map[string]string{},
		},
		"one base is asked by its last name": {
			modules: []language.Module{module("pkg/m.py", class("Group", "pkg.m.Command"))},
			want:    map[Kind]map[string]string{DefinitionFile: {"Group": "pkg/m.py"}, Bases: {"Group": "Command"}},
		},
		"no base, object and two bases are not asked": {
			modules: []language.Module{module("pkg/m.py", class("A"), class("B", "object"), class("C", "x.P", "x.Q"))},
			want:    map[Kind]map[string]string{DefinitionFile: {"A": "pkg/m.py", "B": "pkg/m.py", "C": "pkg/m.py"}},
		},
		"the one caller": {
			modules: []language.Module{module("pkg/m.py",
				function("helper"),
				function("run.<locals>.inner", calls("pkg.m.helper"), mentions("helper")))},
			want: map[Kind]map[string]string{DefinitionFile: {"helper": "pkg/m.py"}, Callers: {"helper": "run"}},
		},
		"a second place that mentions the name may be a caller": {
			modules: []language.Module{module("pkg/m.py",
				function("helper"),
				method("A.run", calls("pkg.m.helper"), mentions("helper")),
				method("A.stop", mentions("helper")))},
			want: map[Kind]map[string]string{DefinitionFile: {"helper": "pkg/m.py"}, Callee: {"A.run": "helper"}, Owner: {"run": "A", "stop": "A"}},
		},
		"a mention outside of definitions may be a caller": {
			modules: []language.Module{{
				Path: "pkg/m.py", Name: "pkg.m", Lines: 10, Names: []string{"helper"},
				Definitions: []language.Definition{function("helper"), method("A.run", calls("pkg.m.helper"), mentions("helper"))},
			}},
			want: map[Kind]map[string]string{DefinitionFile: {"helper": "pkg/m.py"}, Callee: {"A.run": "helper"}, Owner: {"run": "A"}},
		},
		"one exception type, not two": {
			modules: []language.Module{module("pkg/m.py",
				method("A.get", raising("pkg.errors.NotFound")),
				method("A.put", raising("KeyError", "ValueError")))},
			want: map[Kind]map[string]string{Raises: {"A.get": "NotFound"}, Owner: {"get": "A", "put": "A"}},
		},
		"the first default that is not trivial": {
			modules: []language.Module{module("pkg/m.py",
				method("A.open", parameter("path", ""), parameter("strict", "True"), parameter("mode", `"r"`), parameter("size", "10")))},
			want: map[Kind]map[string]string{DefaultValue: {"A.open": `"r"`}, NextParameter: {"A.open": "size"}, Owner: {"open": "A"}},
		},
		"a default too long for exact match is left out": {
			modules: []language.Module{module("pkg/m.py",
				method("A.open", parameter("mode", "frozenset([int, str, bytes, float, complex])")))},
			want: map[Kind]map[string]string{Owner: {"open": "A"}},
		},
		"a second function that is mentioned may be called": {
			modules: []language.Module{module("pkg/m.py",
				function("load"), function("save"),
				function("run", calls("pkg.m.load", "len"), mentions("load", "len")),
				function("walk", calls("pkg.m.load"), mentions("load", "save")))},
			want: map[Kind]map[string]string{
				DefinitionFile: {"load": "pkg/m.py", "save": "pkg/m.py", "run": "pkg/m.py", "walk": "pkg/m.py"}, Callee: {"run": "load"},
			},
		},
		"a name of two methods has no owner": {
			modules: []language.Module{module("pkg/m.py", method("A.load"), method("B.load"), method("B.save"))},
			want:    map[Kind]map[string]string{Owner: {"save": "B"}},
		},
		"the receiver is no parameter of a caller": {
			modules: []language.Module{module("pkg/m.py",
				method("A.load", parameter("self", ""), parameter("path", "")), method("A.save", parameter("self", ""), parameter("path", ""), parameter("mode", "")))},
			want: map[Kind]map[string]string{NextParameter: {"A.save": "mode"}, Owner: {"load": "A", "save": "A"}},
		},
		"types that say something": {
			modules: []language.Module{module("pkg/m.py", function("load", func(d *language.Definition) {
				d.Returns = "Config | None"
				d.Parameters = []language.Parameter{{Name: "name", Kind: "positional", Type: "str"}, {Name: "at", Kind: "positional", Type: "'Path'"}}
			}), function("save", func(d *language.Definition) { d.Returns = "None" }))},
			want: map[Kind]map[string]string{
				DefinitionFile: {"load": "pkg/m.py", "save": "pkg/m.py"}, NextParameter: {"load": "at"}, ParameterType: {"load": "'Path'"}, ReturnType: {"load": "Config | None"},
			},
		},
		"an import from a module of the tree, not from two of them": {
			modules: []language.Module{
				{Path: "pkg/m.py", Name: "pkg.m"}, {Path: "pkg/n.py", Name: "pkg.n"},
				{Path: "pkg/o.py", Name: "pkg.o", Imports: []language.Import{
					{Module: "pkg.m", Name: "load"}, {Module: "pkg.m", Name: "dump"}, {Module: "pkg.n", Name: "dump"}, {Module: "os", Name: "path"}, {Module: "pkg.m", Name: "*"}, {Module: "pkg.n"},
				}},
				{Path: "pkg/p.py", Name: "pkg.p", Imports: []language.Import{{Module: "pkg.m", Name: "load"}}},
			},
			want: map[Kind]map[string]string{ImportSource: {"load": "pkg.m"}},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got := map[Kind]map[string]string{}
			for _, fact := range Extract(&language.Inventory{Modules: test.modules}) {
				if got[fact.Kind] == nil {
					got[fact.Kind] = map[string]string{}
				}
				got[fact.Kind][fact.Subject] = fact.Answer
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("facts (-want +got):\n%s", diff)
			}
		})
	}
}

func TestFactIdentity(t *testing.T) {
	before := Extract(&language.Inventory{Modules: []language.Module{module("pkg/m.py", class("A", "x.Base"))}})
	after := Extract(&language.Inventory{Modules: []language.Module{module("pkg/moved.py", class("A", "x.Other"))}})
	for i := range before {
		if before[i].ID != after[i].ID {
			t.Errorf("%s: the id changed with the answer", before[i].Kind)
		}
		if before[i].Answer == after[i].Answer {
			t.Errorf("%s: the answer did not change", before[i].Kind)
		}
	}
	if before[0].ID == before[1].ID {
		t.Error("two kinds about one subject share an id")
	}
	if want := "pkg/m.py:A"; before[0].Cluster != want {
		t.Errorf("cluster is %q, want %q", before[0].Cluster, want)
	}
}
