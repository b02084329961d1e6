package golang

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/repoexpert/operator/internal/contract"
	"github.com/repoexpert/operator/internal/language"
	"github.com/repoexpert/operator/internal/language/conformance"
	"github.com/repoexpert/operator/internal/sandbox"
)

// patience is for a busy machine that compiles the standard library.
const patience = 10 * time.Minute

// vendored is a module with a dependency in vendor.
var vendored = fstest.MapFS{
	"go.mod":                           source("module example.com/shop\n\ngo 1.21\n\nrequire example.com/words v1.0.0\n"),
	"shop.go":                          source("package shop\n\nimport \"example.com/words\"\n\nfunc Word() string { return words.Word() }\n"),
	"shop_test.go":                     source("package shop\n\nimport \"testing\"\n\nfunc TestWord(t *testing.T) {\n\tif got := Word(); got != \"genuine\" {\n\t\tt.Fatal(got)\n\t}\n}\n"),
	"vendor/modules.txt":               source("# example.com/words v1.0.0\n## explicit; go 1.21\nexample.com/words\n"),
	"vendor/example.com/words/word.go": source("package words\n\nfunc Word() string { return \"genuine\" }\n"),
}

// poison writes another word into the compiled dependency and leaves size, mode
// and times as they were.
const poison = `set -e
file=$(grep -lr genuine "$0"/*/*-d | head -1)
cp -p "$file" ref && sed s/genuine/altered/ ref > new && chmod u+w "$file" && cat new > "$file"
chmod --reference=ref "$file" && touch -r ref "$file"
mkdir -p "$0/00" && echo left > "$0/00/left" && rm ref new`

// Dependencies are compiled once, in another box, and nothing of the module is.
// What a command writes into the cache is not there for the next tree.
func TestPrecompile(t *testing.T) {
	environment := t.TempDir()
	start := func(environment string) sandbox.Box {
		return conformance.StartBox(t, func(o *sandbox.Options) {
			o.EnvironmentDir, o.Caches, o.Sealed = environment, []string{contract.GoCacheFolder}, []string{contract.GoModulesFolder}
		})
	}
	setup := start(environment)
	conformance.PutTree(t, setup, sandbox.TreeFolder, vendored)
	if err := (Adapter{environment: environment}).Precompile(t.Context(), setup, sandbox.TreeFolder, patience); err != nil {
		t.Fatal(err)
	}
	if left := shell(t, setup, "ls "+sandbox.TreeFolder); strings.Contains(left, dependenciesFolder) {
		t.Errorf("the tree holds %s", left)
	}
	var sealed bytes.Buffer
	if err := setup.GetEnvironment(t.Context(), &sealed); err != nil {
		t.Fatal(err)
	}

	// Vendored packages are compiled for their folder: this box has the root of the
	// other one, as the boxes of pods do.
	elsewhere := t.TempDir()
	box := conformance.StartBox(t, func(o *sandbox.Options) {
		o.Root, o.EnvironmentDir, o.Caches = setup.Root(), elsewhere, []string{contract.GoCacheFolder}
	})
	if err := box.PutEnvironment(t.Context(), &sealed); err != nil {
		t.Fatal(err)
	}
	cache := elsewhere + "/" + contract.GoCacheFolder
	anew := func() { conformance.PutTree(t, box, sandbox.TreeFolder, vendored) }
	anew()
	goTest := "cd " + sandbox.TreeFolder + " && GOFLAGS=-buildvcs=false GOCACHE=" + cache + " go test -x "
	if vetted := shell(t, box, goTest+". 2>&1 | grep -c '/vet .*vet.cfg'"); vetted != "1\n" {
		t.Errorf("go vet ran for %s packages, want the module's one", vetted)
	}
	compiled := shell(t, box, goTest+"-c -vet=off -cover -o /dev/null . 2>&1 | sed -n 's/.*\\/compile .* -p \\([^ ]*\\) .*/\\1/p' | sort -u")
	if compiled != "example.com/shop\nmain\n" {
		t.Errorf("these packages were compiled again, want the module's alone:\n%s", compiled)
	}
	adapter := Adapter{environment: elsewhere}
	word := func() language.TestResult {
		report, err := adapter.RunTests(t.Context(), box, sandbox.TreeFolder, language.TestRequest{Timeout: patience, Canary: true})
		if err != nil || len(report.Tests) != 1 {
			t.Fatalf("got %+v, error %v", report, err)
		}
		return report.Tests[0]
	}
	anew()
	if shell(t, box, poison+"\n", cache); word().Message != "altered" {
		t.Fatal("the cache could not be poisoned: this test shows nothing")
	}
	anew()
	if got := word(); got.Outcome != language.OutcomePassed {
		t.Errorf("another tree's commands changed what this one's do: %+v", got)
	}
	if left := shell(t, box, "ls "+cache+"/00"); strings.Contains(left, "left") {
		t.Errorf("the cache holds %s", left)
	}
}

// What is missing is told with what to do.
func TestPrecompileWithoutDependencies(t *testing.T) {
	without := func(names ...string) fstest.MapFS {
		tree := fstest.MapFS{}
		for name, file := range vendored {
			tree[name] = file
		}
		for _, name := range names {
			delete(tree, name)
		}
		return tree
	}
	summed := without("vendor/modules.txt", "vendor/example.com/words/word.go")
	sum := "h1:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n"
	summed["go.sum"] = source("example.com/words v1.0.0 " + sum + "example.com/words v1.0.0/go.mod " + sum)
	newer := without()
	newer["go.mod"] = source("module example.com/shop\n\ngo 1.999\n")
	tests := map[string]struct {
		tree fstest.MapFS
		want string
	}{
		"no go.sum":            {without("vendor/modules.txt", "vendor/example.com/words/word.go"), "run go mod tidy"},
		"nothing vendored":     {summed, "add GOPATH=/environment/go go mod download to environment.setup"},
		"a package is missing": {without("vendor/example.com/words/word.go"), "go mod vendor"},
		"inconsistent":         {without("vendor/modules.txt"), "go mod vendor"},
		"a newer Go":           {newer, "use an image with that version of Go"},
	}
	box := conformance.StartBox(t)
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			conformance.PutTree(t, box, sandbox.TreeFolder, test.tree)
			err := (Adapter{environment: t.TempDir()}).Precompile(t.Context(), box, sandbox.TreeFolder, patience)
			if !errors.Is(err, language.ErrEnvironment) || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want %q", err, test.want)
			}
		})
	}
}

func shell(t *testing.T, box sandbox.Box, script string, args ...string) string {
	t.Helper()
	result, err := box.Run(t.Context(), sandbox.Command{Args: append([]string{"sh", "-c", script}, args...), Dir: ".", Timeout: patience})
	if err != nil || result.ExitCode != 0 {
		t.Fatalf("%s: %+v, error %v", script, result, err)
	}
	return result.Output
}
