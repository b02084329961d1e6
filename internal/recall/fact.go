package recall

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"

	"github.com/repoexpert/operator/internal/language"
)

// Kind of fact.
type Kind string

// Kinds of facts, in the order in which they are reported.
const (
	// DefinitionFile: which file defines a class or function.
	DefinitionFile Kind = "DefinitionFile"
	// Bases: the one class that a class inherits from.
	Bases Kind = "Bases"
	// Callers: the one function of the code base that calls a function.
	Callers Kind = "Callers"
	// Raises: the one exception type that a function's own body raises.
	Raises Kind = "Raises"
	// DefaultValue: what a parameter is when it is not given.
	DefaultValue Kind = "DefaultValue"
	// Callee: the one function of the code base that a function calls.
	Callee Kind = "Callee"
	// Owner: the class that has the only method of a name.
	Owner Kind = "Owner"
	// ImportSource: the module of the code base that a file has a name from.
	ImportSource Kind = "ImportSource"
	// NextParameter: the parameter after another one.
	NextParameter Kind = "NextParameter"
	// ParameterType and ReturnType: what a parameter, or the result, is declared as.
	ParameterType Kind = "ParameterType"
	ReturnType    Kind = "ReturnType"
)

// Kinds lists all kinds in report order.
func Kinds() []Kind {
	return []Kind{DefinitionFile, Bases, Callers, Raises, DefaultValue, Callee, Owner, ImportSource, NextParameter, ParameterType, ReturnType}
}

// maxAnswer bounds an answer, in bytes: facts with longer ones are left out,
// because exact match would measure typing more than knowledge.
const maxAnswer = 40

// Fact is one statement about a source tree with exactly one short answer.
type Fact struct {
	// ID depends on what is asked, not on the answer or the commit: the same
	// fact at two commits has one ID, and a changed answer shows as a change.
	ID   string `json:"id"`
	Kind Kind   `json:"kind"`
	// Subject is the name that the question is about. Parameter is one of its
	// parameters (DefaultValue, NextParameter, ParameterType), or the file that
	// imports it (ImportSource).
	Subject   string `json:"subject"`
	Parameter string `json:"parameter,omitempty"`
	Answer    string `json:"answer"`
	// Path is the file that defines the subject.
	Path string `json:"path"`
	// Cluster names the top-level definition that the fact belongs to.
	Cluster string `json:"cluster"`
}

// Extract derives all facts of the inventory's code, without its tests, ordered
// by kind and subject.
func Extract(inventory *language.Inventory) []Fact {
	x := newIndex(inventory)
	var facts []Fact
	for _, e := range x.entries {
		if e.definition.Nested() || x.ambiguous(e.definition.Name) {
			continue
		}
		for _, derive := range derivations {
			if fact, ok := derive(x, e); ok && acceptableAnswer(fact.Answer) {
				facts = append(facts, complete(fact, e))
			}
		}
	}
	facts = append(facts, importSources(inventory)...)
	slices.SortFunc(facts, func(a, b Fact) int {
		return cmp.Or(cmp.Compare(kindOrder(a.Kind), kindOrder(b.Kind)), cmp.Compare(a.Subject, b.Subject), cmp.Compare(a.Parameter, b.Parameter))
	})
	return facts
}

// derivations derive the facts of one definition, at most one of each kind, so
// that one signature does not fill a test.
var derivations = []func(*index, entry) (Fact, bool){
	definitionFile, bases, callers, raises, defaultValue, callee, owner, nextParameter, parameterType, returnType,
}

func kindOrder(kind Kind) int { return slices.Index(Kinds(), kind) }

func acceptableAnswer(answer string) bool {
	return answer != "" && len(answer) <= maxAnswer && !strings.ContainsAny(answer, "\n`") && Normalize(answer) != ""
}

// complete fills in what follows from the definition and from what is asked.
func complete(fact Fact, e entry) Fact {
	if fact.Subject == "" {
		fact.Subject = e.definition.Name
	}
	fact.Path = e.module.Path
	topLevel, _, _ := strings.Cut(e.definition.Name, ".")
	fact.Cluster = e.module.Path + ":" + topLevel
	fact.ID = factID(fact.Kind, fact.Subject, fact.Parameter)
	return fact
}

func factID(kind Kind, subject, parameter string) string {
	sum := sha256.Sum256([]byte(string(kind) + "\x00" + subject + "\x00" + parameter))
	return hex.EncodeToString(sum[:8])
}

func definitionFile(_ *index, e entry) (Fact, bool) {
	definition := e.definition
	asked := definition.Kind != language.KindMethod && !strings.Contains(definition.Name, ".") && !dunder(definition.Name)
	return Fact{Kind: DefinitionFile, Answer: e.module.Path}, asked
}

func bases(_ *index, e entry) (Fact, bool) {
	if e.definition.Kind != language.KindClass || len(e.definition.Bases) != 1 {
		return Fact{}, false
	}
	base := lastPart(e.definition.Bases[0])
	return Fact{Kind: Bases, Answer: base}, base != "object"
}

// callers asks only where the resolved calls and the plain mentions of the name
// agree on one function: a call on a value of unknown type would make a second,
// unseen caller.
func callers(x *index, e entry) (Fact, bool) {
	definition := e.definition
	if definition.Kind != language.KindFunction || dunder(definition.Name) {
		return Fact{}, false
	}
	called := x.callers[e.module.FullName(definition)]
	mentioned := x.mentions[definition.SimpleName()]
	if len(called) != 1 || len(mentioned) != 1 || called[0] != mentioned[0] {
		return Fact{}, false
	}
	return Fact{Kind: Callers, Answer: called[0]}, true
}

func raises(_ *index, e entry) (Fact, bool) {
	if e.definition.Kind == language.KindClass || len(e.definition.Raises) != 1 {
		return Fact{}, false
	}
	return Fact{Kind: Raises, Answer: lastPart(e.definition.Raises[0])}, true
}

func defaultValue(_ *index, e entry) (Fact, bool) {
	for _, parameter := range e.definition.Parameters {
		if parameter.Default != "" && !trivialDefault(parameter.Default) {
			return Fact{Kind: DefaultValue, Parameter: parameter.Name, Answer: parameter.Default}, true
		}
	}
	return Fact{}, false
}

// trivialDefault says whether a default can be guessed without any knowledge:
// 90-98 % of defaults in real libraries are one of these.
func trivialDefault(text string) bool {
	switch text {
	case "None", "True", "False", "()", "[]", "{}", `""`, `''`:
		return true
	}
	return false
}

func dunder(name string) bool {
	return strings.HasPrefix(name, "__") && strings.HasSuffix(name, "__")
}

func lastPart(dotted string) string {
	return dotted[strings.LastIndexByte(dotted, '.')+1:]
}

// entry is one definition with its module.
type entry struct {
	module     language.Module
	definition language.Definition
}

// index answers what one definition alone cannot.
type index struct {
	entries []entry
	// names counts definitions by qualified name, tests included: a name that a
	// test file also defines has two right answers.
	names map[string]int
	// callers and mentions map a full name, or a simple name, to the outermost
	// functions that call or mention it, each once.
	callers  map[string][]string
	mentions map[string][]string
	// functions are the names of functions and methods of the code by full name,
	// simple counts those of each simple name, tests included.
	functions map[string]string
	simple    map[string]int
	// named are the simple names of the code's functions.
	named map[string]bool
}

func newIndex(inventory *language.Inventory) *index {
	x := &index{
		names: map[string]int{}, callers: map[string][]string{}, mentions: map[string][]string{},
		functions: map[string]string{}, simple: map[string]int{}, named: map[string]bool{},
	}
	for _, module := range inventory.Modules {
		for _, definition := range module.Definitions {
			x.names[definition.Name]++
			x.simple[definition.SimpleName()]++
			if !module.IsTest {
				x.entries = append(x.entries, entry{module, definition})
			}
		}
		if !module.IsTest {
			x.addModule(module)
		}
	}
	return x
}

func (x *index) addModule(module language.Module) {
	for _, name := range module.Names {
		x.mentions[name] = addOnce(x.mentions[name], "module "+module.Path)
	}
	for _, definition := range module.Definitions {
		if definition.Kind != language.KindClass {
			x.functions[module.FullName(definition)] = definition.Name
			x.named[definition.SimpleName()] = true
		}
		outermost, _, _ := strings.Cut(definition.Name, ".<locals>.")
		for _, call := range definition.Calls {
			if call != module.FullName(definition) {
				x.callers[call] = addOnce(x.callers[call], outermost)
			}
		}
		for _, name := range definition.Names {
			if name != definition.SimpleName() {
				x.mentions[name] = addOnce(x.mentions[name], outermost)
			}
		}
	}
}

func addOnce(list []string, text string) []string {
	if slices.Contains(list, text) {
		return list
	}
	return append(list, text)
}

func (x *index) ambiguous(name string) bool { return x.names[name] > 1 }
