package recall

import (
	"maps"
	"slices"
	"strings"

	"github.com/repoexpert/operator/internal/language"
)

// callee asks only where the resolved calls and the plain mentions agree on one
// function of the code base: a call on a value of unknown type could be another.
func callee(x *index, e entry) (Fact, bool) {
	called := ""
	for _, call := range e.definition.Calls {
		name, known := x.functions[call]
		if !known || call == e.module.FullName(e.definition) {
			continue
		}
		if called != "" {
			return Fact{}, false
		}
		called = name
	}
	if called == "" || dunder(lastPart(called)) || e.definition.Kind == language.KindClass {
		return Fact{}, false
	}
	alone := !slices.ContainsFunc(e.definition.Names, func(name string) bool { return x.named[name] && name != lastPart(called) })
	return Fact{Kind: Callee, Answer: called}, alone
}

// owner asks for the class of a method whose name nothing else has.
func owner(x *index, e entry) (Fact, bool) {
	name := e.definition.SimpleName()
	class, _, isMember := strings.Cut(e.definition.Name, "."+name)
	asked := e.definition.Kind == language.KindMethod && isMember && !dunder(name) && x.simple[name] == 1
	return Fact{Kind: Owner, Subject: name, Answer: class}, asked
}

// ofCaller are the parameters that a caller gives by place.
func ofCaller(d language.Definition) []language.Parameter {
	var parameters []language.Parameter
	for i, parameter := range d.Parameters {
		receiver := i == 0 && d.Kind == language.KindMethod && (parameter.Name == "self" || parameter.Name == "cls")
		if parameter.Kind == "positional" && parameter.Name != "_" && !receiver {
			parameters = append(parameters, parameter)
		}
	}
	return parameters
}

// nextParameter asks for the last parameter by the one before it: the first ones of
// functions are alike.
func nextParameter(_ *index, e entry) (Fact, bool) {
	parameters := ofCaller(e.definition)
	n := len(parameters)
	if n < 2 {
		return Fact{}, false
	}
	return Fact{Kind: NextParameter, Parameter: parameters[n-2].Name, Answer: parameters[n-1].Name}, true
}

// parameterType asks for the first parameter whose type is none of those that most
// have.
func parameterType(_ *index, e entry) (Fact, bool) {
	for _, parameter := range ofCaller(e.definition) {
		if !trivialType(parameter.Type) {
			return Fact{Kind: ParameterType, Parameter: parameter.Name, Answer: parameter.Type}, true
		}
	}
	return Fact{}, false
}

func returnType(_ *index, e entry) (Fact, bool) {
	return Fact{Kind: ReturnType, Answer: e.definition.Returns}, !trivialType(e.definition.Returns)
}

// trivialType says whether a type can be guessed without any knowledge, in any of
// the languages: it is what most parameters and results are.
func trivialType(text string) bool {
	switch strings.Trim(text, `"'`) {
	case "", "None", "bool", "str", "int", "float", "bytes", "object", "Any", "t.Any", "typing.Any", "NoReturn", "t.NoReturn", "Self", "te.Self",
		"string", "error", "any", "interface{}", "[]string", "[]byte", "...string", "...any", "...interface{}":
		return true
	}
	return false
}

// importSources asks, for a name that a file imports from another module of the
// tree, for that module. Of a name that several files import from one module, one
// file is asked about; none of a name that a file has from two modules.
func importSources(inventory *language.Inventory) []Fact {
	inTree := map[string]bool{}
	for _, module := range inventory.Modules {
		inTree[module.Name] = inTree[module.Name] || !module.IsTest
	}
	asked := map[[2]string]Fact{}
	for _, module := range inventory.Modules {
		if module.IsTest {
			continue
		}
		for name, origin := range origins(module) {
			if !inTree[origin] || !acceptableAnswer(origin) {
				continue
			}
			fact := Fact{Kind: ImportSource, Subject: name, Parameter: module.Path, Answer: origin, Path: module.Path, Cluster: module.Path + ":" + name}
			fact.ID = factID(fact.Kind, fact.Subject, fact.Parameter)
			key := [2]string{name, origin}
			if other, taken := asked[key]; !taken || fact.Path < other.Path {
				asked[key] = fact
			}
		}
	}
	return slices.Collect(maps.Values(asked))
}

// origins maps the names that a file imports to their modules, without those that
// it has from two.
func origins(module language.Module) map[string]string {
	found := map[string]string{}
	twice := map[string]bool{"": true, "*": true}
	for _, imported := range module.Imports {
		if origin, known := found[imported.Name]; known && origin != imported.Module {
			twice[imported.Name] = true
		}
		found[imported.Name] = imported.Module
	}
	maps.DeleteFunc(found, func(name, _ string) bool { return twice[name] })
	return found
}
