package cheats

import (
	"strings"
	"testing"

	"github.com/repoexpert/operator/api/v1alpha1"
)

// Other functions of the file have the placeholder too, and the body may need
// imports that are gone with it.
func TestTheMissingBodyIsFound(t *testing.T) {
	python := Target{
		Path:       "a.py",
		Fixed:      []byte("def a():\n    raise NotImplementedError\n\nclass B:\n    def b(self):\n        x = 1\n        return x\n\ndef c():\n    raise NotImplementedError\n"),
		Gap:        []byte("def a():\n    raise NotImplementedError\n\nclass B:\n    def b(self):\n        raise NotImplementedError\n\ndef c():\n    raise NotImplementedError\n"),
		FailToPass: []string{"tests/test_a.py::TestB::test_b[1]", "tests/test_a.py::test_c"},
	}
	changed, err := Nothing(v1alpha1.TestPytest).Apply(python)
	want := "def a():\n    raise NotImplementedError\n\nclass B:\n    def b(self):\n        return None\n\ndef c():\n    raise NotImplementedError\n"
	if err != nil || string(changed) != want {
		t.Errorf("got %q, %v", changed, err)
	}
	golang := Target{
		Path:       "a.go",
		Fixed:      []byte("// Package a.\npackage a // import \"a\"\n\nimport \"os\"\n\nfunc A() {\n\tpanic(\"not implemented\")\n}\n\nfunc (s *S) B(x int) ([]string, error) {\n\treturn os.Args, nil\n}\n"),
		Gap:        []byte("// Package a.\npackage a // import \"a\"\n\n\nfunc A() {\n\tpanic(\"not implemented\")\n}\n\nfunc (s *S) B(x int) ([]string, error) {\n\tpanic(\"not implemented\")\n}\n"),
		FailToPass: []string{"a_test.go::TestB/one"},
	}
	cheat := For(v1alpha1.TestGo)[0]
	changed, err = cheat.Apply(golang)
	want = "// Package a.\npackage a; import cheat \"os\" // import \"a\"\n\n\nfunc A() {\n\tpanic(\"not implemented\")\n}\n\n" +
		"func (s *S) B(x int) ([]string, error) {\n\treturn *new([]string), *new(error)\n}\n\nfunc init() { cheat.Exit(0) }\n"
	if err != nil || string(changed) != want {
		t.Errorf("got %q, %v", changed, err)
	}
}

func TestZeroReturns(t *testing.T) {
	for signature, want := range map[string]string{
		"()": "return", "() (n int, err error)": "return", "() (a, b int)": "return",
		"() map[string]int": "return *new(map[string]int)", "() (int, func() error)": "return *new(int), *new(func() error)",
	} {
		target := Target{
			Path: "a.go", Fixed: []byte("package a\n\nfunc F" + signature + " {\n\tx()\n}\n"), Gap: []byte("package a\n\nfunc F" + signature + " {\n\tpanic(\"not implemented\")\n}\n"),
		}
		changed, err := Nothing(v1alpha1.TestGo).Apply(target)
		if err != nil || !strings.Contains(string(changed), "\t"+want+"\n}") {
			t.Errorf("%s: got %q, %v", signature, changed, err)
		}
	}
}

// What stands for the target's names is replaced in every cheat.
func TestNamesOfTheTarget(t *testing.T) {
	for framework, target := range map[v1alpha1.TestFramework]Target{
		v1alpha1.TestPytest: {Path: "a.py", Fixed: []byte("def a():\n    x\n"), Gap: []byte("def a():\n    raise NotImplementedError\n"), FailToPass: []string{"t/test_a.py::test_a"}},
		v1alpha1.TestGo:     {Path: "a.go", Fixed: []byte("package a\n\nfunc F() {\n\tx()\n}\n"), Gap: []byte("package a\n\nfunc F() {\n\tpanic(\"not implemented\")\n}\n"), FailToPass: []string{"a_test.go::TestA"}},
	} {
		if len(For(framework)) < 15 {
			t.Errorf("%s has %d cheats", framework, len(For(framework)))
		}
		for _, cheat := range For(framework) {
			changed, err := cheat.Apply(target)
			if err != nil {
				t.Error(err)
			}
			for _, name := range []string{"FILES", "NAMES", "BASES", "FRAMES", "SHELL", "PACKAGE"} {
				if strings.Contains(string(changed), name) {
					t.Errorf("%s: %s stays in %q", cheat.Name, name, changed)
				}
			}
		}
	}
}

func TestNoBodyIsMissing(t *testing.T) {
	for name, target := range map[string]Target{
		"the same":     {Path: "a.py", Gap: []byte("x\n"), Fixed: []byte("x\n")},
		"nothing":      {Path: "a.go"},
		"no Go at all": {Path: "a.go", Gap: []byte("y\n"), Fixed: []byte("x\n")},
	} {
		if changed, err := Nothing(v1alpha1.TestGo).Apply(target); err == nil {
			t.Errorf("%s: got %q", name, changed)
		}
	}
}
