package python

import (
	"path"
	"strings"

	"github.com/repoexpert/operator/internal/language"
)

// dialect implements language.Dialect.
type dialect struct{}

// Dialect implements language.Adapter.
func (a Adapter) Dialect() language.Dialect { return dialect{} }

// IsTestFile goes by pytest's own naming of test files.
func (dialect) IsTestFile(file string) bool {
	name := path.Base(file)
	return strings.HasPrefix(name, "test_") && strings.HasSuffix(name, ".py") || strings.HasSuffix(name, "_test.py")
}

func (dialect) SourceGlob() string { return "*.py" }

func (dialect) DefinitionPattern(definition language.Definition) string {
	word := "def "
	if definition.Kind == language.KindClass {
		word = "class "
	}
	return word + definition.SimpleName()
}

func (dialect) Placeholder() string { return maskStatement }

func (dialect) TestCommand(id string) string {
	return "python3 -m pytest -q -rN --tb=line " + language.Quote(id)
}

func (dialect) CheckCommand(module language.Module) string {
	return "python3 -c 'import " + module.Name + "'"
}

func (dialect) ForeignNames(code string) []string { return foreign(code) }

func (dialect) TestFileName(name string) string { return "test_" + name + ".py" }

// TestFile puts the import statements before the text.
func (dialect) TestFile(_ []byte, imports []language.Import, text string) string {
	var head strings.Builder
	for _, i := range imports {
		statement := "import " + i.Module
		if i.Name != "" {
			statement = "from " + i.Module + " import " + i.Name
		}
		if i.Alias != "" {
			statement += " as " + i.Alias
		}
		head.WriteString(statement + "\n")
	}
	if head.Len() > 0 {
		head.WriteString("\n\n")
	}
	return head.String() + text
}

// FailureName is the first word that is named like an exception.
func (dialect) FailureName(output string) string {
	for word := range strings.FieldsFuncSeq(output, func(r rune) bool { return !wordRune(r) }) {
		if strings.HasSuffix(word, "Error") || strings.HasSuffix(word, "Exception") {
			return word
		}
	}
	return ""
}
