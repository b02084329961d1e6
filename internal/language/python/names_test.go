package python

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestForeign(t *testing.T) {
	tests := map[string]struct {
		code string
		want []string
	}{
		"a call":                {"return helper(x)", []string{"helper", "x"}},
		"built in":              {"return len(str(None))", nil},
		"a local":               {"a = 1\nreturn a + b", []string{"b"}},
		"several locals":        {"a, b = c\nreturn a, b", []string{"c"}},
		"an attribute":          {"self.cache = x.items()", []string{"cache", "x"}},
		"a local as attribute":  {"size = 1\nreturn other.size", []string{"other", "size"}},
		"a loop":                {"for k, v in pairs:\n    print(k, v)", []string{"pairs"}},
		"a comprehension":       {"return [w for w in words]", []string{"words"}},
		"with":                  {"with opened() as f, g(f) as h:\n    h()", []string{"g", "opened"}},
		"an exception":          {"try:\n    pass\nexcept Odd as e:\n    raise e", []string{"Odd"}},
		"an import":             {"import os.path\nos.getcwd()", []string{"getcwd", "path"}},
		"a nested function":     {"def inner(q):\n    return q\nreturn inner(1)", nil},
		"lambda":                {"return lambda z: z + y", []string{"y"}},
		"a keyword argument":    {"return f(name=1)", []string{"f", "name"}},
		"strings and comments":  {"x = 'not here' # nor here\ny = \"\"\"a\nb\"\"\"\nreturn x", nil},
		"a string with a quote": {`return 'it\'s ' + rest`, []string{"rest"}},
		"raw and bytes":         {`return rb"\d" + Rb'x'`, nil},
		"a condition":           {"if flag:\n    return 1", []string{"flag"}},
		"walrus":                {"if (n := size()) > 1:\n    return n", []string{"size"}},
		"annotated":             {"x: int = 1\nreturn x", nil},
		"augmented":             {"x += 1", nil},
		"an open string":        {"x = 'abc\nreturn y", []string{"y"}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, foreign(test.code)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// Tokens are where the scanner says, whatever the code.
func FuzzScan(f *testing.F) {
	f.Add("x = 'a' # b\n\ty += f\"\"\"z\n\"\"\"")
	f.Add("'''")
	f.Add("\\\n\u00e9\xff")
	f.Fuzz(func(t *testing.T, code string) {
		lines := strings.Split(code, "\n")
		for _, token := range scan(code) {
			if token.line >= len(lines) || token.column > len(lines[token.line]) {
				t.Fatalf("token %q at %d:%d is outside", token.text, token.line, token.column)
			}
			rest := strings.Join(lines[token.line:], "\n")[token.column:]
			if !strings.HasPrefix(rest, token.text) {
				t.Fatalf("token %q is not at %d:%d", token.text, token.line, token.column)
			}
		}
		foreign(code)
	})
}
