package experience

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"github.com/repoexpert/operator/internal/grading"
	"github.com/repoexpert/operator/internal/language"
	"github.com/repoexpert/operator/internal/language/conformance"
	"github.com/repoexpert/operator/internal/language/golang"
	"github.com/repoexpert/operator/internal/task"
)

const shopHead = `// Package shop sells.
package shop

import (
	"fmt"
	"sort"
	str "strings"
)

`

// What a mask of Go takes out is written back, imports and all, by a real shell.
func TestMissingTextIsWrittenBack(t *testing.T) {
	tests := map[string]struct {
		source  string
		imports int
	}{
		"a body alone": {shopHead + `func Label(names []string) string {
	sort.Strings(names)
	text := str.Join(names, ",")
	return fmt.Sprint(text)
}

func Other(names []string) string {
	sort.Strings(names)
	return fmt.Sprint(str.ToUpper(names[0]))
}
`, 0},
		"one import": {shopHead + `func Label(names []string) string {
	text := str.Join(names, ",")
	sort.Strings(names)
	return text
}

func Other() { fmt.Println(str.ToUpper("x")) }
`, 1},
		"imports in two places": {shopHead + `func Label(names []string) string {
	sort.Strings(names)
	names = append(names, fmt.Sprint(len(names)))
	return names[0]
}

func Other() { sort.Strings(nil); str.ToUpper("x") }
`, 1},
		"the only import": {`package shop

import "fmt"

func Label(n int) string {
	n++
	n--
	return fmt.Sprint(n)
}
`, 1},
		"the placeholder in the body": {shopHead + `func Label(n int) string {
	fmt.Println(n)
	if n < 0 {
		panic("not implemented")
	}
	return ""
}

func Other() { sort.Strings(nil); str.ToUpper("x") }
`, 1},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			masked := maskGo(t, test.source, "Label")
			missing, code := missingOf(masked)
			if code != "" || len(missing.imports) != test.imports {
				t.Fatalf("code %q, imports %+v of\n%s", code, missing.imports, masked.Gap())
			}
			file := filepath.Join(t.TempDir(), "shop.go")
			if err := os.WriteFile(file, masked.Gap(), 0o600); err != nil {
				t.Fatal(err)
			}
			commands := []string{edit(0, file, task.Lines{Start: missing.gap, End: missing.gap}, missing.body)}
			for _, hunk := range missing.imports {
				commands = append(commands, edit(0, file, hunk.Lines, hunk.Text))
			}
			for _, command := range commands {
				if out, err := exec.Command("sh", "-c", command).CombinedOutput(); err != nil {
					t.Fatalf("%s: %v: %s", command, err, out)
				}
			}
			got, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.source, string(got)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// maskGo masks a function of a file that is a module of its own.
func maskGo(t *testing.T, source, name string) grading.Masked {
	t.Helper()
	box, adapter := conformance.StartBox(t), golang.New()
	conformance.PutTree(t, box, "tree", fstest.MapFS{"shop.go": {Data: []byte(source)}})
	inventory, err := adapter.Inspect(t.Context(), box, "tree")
	if err != nil {
		t.Fatal(err)
	}
	for _, definition := range inventory.Modules[0].Definitions {
		if definition.Name != name {
			continue
		}
		masked, err := adapter.MaskBody([]byte(source), definition)
		if err != nil {
			t.Fatal(err)
		}
		return grading.Masked{
			Task:       grading.Task{Broken: grading.Edits{"shop.go": masked}, Fixed: grading.Edits{"shop.go": []byte(source)}},
			Mask:       task.Mask{Path: "shop.go", Name: name},
			Definition: definition, Module: inventory.Modules[0],
		}
	}
	t.Fatalf("no %s in %+v", name, inventory)
	return grading.Masked{}
}

func TestMissingTextThatNoScriptWrites(t *testing.T) {
	definition := language.Definition{BodyStartLine: 3, BodyEndLine: 4}
	tests := map[string]struct{ whole, masked, want string }{
		"writable":          {"a\nb\nc\nd\ne\n", "a\nb\nX\ne\n", ""},
		"a line changed":    {"a\nb\nc\nd\ne\n", "a\nB\nX\ne\n", "body-and-imports"},
		"something below":   {"a\nb\nc\nd\ne\n", "a\nb\nX\nE\n", "body-and-imports"},
		"carriage returns":  {"a\r\nb\nc\nd\ne\n", "a\r\nb\nX\ne\n", "body-line-ends"},
		"the file ends":     {"a\nb\nc\nd", "a\nb\nX", "body-line-ends"},
		"ends the document": {"a\nb\nEOF\nd\ne\n", "a\nb\nX\ne\n", "body-delimiter"},
		"nothing is left":   {"a\nb\nc\nd\ne\n", "", "body-and-imports"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			_, code := missingOf(grading.Masked{
				Task: grading.Task{Broken: grading.Edits{"a": []byte(test.masked)}, Fixed: grading.Edits{"a": []byte(test.whole)}},
				Mask: task.Mask{Path: "a"}, Definition: definition,
			})
			if code != test.want {
				t.Errorf("got %q, want %q", code, test.want)
			}
		})
	}
}
