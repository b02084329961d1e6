package golang

import (
	"bytes"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/scanner"
	"go/token"
	"path"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/mod/module"
)

// file is one parsed file. Identifiers that the file itself binds are resolved;
// the names of imports, of other files of the package and built-in ones are not.
type file struct {
	path   string
	source []byte
	set    *token.FileSet
	syntax *ast.File
}

// errCarriage: language.Lines and the parser would count different lines.
var errCarriage = errors.New("a carriage return that ends no line")

// parse parses a file. The parser bounds its own depth.
func parse(name string, source []byte) (*file, error) {
	if hasLoneCarriage(source) {
		return nil, errCarriage
	}
	f := &file{path: name, source: source, set: token.NewFileSet()}
	syntax, err := parser.ParseFile(f.set, name, source, parser.ParseComments)
	if err != nil {
		return nil, err
	}
	f.syntax = syntax
	return f, nil
}

func hasLoneCarriage(source []byte) bool {
	return bytes.Count(source, []byte("\r")) != bytes.Count(source, []byte("\r\n"))
}

// reason is a parser's first complaint, on one line and without the file's name.
func reason(err error) string {
	var list scanner.ErrorList
	if errors.As(err, &list) && len(list) > 0 {
		return clean(fmt.Sprintf("line %d: %s", list[0].Pos.Line, list[0].Msg))
	}
	return clean(err.Error())
}

// place is where a node lies in the source, whatever its //line comments say.
func (f *file) place(pos token.Pos) token.Position { return f.set.PositionFor(pos, false) }

func (f *file) line(pos token.Pos) int { return f.place(pos).Line }

// offset is a position's place in the source, in bytes.
func (f *file) offset(pos token.Pos) int { return f.place(pos).Offset }

func (f *file) text(node ast.Node) string {
	return string(f.source[f.offset(node.Pos()):min(f.offset(node.End()), len(f.source))])
}

// topLevel says whether an identifier means what the file declares outside of
// functions.
func (f *file) topLevel(id *ast.Ident) bool {
	return id.Obj != nil && f.syntax.Scope != nil && f.syntax.Scope.Lookup(id.Name) == id.Obj
}

// local says whether an identifier means something that a function declares.
func (f *file) local(id *ast.Ident) bool { return id.Obj != nil && !f.topLevel(id) }

// unbound are the names in the file that it does not bind itself.
func (f *file) unbound() map[string]bool {
	names := map[string]bool{}
	for _, id := range f.syntax.Unresolved {
		names[id.Name] = true
	}
	return names
}

// importOf is the path of an import; "" for one that no parser would accept.
func importOf(spec *ast.ImportSpec) string {
	name, err := strconv.Unquote(spec.Path.Value)
	if err != nil {
		return ""
	}
	return name
}

// possibleNames are names that the package at an import path may have: a path
// does not tell, so these are the usual ones, the most likely one first.
func possibleNames(importPath string) []string {
	prefix, version, ok := module.SplitPathVersion(importPath)
	if !ok || version == "" {
		prefix = importPath
	}
	last := path.Base(prefix)
	names := []string{last}
	for _, name := range []string{
		strings.TrimSuffix(last, ".go"), strings.TrimSuffix(last, "-go"), strings.TrimPrefix(last, "go-"), strings.TrimPrefix(last, "go."),
		strings.ReplaceAll(last, "-", ""), strings.ReplaceAll(last, "-", "_"), path.Base(importPath),
	} {
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return slices.DeleteFunc(names, func(name string) bool { return !token.IsIdentifier(name) })
}

// localNames are the names by which a file may use an import; none for one that
// is imported for its effect, as it is, or by cgo.
func localNames(spec *ast.ImportSpec) []string {
	importPath := importOf(spec)
	switch {
	case importPath == "C":
		return nil
	case spec.Name == nil:
		return possibleNames(importPath)
	case spec.Name.Name == "_" || spec.Name.Name == ".":
		return nil
	default:
		return []string{spec.Name.Name}
	}
}

// usedImports maps the imports of a file that it uses to the name it uses.
func (f *file) usedImports() map[*ast.ImportSpec]string {
	unbound := f.unbound()
	used := map[*ast.ImportSpec]string{}
	for _, spec := range f.syntax.Imports {
		for _, name := range localNames(spec) {
			if unbound[name] {
				used[spec] = name
				break
			}
		}
	}
	return used
}

const (
	// maxText of one name and maxList of one list are the Python inspector's too.
	maxText = 200
	maxList = 400
)

// clean bounds text for an inventory.
func clean(text string) string {
	text = strings.ToValidUTF8(strings.Join(strings.Fields(text), " "), "\uFFFD")
	if len(text) <= maxText {
		return text
	}
	return strings.ToValidUTF8(text[:maxText], "")
}

// mentioned lists the identifiers in a piece of syntax, in order.
func mentioned(nodes ...ast.Node) []string {
	found := map[string]bool{}
	for _, node := range nodes {
		ast.Inspect(node, func(n ast.Node) bool {
			if id, ok := n.(*ast.Ident); ok && id.Name != "_" {
				found[clean(id.Name)] = true
			}
			return true
		})
	}
	return sorted(found)
}

// sorted lists a set in order, bounded.
func sorted(set map[string]bool) []string {
	names := make([]string, 0, len(set))
	for name := range set {
		names = append(names, name)
	}
	slices.Sort(names)
	return names[:min(len(names), maxList)]
}
