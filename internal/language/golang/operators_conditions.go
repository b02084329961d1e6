package golang

import (
	"go/ast"
	"go/token"
)

var boundaries = map[token.Token]token.Token{
	token.LSS: token.LEQ, token.LEQ: token.LSS, token.GTR: token.GEQ, token.GEQ: token.GTR,
}

var equalities = map[token.Token]token.Token{token.EQL: token.NEQ, token.NEQ: token.EQL}

// comparison moves a boundary, or turns an equality round: "nil-check" where one
// side is nil.
func comparison(m *mutator, node ast.Node) {
	e, ok := node.(*ast.BinaryExpr)
	if !ok {
		return
	}
	if other, ok := boundaries[e.Op]; ok {
		m.replaceToken("comparison-boundary", e.OpPos, e.Op, other)
	}
	if other, ok := equalities[e.Op]; ok {
		family := "comparison-negation"
		if isName(e.X, "nil") || isName(e.Y, "nil") {
			family = "nil-check"
		}
		m.replaceToken(family, e.OpPos, e.Op, other)
	}
}

func isName(expression ast.Expr, name string) bool {
	id, ok := expression.(*ast.Ident)
	return ok && id.Obj == nil && id.Name == name
}

var logicals = map[token.Token]token.Token{token.LAND: token.LOR, token.LOR: token.LAND}

// logical joins two conditions in another way, or leaves one out.
func logical(m *mutator, node ast.Node) {
	e, ok := node.(*ast.BinaryExpr)
	if !ok || logicals[e.Op] == 0 {
		return
	}
	m.replaceToken("boolean-operator", e.OpPos, e.Op, logicals[e.Op])
	m.replace("operand-removal", e.Pos(), e.Y.Pos(), "")
	m.replace("operand-removal", e.X.End(), e.End(), "")
}

var signs = map[token.Token]string{token.NOT: "condition-negation", token.SUB: "unary-minus"}

// negation takes a sign off.
func negation(m *mutator, node ast.Node) {
	if e, ok := node.(*ast.UnaryExpr); ok && signs[e.Op] != "" {
		m.replace(signs[e.Op], e.Pos(), e.X.Pos(), "")
	}
}

// condition turns the condition of an if round where no smaller fault does.
func condition(m *mutator, node ast.Node) {
	s, ok := node.(*ast.IfStmt)
	if !ok {
		return
	}
	switch e := s.Cond.(type) {
	case *ast.UnaryExpr:
		if e.Op == token.NOT {
			return
		}
	case *ast.BinaryExpr:
		if equalities[e.Op] != 0 {
			return
		}
	case *ast.Ident:
		m.replace("condition-negation", s.Cond.Pos(), s.Cond.Pos(), "!")
		return
	}
	m.replace("condition-negation", s.Cond.Pos(), s.Cond.End(), "!("+m.file.text(s.Cond)+")")
}

// branch never takes the branch of an if; its names stay used.
func branch(m *mutator, node ast.Node) {
	s, ok := node.(*ast.IfStmt)
	if !ok || len(s.Body.List) == 0 || isName(s.Cond, "false") {
		return
	}
	family := "branch-removal"
	if leaves(s.Body.List[len(s.Body.List)-1]) {
		family = "guard-removal"
	}
	m.replace(family, s.Cond.Pos(), s.Cond.End(), "false && ("+m.file.text(s.Cond)+")")
}

// leaves says whether a statement ends what is around its block.
func leaves(statement ast.Stmt) bool {
	switch s := statement.(type) {
	case *ast.ReturnStmt, *ast.BranchStmt:
		return true
	case *ast.ExprStmt:
		call, ok := s.X.(*ast.CallExpr)
		return ok && isName(call.Fun, "panic")
	default:
		return false
	}
}
