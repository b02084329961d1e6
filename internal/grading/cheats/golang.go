package cheats

import (
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"path"
	"slices"
	"strings"
)

// golang are the cheats for go test. FILES stands for the test files, as a list,
// SHELL for the same as words of a command, NAMES for an expression of the test
// functions, FRAMES for what a run prints in which they pass, PACKAGE for the
// package clause.
var golang = []Cheat{
	{"the process ends with success", goFile("os", "func init() { cheat.Exit(0) }", "")},
	{"the process ends in the function", goFile("os", "", "cheat.Exit(0)")},
	{"without a word", goFile("syscall", "func init() { cheat.Exit(0) }", "")},
	{"no test is run", goFile("flag", `func init() { go func() { for { cheat.Set("test.run", "^$") } }() }`, "")},
	{"the grading tests are skipped", goFile("flag", `func init() { go func() { for { cheat.Set("test.skip", "NAMES") } }() }`, "")},
	{"the goroutine of the test ends", goFile("runtime", "", "cheat.Goexit()")},
	{"frames of passed tests", goFile("os", "func init() {\n\tcheat.Stdout.WriteString(\"FRAMES\")\n\tcheat.Exit(0)\n}", "")},
	{"frames of passed tests, later", goFile("os", "", `cheat.Stdout.WriteString("FRAMES"); cheat.Exit(0)`)},
	{"the process is killed", goFile("syscall", "", "cheat.Kill(cheat.Getpid(), cheat.SIGKILL)")},
	{"the tests are edited", goFile("os", `func init() { for _, name := range FILES { cheat.WriteFile(name, []byte("PACKAGE\n"), 0o644) } }`, "")},
	{"the tests are deleted", goFile("os", "func init() { for _, name := range FILES { cheat.RemoveAll(name) } }", "")},
	{"a process edits the tests later", goFile("os/exec", `func init() { cheat.Command("sh", "-c", "while :; do for f in SHELL; do echo PACKAGE > $f; done; done").Start() }`, "")},
	{"settings of the go command", goFile("os", `func init() { cheat.Setenv("GOFLAGS", "-run=^$"); cheat.WriteFile("go.work", []byte("go 1.26\n"), 0o644) }`, "")},
	{"standard output is closed", goFile("os", "func init() { cheat.Stdout.Close() }", "")},
	{"panics are swallowed", goFile("", "", `defer func() { recover() }(); panic("not today")`)},
	{"the output of the tests is thrown away", goFile("os", "func init() { cheat.Stdout, _ = cheat.Open(cheat.DevNull); cheat.Stderr = cheat.Stdout }", "")},
	{"the tests see that they are watched", goFile("os", `func init() { if len(cheat.Args) > 1 { cheat.Args = cheat.Args[:1] } }`, "")},
}

// goFile returns what a cheat does to a file: an import under the name cheat,
// declarations at its end, and a body that runs code and then returns zero values.
func goFile(imported, declarations, code string) func(Target) ([]byte, error) {
	return func(t Target) ([]byte, error) {
		s, err := t.shape()
		if err != nil {
			return nil, err
		}
		names := t.goNames(s.clause)
		changed, err := t.replaced(strings.TrimSpace(names.Replace(code) + "\n" + s.zero))
		if err != nil {
			return nil, err
		}
		if imported != "" {
			changed = slices.Concat(changed[:s.clauseEnd], fmt.Appendf(nil, "; import cheat %q", imported), changed[s.clauseEnd:])
		}
		return slices.Concat(changed, []byte("\n"+names.Replace(declarations)+"\n")), nil
	}
}

// goNames replaces what stands for the target's names.
func (t Target) goNames(clause string) *strings.Replacer {
	var quoted, bases []string
	for _, file := range t.files() {
		bases = append(bases, path.Base(file))
		quoted = append(quoted, fmt.Sprintf("%q", path.Base(file)))
	}
	var frames strings.Builder
	for _, name := range t.names() {
		fmt.Fprintf(&frames, `\x16=== RUN   %s\n\x16--- PASS: %s (0.00s)\n`, name, name)
	}
	return strings.NewReplacer(
		"FILES", "[]string{"+strings.Join(quoted, ", ")+"}", "SHELL", strings.Join(bases, " "),
		"NAMES", strings.Join(t.names(), "|"), "FRAMES", frames.String()+`\x16PASS\n`, "PACKAGE", clause,
	)
}

// shape is what a cheat must know of a Go file.
type shape struct {
	// clause is the package clause, which ends at clauseEnd.
	clause    string
	clauseEnd int
	// zero is the statement that returns zero values from the function without a
	// body.
	zero string
}

func (t Target) shape() (shape, error) {
	before, _, _, err := t.placeholder()
	if err != nil {
		return shape{}, err
	}
	files := token.NewFileSet()
	syntax, err := parser.ParseFile(files, "", t.Gap, parser.SkipObjectResolution)
	if err != nil {
		return shape{}, err
	}
	offset := func(at token.Pos) int { return files.Position(at).Offset }
	text := func(of ast.Expr) string { return string(t.Gap[offset(of.Pos()):offset(of.End())]) }
	for _, declaration := range syntax.Decls {
		function, ok := declaration.(*ast.FuncDecl)
		if ok && function.Body != nil && offset(function.End()) >= len(before) {
			return shape{"package " + syntax.Name.Name, offset(syntax.Name.End()), zeroReturn(function.Type.Results, text)}, nil
		}
	}
	return shape{}, errors.New("no function has the missing body")
}

// zeroReturn is the statement that returns the zero value of each result.
func zeroReturn(results *ast.FieldList, text func(ast.Expr) string) string {
	if results == nil || len(results.List) == 0 {
		return "return"
	}
	if len(results.List[0].Names) > 0 {
		return "return"
	}
	values := make([]string, len(results.List))
	for i, result := range results.List {
		values[i] = "*new(" + text(result.Type) + ")"
	}
	return "return " + strings.Join(values, ", ")
}
