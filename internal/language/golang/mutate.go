package golang

import (
	"context"
	"fmt"
	"go/ast"
	"go/token"
	"slices"
	"strings"

	"github.com/repoexpert/operator/internal/language"
	"github.com/repoexpert/operator/internal/sandbox"
)

// maxMutations bounds a list; a module of 12,000 lines has 5,000.
const maxMutations = 200_000

// Mutate implements language.Adapter. Faults come from the syntax of one file, so
// some of them do not build: those that would leave an import or a variable
// unused, which Go refuses, are left out, and so are the ones that change nothing.
// Files that belong to no package of the tree have none.
func (a Adapter) Mutate(ctx context.Context, box sandbox.Box, dir string, paths []string) ([]language.Mutation, error) {
	for _, name := range paths {
		if !cleanPath(name) {
			return nil, fmt.Errorf("%w: %.80q is no path in the tree", language.ErrInventory, name)
		}
	}
	asked := slices.Sorted(slices.Values(paths))
	t, err := readTree(ctx, box, dir, func(name string) bool {
		_, found := slices.BinarySearch(asked, name)
		return found
	})
	if err != nil {
		return nil, err
	}
	mutations := []language.Mutation{}
	for _, name := range t.paths() {
		if isTest(name) || !builds(name, t.sources[name]) {
			continue
		}
		f, err := parse(name, t.sources[name])
		if err != nil || ast.IsGenerated(f.syntax) {
			continue
		}
		mutations = append(mutations, mutationsOf(f)...)
		if len(mutations) >= maxMutations {
			return mutations[:maxMutations], nil
		}
	}
	return mutations, nil
}

// mutationsOf lists the faults of one file in order.
func mutationsOf(f *file) []language.Mutation {
	var found []language.Mutation
	for _, declaration := range f.syntax.Decls {
		if d, ok := declaration.(*ast.FuncDecl); ok && d.Body != nil {
			m := &mutator{file: f, function: d, name: nameOf(d)}
			m.walk()
			found = append(found, m.usable()...)
		}
	}
	slices.SortFunc(found, language.Mutation.Compare)
	return found
}

// mutator finds the faults of one function.
type mutator struct {
	file     *file
	function *ast.FuncDecl
	name     string
	// parents of the node that operators look at, the outermost first.
	parents []ast.Node
	found   []language.Mutation
}

// walk shows every node of the body to every operator.
func (m *mutator) walk() {
	m.parents = []ast.Node{m.function}
	ast.Inspect(m.function.Body, func(node ast.Node) bool {
		if node == nil {
			m.parents = m.parents[:len(m.parents)-1]
			return false
		}
		for _, operator := range operators {
			operator(m, node)
		}
		m.parents = append(m.parents, node)
		return true
	})
}

// parent is the node around the one that is looked at.
func (m *mutator) parent() ast.Node { return m.parents[len(m.parents)-1] }

// replace notes a fault in the bytes from one position to another.
func (m *mutator) replace(operator string, from, to token.Pos, replacement string) {
	start, end := m.file.offset(from), m.file.offset(to)
	m.note(operator, start, end, replacement)
}

func (m *mutator) note(operator string, start, end int, replacement string) {
	if string(m.file.source[start:end]) == replacement {
		return
	}
	m.found = append(m.found, language.Mutation{
		Path: m.file.path, Function: m.name, Operator: operator,
		Line:  1 + strings.Count(string(m.file.source[:start]), "\n"),
		Start: start, End: end, Replacement: replacement,
	})
}

// replaceToken is for an operator's sign.
func (m *mutator) replaceToken(operator string, at token.Pos, from, to token.Token) {
	m.replace(operator, at, at+token.Pos(len(from.String())), to.String())
}

// usable are the faults with which the function still parses and leaves neither
// an import nor a variable unused. Two operators may make the same fault: the
// first counts.
func (m *mutator) usable() []language.Mutation {
	before, err := usageOf(m.text(language.Mutation{}))
	if err != nil {
		return nil // a function that refers to itself only as a part of its file
	}
	needed := m.imports(before)
	made := map[string]bool{}
	return slices.DeleteFunc(m.found, func(mutation language.Mutation) bool {
		key := fmt.Sprintf("%d %d %s", mutation.Start, mutation.End, mutation.Replacement)
		if made[key] {
			return true
		}
		made[key] = true
		after, err := usageOf(m.text(mutation))
		if err != nil {
			return true
		}
		unused := func(name string) bool { return !after.unbound[name] }
		return slices.ContainsFunc(needed, unused) || !before.covers(after)
	})
}

// text is the function alone, with a fault; the zero Mutation is none.
func (m *mutator) text(mutation language.Mutation) []byte {
	start, end := m.file.offset(m.function.Pos()), m.file.offset(m.function.End())
	source := m.file.source[:end]
	if mutation.End > 0 {
		mutated, err := mutation.Apply(source)
		if err == nil {
			source = mutated
		}
	}
	return append([]byte("package p\n"), source[start:]...)
}

// imports are the names of imports that only this function uses.
func (m *mutator) imports(before usage) []string {
	elsewhere := map[string]bool{}
	for _, id := range m.file.syntax.Unresolved {
		if id.Pos() < m.function.Pos() || id.Pos() >= m.function.End() {
			elsewhere[id.Name] = true
		}
	}
	var names []string
	for _, name := range m.file.usedImports() {
		if before.unbound[name] && !elsewhere[name] {
			names = append(names, name)
		}
	}
	return names
}

// usage is which names a function uses of those that Go demands a use for.
type usage struct {
	unbound map[string]bool
	// unused counts variables that are set and never read, by name.
	unused map[string]int
}

// covers says whether another version leaves no variable unused that this one
// uses.
func (u usage) covers(other usage) bool {
	for name, count := range other.unused {
		if count > u.unused[name] {
			return false
		}
	}
	return true
}

func usageOf(source []byte) (usage, error) {
	f, err := parse("", source)
	if err != nil {
		return usage{}, err
	}
	return usage{unbound: f.unbound(), unused: unusedVariables(f)}, nil
}

// unusedVariables counts the variables of functions that nothing reads.
func unusedVariables(f *file) map[string]int {
	targets := map[*ast.Ident]bool{}
	ast.Inspect(f.syntax, func(node ast.Node) bool {
		for _, id := range setBy(node) {
			targets[id] = true
		}
		return true
	})
	// Variables by where they are declared.
	declared, read := map[token.Pos]string{}, map[token.Pos]bool{}
	ast.Inspect(f.syntax, func(node ast.Node) bool {
		id, ok := node.(*ast.Ident)
		if !ok || !f.local(id) || id.Obj.Kind != ast.Var {
			return true
		}
		switch {
		case !targets[id]:
			read[id.Obj.Pos()] = true
		case id.Pos() == id.Obj.Pos():
			declared[id.Pos()] = id.Name
		}
		return true
	})
	unused := map[string]int{}
	for at, name := range declared {
		if !read[at] {
			unused[name]++
		}
	}
	return unused
}

// setBy are the identifiers that a statement sets without reading them.
func setBy(node ast.Node) []*ast.Ident {
	var expressions []ast.Expr
	switch n := node.(type) {
	case *ast.AssignStmt:
		if n.Tok == token.ASSIGN || n.Tok == token.DEFINE {
			expressions = n.Lhs
		}
	case *ast.RangeStmt:
		expressions = []ast.Expr{n.Key, n.Value}
	case *ast.ValueSpec:
		return n.Names
	}
	var set []*ast.Ident
	for _, expression := range expressions {
		if id, ok := expression.(*ast.Ident); ok {
			set = append(set, id)
		}
	}
	return set
}
