package golang

import (
	"cmp"
	"context"
	"go/ast"
	"go/token"
	"go/types"
	"path"
	"runtime"
	"slices"
	"strings"

	"github.com/repoexpert/operator/internal/language"
	"github.com/repoexpert/operator/internal/sandbox"
)

const maxDefinitions = 100_000

// Inspect implements language.Adapter. A module of the inventory is a file; files
// of one package share the name by which code imports it, external tests have
// "_test" behind it. Types with a name of their own are classes, what they embed
// are their bases. A doc comment belongs to its definition.
func (a Adapter) Inspect(ctx context.Context, box sandbox.Box, dir string) (*language.Inventory, error) {
	t, err := readTree(ctx, box, dir, func(string) bool { return true })
	if err != nil {
		return nil, err
	}
	i := &inspector{tree: t, index: newIndex()}
	i.read()
	return i.inventory(), nil
}

// inspector makes an inventory in two passes, so that no more than one file's
// syntax is kept: the first finds what all files declare.
type inspector struct {
	tree   *tree
	index  *index
	kept   []string
	errors []language.FileError
}

// read parses every file once.
func (i *inspector) read() {
	for _, name := range i.tree.paths() {
		source := i.tree.sources[name]
		if !builds(name, source) {
			i.tree.skip(name, "its build constraints exclude it")
			continue
		}
		f, err := parse(name, source)
		switch {
		case err != nil:
			i.errors = append(i.errors, language.FileError{Path: name, Error: reason(err)})
		case ast.IsGenerated(f.syntax):
			i.tree.skip(name, "generated")
			i.index.add(f, i.moduleName(f))
		default:
			i.kept = append(i.kept, name)
			i.index.add(f, i.moduleName(f))
		}
	}
	i.index.settle()
}

// moduleName is how code names a file's package.
func (i *inspector) moduleName(f *file) string {
	name := clean(i.tree.importPath(path.Dir(f.path)))
	if isTest(f.path) && strings.HasSuffix(f.syntax.Name.Name, "_test") {
		return name + "_test"
	}
	return name
}

func (i *inspector) inventory() *language.Inventory {
	inventory := &language.Inventory{
		Schema: language.InventorySchema, Language: "go", Runtime: strings.TrimPrefix(runtime.Version(), "go"),
		Truncated: i.tree.truncated, Errors: i.errors,
	}
	definitions := 0
	for _, name := range i.kept {
		f, err := parse(name, i.tree.sources[name])
		if err != nil {
			continue // it parsed before
		}
		module := i.module(f)
		if definitions += len(module.Definitions); definitions > maxDefinitions {
			inventory.Truncated = "more than 100000 definitions"
			break
		}
		inventory.Modules = append(inventory.Modules, module)
	}
	inventory.Skipped = i.tree.skipped
	slices.SortFunc(inventory.Skipped, func(a, b language.SkippedFile) int { return cmp.Compare(a.Path, b.Path) })
	return inventory
}

func (i *inspector) module(f *file) language.Module {
	name := i.moduleName(f)
	r := &resolver{file: f, index: i.index, module: name, imports: i.index.importsOf(f)}
	module := language.Module{
		Path: f.path, Name: name, IsTest: isTest(f.path), Lines: len(language.Lines(f.source)),
		Imports: importsOf(f, r.imports), Definitions: []language.Definition{},
	}
	outside := map[string]bool{}
	for _, declaration := range f.syntax.Decls {
		switch d := declaration.(type) {
		case *ast.FuncDecl:
			module.Definitions = append(module.Definitions, r.function(d))
		case *ast.GenDecl:
			module.Definitions = append(module.Definitions, r.types(d)...)
			for _, spec := range d.Specs {
				if value, ok := spec.(*ast.ValueSpec); ok {
					for _, name := range mentioned(value) {
						outside[name] = true
					}
				}
			}
		}
	}
	module.Names = sorted(outside)
	return module
}

// importsOf lists the imports with the names that the file has for them.
func importsOf(f *file, names map[string]string) []language.Import {
	local := map[string]string{}
	for name, importPath := range names {
		local[importPath] = name
	}
	imports := make([]language.Import, 0, len(f.syntax.Imports))
	for _, spec := range f.syntax.Imports {
		found := language.Import{Module: clean(importOf(spec)), Line: f.line(spec.Pos())}
		switch {
		case spec.Name == nil:
			found.Alias = clean(local[importOf(spec)])
		case spec.Name.Name == ".":
			found.Name = "*"
		default:
			found.Alias = clean(spec.Name.Name)
		}
		imports = append(imports, found)
	}
	return imports
}

// function describes a function or method.
func (r *resolver) function(d *ast.FuncDecl) language.Definition {
	definition := language.Definition{Name: nameOf(d), Kind: language.KindFunction, Docstring: d.Doc != nil}
	if d.Recv != nil {
		definition.Kind = language.KindMethod
	}
	r.place(&definition, d, d.Doc)
	definition.Parameters, definition.Returns = parameters(d.Type.Params), results(d.Type.Results)
	if d.Body == nil {
		return definition
	}
	definition.Statements = len(d.Body.List)
	definition.BodyStartLine, definition.BodyEndLine = r.file.body(d)
	definition.Calls = r.calls(d.Body)
	definition.Names = mentioned(d.Body)
	return definition
}

// place sets the range of a definition with its doc comment.
func (r *resolver) place(definition *language.Definition, node ast.Node, doc *ast.CommentGroup) {
	first := node.Pos()
	if doc != nil {
		first = doc.Pos()
	}
	start, end := r.file.place(first), r.file.place(node.End())
	definition.StartLine, definition.StartCol = start.Line, start.Column-1
	definition.EndLine, definition.EndCol = end.Line, end.Column-1
}

// body is the range of lines between the braces; that of the statements where
// they share a line with a brace; 0 without statements.
func (f *file) body(d *ast.FuncDecl) (start, end int) {
	if d.Body == nil || len(d.Body.List) == 0 {
		return 0, 0
	}
	list := d.Body.List
	first, last := f.line(list[0].Pos()), f.line(list[len(list)-1].End())
	opening, closing := f.line(d.Body.Lbrace), f.line(d.Body.Rbrace)
	if first > opening {
		first = opening + 1
	}
	if last < closing {
		last = closing - 1
	}
	return first, last
}

// nameOf is the name of a function, for a method behind that of its type.
func nameOf(d *ast.FuncDecl) string {
	if d.Recv == nil || len(d.Recv.List) == 0 {
		return clean(d.Name.Name)
	}
	return clean(receiver(d.Recv.List[0].Type) + "." + d.Name.Name)
}

// receiver is the name of a receiver's or an embedded field's type without pointer
// and parameters.
func receiver(expression ast.Expr) string {
	switch e := bare(expression).(type) {
	case *ast.Ident:
		return e.Name
	case *ast.SelectorExpr:
		return e.Sel.Name
	default:
		return "?"
	}
}

func parameters(fields *ast.FieldList) []language.Parameter {
	var found []language.Parameter
	for _, field := range fields.List {
		kind := "positional"
		if _, variadic := field.Type.(*ast.Ellipsis); variadic {
			kind = "varargs"
		}
		names := field.Names
		if len(names) == 0 {
			names = []*ast.Ident{{Name: "_"}}
		}
		for _, name := range names {
			found = append(found, language.Parameter{Name: clean(name.Name), Kind: kind, Type: typeText(field.Type)})
		}
	}
	return found[:min(len(found), maxList)]
}

// results is the text of a function's results, without their names.
func results(fields *ast.FieldList) string {
	if fields == nil || len(fields.List) == 0 {
		return ""
	}
	var texts []string
	for _, field := range fields.List {
		for range max(1, len(field.Names)) {
			texts = append(texts, typeText(field.Type))
		}
	}
	if len(texts) == 1 {
		return texts[0]
	}
	return clean("(" + strings.Join(texts[:min(len(texts), maxList)], ", ") + ")")
}

// typeText is the source text of a type, in gofmt's layout.
func typeText(expression ast.Expr) string { return clean(types.ExprString(expression)) }

// types describes the types of a declaration that are no aliases.
func (r *resolver) types(d *ast.GenDecl) []language.Definition {
	if d.Tok != token.TYPE {
		return nil
	}
	var found []language.Definition
	for _, spec := range d.Specs {
		declared, ok := spec.(*ast.TypeSpec)
		if !ok || declared.Assign.IsValid() {
			continue
		}
		node, doc := ast.Node(declared), declared.Doc
		if !d.Lparen.IsValid() {
			node, doc = d, d.Doc
		}
		definition := language.Definition{
			Name: clean(declared.Name.Name), Kind: language.KindClass, Docstring: doc != nil,
			Bases: r.bases(declared.Type), Names: mentioned(declared.Type),
		}
		r.place(&definition, node, doc)
		found = append(found, definition)
	}
	return found
}

// bases are the types that a struct or an interface embeds.
func (r *resolver) bases(declared ast.Expr) []string {
	var names []string
	for _, field := range embedded(declared) {
		name := r.typeName(field)
		if name == "" {
			name = r.file.text(field)
		}
		names = append(names, clean(name))
	}
	return names[:min(len(names), maxList)]
}

// embedded are the fields without a name.
func embedded(declared ast.Expr) []ast.Expr {
	var list *ast.FieldList
	switch t := declared.(type) {
	case *ast.StructType:
		list = t.Fields
	case *ast.InterfaceType:
		list = t.Methods
	default:
		return nil
	}
	var found []ast.Expr
	for _, field := range list.List {
		switch field.Type.(type) {
		case *ast.BinaryExpr, *ast.UnaryExpr: // a constraint's union
		default:
			if len(field.Names) == 0 {
				found = append(found, field.Type)
			}
		}
	}
	return found
}
