package language_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/repoexpert/operator/internal/language"
)

func validInventory() *language.Inventory {
	return &language.Inventory{
		Schema:   language.InventorySchema,
		Language: "python",
		Modules: []language.Module{{
			Path: "pkg/a.py", Name: "pkg.a", Lines: 9,
			Definitions: []language.Definition{
				{Name: "A", Kind: language.KindClass, StartLine: 1, EndLine: 9, BodyStartLine: 3, BodyEndLine: 9},
				{Name: "A.f", Kind: language.KindMethod, StartLine: 3, EndLine: 4},
			},
		}},
	}
}

func TestParseInventory(t *testing.T) {
	long := strings.Repeat("x", 2000)
	tests := map[string]struct {
		change func(*language.Inventory)
		limits func(*language.InventoryLimits)
		// refused is a part of the error; empty when the document is accepted.
		refused string
	}{
		"valid":                   {},
		"another schema":          {change: func(i *language.Inventory) { i.Schema = "v9" }, refused: "schema"},
		"too many bytes":          {limits: func(l *language.InventoryLimits) { l.Bytes = 50 }, refused: "larger than 50 bytes"},
		"too many modules":        {limits: func(l *language.InventoryLimits) { l.Modules = 0 }, refused: "more than 0 modules"},
		"too many definitions":    {limits: func(l *language.InventoryLimits) { l.Definitions = 1 }, refused: "more than 1 definitions"},
		"a module twice":          {change: func(i *language.Inventory) { i.Modules = append(i.Modules, i.Modules[0]) }, refused: "listed twice"},
		"an absolute path":        {change: func(i *language.Inventory) { i.Modules[0].Path = "/etc/passwd" }, refused: "path"},
		"a path out of the tree":  {change: func(i *language.Inventory) { i.Modules[0].Path = "../a.py" }, refused: "path"},
		"a path that is not tidy": {change: func(i *language.Inventory) { i.Modules[0].Path = "a/../b.py" }, refused: "path"},
		"no path":                 {change: func(i *language.Inventory) { i.Modules[0].Path = "" }, refused: "path"},
		"lines out of the file":   {change: func(i *language.Inventory) { i.Modules[0].Definitions[0].EndLine = 10 }, refused: "lines 1-10"},
		"lines backwards":         {change: func(i *language.Inventory) { i.Modules[0].Definitions[0].StartLine = 0 }, refused: "lines 0-9"},
		"body out of definition":  {change: func(i *language.Inventory) { i.Modules[0].Definitions[1].BodyStartLine = 2 }, refused: "body lines"},
		"an unknown kind":         {change: func(i *language.Inventory) { i.Modules[0].Definitions[0].Kind = "lambda" }, refused: "kind"},
		"no name":                 {change: func(i *language.Inventory) { i.Modules[0].Definitions[0].Name = "" }, refused: "no name"},
		"a name too long":         {change: func(i *language.Inventory) { i.Modules[0].Definitions[0].Calls = []string{long} }, refused: "text of 2000 bytes"},
		"a default too long": {change: func(i *language.Inventory) {
			i.Modules[0].Definitions[1].Parameters = []language.Parameter{{Name: "x", Default: long}}
		}, refused: "text of 2000 bytes"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			inventory, limits := validInventory(), language.DefaultInventoryLimits()
			if test.change != nil {
				test.change(inventory)
			}
			if test.limits != nil {
				test.limits(&limits)
			}
			document, err := json.Marshal(inventory)
			if err != nil {
				t.Fatal(err)
			}
			_, err = language.ParseInventory(strings.NewReader(string(document)), limits)
			checkRefusal(t, err, test.refused)
		})
	}
}

func TestParseInventoryText(t *testing.T) {
	tests := map[string]struct{ document, refused string }{
		"nothing":                {"", "EOF"},
		"no JSON":                {"Traceback (most recent call last):", "invalid character"},
		"cut":                    {`{"schema":`, "EOF"},
		"more than one":          {`{"schema":"repoexpert.dev/inventory/v1"} {}`, "text after the document"},
		"white space may follow": {"{\"schema\":\"repoexpert.dev/inventory/v1\"}\n", ""},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := language.ParseInventory(strings.NewReader(test.document), language.DefaultInventoryLimits())
			checkRefusal(t, err, test.refused)
		})
	}
}

func checkRefusal(t *testing.T, err error, refused string) {
	t.Helper()
	switch {
	case refused == "" && err != nil:
		t.Errorf("refused: %v", err)
	case refused != "" && (!errors.Is(err, language.ErrInventory) || !strings.Contains(err.Error(), refused)):
		t.Errorf("error is %v, want one about %q", err, refused)
	}
}

func TestDefinition(t *testing.T) {
	tests := map[string]struct {
		definition language.Definition
		simple     string
		nested     bool
		lines      int
	}{
		"function":        {language.Definition{Name: "f", BodyStartLine: 2, BodyEndLine: 4}, "f", false, 3},
		"method":          {language.Definition{Name: "A.B.f"}, "f", false, 0},
		"nested function": {language.Definition{Name: "f.<locals>.g", BodyStartLine: 3, BodyEndLine: 3}, "g", true, 1},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			d := test.definition
			if d.SimpleName() != test.simple || d.Nested() != test.nested || d.BodyLines() != test.lines {
				t.Errorf("got %q, %v, %d", d.SimpleName(), d.Nested(), d.BodyLines())
			}
		})
	}
}
