package grading

import (
	"testing"
	"testing/fstest"
	"time"

	"github.com/repoexpert/operator/api/v1alpha1"
	"github.com/repoexpert/operator/internal/language"
	"github.com/repoexpert/operator/internal/language/conformance"
	"github.com/repoexpert/operator/internal/language/golang"
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
	solveNothing(t, g, masked, v1alpha1.TestGo, func(t *testing.T, changed []byte) {
		t.Helper()
		// A cheat that does not build would prove nothing.
		conformance.PutTree(t, box, "built", fstest.MapFS{"go.mod": tree["go.mod"], "sum.go": {Data: changed}})
		built, err := box.Run(t.Context(), sandbox.Command{Args: []string{"go", "build", "."}, Dir: "built", Timeout: time.Minute})
		if err != nil || built.ExitCode != 0 {
			t.Fatalf("%v\n%s\n%s", err, built.Output, changed)
		}
	})
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
