package golang

import (
	"fmt"
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/repoexpert/operator/internal/language"
)

// mutated lists the faults of a function's body as "operator: from => to", with
// what the rest of the file declares.
func mutated(t *testing.T, signature, body, rest string) []string {
	t.Helper()
	text := "package p\n\nimport (\n\t\"errors\"\n\t\"fmt\"\n\t\"strings\"\n)\n\nfunc F" + signature + " {\n" + body + "\n}\n" + rest
	f, err := parse("p.go", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for _, m := range mutationsOf(f) {
		if m.Function != "F" {
			continue
		}
		if m.Path != "p.go" || m.Line != 1+strings.Count(text[:m.Start], "\n") {
			t.Errorf("%+v", m)
		}
		found = append(found, fmt.Sprintf("%s: %s => %s", m.Operator, strings.TrimSpace(text[m.Start:m.End]), m.Replacement))
	}
	slices.Sort(found)
	return found
}

func TestMutate(t *testing.T) {
	cases := map[string]struct {
		signature, body, rest string
		want                  []string
	}{
		"comparisons": {"(a, b int) bool", "return a < b", "", []string{"comparison-boundary: < => <=", "return-zero: a < b => false"}},
		"an equality": {"(a int)", "if a == g() { h() }", "func g() int { return 1 }\nfunc h() {}", []string{
			"branch-removal: a == g() => false && (a == g())", "comparison-negation: == => !=", "statement-removal: h() => ",
		}},
		"a nil check": {"(err error) error", "if err != nil { return err }\nreturn nil", "", []string{
			"error-dropped: err => nil", "guard-removal: err != nil => false && (err != nil)", "nil-check: != => ==",
		}},
		"conditions": {"(a, b bool)", "if a && !b { return }", "", []string{
			"boolean-operator: && => ||", "condition-negation: ! => ", "condition-negation: a && !b => !(a && !b)",
			"guard-removal: a && !b => false && (a && !b)", "operand-removal: && !b => ", "operand-removal: a && => ",
		}},
		"arithmetic":          {"(a, b int) (c int)", "c = a*b - -a/1\nc += a\nreturn", "", []string{"arithmetic-operator: * => /", "arithmetic-operator: - => +", "augmented-assignment: += => -=", "constant-off-by-one: 1 => 2", "statement-removal: c += a => ", "statement-removal: c = a*b - -a/1 => ", "unary-minus: - => "}},
		"strings":             {"(a string) string", "b := \"x\"\nb += a\nreturn b + a", "", []string{"return-zero: b + a => \"\"", "statement-removal: b += a => ", "string-constant: \"x\" => \"\""}},
		"numbers":             {"(a []int)", "var b [2]int\n_ = b\n_ = a[0]\n_ = make([]int, 3, 7)\n_ = 010\n_ = []int{5: 6}", "", []string{"constant-off-by-one: 0 => 1", "constant-off-by-one: 3 => 2", "constant-off-by-one: 3 => 4", "constant-off-by-one: 6 => 5", "constant-off-by-one: 6 => 7"}},
		"cases stay":          {"(a int, b string)", "switch a { case 1: g() }\nswitch b { case \"x\": g() }", "func g() {}", []string{"statement-removal: g() => ", "statement-removal: g() => "}},
		"literals":            {"() (bool, string)", "return true, \"x\"", "", []string{"boolean-literal: true => false", "string-constant: \"x\" => \"\""}},
		"slices":              {"(a []int, b int)", "_ = a[b:b]\n_ = a[0:len(a)]\n_ = a[0:1:2]", "", []string{"constant-off-by-one: 0 => 1", "constant-off-by-one: 0 => 1", "constant-off-by-one: 1 => 0", "constant-off-by-one: 1 => 2", "constant-off-by-one: 2 => 1", "constant-off-by-one: 2 => 3", "slice-bound: b => ", "slice-bound: b => "}},
		"loops":               {"(a []int)", "for range a { if g() { break }; continue }\nfor { break }", "func g() bool { return true }", []string{"break-continue: break => continue", "break-continue: continue => break", "condition-negation: g() => !(g())", "guard-removal: g() => false && (g())"}},
		"increments":          {"(a int)", "a++\nfor a = 0; a < 3; a++ {}", "", []string{"comparison-boundary: < => <=", "constant-off-by-one: 0 => 1", "constant-off-by-one: 3 => 2", "constant-off-by-one: 3 => 4", "increment: ++ => --"}},
		"what a loop awaits":  {"(a, b int)", "for a < 3 { a++; b++ }", "", []string{"comparison-boundary: < => <=", "constant-off-by-one: 3 => 2", "constant-off-by-one: 3 => 4", "increment: ++ => --"}},
		"arguments":           {"(a, b string, c int)", "g(a, b, c)\n_ = min(a, b)", "func g(a, b string, c int) {}", []string{"argument-swap: a, b => b, a", "function-swap: min => max", "statement-removal: g(a, b, c) => "}},
		"a local name":        {"(min func(a, b int) bool)", "min(g, h)", "const g, h = 1, 2", []string{"statement-removal: min(g, h) => "}},
		"an import is needed": {"(a string) bool", "return strings.HasPrefix(a, \"x\")", "", []string{"function-swap: strings.HasPrefix => strings.HasSuffix", "string-constant: \"x\" => \"\""}},
		"an import is used elsewhere": {"(a string) error", "return errors.New(a)", "var e = errors.New(\"\")", []string{
			"error-dropped: errors.New(a) => nil",
		}},
		"a variable is needed": {"() int", "a := g()\nreturn a", "func g() int { return 1 }", nil},
		"a variable is set":    {"(g func() int) int", "a := 0\na = g()\nb := a\n_ = b\nreturn 1", "", []string{"constant-off-by-one: 0 => 1", "constant-off-by-one: 1 => 0", "constant-off-by-one: 1 => 2", "statement-removal: a = g() => "}},
		"functions in it":      {"() func() error", "return func() error { return fmt.Errorf(\"x\") }", "var s = fmt.Sprint()", []string{"error-dropped: fmt.Errorf(\"x\") => nil", "return-zero: func() error { return fmt.Errorf(\"x\") } => nil", "string-constant: \"x\" => \"\""}},
		"no end of a function": {"() int", "panic(\"no\")", "", []string{"string-constant: \"no\" => \"\""}},
		"deferred":             {"(a, b func())", "defer a()\ngo b()", "", []string{"statement-removal: defer a() => ", "statement-removal: go b() => "}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(c.want, mutated(t, c.signature, c.body, c.rest)); diff != "" {
				t.Errorf("faults (-want +got):\n%s", diff)
			}
		})
	}
}

// varied is a file that uses much of the language; every fault in it has to
// build.
const varied = `package p

import (
	"errors"
	"fmt"
	"sort"
	"strconv"
	"strings"
)

type store struct {
	items map[string][]int
	names []string
}

var errNone = errors.New("none")

func (s *store) add(name string, values ...int) (count int, err error) {
	if name == "" || len(values) == 0 {
		return 0, fmt.Errorf("add %q: %w", name, errNone)
	}
	defer func() { count = len(s.items[name]) }()
	if _, known := s.items[name]; !known {
		s.names = append(s.names, name)
		sort.Strings(s.names)
	}
	for i, value := range values {
		if value < 0 {
			continue
		}
		if i > 10 {
			break
		}
		s.items[name] = append(s.items[name], value*2+i)
	}
	return count, nil
}

func parse(text string) (key string, value int, err error) {
	before, after, found := strings.Cut(text, "=")
	if !found {
		return "", 0, errNone
	}
	key = strings.TrimSpace(before)
	value, err = strconv.Atoi(strings.TrimPrefix(after, "+"))
	if err != nil {
		return key, 0, err
	}
	return key + ":", -value, nil
}

func find[T comparable](list []T, wanted T) (at int) {
	at = -1
	for i := range list {
		if list[i] == wanted {
			at = i
			return
		}
	}
	return at
}

func last(list []string, n int) []string {
	if start := len(list) - n; start > 0 {
		list = list[start:]
	}
	switch x := any(list).(type) {
	case []string:
		return x[:min(n, len(x))]
	default:
		panic("never")
	}
}

func swap(a, b string) string {
	join := func(x, y string) string { return x + y }
	text := join(a, b)
	text += "."
	var out strings.Builder
	out.WriteString(text)
	return out.String()
}

func sum(list [4]int) (total uint) {
	for i := 0; i < len(list); i++ {
		total += uint(list[i]) << 1
	}
	total--
	return total
}
`

func TestMutantsBuild(t *testing.T) {
	f, err := parse("p.go", []byte(varied))
	if err != nil {
		t.Fatal(err)
	}
	mutations := mutationsOf(f)
	families := map[string]bool{}
	std := importer.ForCompiler(token.NewFileSet(), "source", nil)
	build := func(source []byte) error {
		set := token.NewFileSet()
		syntax, err := parser.ParseFile(set, "p.go", source, 0)
		if err != nil {
			return err
		}
		_, err = (&types.Config{Importer: std}).Check("p", set, []*ast.File{syntax}, nil)
		return err
	}
	if err := build([]byte(varied)); err != nil {
		t.Fatal(err)
	}
	for _, m := range mutations {
		families[m.Operator] = true
		source, err := m.Apply([]byte(varied))
		if err != nil {
			t.Fatal(err)
		}
		if err := build(source); err != nil {
			t.Errorf("%+v: %v", m, err)
		}
	}
	if len(families) < 18 {
		t.Errorf("only %d families: %v", len(families), families)
	}
	if !slices.IsSortedFunc(mutations, language.Mutation.Compare) {
		t.Error("out of order")
	}
}

func FuzzMutate(f *testing.F) {
	f.Add(varied)
	f.Add("package p\nfunc F(){for{if!a{break}}\nL:switch{case 1<2:x=a[:b]}}")
	f.Fuzz(func(t *testing.T, text string) {
		parsed, err := parse("p.go", []byte(text))
		if err != nil {
			return
		}
		for _, m := range mutationsOf(parsed) {
			source, err := m.Apply([]byte(text))
			if err != nil || string(source) == text {
				t.Fatalf("%+v: %v", m, err)
			}
			if _, err := parse("p.go", source); err != nil {
				t.Errorf("%+v does not parse: %v", m, err)
			}
		}
	})
}
