package golang

import (
	"fmt"
	"path"
	"strings"

	"github.com/repoexpert/operator/internal/language"
)

// OutlineCommand lists the methods of a type in its file, or what a file declares.
func (dialect) OutlineCommand(c language.Component) string {
	if c.Class {
		return language.FindDefinitions(`^func \([^)]*`+c.Name+`[^)]*\) `, c)
	}
	return language.FindDefinitions("^(func|type) ", c)
}

// ImportsCommand lists the lines that are an import path and nothing else.
func (dialect) ImportsCommand(paths ...string) string {
	return language.FindImports(`^(import|[[:space:]]) *([[:alnum:]_.]+ )?"[^" ]+"$`, paths)
}

// DocCommand shows the comment of a type, with which it begins, or a file's of its
// package.
func (dialect) DocCommand(c language.Component, lines, last int) string {
	if len(c.Files) > 1 {
		return fmt.Sprintf("grep -h -m1 -A%d '^// Package ' %s | head -%d", lines-1, folderFiles(c.Path), lines)
	}
	if !c.Class {
		return fmt.Sprintf("grep -m1 -A%d '^// Package ' %s", lines-1, language.Quote(c.Path))
	}
	end := min(c.StartLine+lines-1, c.EndLine, last)
	if end < c.StartLine {
		return ""
	}
	return fmt.Sprintf("sed -n '%d,%dp' %s", c.StartLine, end, language.Quote(c.Path))
}

// folderFiles are all files of a file's package, for a shell.
func folderFiles(file string) string {
	if folder := path.Dir(file); folder != "." {
		return language.Quote(folder) + "/*.go"
	}
	return "*.go"
}

// Doc reads a comment that begins with the name of what it documents, as comments
// in Go do.
func (dialect) Doc(c language.Component, output string) (string, bool) {
	beginning := "Package "
	if c.Class {
		beginning = c.Name + " "
	}
	var text strings.Builder
	closed := false
	for line := range strings.Lines(output) {
		comment, isComment := strings.CutPrefix(strings.TrimSpace(line), "//")
		comment = strings.TrimSpace(comment)
		if text.Len() == 0 && (!isComment || !strings.HasPrefix(comment, beginning)) {
			continue
		}
		if closed = !isComment; closed {
			break
		}
		text.WriteString(comment + "\n")
	}
	// A comment that was shown in part ends with what was shown.
	whole := closed || strings.Contains(text.String(), ". ") || strings.Contains(text.String(), ".\n") || strings.Contains(text.String(), "\n\n")
	if text.Len() == 0 || !whole {
		return "", false
	}
	return language.FirstSentence(text.String()), true
}

// UsersPattern matches the name of a type, or the import of a package.
func (dialect) UsersPattern(c language.Component) string {
	if c.Class {
		return c.Name
	}
	return `"([^"]*/)?` + c.Name + `"`
}
