package python

import (
	"bytes"
	"errors"
	"testing"

	"github.com/repoexpert/operator/internal/language"
)

func TestMaskBody(t *testing.T) {
	function := func(start, body, end int, docstring bool) language.Definition {
		return language.Definition{Name: "f", Kind: language.KindFunction, StartLine: start, EndLine: end,
			BodyStartLine: body, BodyEndLine: end, Docstring: docstring}
	}
	cases := map[string]struct {
		source     string
		definition language.Definition
		want       string
	}{
		"a body":                       {"def f(a):\n    b = a\n    return b\nx = 1\n", function(1, 2, 3, false), "def f(a):\n    raise NotImplementedError\nx = 1\n"},
		"after a docstring":            {"def f(a):\n    \"\"\"Doc.\"\"\"\n    # why\n    return a\n", function(1, 4, 4, true), "def f(a):\n    \"\"\"Doc.\"\"\"\n    # why\n    raise NotImplementedError\n"},
		"a header with a comment":      {"def f(a):  # '#' and: \"\n\treturn a\n", function(1, 2, 2, false), "def f(a):  # '#' and: \"\n\traise NotImplementedError\n"},
		"a header of lines":            {"def f(\n    a=\"#\",\n) -> \"X\":\n    return a", function(1, 4, 4, false), "def f(\n    a=\"#\",\n) -> \"X\":\n    raise NotImplementedError"},
		"Windows line ends":            {"def f():\r\n    return 1\r\nx\r\n", function(1, 2, 2, false), "def f():\r\n    raise NotImplementedError\r\nx\r\n"},
		"on the line of its header":    {"def f(): return 1\n", function(1, 1, 1, false), ""},
		"on the last line of a header": {"def f(a,\n    b): return 1\n", function(1, 2, 2, false), ""},
		"on the line of the docstring": {"def f():\n    \"\"\"Doc.\"\"\"; a = 1\n    return a\n", function(1, 2, 3, true), ""},
		"on the docstring's last line": {"def f():\n    \"\"\"Doc\n    of two.\"\"\"; a = 1\n    return a\n", function(1, 3, 4, true), ""},
		"masked before":                {"def f():\n    raise NotImplementedError\n", function(1, 2, 2, false), ""},
		"beyond the end of the file":   {"def f():\n    return 1\n", function(1, 2, 9, false), ""},
		"without a body":               {"def f():\n    \"\"\"Doc.\"\"\"\n", function(1, 0, 0, true), ""},
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

// The definition comes from a document that was checked for bounds alone, so
// its lines may point anywhere in the source.
func FuzzMaskBody(f *testing.F) {
	f.Add([]byte("def f(a):\n    b = a\n    return b\n"), 1, 2, 3, false)
	f.Add([]byte("def f():\r    '''x'''\r    y\r"), 1, 3, 3, true)
	f.Fuzz(func(t *testing.T, source []byte, start, body, end int, docstring bool) {
		if start < 1 || body < start || end < body {
			return // an inventory with these lines is refused
		}
		definition := language.Definition{Name: "f", Kind: language.KindFunction, StartLine: start, EndLine: end,
			BodyStartLine: body, BodyEndLine: end, Docstring: docstring}
		masked, err := New().MaskBody(source, definition)
		if err != nil {
			return
		}
		before, after := language.Lines(source), language.Lines(masked)
		if !bytes.Equal(bytes.Join(before[:body-1], nil), bytes.Join(after[:body-1], nil)) {
			t.Errorf("what is before the body changed: %q", masked)
		}
		if !bytes.HasSuffix(masked, bytes.Join(before[end:], nil)) {
			t.Errorf("what is after the body changed: %q", masked)
		}
	})
}
