package golang

import (
	"go/ast"
	"go/token"
)

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
	switch e := bare(declared).(type) {
	case *ast.Ident:
		if f.local(e) {
			return reference{} // a type parameter, or a type of a function
		}
		return reference{name: e.Name}
	case *ast.SelectorExpr:
		if base, ok := e.X.(*ast.Ident); ok && base.Obj == nil {
			return reference{importPath: f.imported(base.Name), name: e.Sel.Name}
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
