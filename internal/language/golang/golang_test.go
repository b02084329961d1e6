package golang

import (
	"context"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"golang.org/x/tools/txtar"

	"github.com/repoexpert/operator/internal/language"
	"github.com/repoexpert/operator/internal/language/conformance"
	"github.com/repoexpert/operator/internal/sandbox"
)

func source(text string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(text)} }

// library is the module in testdata, with a file that has Windows line ends.
func library(t testing.TB) fs.FS {
	t.Helper()
	archive, err := txtar.ParseFile("testdata/library.txtar")
	if err != nil {
		t.Fatal(err)
	}
	tree := fstest.MapFS{
		"prices/ending.go": source("package prices\r\n\r\n// Ending has Windows line ends.\r\nfunc Ending(value int) int {\r\n\tfirst := value\r\n\treturn first + 1\r\n}\r\n"),
	}
	for _, file := range archive.Files {
		tree[file.Name] = &fstest.MapFile{Data: file.Data}
	}
	return tree
}

func TestConformance(t *testing.T) {
	conformance.Run(t, New(), conformance.Fixture{
		Library:    library(t),
		BrokenFile: "broken/broken.go",
		Outcomes:   libraryOutcomes,
		Flaky:      "prices/prices_test.go::TestDependsOnOrder",
		FlakySeed:  3,
		Covered: map[[2]string][]string{
			{"prices/prices.go", "Uncovered"}: {},
			{"prices/prices.go", "lowest"}:    {},
			{"prices/prices.go", "Parse"}: {
				"prices/prices_test.go::FuzzParse", "prices/prices_test.go::TestParse",
			},
			{"prices/prices.go", "Total"}: {
				"prices/prices_test.go::TestFails", "prices/prices_test.go::TestTotal",
				"prices/prices_test.go::TestTotalRefusesNegativePrices", "stock/stock_test.go::TestTake",
			},
			{"bookshop.go", "ShopError.Error"}: {"bookshop_test.go::ExampleShopError", "bookshop_test.go::TestError"},
			{"stock/stock.go", "Set.Put"}:      {"stock/inside_test.go::TestSet"},
		},
		Unmaskable: [][2]string{
			{"prices/prices.go", "Cheap"},
			{"prices/prices.go", "Joined"},
			{"prices/prices_test.go", "TestOpens"},
			{"prices/prices_test.go", "helper"},
		},
		Forced: func(line string) bool {
			line = strings.TrimSpace(line)
			return strings.HasPrefix(line, "import") || strings.HasSuffix(line, `"`) || line == ")" || line == ""
		},
		Endings: endings,
	})
}

var libraryOutcomes = map[string]language.Outcome{
	"bookshop_test.go::ExampleShopError":                    language.OutcomePassed,
	"bookshop_test.go::TestError":                           language.OutcomePassed,
	"prices/prices_test.go::FuzzParse":                      language.OutcomePassed,
	"prices/prices_test.go::FuzzParse/seed#0":               language.OutcomePassed,
	"prices/prices_test.go::TestDependsOnOrder":             language.OutcomePassed,
	"prices/prices_test.go::TestDiscounted":                 language.OutcomePassed,
	"prices/prices_test.go::TestFails":                      language.OutcomeFailed,
	"prices/prices_test.go::TestOpens":                      language.OutcomePassed,
	"prices/prices_test.go::TestParse":                      language.OutcomePassed,
	"prices/prices_test.go::TestPartlyFails":                language.OutcomeFailed,
	"prices/prices_test.go::TestPartlyFails/bad":            language.OutcomeFailed,
	"prices/prices_test.go::TestPartlyFails/good":           language.OutcomePassed,
	"prices/prices_test.go::TestSkipped":                    language.OutcomeSkipped,
	"prices/prices_test.go::TestTotal":                      language.OutcomePassed,
	"prices/prices_test.go::TestTotal/nothing":              language.OutcomePassed,
	"prices/prices_test.go::TestTotal/one_book":             language.OutcomePassed,
	"prices/prices_test.go::TestTotal/two":                  language.OutcomePassed,
	"prices/prices_test.go::TestTotalRefusesNegativePrices": language.OutcomePassed,
	"prices/prices_test.go::TestWide":                       language.OutcomePassed,
	"stock/inside_test.go::TestSet":                         language.OutcomePassed,
	"stock/stock_test.go::TestAfterPanic":                   language.OutcomePassed,
	"stock/stock_test.go::TestAfterPanic/sub":               language.OutcomePassed,
	"stock/stock_test.go::TestOutOfStock":                   language.OutcomePassed,
	"stock/stock_test.go::TestPanics":                       language.OutcomeFailed,
	"stock/stock_test.go::TestTake":                         language.OutcomePassed,
}

const (
	goMod   = "module example.com/m\n\ngo 1.21\n"
	passing = "package m\n\nimport \"testing\"\n\nfunc TestA(t *testing.T) {}\n\nfunc TestB(t *testing.T) {}\n"
)

// second is a test file with a test that passes and one with a body.
func second(imports, body string) *fstest.MapFile {
	return source("package m\n\nimport (\n\t\"testing\"\n" + imports + ")\n\nfunc TestA(t *testing.T) {}\n\nfunc TestB(t *testing.T) {\n" + body + "\n}\n")
}

// goodAndBad are the outcomes of second when its body fails.
var goodAndBad = map[string]language.Outcome{"a_test.go::TestA": language.OutcomePassed, "a_test.go::TestB": language.OutcomeFailed}

var endings = map[string]conformance.Ending{
	"no tests": {
		Tree:  fstest.MapFS{"go.mod": source(goMod), "m.go": source("package m\n")},
		State: language.StateNoTests,
	},
	"no module": {
		Tree:  fstest.MapFS{"a_test.go": source(passing)},
		State: language.StateCollectionError,
	},
	"a package does not build": {
		Tree: fstest.MapFS{
			"go.mod": source(goMod), "a_test.go": source(passing),
			"b/m.go": source("package m\n"), "b/b_test.go": second("", "undefined()"),
		},
		State: language.StateCollectionError,
		Want:  map[string]language.Outcome{"a_test.go::TestA": language.OutcomePassed},
	},
	"a file does not parse": {
		Tree:  fstest.MapFS{"go.mod": source(goMod), "a_test.go": source(passing), "b/b_test.go": source("package m\n\nfunc TestB( {\n")},
		State: language.StateCollectionError,
		Want:  map[string]language.Outcome{"a_test.go::TestA": language.OutcomePassed},
	},
	"a dependency is missing": {
		Tree: fstest.MapFS{
			"go.mod": source(goMod), "a_test.go": source(passing),
			"b/b_test.go": second("\t_ \"example.com/nowhere\"\n", ""),
		},
		State: language.StateCollectionError,
		Want:  map[string]language.Outcome{"a_test.go::TestA": language.OutcomePassed},
	},
	"a test hangs": {
		Tree:    fstest.MapFS{"go.mod": source(goMod), "a_test.go": second("\t\"os\"\n\t\"os/signal\"\n", "c := make(chan os.Signal, 1)\n\tsignal.Notify(c, os.Interrupt)\n\t<-c")},
		Timeout: 30 * time.Second,
		State:   language.StateTimedOut,
		Want:    map[string]language.Outcome{"a_test.go::TestA": language.OutcomePassed},
	},
	"a test panics": {
		Tree:  fstest.MapFS{"go.mod": source(goMod), "a_test.go": second("", "panic(\"no\")")},
		State: language.StateCompleted,
		Want:  goodAndBad,
	},
	"a goroutine panics": {
		Tree:  fstest.MapFS{"go.mod": source(goMod), "a_test.go": second("", "go panic(\"no\")\n\tselect {}")},
		State: language.StateCompleted,
		Want:  goodAndBad,
	},
	"a test exits": {
		Tree:  fstest.MapFS{"go.mod": source(goMod), "a_test.go": second("\t\"os\"\n", "os.Exit(0)")},
		State: language.StateCompleted,
		Want:  goodAndBad,
	},
	"a test ends the process without a word": {
		Tree:  fstest.MapFS{"go.mod": source(goMod), "a_test.go": second("\t\"syscall\"\n", "syscall.Exit(0)")},
		State: language.StateCompleted,
		Want:  goodAndBad,
	},
	"a test kills the process": {
		Tree:  fstest.MapFS{"go.mod": source(goMod), "a_test.go": second("\t\"syscall\"\n", "syscall.Kill(syscall.Getpid(), syscall.SIGKILL)\n\tselect {}")},
		State: language.StateCompleted,
		Want:  goodAndBad,
	},
	"a goroutine is left": {
		Tree:  fstest.MapFS{"go.mod": source(goMod), "a_test.go": second("", "go func() { select {} }()")},
		State: language.StateCompleted,
		Want:  map[string]language.Outcome{"a_test.go::TestB": language.OutcomePassed},
	},
	"a child process is left": {
		Tree:  fstest.MapFS{"go.mod": source(goMod), "a_test.go": second("\t\"os\"\n\t\"os/exec\"\n", "c := exec.Command(\"sleep\", \"600\")\n\tc.Stdout = os.Stdout\n\tif err := c.Start(); err != nil {\n\t\tt.Fatal(err)\n\t}")},
		State: language.StateCompleted,
		Want:  map[string]language.Outcome{"a_test.go::TestB": language.OutcomePassed},
	},
	"tests are not run": {
		Tree:  fstest.MapFS{"go.mod": source(goMod), "a_test.go": source(passing), "main_test.go": source("package m\n\nimport (\n\t\"os\"\n\t\"testing\"\n)\n\nfunc TestMain(m *testing.M) { os.Exit(0) }\n")},
		State: language.StateCollectionError,
	},
	"a package panics before its tests": {
		Tree:  fstest.MapFS{"go.mod": source(goMod), "a_test.go": source(passing), "m.go": source("package m\n\nfunc init() { panic(\"no\") }\n")},
		State: language.StateCollectionError,
	},
	"selected tests are gone": {
		Tree:   fstest.MapFS{"go.mod": source(goMod), "a_test.go": source(passing)},
		Select: []string{"a_test.go::TestC", "z_test.go::TestA", "a_test.go::TestA/sub"},
		State:  language.StateCollapsed,
		Want: map[string]language.Outcome{
			"a_test.go::TestC": language.OutcomeMissing, "z_test.go::TestA": language.OutcomeMissing, "a_test.go::TestA/sub": language.OutcomeMissing,
		},
	},
	"a selected file is outside of the tree": {
		Tree:   fstest.MapFS{"go.mod": source(goMod), "a_test.go": source(passing)},
		Select: []string{"../../../../../../../etc/passwd::TestA"},
		State:  language.StateCollapsed,
	},
	"every test is made to pass": {
		Tree:  fstest.MapFS{"go.mod": source(goMod), "a_test.go": second("", "t.Fatal()"), "m.go": forger(`=== RUN   TestB\n\x16--- PASS: TestB (0.00s)\n\x16PASS\n`, 0)},
		Error: language.ErrForged,
	},
	"a failure of another test is made up": {
		Tree:  fstest.MapFS{"go.mod": source(goMod), "a_test.go": second("", "t.Fatal()"), "m.go": forger(`=== RUN   TestB\n\x16--- PASS: TestB (0.00s)\n\x16--- FAIL: TestC (0.00s)\n\x16FAIL\n`, 1)},
		Error: language.ErrForged,
	},
	"the exit code is made 0": {
		Tree:  fstest.MapFS{"go.mod": source(goMod), "a_test.go": second("", "t.Fatal()"), "main_test.go": source("package m\n\nimport (\n\t\"os\"\n\t\"testing\"\n)\n\nfunc TestMain(m *testing.M) {\n\tm.Run()\n\tos.Exit(0)\n}\n")},
		Error: language.ErrForged,
	},
}

// forger prints a report of its own and ends the program before the tests.
func forger(frames string, exit int) *fstest.MapFile {
	return source("package m\n\nimport (\n\t\"os\"\n\t\"strings\"\n)\n\nfunc init() {\n\tif strings.HasSuffix(os.Args[0], \".test\") {\n\t\tos.Stdout.WriteString(\"\\x16" + frames + "\")\n\t\tos.Exit(" + string(rune('0'+exit)) + ")\n\t}\n}\n")
}

// counting counts the test programs that a box runs.
type counting struct {
	sandbox.Box
	programs int
}

func (c *counting) Run(ctx context.Context, command sandbox.Command) (sandbox.Result, error) {
	if slices.ContainsFunc(command.Args, func(arg string) bool { return strings.HasPrefix(arg, "-test.v=") }) {
		c.programs++
	}
	return c.Box.Run(ctx, command)
}

// A test that kills its program costs two programs more, not one for every test.
func TestOthersRunTogetherWithoutTheOneThatDies(t *testing.T) {
	box := &counting{Box: conformance.StartBox(t)}
	var tests strings.Builder
	for n := range 20 {
		body := ""
		if n == 7 {
			body = "panic(\"no\")"
		}
		fmt.Fprintf(&tests, "func TestN%d(t *testing.T) { %s }\n\n", n, body)
	}
	conformance.PutTree(t, box, "tree", fstest.MapFS{
		"go.mod": source(goMod), "a_test.go": source("package m\n\nimport \"testing\"\n\n" + tests.String()),
	})
	report, err := New().RunTests(t.Context(), box, "tree", language.TestRequest{Timeout: time.Minute, Canary: true})
	if err != nil {
		t.Fatal(err)
	}
	if passed, failed := report.Count(language.OutcomePassed), report.Count(language.OutcomeFailed); report.State != language.StateCompleted || passed != 19 || failed != 1 {
		t.Errorf("%s, %d passed, %d failed, want 19 and 1", report.State, passed, failed)
	}
	if box.programs != 3 {
		t.Errorf("%d test programs were run, want 3: all, all but one, and that one", box.programs)
	}
}
