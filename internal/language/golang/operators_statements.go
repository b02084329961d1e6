package golang

import (
	"go/ast"
	"go/token"
	"slices"
	"strings"
)

// returned replaces one result by the zero value of its type; an error by nil.
func returned(m *mutator, node ast.Node) {
	s, ok := node.(*ast.ReturnStmt)
	if !ok {
		return
	}
	types := m.results()
	if len(types) != len(s.Results) {
		return
	}
	for i, result := range s.Results {
		zero, family := zeroOf(types[i]), "return-zero"
		if isName(types[i], "error") {
			family = "error-dropped"
		}
		if _, literal := result.(*ast.BasicLit); zero == "" || literal || isName(result, "nil") || isName(result, "true") || isName(result, "false") {
			continue
		}
		m.replace(family, result.Pos(), result.End(), zero)
	}
}

// results are the types of the results of the function around, one for each.
func (m *mutator) results() []ast.Expr {
	var list *ast.FieldList
	for _, parent := range m.parents {
		switch p := parent.(type) {
		case *ast.FuncDecl:
			list = p.Type.Results
		case *ast.FuncLit:
			list = p.Type.Results
		}
	}
	if list == nil {
		return nil
	}
	var types []ast.Expr
	for _, field := range list.List {
		for range max(1, len(field.Names)) {
			types = append(types, field.Type)
		}
	}
	return types
}

// zeroOf is the zero value of a type; "" where its syntax does not tell.
func zeroOf(declared ast.Expr) string {
	switch t := declared.(type) {
	case *ast.StarExpr, *ast.MapType, *ast.ChanType, *ast.FuncType, *ast.InterfaceType:
		return "nil"
	case *ast.ArrayType:
		if t.Len == nil {
			return "nil"
		}
	case *ast.Ident:
		if t.Obj == nil {
			return zeroes[t.Name]
		}
	}
	return ""
}

var zeroes = map[string]string{
	"string": `""`, "bool": "false", "error": "nil", "any": "nil",
	"int": "0", "int8": "0", "int16": "0", "int32": "0", "int64": "0", "rune": "0", "byte": "0",
	"uint": "0", "uint8": "0", "uint16": "0", "uint32": "0", "uint64": "0", "uintptr": "0", "float32": "0", "float64": "0",
}

// removal takes a statement out, with its lines where it has them for itself.
// What ends a function, or sets nothing, stays.
func removal(m *mutator, node ast.Node) {
	switch m.parent().(type) {
	case *ast.BlockStmt, *ast.CaseClause, *ast.CommClause:
	default:
		return
	}
	if clause, ok := m.parent().(*ast.CommClause); ok && clause.Comm == node {
		return
	}
	switch s := node.(type) {
	case *ast.ExprStmt:
		if call, ok := s.X.(*ast.CallExpr); !ok || isName(call.Fun, "panic") || strings.HasSuffix(m.file.text(call.Fun), ".Exit") {
			return
		}
	case *ast.AssignStmt:
		if s.Tok == token.DEFINE || onlyBlank(s) {
			return
		}
	case *ast.DeferStmt, *ast.GoStmt:
	default:
		return
	}
	start, end := m.wholeLines(m.file.offset(node.Pos()), m.file.offset(node.End()))
	m.note("statement-removal", start, end, "")
}

func onlyBlank(s *ast.AssignStmt) bool {
	for _, left := range s.Lhs {
		if id, ok := left.(*ast.Ident); !ok || id.Name != "_" {
			return false
		}
	}
	return true
}

// wholeLines widens a range to its lines if nothing else stands on them.
func (m *mutator) wholeLines(start, end int) (int, int) {
	source := string(m.file.source)
	first := strings.LastIndexByte(source[:start], '\n') + 1
	next := strings.IndexByte(source[end:], '\n')
	if next < 0 || strings.TrimSpace(source[first:start]) != "" || strings.TrimSpace(source[end:end+next]) != "" {
		return start, end
	}
	return first, end + next + 1
}

var jumps = map[token.Token]token.Token{token.BREAK: token.CONTINUE, token.CONTINUE: token.BREAK}

// loop turns break and continue into each other where both mean the same loop. A
// loop without a condition may be what ends its function, so it stays.
func loop(m *mutator, node ast.Node) {
	s, ok := node.(*ast.BranchStmt)
	if !ok || s.Label != nil || !m.inLoop() {
		return
	}
	if other, ok := jumps[s.Tok]; ok {
		m.replaceToken("break-continue", s.Pos(), s.Tok, other)
	}
}

func (m *mutator) inLoop() bool {
	for i := len(m.parents) - 1; i >= 0; i-- {
		switch p := m.parents[i].(type) {
		case *ast.ForStmt:
			return p.Cond != nil
		case *ast.RangeStmt:
			return true
		case *ast.SwitchStmt, *ast.TypeSwitchStmt, *ast.SelectStmt, *ast.FuncLit, *ast.FuncDecl:
			return false
		}
	}
	return false
}

// increment counts the other way, but not what a loop around waits for: that one
// would hardly end.
func increment(m *mutator, node ast.Node) {
	s, ok := node.(*ast.IncDecStmt)
	if !ok {
		return
	}
	if around, ok := m.parent().(*ast.ForStmt); ok && around.Post == s || m.endsLoop(s.X) {
		return
	}
	if s.Tok == token.INC {
		m.replaceToken("increment", s.TokPos, s.Tok, token.DEC)
	} else {
		m.replaceToken("increment", s.TokPos, s.Tok, token.INC)
	}
}

// endsLoop says whether the condition of a loop around names a variable.
func (m *mutator) endsLoop(variable ast.Expr) bool {
	id, ok := variable.(*ast.Ident)
	return ok && slices.ContainsFunc(m.parents, func(parent ast.Node) bool {
		loop, ok := parent.(*ast.ForStmt)
		return ok && loop.Cond != nil && slices.Contains(mentioned(loop.Cond), id.Name)
	})
}
