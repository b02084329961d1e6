package language_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io/fs"
	"testing"

	"github.com/repoexpert/operator/internal/language"
)

// What repository code wrote is refused, or holds nothing beyond the limits and
// no line that its file does not have.
func FuzzParseInventory(f *testing.F) {
	document, err := json.Marshal(validInventory())
	if err != nil {
		f.Fatal(err)
	}
	f.Add(document)
	f.Add([]byte(`{"schema":"repoexpert.dev/inventory/v1","modules":[{"path":"a.py","name":"a","lines":-1}]}`))
	f.Add([]byte(`{"schema":"repoexpert.dev/inventory/v1","modules":[{"path":"a.py","name":"a","lines":9223372036854775807,"definitions":[{"name":"f","kind":"function","startLine":1,"endLine":9223372036854775807}]}]}`))
	f.Add([]byte(`{"schema":"repoexpert.dev/inventory/v1","modules":[{"path":"a\u0000.py","name":"a"},{"path":"a/./b","name":"a"}]}`))
	limits := language.InventoryLimits{Bytes: 1 << 16, Modules: 8, Definitions: 8, Text: 64}
	f.Fuzz(func(t *testing.T, document []byte) {
		inventory, err := language.ParseInventory(bytes.NewReader(document), limits)
		if err != nil {
			if !errors.Is(err, language.ErrInventory) {
				t.Errorf("the error is %v", err)
			}
			return
		}
		if len(inventory.Modules) > limits.Modules {
			t.Errorf("%d modules", len(inventory.Modules))
		}
		for _, module := range inventory.Modules {
			checkModule(t, module, limits)
		}
	})
}

func checkModule(t *testing.T, module language.Module, limits language.InventoryLimits) {
	t.Helper()
	if !fs.ValidPath(module.Path) || len(module.Path) > limits.Text {
		t.Errorf("path %q", module.Path)
	}
	for _, d := range module.Definitions {
		if d.StartLine < 1 || d.EndLine > module.Lines || d.EndLine < d.StartLine || d.BodyLines() < 0 || d.BodyLines() > module.Lines {
			t.Errorf("%s has lines %d-%d, body %d-%d, of %d", d.Name, d.StartLine, d.EndLine, d.BodyStartLine, d.BodyEndLine, module.Lines)
		}
		if d.Name == "" || len(d.Name) > limits.Text {
			t.Errorf("name %q", d.Name)
		}
	}
}
