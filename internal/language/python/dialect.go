package python

import (
	"fmt"
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

// Dependencies are none: packages are installed in the environment, whatever the
// tree says.
func (dialect) Dependencies() []string { return nil }

func (dialect) Placeholder() string { return maskStatement }

func (dialect) TestCommand(id string) string {
	return "python3 -m pytest -q -rN --tb=line " + language.Quote(id)
}

func (dialect) CheckCommand(module language.Module) string {
	return "python3 -c 'import " + module.Name + "'"
}

func (dialect) ForeignNames(code string) []string { return foreign(code) }

func (dialect) OutlineCommand(c language.Component) string {
	if c.Class {
		return fmt.Sprintf("sed -n '%d,%dp' %s | grep -E '^ *(class|def) '", c.StartLine, c.EndLine, language.Quote(c.Path))
	}
	return language.FindDefinitions("^(class|def) ", c)
}

func (dialect) ImportsCommand(paths ...string) string {
	return language.FindImports("^(from|import) ", paths)
}

// DocCommand shows a module's docstring, whose first lines may be a licence, or
// the first lines of a class.
func (dialect) DocCommand(c language.Component, lines, last int) string {
	if !c.Class && last < c.EndLine {
		return fmt.Sprintf(`head -%d %s | grep -m1 -A%d '^"""'`, last, language.Quote(c.Path), lines-2)
	}
	if !c.Class {
		return fmt.Sprintf(`grep -m1 -A%d '^"""' %s`, lines-2, language.Quote(c.Path))
	}
	end := min(c.StartLine+lines-1, c.EndLine, last)
	if end < c.StartLine {
		return ""
	}
	return fmt.Sprintf("sed -n '%d,%dp' %s", c.StartLine, end, language.Quote(c.Path))
}

// Doc reads a docstring that stands before any definition inside the component.
func (dialect) Doc(c language.Component, output string) (string, bool) {
	if c.Class {
		_, after, found := strings.Cut(output, "class "+c.Name)
		if !found {
			return "", false
		}
		output = after
	}
	before, text, found := strings.Cut(output, `"""`)
	if !found || strings.Contains(before, "def ") || strings.Contains(before, "class ") {
		return "", false
	}
	// A docstring that was shown in part ends with what was shown.
	text, _, closed := strings.Cut(text, `"""`)
	if !closed && !strings.Contains(text, "\n\n") && !strings.Contains(text, ". ") && !strings.Contains(text, ".\n") {
		return "", false
	}
	return language.FirstSentence(text), true
}

func (dialect) UsersPattern(c language.Component) string {
	if c.Class {
		return c.Name
	}
	return "import.*" + c.Name + "|from.*" + c.Name
}

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
