package golang

import (
	"go/ast"
	"go/token"
	"strconv"
	"strings"
)

// operators make the faults of these families, each a mistake that people make. Of
// two equal faults the first operator's counts. Names and choice follow the
// Python adapter, which names the literature; those of Go's own are marked.
//
//	comparison-boundary   < for <=, > for >=
//	comparison-negation   == for !=
//	nil-check             the same where one side is nil (Go)
//	boolean-operator      && for ||
//	operand-removal       one of two conditions is left out
//	arithmetic-operator   + for -, * for /, << for >>
//	augmented-assignment  x -= y for x += y
//	unary-minus           the sign is left out
//	condition-negation    ! is added to a condition, or left out
//	guard-removal         an if that leaves its block is never taken
//	branch-removal        another if is never taken (Go: its names stay used)
//	constant-off-by-one   a number is one larger or smaller
//	boolean-literal       true for false
//	string-constant       a string is empty
//	return-zero           a result is its type's zero value
//	error-dropped         nil is returned instead of an error (Go)
//	statement-removal     a call, a store, a defer is left out
//	slice-bound           a bound of a slice is left out
//	break-continue        break for continue
//	increment             x-- for x++
//	argument-swap         two variables are passed in the wrong order
//	function-swap         HasPrefix for HasSuffix, min for max
var operators = []func(*mutator, ast.Node){
	comparison, logical, arithmetic, assignment, negation, condition, branch, constant, boolean, text,
	returned, removal, bounds, loop, increment, swap, otherFunction,
}

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

// increment counts the other way; a loop that did would hardly end.
func increment(m *mutator, node ast.Node) {
	s, ok := node.(*ast.IncDecStmt)
	if !ok {
		return
	}
	if around, ok := m.parent().(*ast.ForStmt); ok && around.Post == s {
		return
	}
	if s.Tok == token.INC {
		m.replaceToken("increment", s.TokPos, s.Tok, token.DEC)
	} else {
		m.replaceToken("increment", s.TokPos, s.Tok, token.INC)
	}
}

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
