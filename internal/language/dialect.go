package language

import (
	"fmt"
	"regexp"
	"strings"
	"unicode"
)

// Dialect says how a scripted agent works with the language on a command line.
type Dialect interface {
	// IsTestFile says by its name whether a new file would be one of tests.
	IsTestFile(path string) bool
	// SourceGlob matches source files by name, as grep --include takes it.
	SourceGlob() string
	// DefinitionPattern is a basic regular expression for the line that begins a
	// definition. It ends with the definition's simple name.
	DefinitionPattern(definition Definition) string
	// Dependencies are the files and folders of a tree that say which other modules
	// it needs, or hold them. An environment is made for those of one commit.
	Dependencies() []string
	// Placeholder is the statement that MaskBody leaves.
	Placeholder() string
	// TestCommand runs one test function quietly. The id has no parameters.
	TestCommand(id string) string
	// CheckCommand fails if the module does not load or build.
	CheckCommand(module Module) string
	// ForeignNames lists, in order, the identifiers in a piece of code that are
	// neither built into the language nor bound by the code itself: what one must
	// have seen somewhere to write it.
	ForeignNames(code string) []string
	// OutlineCommand lists the lines that begin the definitions of a component: of one
	// in several files the first ones of each, after its path.
	OutlineCommand(c Component) string
	// ImportsCommand lists the lines that import something into files, after their
	// numbers: of several files the first ones of each, after its path.
	ImportsCommand(paths ...string) string
	// DocCommand shows the beginning of a component's documentation and at most so
	// many lines of it, none after last.
	DocCommand(c Component, lines, last int) string
	// Doc is the first sentence of a component's documentation in what DocCommand
	// showed; false when there is none.
	Doc(c Component, output string) (string, bool)
	// UsersPattern is an extended regular expression for lines that use a component.
	UsersPattern(c Component) string
	// TestFileName is the name of a new test file.
	TestFileName(name string) string
	// TestFile composes a new test file of a test's text, with what the text needs
	// of the imports of another test file, whose source is given.
	TestFile(source []byte, imports []Import, text string) string
	// FailureName is the kind of failure in the output of a test, as in
	// "AssertionError"; empty when it tells none.
	FailureName(output string) string
}

// Component is a class or a module, as commands name it.
type Component struct {
	// Class says that it is one; else it is the module in Path.
	Class bool
	Path  string
	// Name is the short name by which other files refer to it.
	Name string
	// StartLine and EndLine of a class; EndLine is the last line of a module.
	StartLine, EndLine int
	// Files are those of a component in several files, Path the first one.
	Files []string
}

const (
	// listedDefinitions and listedImports bound what is listed of each of several
	// files.
	listedDefinitions = 3
	listedImports     = 4
)

// FindDefinitions is a command that lists the lines of files which match a pattern
// of definitions: the first of each after its path, where there are several.
func FindDefinitions(pattern string, c Component) string {
	if len(c.Files) > 1 {
		return fmt.Sprintf("grep -m%d -E '%s' %s", listedDefinitions, pattern, quoteAll(c.Files))
	}
	return "grep -E '" + pattern + "' " + Quote(c.Path)
}

// FindImports is the same of imports, with the numbers of their lines.
func FindImports(pattern string, paths []string) string {
	if len(paths) > 1 {
		return fmt.Sprintf("grep -m%d -nE '%s' %s", listedImports, pattern, quoteAll(paths))
	}
	return "grep -nE '" + pattern + "' " + quoteAll(paths)
}

func quoteAll(paths []string) string {
	quoted := make([]string, len(paths))
	for i, path := range paths {
		quoted[i] = Quote(path)
	}
	return strings.Join(quoted, " ")
}

// SplitTest splits a test's id, as in "tests/test_a.py::TestA::test_b[1]" or
// "parse/parse_test.go::TestParse/empty", into its file and the dotted name of
// its function, without parameters.
func SplitTest(id string) (file, function string) {
	file, rest, _ := strings.Cut(id, "::")
	if end := strings.IndexAny(rest, "[/"); end >= 0 {
		rest = rest[:end]
	}
	return file, strings.ReplaceAll(rest, "::", ".")
}

// TestFunction is a test's id without its parameters.
func TestFunction(id string) string {
	file, function := SplitTest(id)
	return file + "::" + strings.ReplaceAll(function, ".", "::")
}

// BasicPattern compiles a basic regular expression, as a Dialect gives it for
// grep -w: a match begins and ends with a word. Of what basic expressions know it
// takes literals, ".", "*" and lists in brackets; to repeat or group with
// backslashes is not among them.
func BasicPattern(pattern string) (*regexp.Regexp, error) {
	var extended strings.Builder
	inList := false
	for _, r := range pattern {
		switch {
		case r == '[':
			inList = true
		case r == ']':
			inList = false
		case !inList && strings.ContainsRune("()+?{}|", r):
			extended.WriteByte('\\')
		}
		extended.WriteRune(r)
	}
	return regexp.Compile(`\b(?:` + extended.String() + `)\b`)
}

// Quote makes one word of a shell command of any text.
func Quote(text string) string {
	plain := func(r rune) bool {
		return unicode.IsLetter(r) || unicode.IsDigit(r) || strings.ContainsRune("_./:-", r)
	}
	if text != "" && !strings.ContainsFunc(text, func(r rune) bool { return !plain(r) }) {
		return text
	}
	return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'"
}

// FirstSentence is the first sentence of the first paragraph of a text, in one
// line and without its full stop.
func FirstSentence(text string) string {
	text, _, _ = strings.Cut(strings.TrimSpace(text), "\n\n")
	sentence, _, _ := strings.Cut(strings.Join(strings.Fields(text), " ")+" ", ". ")
	return strings.TrimRight(sentence, ". ")
}
