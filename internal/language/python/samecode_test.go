package python

import (
	"strings"
	"testing"
	"testing/fstest"

	"github.com/repoexpert/operator/internal/language"
	"github.com/repoexpert/operator/internal/language/conformance"
)

func TestSameCode(t *testing.T) {
	const code = "import os\n\n\nclass A:\n    size = 1\n\n    def f(self, a=1):\n        \"\"\"Old.\"\"\"\n        b = a + self.size\n        return b\n"
	cases := map[string]struct {
		before, after string
		want          bool
	}{
		"comments, docstrings and layout": {code, "import os\nclass A:\n    '''New.'''\n    size = 1  # one\n    def f(self, a=1):\n        b = (a +\n          self.size)\n        return b\n", true},
		"annotations": {code, "from __future__ import annotations\nimport os\nimport typing as t\nfrom typing import Any, cast\n\nif t.TYPE_CHECKING:\n    from x import Y\n\nT = t.TypeVar('T')\n\n\n" +
			"class A:\n    size = 1\n\n    @t.overload\n    def f(self) -> int: ...\n    def f(self, a: int = 1) -> 'Y':\n        c: int\n        b: int = cast(int, a) + self.size\n        return b\n", true},
		"a type of an attribute":        {"class A:\n    a: int = 1\n", "class A:\n    a: str = 1\n", true},
		"an attribute gets a type":      {"class A:\n    a = 1\n", "class A:\n    a: int = 1\n", false},
		"an attribute":                  {"class A:\n    a: int\n", "class A:\n    a: int\n    b: int\n", false},
		"a number":                      {code, strings.Replace(code, "a=1", "a=2", 1), false},
		"another import":                {code, strings.Replace(code, "import os", "import sys", 1), false},
		"a text that is a value":        {"x = 'a'\n", "x = 'b'\n", false},
		"a condition with a way around": {"if TYPE_CHECKING:\n    a = 1\nelse:\n    a = 2\n", "if TYPE_CHECKING:\n    a = 1\nelse:\n    a = 3\n", false},
		"what does not parse":           {"print 'a'\n", "print 'a'\n", false},
		"what nests too deep":           {strings.Repeat("(", 5000), strings.Repeat("(", 5000), false},
		"nothing":                       {"", "", true},
		"a null byte":                   {"a\x00", "a\x00", false},
	}
	var names []string
	var revisions []language.Revision
	for name, c := range cases {
		names = append(names, name)
		revisions = append(revisions, language.Revision{Before: []byte(c.before), After: []byte(c.after)})
	}
	box := conformance.StartBox(t)
	conformance.PutTree(t, box, "tree", fstest.MapFS{})
	got, err := New().SameCode(t.Context(), box, "tree", revisions)
	if err != nil || len(got) != len(names) {
		t.Fatalf("got %v, %v", got, err)
	}
	for i, name := range names {
		if got[i] != cases[name].want {
			t.Errorf("%s: got %t", name, got[i])
		}
	}
}
