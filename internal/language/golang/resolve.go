package golang

import (
	"go/ast"
	"go/token"
	"go/types"
)

// maxHops bounds how far a name is followed through fields and embedded types.
const maxHops = 12

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
