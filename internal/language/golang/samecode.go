package golang

import (
	"context"
	"go/scanner"
	"go/token"
	"slices"
	"strings"

	"github.com/repoexpert/operator/internal/language"
	"github.com/repoexpert/operator/internal/sandbox"
)

// SameCode implements language.Adapter: files of the same tokens have the same
// syntax tree. Comments are no tokens but for those that the compiler reads:
// directives, constraints of the build, and all comments of a file that imports C.
func (a Adapter) SameCode(_ context.Context, _ sandbox.Box, _ string, revisions []language.Revision) ([]bool, error) {
	same := make([]bool, len(revisions))
	for i, revision := range revisions {
		before, ok := tokens(revision.Before)
		after, alsoOK := tokens(revision.After)
		same[i] = ok && alsoOK && slices.Equal(before, after)
	}
	return same, nil
}

// tokens are those of a file; false for one with an error.
func tokens(source []byte) ([]string, bool) {
	set := token.NewFileSet()
	var s scanner.Scanner
	s.Init(set.AddFile("", -1, len(source)), source, nil, scanner.ScanComments)
	var found, comments []string
	native := false
	for {
		_, kind, text := s.Scan()
		switch {
		case kind == token.EOF && native:
			return append(found, comments...), s.ErrorCount == 0
		case kind == token.EOF:
			return found, s.ErrorCount == 0
		case kind == token.COMMENT && read(text):
			found = append(found, text)
		case kind == token.COMMENT:
			comments = append(comments, text)
		case kind == token.SEMICOLON:
			found = append(found, ";") // written or not
		default:
			native = native || text == `"C"`
			found = append(found, kind.String()+" "+text)
		}
	}
}

// read says whether a comment means something to the compiler or the go command.
func read(comment string) bool {
	return strings.HasPrefix(comment, "//go:") || strings.HasPrefix(comment, "//export ") || strings.HasPrefix(comment, "//line ") ||
		strings.HasPrefix(comment, "// +build ")
}
