package golang

import "go/ast"

// swap exchanges two neighbouring arguments that are declared with one type.
func swap(m *mutator, node ast.Node) {
	call, ok := node.(*ast.CallExpr)
	if !ok || isName(call.Fun, "min") || isName(call.Fun, "max") {
		return
	}
	for i := 1; i < len(call.Args); i++ {
		a, first := call.Args[i-1].(*ast.Ident)
		b, second := call.Args[i].(*ast.Ident)
		if !first || !second || a.Name == b.Name {
			continue
		}
		if declared := m.declaredType(a); declared != "" && declared == m.declaredType(b) {
			between := string(m.file.source[m.file.offset(a.End()):m.file.offset(b.Pos())])
			m.replace("argument-swap", a.Pos(), b.End(), b.Name+between+a.Name)
		}
	}
}

// otherFunctions are functions of the standard library and built-in ones that are
// taken for each other.
var otherFunctions = map[string]string{
	"min": "max", "max": "min",
	"strings.HasPrefix": "strings.HasSuffix", "strings.HasSuffix": "strings.HasPrefix",
	"strings.TrimPrefix": "strings.TrimSuffix", "strings.TrimSuffix": "strings.TrimPrefix",
	"strings.TrimLeft": "strings.TrimRight", "strings.TrimRight": "strings.TrimLeft",
	"strings.ToUpper": "strings.ToLower", "strings.ToLower": "strings.ToUpper",
	"strings.Index": "strings.LastIndex", "strings.LastIndex": "strings.Index",
	"strings.Contains": "strings.HasPrefix", "strings.EqualFold": "strings.Contains",
	"path.Base": "path.Dir", "path.Dir": "path.Base", "filepath.Base": "filepath.Dir", "filepath.Dir": "filepath.Base",
}

// otherFunction calls another function with the same parameters and results.
func otherFunction(m *mutator, node ast.Node) {
	call, ok := node.(*ast.CallExpr)
	if !ok {
		return
	}
	base := call.Fun
	if selector, ok := call.Fun.(*ast.SelectorExpr); ok {
		base = selector.X
	}
	if id, ok := base.(*ast.Ident); !ok || id.Obj != nil {
		return
	}
	if other := otherFunctions[m.file.text(call.Fun)]; other != "" {
		m.replace("function-swap", call.Fun.Pos(), call.Fun.End(), other)
	}
}

// declaredType is the text of the type that a parameter or variable is declared
// with; "" where it has none.
func (m *mutator) declaredType(id *ast.Ident) string {
	if id.Obj == nil {
		return ""
	}
	switch d := id.Obj.Decl.(type) {
	case *ast.Field:
		return m.file.text(d.Type)
	case *ast.ValueSpec:
		if d.Type != nil {
			return m.file.text(d.Type)
		}
	}
	return ""
}
