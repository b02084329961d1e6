package golang

import (
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/mod/module"
	"golang.org/x/mod/sumdb/dirhash"
	"golang.org/x/mod/zip"

	"github.com/repoexpert/operator/internal/language"
	"github.com/repoexpert/operator/internal/language/conformance"
)

func TestImageLacks(t *testing.T) {
	cases := map[string]struct {
		programs []string
		goMod    string
		want     string
	}{
		"go":         {programs: []string{"sh", "find", "sed"}, goMod: goMod, want: "go is not in it"},
		"find":       {programs: []string{"sh", "sed"}, goMod: goMod, want: "find and sed"},
		"a newer go": {programs: []string{"sh", "find", "sed", "go"}, goMod: "module example.com/m\n\ngo 99.1\n", want: "requires go >= 99.1"},
	}
	paths := map[string]string{}
	for _, program := range []string{"sh", "find", "sed", "go"} {
		found, err := exec.LookPath(program)
		if err != nil {
			t.Fatal(err)
		}
		paths[program] = found
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			programs := t.TempDir()
			for _, program := range c.programs {
				if err := os.Symlink(paths[program], filepath.Join(programs, program)); err != nil {
					t.Fatal(err)
				}
			}
			t.Setenv("PATH", programs)
			box := conformance.StartBox(t)
			conformance.PutTree(t, box, "tree", fstest.MapFS{"go.mod": source(c.goMod), "a_test.go": source(passing)})
			_, err := New().RunTests(t.Context(), box, "tree", language.TestRequest{Timeout: time.Minute})
			if !errors.Is(err, language.ErrEnvironment) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v", err)
			}
		})
	}
}

// What a set-up downloaded with GOPATH=/environment/go is found, without network.
func TestInstalledModules(t *testing.T) {
	environment := t.TempDir()
	dependency := module.Version{Path: "example.com/dep", Version: "v1.0.0"}
	code := t.TempDir()
	write(t, filepath.Join(code, "go.mod"), "module example.com/dep\n")
	write(t, filepath.Join(code, "dep.go"), "package dep\n\nconst X = 1\n")
	cache := filepath.Join(environment, "go/pkg/mod/cache/download/example.com/dep/@v")
	write(t, filepath.Join(cache, "v1.0.0.mod"), "module example.com/dep\n")
	write(t, filepath.Join(cache, "v1.0.0.info"), `{"Version":"v1.0.0"}`)
	archive, err := os.Create(filepath.Join(cache, "v1.0.0.zip"))
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(zip.CreateFromDir(archive, dependency, code), archive.Close()); err != nil {
		t.Fatal(err)
	}
	sum, err := dirhash.HashZip(archive.Name(), dirhash.Hash1)
	if err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(cache, "v1.0.0.ziphash"), sum)
	modSum, err := dirhash.Hash1([]string{"go.mod"}, func(string) (io.ReadCloser, error) { return os.Open(filepath.Join(code, "go.mod")) })
	if err != nil {
		t.Fatal(err)
	}
	box := conformance.StartBox(t)
	conformance.PutTree(t, box, "tree", fstest.MapFS{
		"go.mod":    source(goMod + "\nrequire example.com/dep v1.0.0\n"),
		"go.sum":    source("example.com/dep v1.0.0 " + sum + "\nexample.com/dep v1.0.0/go.mod " + modSum + "\n"),
		"a_test.go": second("\t\"example.com/dep\"\n", "if dep.X != 1 {\n\t\tt.Fatal()\n\t}"),
	})
	report, err := Adapter{environment: environment}.RunTests(t.Context(), box, "tree", language.TestRequest{Timeout: time.Minute, Canary: true})
	if err != nil {
		t.Fatal(err)
	}
	if report.State != language.StateCompleted || report.Count(language.OutcomePassed) != 2 {
		t.Errorf("the run is %s: %v\n%s", report.State, report.Problems, report.Output)
	}
	// The go command leaves its cache read-only.
	if err := exec.Command("chmod", "-R", "u+w", environment).Run(); err != nil {
		t.Error(err)
	}
}

func write(t *testing.T, place, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(place), 0o750); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(place, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// Folders and files of any name cost no other package its results.
func TestHostileNames(t *testing.T) {
	tree := fstest.MapFS{"go.mod": source(goMod), "a_test.go": source(passing), "sub/m/a_test.go": source(passing), "other/m/a_test.go": source(passing)}
	for _, folder := range []string{"...", "a...", "@v1", "sp ace", "-run", "$(touch x)", "`touch x`", "quo\"te", "ü", "a=b", "C:", "internal", "cmd", "builtin"} {
		tree[folder+"/b_test.go"] = source(passing)
	}
	tree["flag/-o.go"] = source("package m\n")
	box := conformance.StartBox(t)
	conformance.PutTree(t, box, "tree", tree)
	report, err := New().RunTests(t.Context(), box, "tree", language.TestRequest{Timeout: 2 * time.Minute, Canary: true})
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{"a_test.go::TestA", "sub/m/a_test.go::TestB", "other/m/a_test.go::TestB", "internal/b_test.go::TestA"} {
		if got := report.Outcomes()[id]; got != language.OutcomePassed {
			t.Errorf("%s is %q; the run is %s: %v\n%s", id, got, report.State, report.Problems, report.Output)
		}
	}
}

func TestPackagesOf(t *testing.T) {
	const test = "package m\n\nimport \"testing\"\n\nfunc TestMain(m *testing.M) {}\nfunc Test(t *testing.T) {}\nfunc TestA(t *testing.T) {}\nfunc Testing(t *testing.T) {}\nfunc (x T) TestB(t *testing.T) {}\nfunc TestC() {}\nfunc FuzzD(f *testing.F) {}\nfunc BenchmarkE(b *testing.B) {}\nfunc ExampleF() {\n\t// Output:\n}\n"
	code := &tree{module: "example.com/m/v2", sources: map[string][]byte{
		"m.go": []byte("package m\n"), "m_test.go": []byte(test), "m_windows_test.go": []byte(test),
		"a/x_test.go": []byte("package a_test\n\nfunc TestX(t *T) {}\n"), "a/broken_test.go": []byte("package a\n\nfunc (\n"),
		"b/v3/y_test.go": []byte("package b\n\nfunc TestY(t *T) {}\n"),
	}}
	type found struct{ Program, Clause, Files, Wanted string }
	cases := map[string]struct {
		request language.TestRequest
		want    map[string]found
	}{
		"everything":     {language.TestRequest{}, map[string]found{".": {"m.test", "m", "m_test.go", "ExampleF FuzzD Test TestA"}, "a": {"a.test", "a_test", "a/broken_test.go a/x_test.go", "TestX"}, "b/v3": {"b.test", "b", "b/v3/y_test.go", "TestY"}}},
		"a folder":       {language.TestRequest{Paths: []string{"b/"}}, map[string]found{"b/v3": {"b.test", "b", "b/v3/y_test.go", "TestY"}}},
		"a file":         {language.TestRequest{Paths: []string{"a/x_test.go"}}, map[string]found{"a": {"a.test", "a_test", "a/x_test.go", "TestX"}}},
		"selected tests": {language.TestRequest{Select: []string{"m_test.go::TestA/part", "m_test.go::FuzzD", "m_test.go::TestC", "a/x_test.go::TestA"}}, map[string]found{".": {"m.test", "m", "m_test.go", "FuzzD TestA"}}},
		"nothing":        {language.TestRequest{Paths: []string{"c"}}, map[string]found{}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			got := map[string]found{}
			for _, p := range packagesOf(code, c.request) {
				got[p.folder] = found{p.programName(), p.clause, strings.Join(p.files, " "), strings.Join(p.wanted, " ")}
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("packages (-want +got):\n%s", diff)
			}
		})
	}
}

func TestBuildError(t *testing.T) {
	const output = "# example.com/m/dep\ndep/dep.go:3:1: syntax error\n# example.com/m/a_test [example.com/m/a.test]\na/a_test.go:5:2: undefined: x\nFAIL\n"
	cases := map[string]string{"example.com/m/a": "a/a_test.go:5:2: undefined: x", "example.com/m/dep": "dep/dep.go:3:1: syntax error", "example.com/m/b": "dep/dep.go:3:1: syntax error"}
	for importPath, want := range cases {
		if got := buildError(output, importPath); got != want {
			t.Errorf("%s: got %q", importPath, got)
		}
	}
}
