package golang

import (
	"go/ast"
	"go/token"
	"strconv"
	"strings"
)

var arithmetics = map[token.Token]token.Token{
	token.ADD: token.SUB, token.SUB: token.ADD, token.MUL: token.QUO, token.QUO: token.MUL, token.REM: token.MUL,
	token.SHL: token.SHR, token.SHR: token.SHL, token.AND: token.OR, token.OR: token.AND, token.XOR: token.AND, token.AND_NOT: token.AND,
}

func arithmetic(m *mutator, node ast.Node) {
	e, ok := node.(*ast.BinaryExpr)
	if !ok {
		return
	}
	other, ok := arithmetics[e.Op]
	if !ok || isText(m.file, e, maxHops) || neutral(e.Op, e.Y) || (e.Op == token.MUL && isNumber(e.Y, "0")) {
		return
	}
	m.replaceToken("arithmetic-operator", e.OpPos, e.Op, other)
}

// neutral says whether an operand changes nothing under an operator or its
// opposite: the fault would be none.
func neutral(operator token.Token, operand ast.Expr) bool {
	switch operator {
	case token.ADD, token.SUB, token.SHL, token.SHR:
		return isNumber(operand, "0")
	case token.MUL, token.QUO:
		return isNumber(operand, "1")
	default:
		return false
	}
}

func isNumber(expression ast.Expr, digits string) bool {
	literal, ok := expression.(*ast.BasicLit)
	return ok && literal.Kind == token.INT && literal.Value == digits
}

var assignments = map[token.Token]token.Token{
	token.ADD_ASSIGN: token.SUB_ASSIGN, token.SUB_ASSIGN: token.ADD_ASSIGN,
	token.MUL_ASSIGN: token.QUO_ASSIGN, token.QUO_ASSIGN: token.MUL_ASSIGN, token.REM_ASSIGN: token.MUL_ASSIGN,
	token.SHL_ASSIGN: token.SHR_ASSIGN, token.SHR_ASSIGN: token.SHL_ASSIGN,
	token.AND_ASSIGN: token.OR_ASSIGN, token.OR_ASSIGN: token.AND_ASSIGN,
	token.XOR_ASSIGN: token.AND_ASSIGN, token.AND_NOT_ASSIGN: token.AND_ASSIGN,
}

func assignment(m *mutator, node ast.Node) {
	s, ok := node.(*ast.AssignStmt)
	if !ok {
		return
	}
	if other, ok := assignments[s.Tok]; ok && !isText(m.file, s.Lhs[0], maxHops) && !isText(m.file, s.Rhs[0], maxHops) {
		m.replaceToken("augmented-assignment", s.TokPos, s.Tok, other)
	}
}

// maxDigits of a number that still fits every integer type but the small ones.
const maxDigits = 9

// constant moves a number by one, where neither a type nor a case depends on it.
func constant(m *mutator, node ast.Node) {
	literal, ok := node.(*ast.BasicLit)
	if !ok || literal.Kind != token.INT || len(literal.Value) > maxDigits || m.fixed(literal) || m.onlyHint(literal) {
		return
	}
	value, err := strconv.Atoi(literal.Value)
	if err != nil || (len(literal.Value) > 1 && literal.Value[0] == '0') {
		return
	}
	m.replace("constant-off-by-one", literal.Pos(), literal.End(), strconv.Itoa(value+1))
	divisor := false
	if e, ok := m.parent().(*ast.BinaryExpr); ok {
		divisor = e.Y == literal && (e.Op == token.QUO || e.Op == token.REM)
	}
	if value > 1 || (value == 1 && !divisor) {
		m.replace("constant-off-by-one", literal.Pos(), literal.End(), strconv.Itoa(value-1))
	}
}

// fixed says whether a literal is part of a type, a key or a case, which must all
// be different.
func (m *mutator) fixed(literal *ast.BasicLit) bool {
	switch p := m.parent().(type) {
	case *ast.ArrayType, *ast.CaseClause, *ast.Field:
		return true
	case *ast.KeyValueExpr:
		return p.Key == literal
	default:
		return false
	}
}

// onlyHint says whether a literal is a capacity, which changes no result.
func (m *mutator) onlyHint(literal *ast.BasicLit) bool {
	call, ok := m.parent().(*ast.CallExpr)
	if !ok || !isName(call.Fun, "make") || len(call.Args) < 2 {
		return false
	}
	_, ofMap := call.Args[0].(*ast.MapType)
	return call.Args[len(call.Args)-1] == literal && (ofMap || len(call.Args) == 3)
}

func boolean(m *mutator, node ast.Node) {
	id, ok := node.(*ast.Ident)
	if !ok || id.Obj != nil {
		return
	}
	if s, ok := m.parent().(*ast.SelectorExpr); ok && s.Sel == id {
		return
	}
	switch id.Name {
	case "true":
		m.replace("boolean-literal", id.Pos(), id.End(), "false")
	case "false":
		m.replace("boolean-literal", id.Pos(), id.End(), "true")
	}
}

// text empties a string.
func text(m *mutator, node ast.Node) {
	literal, ok := node.(*ast.BasicLit)
	if ok && literal.Kind == token.STRING && len(literal.Value) > 2 && !m.fixed(literal) {
		m.replace("string-constant", literal.Pos(), literal.End(), `""`)
	}
}

// bounds takes one bound off a slice.
func bounds(m *mutator, node ast.Node) {
	e, ok := node.(*ast.SliceExpr)
	if !ok || e.Slice3 {
		return
	}
	if e.Low != nil && !isNumber(e.Low, "0") {
		m.replace("slice-bound", e.Low.Pos(), e.Low.End(), "")
	}
	if e.High != nil && m.file.text(e.High) != "len("+m.file.text(e.X)+")" {
		m.replace("slice-bound", e.High.Pos(), e.High.End(), "")
	}
}

// isText says whether a value is surely a string, which knows one sign alone.
func isText(f *file, value ast.Expr, hops int) bool {
	if hops == 0 {
		return false
	}
	switch e := value.(type) {
	case *ast.BasicLit:
		return e.Kind == token.STRING
	case *ast.ParenExpr:
		return isText(f, e.X, hops-1)
	case *ast.BinaryExpr:
		return e.Op == token.ADD && (isText(f, e.X, hops-1) || isText(f, e.Y, hops-1))
	case *ast.CallExpr:
		return returnsText(f.text(e.Fun))
	case *ast.Ident:
		return isTextName(f, e, hops-1)
	default:
		return false
	}
}

// returnsText says whether a function is known to return a string.
func returnsText(name string) bool {
	for _, prefix := range []string{"string", "fmt.Sprint", "strings.Trim", "strings.Replace", "strings.To", "strings.Join", "strings.Repeat", "strconv.Itoa", "strconv.Quote", "strconv.Format"} {
		if name == prefix || (strings.Contains(prefix, ".") && strings.HasPrefix(name, prefix)) {
			return true
		}
	}
	return strings.HasSuffix(name, ".String") || strings.HasSuffix(name, ".Error") || strings.HasSuffix(name, ".Name")
}

func isTextName(f *file, id *ast.Ident, hops int) bool {
	if id.Obj == nil {
		return false
	}
	switch d := id.Obj.Decl.(type) {
	case *ast.Field:
		return isName(d.Type, "string")
	case *ast.ValueSpec:
		if d.Type != nil {
			return isName(d.Type, "string")
		}
		return len(d.Values) == 1 && isText(f, d.Values[0], hops)
	case *ast.AssignStmt:
		return len(d.Lhs) == 1 && len(d.Rhs) == 1 && isText(f, d.Rhs[0], hops)
	default:
		return false
	}
}
