package language

import (
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
	// definition.
	DefinitionPattern(definition Definition) string
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
	// TestFileName is the name of a new test file.
	TestFileName(name string) string
	// TestFile composes a new test file of a test's text, with what the text needs
	// of the imports of another test file, whose source is given.
	TestFile(source []byte, imports []Import, text string) string
	// FailureName is the kind of failure in the output of a test, as in
	// "AssertionError"; empty when it tells none.
	FailureName(output string) string
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

// Quote makes one word of a shell command of any text.
func Quote(text string) string {
	plain := func(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) || strings.ContainsRune("_./:-", r) }
	if text != "" && !strings.ContainsFunc(text, func(r rune) bool { return !plain(r) }) {
		return text
	}
	return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'"
}
