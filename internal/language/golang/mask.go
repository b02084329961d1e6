package golang

import (
	"bytes"
	"errors"
	"fmt"
	"go/ast"
	"go/token"

	"github.com/repoexpert/operator/internal/language"
)

const maskStatement = `panic("not implemented")`

// MaskBody implements language.Adapter. What stands between the braces is taken
// out by whole lines; so are the imports that nothing else in the file uses, which
// would keep it from building. A body or an import that shares a line with other
// code is refused.
func (a Adapter) MaskBody(source []byte, definition language.Definition) ([]byte, error) {
	masked, err := mask(source, definition)
	if err != nil {
		return nil, fmt.Errorf("%w: %s: %w", language.ErrMask, definition.Name, err)
	}
	return masked, nil
}

func mask(source []byte, definition language.Definition) ([]byte, error) {
	if definition.Kind == language.KindClass {
		return nil, errors.New("it is a type")
	}
	f, err := parse("", source)
	if err != nil {
		return nil, fmt.Errorf("its file does not parse: %w", err)
	}
	d, err := f.find(definition)
	if err != nil {
		return nil, err
	}
	lines := language.Lines(source)
	first, last := definition.BodyStartLine-1, definition.BodyEndLine-1
	statement := lines[f.line(d.Body.List[0].Pos())-1]
	indent := statement[:len(statement)-len(bytes.TrimLeft(statement, " \t"))]
	ending := lines[last][len(bytes.TrimRight(lines[last], "\r\n")):]
	replaced := bytes.Join([][]byte{indent, []byte(maskStatement), ending}, nil)
	masked := bytes.Join(append(append(append([][]byte{}, lines[:first]...), replaced), lines[last+1:]...), nil)
	if bytes.Equal(masked, source) {
		return nil, errors.New("it is already masked")
	}
	return f.tidied(masked)
}

// find returns the function whose body a definition describes.
func (f *file) find(definition language.Definition) (*ast.FuncDecl, error) {
	for _, declaration := range f.syntax.Decls {
		d, ok := declaration.(*ast.FuncDecl)
		if !ok || nameOf(d) != definition.Name || d.Body == nil || len(d.Body.List) == 0 {
			continue
		}
		if start, end := f.body(d); start != definition.BodyStartLine || end != definition.BodyEndLine {
			continue
		}
		if definition.BodyStartLine <= f.line(d.Body.Lbrace) || definition.BodyEndLine >= f.line(d.Body.Rbrace) {
			return nil, errors.New("its body shares a line with a brace")
		}
		return d, nil
	}
	return nil, errors.New("its file has no such body")
}

// RemoveDefinitions implements language.Adapter. Imports that only they use go with
// them.
func (a Adapter) RemoveDefinitions(source []byte, definitions []language.Definition) ([]byte, error) {
	f, err := parse("", source)
	if err != nil {
		return nil, fmt.Errorf("%w: the file does not parse: %w", language.ErrMask, err)
	}
	removed, err := f.tidied(language.Without(source, definitions))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", language.ErrMask, err)
	}
	return removed, nil
}

func withoutLines(source []byte, gone map[int]bool) []byte {
	kept := make([]byte, 0, len(source))
	for n, line := range language.Lines(source) {
		if !gone[n+1] {
			kept = append(kept, line...)
		}
	}
	return kept
}

// tidied takes the imports that f uses and its changed text does not out of the
// text.
func (f *file) tidied(changed []byte) ([]byte, error) {
	after, err := parse("", changed)
	if err != nil {
		return nil, fmt.Errorf("what is left does not parse: %w", err)
	}
	unused := map[*ast.ImportSpec]bool{}
	stillUsed := after.usedImports()
	before := map[string]bool{}
	for spec, name := range f.usedImports() {
		before[name+" "+spec.Path.Value] = true
	}
	for _, spec := range after.syntax.Imports {
		for _, name := range localNames(spec) {
			if before[name+" "+spec.Path.Value] && stillUsed[spec] == "" {
				unused[spec] = true
			}
		}
	}
	if len(unused) == 0 {
		return changed, nil
	}
	gone := map[int]bool{}
	for _, declaration := range after.syntax.Decls {
		if d, ok := declaration.(*ast.GenDecl); ok && d.Tok == token.IMPORT {
			if err := after.dropImports(d, unused, gone); err != nil {
				return nil, err
			}
		}
	}
	tidy := withoutLines(changed, gone)
	if _, err := parse("", tidy); err != nil {
		return nil, fmt.Errorf("what is left does not parse: %w", err)
	}
	return tidy, nil
}

// dropImports marks the lines of unused imports in one declaration, and those of
// the declaration when no import is left in it.
func (f *file) dropImports(d *ast.GenDecl, unused map[*ast.ImportSpec]bool, gone map[int]bool) error {
	onLine := map[int]int{}
	left := 0
	for _, spec := range d.Specs {
		onLine[f.line(spec.Pos())]++
		if !unused[spec.(*ast.ImportSpec)] {
			left++
		}
	}
	first, last := f.line(d.Pos()), f.line(d.End())
	if left == 0 {
		for n := first; n <= last; n++ {
			gone[n] = true
		}
		return nil
	}
	for _, spec := range d.Specs {
		n := f.line(spec.Pos())
		if !unused[spec.(*ast.ImportSpec)] {
			continue
		}
		if onLine[n] > 1 || n == first || n == last || f.line(spec.End()) != n {
			return errors.New("an import that only it uses shares a line with another one")
		}
		gone[n] = true
	}
	return nil
}
