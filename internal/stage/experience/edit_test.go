package experience

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/repoexpert/operator/internal/language"
	"github.com/repoexpert/operator/internal/language/golang"
	"github.com/repoexpert/operator/internal/language/python"
	"github.com/repoexpert/operator/internal/task"
)

// Every way to replace lines does the same, run by a real shell.
func TestEdits(t *testing.T) {
	tests := map[string]struct {
		lines task.Lines
		text  []string
		want  string
	}{
		"one line":            {task.Lines{Start: 2, End: 2}, []string{"x"}, "a\nx\nc\nd\n"},
		"by more":             {task.Lines{Start: 2, End: 2}, []string{"x", "y"}, "a\nx\ny\nc\nd\n"},
		"several":             {task.Lines{Start: 2, End: 3}, []string{"x"}, "a\nx\nd\n"},
		"the first":           {task.Lines{Start: 1, End: 1}, []string{"x"}, "x\nb\nc\nd\n"},
		"the last":            {task.Lines{Start: 4, End: 4}, []string{"x", "y"}, "a\nb\nc\nx\ny\n"},
		"all":                 {task.Lines{Start: 1, End: 4}, []string{"x"}, "x\n"},
		"removed":             {task.Lines{Start: 2, End: 3}, nil, "a\nd\n"},
		"added in the middle": {task.Lines{Start: 3, End: 2}, []string{"x"}, "a\nb\nx\nc\nd\n"},
		"added before all":    {task.Lines{Start: 1, End: 0}, []string{"x", "y"}, "x\ny\na\nb\nc\nd\n"},
		"added after all":     {task.Lines{Start: 5, End: 4}, []string{"x"}, "a\nb\nc\nd\nx\n"},
		"signs of the shell":  {task.Lines{Start: 2, End: 2}, []string{`	"$x" \n 'y' & /s/`}, "a\n\t\"$x\" \\n 'y' & /s/\nc\nd\n"},
	}
	for name, test := range tests {
		for way := range replacements {
			file := filepath.Join(t.TempDir(), "a file.txt")
			if err := os.WriteFile(file, []byte("a\nb\nc\nd\n"), 0o600); err != nil {
				t.Fatal(err)
			}
			command := exec.Command("sh", "-c", edit(way, file, test.lines, test.text))
			if out, err := command.CombinedOutput(); err != nil {
				t.Fatalf("%s, way %d: %v: %s", name, way, err, out)
			}
			got, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if string(got) != test.want {
				t.Errorf("%s, way %d: got %q", name, way, got)
			}
		}
	}
}

func TestWritable(t *testing.T) {
	tests := map[string]struct {
		lines []string
		want  string
	}{
		"plain":            {[]string{"x = 1", ""}, ""},
		"nothing":          {nil, ""},
		"ends the text":    {[]string{"EOF"}, "body-delimiter"},
		"ends the block":   {[]string{`"""`, "```", `"""`}, "body-delimiter"},
		"carriage returns": {[]string{"x = 1\r"}, "body-line-ends"},
		"a zero byte":      {[]string{"x = \x00"}, "body-line-ends"},
		"only contains it": {[]string{"EOFError"}, ""},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if got := writable(test.lines); got != test.want {
				t.Errorf("got %q", got)
			}
		})
	}
	if strings.Contains(edit(0, "f", task.Lines{Start: 1, End: 1}, []string{"x"}), "{") {
		t.Error("a slot is left open")
	}
}

// A comment that names what it documents does not begin it.
func TestDefinitionLine(t *testing.T) {
	tests := map[string]struct {
		source     string
		definition language.Definition
		dialect    language.Dialect
		want       int
	}{
		"a comment of Go": {
			"package shop\n\n// Sell sells.\n// It calls func of Sell.\nfunc Sell() {\n}\n",
			language.Definition{Name: "Sell", Kind: language.KindFunction, StartLine: 3, EndLine: 6}, golang.New().Dialect(), 5,
		},
		"a method of Go": {
			"package shop\n\n// Sell sells.\nfunc (s *Shop[T]) Sell() {\n}\n",
			language.Definition{Name: "Shop.Sell", Kind: language.KindMethod, StartLine: 3, EndLine: 5}, golang.New().Dialect(), 4,
		},
		"decorators of Python": {
			"@sell.setter\n@once\ndef sell(book):\n    pass\n",
			language.Definition{Name: "sell", Kind: language.KindFunction, StartLine: 1, EndLine: 4}, python.New().Dialect(), 3,
		},
	}
	for name, test := range tests {
		if got := definitionLine([]byte(test.source), test.definition, test.dialect); got != test.want {
			t.Errorf("%s: line %d, want %d", name, got, test.want)
		}
	}
}
