package golang

import (
	"cmp"
	"fmt"
	"go/parser"
	"go/token"
	"path"
	"strings"

	"github.com/repoexpert/operator/internal/language"
)

// dialect implements language.Dialect.
type dialect struct{}

// Dialect implements language.Adapter.
func (a Adapter) Dialect() language.Dialect { return dialect{} }

func (dialect) SourceGlob() string { return "*.go" }

// DefinitionPattern ends with the name, so that it works with whole words.
func (dialect) DefinitionPattern(definition language.Definition) string {
	switch definition.Kind {
	case language.KindClass:
		return "type " + definition.SimpleName()
	case language.KindMethod:
		owner, _, _ := strings.Cut(definition.Name, ".")
		return "func ([^)]*" + owner + "[^)]*) " + definition.SimpleName()
	default:
		return "func " + definition.SimpleName()
	}
}

func (dialect) Dependencies() []string { return []string{moduleFile, "go.sum", "vendor"} }

func (dialect) Placeholder() string { return maskStatement }

func (dialect) TestCommand(id string) string {
	file, function := language.SplitTest(id)
	return "go test -run " + language.Quote("^"+function+"$") + " " + folderOf(file)
}

// CheckCommand builds the package and keeps nothing: a program would lie in the
// tree.
func (dialect) CheckCommand(module language.Module) string {
	return "go build -o /dev/null " + folderOf(module.Path)
}

// folderOf is a file's package as the go command takes it, quoted.
func folderOf(file string) string {
	folder := path.Dir(file)
	if folder == "." {
		return "."
	}
	return language.Quote("./" + folder)
}

// failures are words in the output of a test that tell what went wrong, the ones
// that tell most first.
var failures = []struct{ sign, name string }{
	{"[build failed]", "build failed"},
	{"[setup failed]", "build failed"},
	{"panic: test timed out", "test timed out"},
	{"nil pointer dereference", "nil pointer dereference"},
	{"index out of range", "index out of range"},
	{"slice bounds out of range", "slice bounds out of range"},
	{"integer divide by zero", "integer divide by zero"},
	{"assignment to entry in nil map", "assignment to entry in nil map"},
	{"interface conversion:", "interface conversion"},
	{"all goroutines are asleep", "deadlock"},
	{"fatal error:", "fatal error"},
	{"panic:", "panic"},
}

func (dialect) FailureName(output string) string {
	for _, failure := range failures {
		if strings.Contains(output, failure.sign) {
			return failure.name
		}
	}
	return ""
}

func (dialect) ForeignNames(code string) []string { return foreign(code) }

func (dialect) IsTestFile(file string) bool { return isTest(file) }

func (dialect) TestFileName(name string) string { return name + "_test.go" }

// TestFile takes the package clause of the other file, and of its imports those
// whose names the text uses.
func (dialect) TestFile(source []byte, imports []language.Import, text string) string {
	clause := "main"
	if f, err := parser.ParseFile(token.NewFileSet(), "", source, parser.PackageClauseOnly); err == nil {
		clause = f.Name.Name
	}
	used := map[string]bool{}
	for _, name := range foreign(text) {
		used[name] = true
	}
	var head strings.Builder
	for _, i := range imports {
		name := cmp.Or(i.Alias, path.Base(i.Module))
		switch {
		case i.Name == "*":
			fmt.Fprintf(&head, "\t. %q\n", i.Module)
		case used[name] && name == path.Base(i.Module):
			fmt.Fprintf(&head, "\t%q\n", i.Module)
		case used[name]:
			fmt.Fprintf(&head, "\t%s %q\n", name, i.Module)
		}
	}
	file := "package " + clause + "\n\n"
	if head.Len() > 0 {
		file += "import (\n" + head.String() + ")\n\n"
	}
	return file + text
}
