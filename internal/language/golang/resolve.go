package golang

import (
	"go/ast"
	"go/token"
	"go/types"
)

// maxHops bounds how far a name is followed through fields and embedded types.
const maxHops = 12

// index is what the files of a tree declare outside of functions, by the name of
// the package and the qualified name: "example.com/shop.Shelf.Add".
type index struct {
	// packages maps an import path to the name in the package's clause.
	packages map[string]string
	// declared are types, functions, methods, variables and constants.
	declared map[string]bool
	// types maps variables and fields to the name of their type, functions and
	// methods to that of their first result.
	types map[string]string
	// embedded are the types that a type embeds.
	embedded map[string][]string
	// waiting are the names of types that settle resolves, when all is declared.
	waiting []func()
}

func newIndex() *index {
	return &index{packages: map[string]string{}, declared: map[string]bool{}, types: map[string]string{}, embedded: map[string][]string{}}
}

// add notes what a file declares.
func (x *index) add(f *file, name string) {
	if !isTest(f.path) {
		x.packages[name] = f.syntax.Name.Name
	}
	r := &resolver{file: f, index: x, module: name}
	for _, declaration := range f.syntax.Decls {
		switch d := declaration.(type) {
		case *ast.FuncDecl:
			full := name + "." + nameOf(d)
			x.declared[full] = true
			if d.Type.Results != nil && len(d.Type.Results.List) > 0 {
				x.note(r, full, d.Type.Results.List[0].Type)
			}
		case *ast.GenDecl:
			for _, spec := range d.Specs {
				x.addSpec(r, spec)
			}
		}
	}
}

// note resolves the type of a name once every file was read. What is kept until
// then is the expression, not the file: the text of a type is short.
func (x *index) note(r *resolver, full string, declared ast.Expr) {
	names, module := unresolved(r.file, declared), r.module
	if names.name == "" {
		return
	}
	x.waiting = append(x.waiting, func() {
		if resolved := names.in(x, module); resolved != "" {
			x.types[full] = resolved
		}
	})
}

func (x *index) addSpec(r *resolver, spec ast.Spec) {
	switch s := spec.(type) {
	case *ast.TypeSpec:
		full := r.module + "." + s.Name.Name
		x.declared[full] = true
		for _, field := range embedded(s.Type) {
			names, module := unresolved(r.file, field), r.module
			x.waiting = append(x.waiting, func() {
				if resolved := names.in(x, module); resolved != "" {
					x.embedded[full] = append(x.embedded[full], resolved)
				}
			})
		}
		if structure, ok := s.Type.(*ast.StructType); ok {
			x.addFields(r, full, structure.Fields)
		}
	case *ast.ValueSpec:
		for n, id := range s.Names {
			x.declared[r.module+"."+id.Name] = true
			if declared := typeOfSpec(s, n); declared != nil {
				x.note(r, r.module+"."+id.Name, declared)
			}
		}
	}
}

func (x *index) addFields(r *resolver, owner string, fields *ast.FieldList) {
	for _, field := range fields.List {
		names := field.Names
		if len(names) == 0 {
			names = []*ast.Ident{{Name: receiver(field.Type)}}
		}
		for _, id := range names {
			x.note(r, owner+"."+id.Name, field.Type)
		}
	}
}

// settle resolves what waited for the last file.
func (x *index) settle() {
	for _, resolve := range x.waiting {
		resolve()
	}
	x.waiting = nil
}

// reference is a name as a file wrote it, with the import that qualifies it.
type reference struct {
	importPath, name string
}

// unresolved is the name of a type as it is written, without pointer and
// parameters; empty for types that have none.
func unresolved(f *file, declared ast.Expr) reference {
	for range maxHops {
		switch e := declared.(type) {
		case *ast.StarExpr:
			declared = e.X
		case *ast.ParenExpr:
			declared = e.X
		case *ast.IndexExpr:
			declared = e.X
		case *ast.IndexListExpr:
			declared = e.X
		case *ast.Ident:
			if f.local(e) {
				return reference{} // a type parameter, or a type of a function
			}
			return reference{name: e.Name}
		case *ast.SelectorExpr:
			if base, ok := e.X.(*ast.Ident); ok && base.Obj == nil {
				return reference{importPath: f.imported(base.Name), name: e.Sel.Name}
			}
			return reference{}
		default:
			return reference{}
		}
	}
	return reference{}
}

// imported is the path of the import that a name may mean, by the usual names of
// packages; "" when none does.
func (f *file) imported(name string) string {
	for _, spec := range f.syntax.Imports {
		for _, candidate := range localNames(spec) {
			if candidate == name {
				return importOf(spec)
			}
		}
	}
	return ""
}

// in is the full name of a reference from a package; "" for what is not declared
// in the tree.
func (r reference) in(x *index, module string) string {
	if r.name == "" {
		return ""
	}
	if r.importPath != "" {
		return r.importPath + "." + r.name
	}
	if full := module + "." + r.name; x.declared[full] {
		return full
	}
	return ""
}

// importsOf maps the names of a file's imports to their paths: the name that the
// tree's own package has, else the one of the usual names that the file uses.
func (x *index) importsOf(f *file) map[string]string {
	used := f.usedImports()
	names := map[string]string{}
	for _, spec := range f.syntax.Imports {
		importPath := importOf(spec)
		own, inTree := x.packages[importPath]
		switch {
		case spec.Name != nil:
			if len(localNames(spec)) > 0 {
				names[spec.Name.Name] = importPath
			}
		case inTree:
			names[own] = importPath
		case used[spec] != "":
			names[used[spec]] = importPath
		}
	}
	return names
}

// member follows a name of a type through what it embeds; "" when there is none.
func (x *index) member(typeName, name string, hops int) string {
	if full := typeName + "." + name; x.declared[full] || x.types[full] != "" {
		return full
	}
	if hops == 0 {
		return ""
	}
	for _, base := range x.embedded[typeName] {
		if full := x.member(base, name, hops-1); full != "" {
			return full
		}
	}
	return ""
}

// resolver finds what the names in one file mean.
type resolver struct {
	file    *file
	index   *index
	module  string
	imports map[string]string
}

// typeName is the full name of a type; for one from outside of the tree the
// import's path and its name; "" for types without a name.
func (r *resolver) typeName(declared ast.Expr) string {
	names := unresolved(r.file, declared)
	if selector, ok := bare(declared).(*ast.SelectorExpr); ok {
		base, _ := selector.X.(*ast.Ident)
		if base != nil {
			names.importPath = r.imports[base.Name]
		}
		if names.importPath == "" {
			return ""
		}
	}
	return names.in(r.index, r.module)
}

// bare is an expression without pointers, parentheses and type parameters.
func bare(expression ast.Expr) ast.Expr {
	for range maxHops {
		switch e := expression.(type) {
		case *ast.StarExpr:
			expression = e.X
		case *ast.ParenExpr:
			expression = e.X
		case *ast.IndexExpr:
			expression = e.X
		case *ast.IndexListExpr:
			expression = e.X
		default:
			return expression
		}
	}
	return expression
}

// calls lists what a body calls, in order: names of the tree, of imports, and
// built-in ones. Calls on values whose type the declarations do not tell are
// missing.
func (r *resolver) calls(body *ast.BlockStmt) []string {
	found := map[string]bool{}
	ast.Inspect(body, func(node ast.Node) bool {
		if call, ok := node.(*ast.CallExpr); ok {
			if name := r.callee(call.Fun); name != "" {
				found[clean(name)] = true
			}
		}
		return true
	})
	return sorted(found)
}

func (r *resolver) callee(called ast.Expr) string {
	switch e := bare(called).(type) {
	case *ast.Ident:
		return r.meaning(e)
	case *ast.SelectorExpr:
		return r.selected(e, maxHops)
	default:
		return ""
	}
}

// meaning is what an identifier means outside of functions.
func (r *resolver) meaning(id *ast.Ident) string {
	full := r.module + "." + id.Name
	switch {
	case r.file.local(id):
		return ""
	case r.index.declared[full]:
		return full
	case types.Universe.Lookup(id.Name) != nil:
		return id.Name
	default:
		return ""
	}
}

// selected is what a selector names: something of a package, or a member of a
// value whose type is known.
func (r *resolver) selected(e *ast.SelectorExpr, hops int) string {
	if base, ok := e.X.(*ast.Ident); ok && base.Obj == nil {
		if importPath := r.imports[base.Name]; importPath != "" {
			return importPath + "." + e.Sel.Name
		}
	}
	owner := r.typeOf(e.X, hops-1)
	if owner == "" {
		return ""
	}
	return r.index.member(owner, e.Sel.Name, maxHops)
}

// typeOf is the full name of a value's type, as far as declarations tell.
func (r *resolver) typeOf(value ast.Expr, hops int) string {
	if hops <= 0 {
		return ""
	}
	switch e := value.(type) {
	case *ast.Ident:
		return r.typeOfIdentifier(e, hops-1)
	case *ast.ParenExpr:
		return r.typeOf(e.X, hops-1)
	case *ast.StarExpr:
		return r.typeOf(e.X, hops-1)
	case *ast.UnaryExpr:
		if e.Op == token.AND {
			return r.typeOf(e.X, hops-1)
		}
		return ""
	case *ast.CompositeLit:
		return r.typeName(e.Type)
	case *ast.TypeAssertExpr:
		return r.typeName(e.Type)
	case *ast.SelectorExpr:
		return r.index.types[r.selected(e, hops-1)]
	case *ast.CallExpr:
		return r.typeOfCall(e, hops-1)
	default:
		return ""
	}
}

// typeOfCall is the type of a call's first result; that of a conversion is the
// type itself.
func (r *resolver) typeOfCall(e *ast.CallExpr, hops int) string {
	var called string
	switch function := bare(e.Fun).(type) {
	case *ast.Ident:
		called = r.meaning(function)
		if called == "new" && len(e.Args) == 1 {
			return r.typeName(e.Args[0])
		}
	case *ast.SelectorExpr:
		called = r.selected(function, hops-1)
	}
	return r.index.types[called]
}

func (r *resolver) typeOfIdentifier(id *ast.Ident, hops int) string {
	if !r.file.local(id) {
		return r.index.types[r.module+"."+id.Name]
	}
	switch declared := id.Obj.Decl.(type) {
	case *ast.Field:
		return r.typeName(declared.Type)
	case *ast.ValueSpec:
		for n, name := range declared.Names {
			if name.Obj != id.Obj {
				continue
			}
			if declared.Type != nil {
				return r.typeName(declared.Type)
			}
			if n < len(declared.Values) {
				return r.typeOf(declared.Values[n], hops-1)
			}
		}
	case *ast.AssignStmt:
		for n, left := range declared.Lhs {
			if name, ok := left.(*ast.Ident); ok && name.Obj == id.Obj && n < len(declared.Rhs) && (n == 0 || len(declared.Lhs) == len(declared.Rhs)) {
				return r.typeOf(declared.Rhs[n], hops-1)
			}
		}
	}
	return ""
}

// typeOfSpec is the type of the nth variable of a declaration, from its type or
// from a literal value.
func typeOfSpec(s *ast.ValueSpec, n int) ast.Expr {
	if s.Type != nil {
		return s.Type
	}
	if n >= len(s.Values) {
		return nil
	}
	value := s.Values[n]
	if address, ok := value.(*ast.UnaryExpr); ok && address.Op == token.AND {
		value = address.X
	}
	if literal, ok := value.(*ast.CompositeLit); ok {
		return literal.Type
	}
	return nil
}
