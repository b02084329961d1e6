package golang

import (
	"testing"

	"github.com/repoexpert/operator/internal/language"
)

func TestSameCode(t *testing.T) {
	const code = "package m\n\n// F adds.\nfunc F(a int) int {\n\treturn a + 1\n}\n"
	cases := map[string]struct {
		before, after string
		want          bool
	}{
		"a comment":                {code, "package m\n\n// F adds one.\nfunc F(a int) int {\n\t// so\n\treturn a + 1 // one\n}\n", true},
		"layout":                   {code, "package m\nfunc F(a int) int { return a + 1; }\n", true},
		"a number":                 {code, "package m\n\n// F adds.\nfunc F(a int) int {\n\treturn a + 2\n}\n", false},
		"a type":                   {code, "package m\n\n// F adds.\nfunc F(a int64) int {\n\treturn a + 1\n}\n", false},
		"a directive":              {code, "//go:build linux\n\n" + code, false},
		"a comment that C reads":   {"package m\n\n// int x;\nimport \"C\"\n", "package m\n\n// int y;\nimport \"C\"\n", false},
		"two files with one error": {"package m\n\nvar s = \"\n", "package m\n\nvar s = \"\n", false},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			got, err := New().SameCode(t.Context(), nil, "", []language.Revision{{Before: []byte(c.before), After: []byte(c.after)}})
			if err != nil || len(got) != 1 || got[0] != c.want {
				t.Errorf("got %v, %v", got, err)
			}
		})
	}
}

func FuzzSameCode(f *testing.F) {
	f.Add([]byte("package m\n\nvar s = `\n`\n"))
	f.Fuzz(func(t *testing.T, source []byte) {
		commented := append([]byte("// why\n"), source...)
		got, err := New().SameCode(t.Context(), nil, "", []language.Revision{{Before: source, After: commented}})
		if _, scans := tokens(source); err != nil || scans && !got[0] {
			t.Errorf("a comment makes %q other code: %v, %v", source, got, err)
		}
	})
}
