package golang

import (
	"bytes"
	"errors"
	"testing"

	"github.com/repoexpert/operator/internal/language"
)

func TestMaskBody(t *testing.T) {
	function := func(start, end int) language.Definition {
		return language.Definition{Name: "f", Kind: language.KindFunction, StartLine: 1, EndLine: end, BodyStartLine: start, BodyEndLine: end}
	}
	cases := map[string]struct {
		source     string
		definition language.Definition
		want       string
	}{
		"a body":              {"package p\n\nfunc f(a int) int {\n\tb := a\n\treturn b\n}\n", function(4, 5), "package p\n\nfunc f(a int) int {\n\tpanic(\"not implemented\")\n}\n"},
		"with comments":       {"package p\n\nfunc f() int { // why\n\n\t// first\n\treturn 1\n\t// last\n} // end\n", function(4, 7), "package p\n\nfunc f() int { // why\n\tpanic(\"not implemented\")\n} // end\n"},
		"Windows line ends":   {"package p\r\nfunc f() {\r\n    x()\r\n}\r\n", function(3, 3), "package p\r\nfunc f() {\r\n    panic(\"not implemented\")\r\n}\r\n"},
		"the only import":     {"package p\n\nimport \"fmt\"\n\nfunc f() {\n\tfmt.Print()\n}\n", function(6, 6), "package p\n\n\nfunc f() {\n\tpanic(\"not implemented\")\n}\n"},
		"one import of three": {"package p\n\nimport (\n\t\"fmt\" // says\n\t\"os\"\n\t_ \"embed\"\n)\n\nfunc f() {\n\tfmt.Print()\n}\n\nvar x = os.Args\n", function(10, 10), "package p\n\nimport (\n\t\"os\"\n\t_ \"embed\"\n)\n\nfunc f() {\n\tpanic(\"not implemented\")\n}\n\nvar x = os.Args\n"},
		"a whole group":       {"package p\n\nimport (\n\t\"fmt\"\n)\n\nimport \"os\"\n\nfunc f() {\n\tfmt.Print()\n}\n\nvar x = os.Args\n", function(10, 10), "package p\n\n\nimport \"os\"\n\nfunc f() {\n\tpanic(\"not implemented\")\n}\n\nvar x = os.Args\n"},
		"a name of an import": {"package p\n\nimport str \"strings\"\n\nfunc f() {\n\tstr.ToUpper(\"\")\n}\n\nfunc g(strings int) { _ = strings }\n", function(6, 6), "package p\n\n\nfunc f() {\n\tpanic(\"not implemented\")\n}\n\nfunc g(strings int) { _ = strings }\n"},
		"a hidden import":     {"package p\n\nimport \"fmt\"\n\nfunc f() {\n\tfmt := 1\n\t_ = fmt\n}\n\nvar x = fmt.Sprint()\n", function(6, 7), "package p\n\nimport \"fmt\"\n\nfunc f() {\n\tpanic(\"not implemented\")\n}\n\nvar x = fmt.Sprint()\n"},
		"an unusual package":  {"package p\n\nimport \"example.com/go-yaml/v3\"\n\nfunc f() {\n\tyaml.X()\n}\n", function(6, 6), "package p\n\n\nfunc f() {\n\tpanic(\"not implemented\")\n}\n"},

		"imports on one line":        {"package p\n\nimport (\"fmt\"; \"os\")\n\nfunc f() {\n\tfmt.Print()\n}\n\nvar x = os.Args\n", function(6, 6), ""},
		"on the line of its brace":   {"package p\n\nfunc f() { x()\n\ty()\n}\n", function(3, 4), ""},
		"to the line of its brace":   {"package p\n\nfunc f() {\n\tx() }\n", function(4, 4), ""},
		"a comment across the brace": {"package p\n\nfunc f() {\n\tx() /*\n*/ }\n", function(4, 4), ""},
		"masked before":              {"package p\n\nfunc f() {\n\tpanic(\"not implemented\")\n}\n", function(4, 4), ""},
		"beyond the end":             {"package p\n\nfunc f() {\n\tx()\n}\n", function(4, 9), ""},
		"another function":           {"package p\n\nfunc g() {\n\tx()\n}\n", function(4, 4), ""},
		"without a body":             {"package p\n\nfunc f()\n", function(0, 0), ""},
		"a file that does not parse": {"package p\n\nfunc f() {\n\tx(\n}\n", function(4, 4), ""},
		"a type":                     {"package p\n\ntype f struct{}\n", language.Definition{Name: "f", Kind: language.KindClass, StartLine: 3, EndLine: 3}, ""},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			got, err := New().MaskBody([]byte(c.source), c.definition)
			if string(got) != c.want {
				t.Errorf("got %q, %v", got, err)
			}
			if (c.want == "") != errors.Is(err, language.ErrMask) {
				t.Errorf("error is %v", err)
			}
		})
	}
}

func TestRemoveDefinitions(t *testing.T) {
	const file = "package p\n\nimport (\n\t\"os\"\n\t\"testing\"\n)\n\n// TestA is hidden.\nfunc TestA(t *testing.T) {\n\tos.Getpid()\n}\n\nfunc TestB(t *testing.T) {}\n"
	got, err := New().RemoveDefinitions([]byte(file), []language.Definition{{StartLine: 8, EndLine: 11}})
	want := "package p\n\nimport (\n\t\"testing\"\n)\n\n\nfunc TestB(t *testing.T) {}\n"
	if string(got) != want || err != nil {
		t.Errorf("got %q, %v", got, err)
	}
	if _, err := New().RemoveDefinitions([]byte(file), []language.Definition{{StartLine: 8, EndLine: 10}}); !errors.Is(err, language.ErrMask) {
		t.Errorf("half a function: %v", err)
	}
}

// The definition comes from a document that was checked for bounds alone, so its
// lines may point anywhere in the source.
func FuzzMaskBody(f *testing.F) {
	f.Add([]byte("package p\n\nimport \"fmt\"\n\nfunc f(a int) {\n\tb := a\n\tfmt.Print(b)\n}\n"), "f", 6, 7)
	f.Add([]byte("package p\nimport (\n\"a\"\n)\nfunc (t *T[K]) f() {\n/*\n*/ a.X() /*\n*/\n}"), "T.f", 6, 8)
	f.Fuzz(func(t *testing.T, source []byte, name string, body, end int) {
		definition := language.Definition{Name: name, Kind: language.KindFunction, StartLine: 1, EndLine: end, BodyStartLine: body, BodyEndLine: end}
		masked, err := New().MaskBody(source, definition)
		if err != nil {
			return
		}
		if _, err := parse("", masked); err != nil {
			t.Errorf("%q does not parse: %v", masked, err)
		}
		if before := language.Lines(source); !bytes.HasSuffix(masked, bytes.Join(before[end:], nil)) {
			t.Errorf("what is after the body changed: %q", masked)
		}
	})
}
