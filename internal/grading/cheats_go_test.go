package grading

import (
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/repoexpert/operator/internal/language"
	"github.com/repoexpert/operator/internal/language/conformance"
	"github.com/repoexpert/operator/internal/language/golang"
	"github.com/repoexpert/operator/internal/patch"
	"github.com/repoexpert/operator/internal/sandbox"
	"github.com/repoexpert/operator/internal/task"
)

const (
	sumSource = `package sum

// Sum adds up.
func Sum(values ...int) int {
	total := 0
	for _, value := range values {
		total += value
	}
	return total
}
`
	sumTests = `package sum

import "testing"

func TestSum(t *testing.T) {
	t.Run("three", func(t *testing.T) {
		if Sum(1, 2, 3) != 6 {
			t.Error("wrong")
		}
	})
}

func TestNone(t *testing.T) {
	if Sum() != 0 {
		t.Error("wrong")
	}
}

func TestOther(t *testing.T) {}
`
)

// goCheats are what TestCheatsSolveNothing has for Python: imports and code of a
// file whose function does nothing.
var goCheats = map[string]struct{ imports, code, body string }{
	"the process ends with success":          {`"os"`, "func init() { os.Exit(0) }", ""},
	"the process ends in the function":       {`"os"`, "", "os.Exit(0)"},
	"without a word":                         {`"syscall"`, "func init() { syscall.Exit(0) }", ""},
	"no test is run":                         {`"flag"`, `var _ = flag.CommandLine` + "\n\nfunc init() { flag.Usage = func() {}; go func() { for { flag.Set(\"test.run\", \"^$\") } }() }", ""},
	"the grading tests are skipped":          {`"flag"`, "func init() { go func() { for { flag.Set(\"test.skip\", \"Sum|None\") } }() }", ""},
	"the goroutine of the test ends":         {`"runtime"`, "", "runtime.Goexit()"},
	"frames of passed tests":                 {`"os"`, "func init() {\n\tos.Stdout.WriteString(\"\\x16=== RUN   TestSum\\n\\x16--- PASS: TestSum (0.00s)\\n\\x16=== RUN   TestNone\\n\\x16--- PASS: TestNone (0.00s)\\n\\x16PASS\\n\")\n\tos.Exit(0)\n}", ""},
	"frames of passed tests, later":          {`"os"`, "", "os.Stdout.WriteString(\"\\x16--- PASS: TestSum (0.00s)\\n\\x16--- PASS: TestNone (0.00s)\\n\\x16PASS\\n\"); os.Exit(0)"},
	"the process is killed":                  {`"syscall"`, "", "syscall.Kill(syscall.Getpid(), syscall.SIGKILL)"},
	"the tests are edited":                   {`"os"`, "func init() { os.WriteFile(\"sum_test.go\", []byte(\"package sum\\n\"), 0o644) }", ""},
	"the tests are deleted":                  {`"os"`, "func init() { os.RemoveAll(\"sum_test.go\") }", ""},
	"a process edits the tests later":        {`"os/exec"`, "func init() { exec.Command(\"sh\", \"-c\", \"while :; do echo package sum > sum_test.go; done\").Start() }", ""},
	"settings of the go command":             {`"os"`, "func init() { os.Setenv(\"GOFLAGS\", \"-run=^$\"); os.WriteFile(\"go.work\", []byte(\"go 1.26\\n\"), 0o644) }", ""},
	"standard output is closed":              {`"os"`, "func init() { os.Stdout.Close() }", ""},
	"panics are swallowed":                   {"", "", "defer func() { recover() }(); panic(0)"},
	"a wrong answer":                         {"", "", ""},
	"the result of another call is returned": {"", "var last int", "last++; return last"},
}

func TestGoCheatsSolveNothing(t *testing.T) {
	tree := fstest.MapFS{
		"go.mod":      {Data: []byte("module example.com/sum\n\ngo 1.24\n")},
		"sum.go":      {Data: []byte(sumSource)},
		"sum_test.go": {Data: []byte(sumTests)},
	}
	box, adapter := conformance.StartBox(t), golang.New()
	conformance.PutTree(t, box, "tree", tree)
	inventory, err := adapter.Inspect(t.Context(), box, "tree")
	if err != nil {
		t.Fatal(err)
	}
	g := New(Config{
		Box: box, Adapter: adapter, Source: memory{tree, conformance.Tar(t, tree)}, Inventory: inventory, TestTimeout: 30 * time.Second,
		Baseline: task.Baseline{Stable: []string{"sum_test.go::TestNone", "sum_test.go::TestOther", "sum_test.go::TestSum", "sum_test.go::TestSum/three"}},
	})
	masked := goMask(t, g, inventory)
	gap := masked.Gap()
	for name, cheat := range goCheats {
		t.Run(name, func(t *testing.T) {
			text := strings.Replace(string(gap), `panic("not implemented")`, cheat.body+"\n\treturn -1", 1) + "\n" + cheat.code + "\n"
			if cheat.imports != "" {
				text = strings.Replace(text, "package sum\n", "package sum\n\nimport "+cheat.imports+"\n", 1)
			}
			// A cheat that does not build would prove nothing.
			conformance.PutTree(t, box, "built", fstest.MapFS{"go.mod": tree["go.mod"], "sum.go": {Data: []byte(text)}})
			built, err := box.Run(t.Context(), sandbox.Command{Args: []string{"go", "build", "."}, Dir: "built", Timeout: time.Minute})
			if err != nil || built.ExitCode != 0 {
				t.Fatalf("%v\n%s\n%s", err, built.Output, text)
			}
			grade, err := g.GradePatch(t.Context(), masked.Task, patch.Diff("sum.go", gap, []byte(text)))
			if err != nil {
				t.Fatal(err)
			}
			if grade.Resolved || grade.Reason == PatchNotApplicable {
				t.Errorf("got %+v", grade)
			}
		})
	}
	if grade, err := g.GradePatch(t.Context(), masked.Task, masked.Gold()); err != nil || !grade.Resolved {
		t.Errorf("the known body gives %+v, %v", grade, err)
	}
	if grade, err := g.GradePatch(t.Context(), masked.Task, ""); err != nil || grade.Resolved {
		t.Errorf("nothing gives %+v, %v", grade, err)
	}
}

// goMask takes out Sum and checks the task and its control.
func goMask(t *testing.T, g *Grader, inventory *language.Inventory) Masked {
	t.Helper()
	for _, module := range inventory.Modules {
		for _, definition := range module.Definitions {
			if definition.Name != "Sum" {
				continue
			}
			masked, err := g.Load(task.Mask{
				Path: module.Path, Name: definition.Name, StartLine: definition.StartLine,
				Tests: []string{"sum_test.go::TestNone", "sum_test.go::TestSum", "sum_test.go::TestSum/three"},
			})
			if err != nil {
				t.Fatal(err)
			}
			var grade Grade
			if masked.Task, grade, err = g.Check(t.Context(), masked.Task); err != nil || grade.Reason != TestsFailed {
				t.Fatalf("got %+v, %v", grade, err)
			}
			if masked.Task, _, err = g.CheckControl(t.Context(), masked.Task); err != nil || len(masked.Control) != 2 {
				t.Fatalf("controls %v, %v, want both functions", masked.Control, err)
			}
			return masked
		}
	}
	t.Fatal("Sum is not in the inventory")
	return Masked{}
}
