package golang

import (
	"go/ast"
	"go/scanner"
	"go/token"
	"go/types"
	"slices"
	"strings"
	"unicode"
)

// foreign lists the names in a piece of Go code that are neither built in nor
// bound by the code itself: what one must have seen somewhere to write it. Code
// that parses as statements or as declarations is resolved; in anything else every
// name that ":=" does not bind counts. Of imports they are the names given to
// them, and the words of paths that are not the standard library's.
func foreign(code string) []string {
	found := map[string]bool{}
	if imports := onlyImports(code); len(imports) > 0 {
		foreignImports(imports, found)
	} else if f, err := parse("", []byte("package p; func _() {\n"+code+"\n}")); err == nil && len(f.syntax.Decls) == 1 {
		resolved(f.syntax, found)
	} else if f, err := parse("", []byte("package p\n"+code)); err == nil {
		resolved(f.syntax, found)
	} else {
		scanned(code, found)
	}
	return sorted(found)
}

// onlyImports are the imports that the code consists of, inside a declaration or
// as one; none for other code.
func onlyImports(code string) []*ast.ImportSpec {
	for _, source := range []string{"package p\nimport (\n" + code + "\n)", "package p\n" + code} {
		if f, err := parse("", []byte(source)); err == nil && !slices.ContainsFunc(f.syntax.Decls, isNoImport) {
			return f.syntax.Imports
		}
	}
	return nil
}

func isNoImport(declaration ast.Decl) bool {
	d, ok := declaration.(*ast.GenDecl)
	return !ok || d.Tok != token.IMPORT
}

// foreignImports collects the words of imports.
func foreignImports(specs []*ast.ImportSpec, found map[string]bool) {
	for _, spec := range specs {
		if spec.Name != nil && spec.Name.Name != "." {
			note(spec.Name.Name, found)
		}
		importPath := importOf(spec)
		if host, _, _ := strings.Cut(importPath, "/"); !strings.Contains(host, ".") {
			continue
		}
		for word := range strings.FieldsFuncSeq(importPath, func(r rune) bool { return r != '_' && !unicode.IsLetter(r) && !unicode.IsDigit(r) }) {
			note(word, found)
		}
	}
}

// resolved collects the names that the code does not bind. Members are always
// foreign: whoever writes them must know the type.
func resolved(syntax *ast.File, found map[string]bool) {
	for _, id := range syntax.Unresolved {
		note(id.Name, found)
	}
	ast.Inspect(syntax, func(node ast.Node) bool {
		switch n := node.(type) {
		case *ast.SelectorExpr:
			note(n.Sel.Name, found)
		case *ast.KeyValueExpr:
			if key, ok := n.Key.(*ast.Ident); ok && key.Obj == nil {
				note(key.Name, found)
			}
		}
		return true
	})
}

// note keeps a name that is not built in. Error is what everyone calls the one
// method of the one interface that is.
func note(name string, found map[string]bool) {
	if name != "_" && name != "Error" && types.Universe.Lookup(name) == nil {
		found[clean(name)] = true
	}
}

// scanned collects names from tokens.
func scanned(code string, found map[string]bool) {
	set := token.NewFileSet()
	var s scanner.Scanner
	s.Init(set.AddFile("", -1, len(code)), []byte(code), nil, 0)
	own := map[string]bool{}
	var pending []string
	for {
		_, kind, literal := s.Scan()
		switch kind {
		case token.EOF:
			for name := range own {
				delete(found, name)
			}
			return
		case token.IDENT:
			note(literal, found)
			pending = append(pending, literal)
		case token.COMMA:
		case token.DEFINE:
			for _, name := range pending {
				own[name] = true
			}
			pending = nil
		default:
			pending = nil
		}
	}
}
