package golang

import (
	"fmt"
	"go/ast"
	"slices"

	"github.com/repoexpert/operator/internal/language"
)

// MustFail implements language.Adapter: the test fails in a deferred call, also
// where it panics or ends early.
func (a Adapter) MustFail(source []byte, function string) ([]byte, error) {
	f, err := parse("", source)
	if err != nil {
		return nil, fmt.Errorf("%w: the file does not parse: %w", language.ErrMask, err)
	}
	for _, declaration := range f.syntax.Decls {
		d, ok := declaration.(*ast.FuncDecl)
		if !ok || d.Body == nil || nameOf(d) != function {
			continue
		}
		parameter, ok := onlyParameter(d)
		if !ok {
			return nil, fmt.Errorf("%w: %s has no parameter to fail by", language.ErrMask, function)
		}
		at := f.offset(d.Body.Lbrace) + 1
		return slices.Concat(source[:at], []byte(" defer "+parameter+`.Error("made to fail");`), source[at:]), nil
	}
	return nil, fmt.Errorf("%w: there is no function %s", language.ErrMask, function)
}

// onlyParameter is the name of a test's parameter.
func onlyParameter(d *ast.FuncDecl) (string, bool) {
	list := d.Type.Params.List
	if len(list) != 1 || len(list[0].Names) != 1 || list[0].Names[0].Name == "_" {
		return "", false
	}
	return list[0].Names[0].Name, true
}
