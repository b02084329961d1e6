package conformance

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/repoexpert/operator/internal/language"
	"github.com/repoexpert/operator/internal/sandbox"
)

// Fixture is what an adapter is tested with.
type Fixture struct {
	// Library has a file that does not parse, and tests that pass, fail, are
	// skipped and depend on the hash seed.
	Library fs.FS
	// BrokenFile is the path of the file that does not parse.
	BrokenFile string
	// Outcomes are the results of the library's tests under hash seed 1.
	Outcomes map[string]language.Outcome
	// Flaky is the test that has another outcome under FlakySeed.
	Flaky     string
	FlakySeed uint32
	// Covered maps a function, as path and qualified name, to the tests that
	// execute its body.
	Covered map[[2]string][]string
	// Unmaskable are definitions with a body that must be refused, as path and
	// qualified name: all others must be masked.
	Unmaskable [][2]string
	// Forced says whether MaskBody may take a line outside of the body out, because
	// the language forces it; nil where it forces nothing.
	Forced func(line string) bool
	// Endings are trees whose tests end as a whole in another way than by
	// completing.
	Endings map[string]Ending
}

// Ending is a tree and how its tests end.
type Ending struct {
	Tree  fstest.MapFS
	State language.SuiteState
	// Select, when set, are the tests to run.
	Select []string
	// Timeout of the run; what the suite allows itself when zero.
	Timeout time.Duration
	// Want are outcomes that must be reported nevertheless.
	Want map[string]language.Outcome
	// Error, when set, is what RunTests must return instead of a report.
	Error error
}

const (
	// timeout bounds what should end by itself, on a busy machine too.
	timeout = 5 * time.Minute
	// library is the directory of the fixture's tree.
	library = "library"
)

// Run runs the suite. It must not run beside parallel tests.
func Run(t *testing.T, adapter language.Adapter, fixture Fixture) {
	box := StartBox(t)
	PutTree(t, box, library, fixture.Library)
	t.Run("Inspect", func(t *testing.T) { testInspect(t, adapter, box, fixture) })
	t.Run("MaskBody", func(t *testing.T) { testMasks(t, adapter, box, fixture) })
	t.Run("DefinitionPattern", func(t *testing.T) { testDefinitionPatterns(t, adapter, box) })
	t.Run("Mutate", func(t *testing.T) { testMutations(t, adapter, box, fixture) })
	t.Run("RunTests", func(t *testing.T) { testOutcomes(t, adapter, box, fixture) })
	t.Run("Coverage", func(t *testing.T) { testCoverage(t, adapter, box, fixture) })
	for name, ending := range fixture.Endings {
		t.Run("Ending/"+name, func(t *testing.T) { testEnding(t, adapter, box, ending) })
	}
}

func inspect(t *testing.T, adapter language.Adapter, box sandbox.Box, dir string) *language.Inventory {
	t.Helper()
	inventory, err := adapter.Inspect(t.Context(), box, dir)
	if err != nil {
		t.Fatal(err)
	}
	return inventory
}

// files lists everything in the library's tree: adapters must leave nothing.
func files(t *testing.T, box sandbox.Box) string {
	t.Helper()
	result, err := box.Run(t.Context(), sandbox.Command{Args: []string{"sh", "-c", "find . -type f | sort"}, Dir: library, Timeout: timeout})
	if err != nil {
		t.Fatal(err)
	}
	return result.Output
}

func testInspect(t *testing.T, adapter language.Adapter, box sandbox.Box, fixture Fixture) {
	before := files(t, box)
	first := inspect(t, adapter, box, library)
	if diff := cmp.Diff(first, inspect(t, adapter, box, library)); diff != "" {
		t.Errorf("a second inspection differs:\n%s", diff)
	}
	if diff := cmp.Diff(before, files(t, box)); diff != "" {
		t.Errorf("the tree changed:\n%s", diff)
	}
	if len(first.Errors) != 1 || first.Errors[0].Path != fixture.BrokenFile {
		t.Errorf("files that do not parse are %v", first.Errors)
	}
}

// masked is one function with its file before and after.
type masked struct {
	dir        string
	module     language.Module
	definition language.Definition
}

// testDefinitionPatterns holds the patterns against their end, which is searched for
// before them.
func testDefinitionPatterns(t *testing.T, adapter language.Adapter, box sandbox.Box) {
	for _, module := range inspect(t, adapter, box, library).Modules {
		for _, definition := range module.Definitions {
			if pattern := adapter.Dialect().DefinitionPattern(definition); !strings.HasSuffix(pattern, definition.SimpleName()) {
				t.Errorf("the pattern %q of %s does not end with its name", pattern, definition.Name)
			}
		}
	}
}

// testMasks masks every function, each in a file of its own, and inspects all
// of them at once: what is masked must parse, have one statement, and leave
// every other definition as it was.
func testMasks(t *testing.T, adapter language.Adapter, box sandbox.Box, fixture Fixture) {
	inventory := inspect(t, adapter, box, library)
	tree := fstest.MapFS{}
	var all []masked
	for _, module := range inventory.Modules {
		source, err := fs.ReadFile(fixture.Library, module.Path)
		if err != nil {
			t.Fatal(err)
		}
		for _, definition := range module.Definitions {
			result, err := adapter.MaskBody(source, definition)
			refused := definition.Kind == language.KindClass || definition.BodyStartLine == 0 ||
				slices.Contains(fixture.Unmaskable, [2]string{module.Path, definition.Name})
			switch {
			case refused && !errors.Is(err, language.ErrMask):
				t.Errorf("%s %s: got error %v", module.Path, definition.Name, err)
			case !refused && err != nil:
				t.Error(err)
			case err == nil:
				dir := fmt.Sprintf("m%04d", len(all))
				tree[dir+"/"+module.Path] = &fstest.MapFile{Data: result}
				all = append(all, masked{dir: dir, module: module, definition: definition})
				checkMaskedText(t, fixture, source, result, definition)
			}
		}
	}
	if len(all) == 0 {
		t.Fatal("nothing was masked")
	}
	PutTree(t, box, "masked", tree)
	after := inspect(t, adapter, box, "masked")
	for _, problem := range after.Errors {
		t.Errorf("%s does not parse: %s", problem.Path, problem.Error)
	}
	byPath := map[string]language.Module{}
	for _, module := range after.Modules {
		byPath[module.Path] = module
	}
	for _, m := range all {
		checkMaskedModule(t, m, byPath[m.dir+"/"+m.module.Path])
	}
}

// checkMaskedText demands that one line stands for the body and the lines before
// and after it are the same, but for what the language forces.
func checkMaskedText(t *testing.T, fixture Fixture, source, result []byte, definition language.Definition) {
	t.Helper()
	before, after := language.Lines(source), language.Lines(result)
	at := 0
	for n, line := range before {
		body := n+1 >= definition.BodyStartLine && n+1 <= definition.BodyEndLine
		switch {
		case body && n+1 > definition.BodyStartLine:
		case at < len(after) && (body || slices.Equal(line, after[at])):
			at++
		case body || fixture.Forced == nil || !fixture.Forced(string(line)):
			t.Errorf("%s: line %d changed or is gone", definition.Name, n+1)
			return
		}
	}
	if at != len(after) {
		t.Errorf("%s: %d lines are new", definition.Name, len(after)-at)
	}
}

func checkMaskedModule(t *testing.T, m masked, after language.Module) {
	t.Helper()
	inside := func(d language.Definition) bool {
		return d.StartLine >= m.definition.BodyStartLine && d.EndLine <= m.definition.BodyEndLine
	}
	var want []language.Definition
	for _, definition := range m.module.Definitions {
		if !inside(definition) {
			want = append(want, definition)
		}
	}
	if len(want) != len(after.Definitions) {
		t.Errorf("%s %s: %d definitions are left, want %d", m.module.Path, m.definition.Name, len(after.Definitions), len(want))
		return
	}
	for i, definition := range after.Definitions {
		statements := want[i].Statements
		if want[i].StartLine == m.definition.StartLine && want[i].Name == m.definition.Name {
			statements = 1
		}
		if definition.Name != want[i].Name || definition.Statements != statements || definition.Docstring != want[i].Docstring {
			t.Errorf("%s %s: after masking, %s has %d statements", m.module.Path, m.definition.Name, definition.Name, definition.Statements)
		}
	}
}

func run(t *testing.T, adapter language.Adapter, box sandbox.Box, request language.TestRequest) *language.TestReport {
	t.Helper()
	request.Timeout, request.Canary = timeout, true
	if request.HashSeed == 0 {
		request.HashSeed = 1
	}
	report, err := adapter.RunTests(t.Context(), box, library, request)
	if err != nil {
		t.Fatal(err)
	}
	return report
}

func testOutcomes(t *testing.T, adapter language.Adapter, box sandbox.Box, fixture Fixture) {
	before := files(t, box)
	report := run(t, adapter, box, language.TestRequest{})
	if report.State != language.StateCompleted {
		t.Fatalf("the run is %s:\n%s", report.State, report.Output)
	}
	if diff := cmp.Diff(fixture.Outcomes, report.Outcomes()); diff != "" {
		t.Errorf("outcomes (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(before, files(t, box)); diff != "" {
		t.Errorf("the tree changed:\n%s", diff)
	}
	if report.CPU <= 0 || report.Elapsed <= 0 {
		t.Errorf("CPU %s, elapsed %s", report.CPU, report.Elapsed)
	}
	other := run(t, adapter, box, language.TestRequest{HashSeed: fixture.FlakySeed})
	if got := other.Outcomes()[fixture.Flaky]; got == fixture.Outcomes[fixture.Flaky] {
		t.Errorf("%s is %s under both hash seeds", fixture.Flaky, got)
	}
	selected := map[string]language.Outcome{fixture.Flaky + "_of_old": language.OutcomeMissing}
	ids := []string{fixture.Flaky + "_of_old"}
	for id, outcome := range fixture.Outcomes {
		// What a test that depends on the order does depends on what else runs.
		if len(ids) < 6 && id != fixture.Flaky {
			ids, selected[id] = append(ids, id), outcome
		}
	}
	report = run(t, adapter, box, language.TestRequest{Select: ids})
	if diff := cmp.Diff(selected, report.Outcomes()); diff != "" || report.State != language.StateCompleted {
		t.Errorf("selected tests are %s (-want +got):\n%s", report.State, diff)
	}
}

func testCoverage(t *testing.T, adapter language.Adapter, box sandbox.Box, fixture Fixture) {
	inventory := inspect(t, adapter, box, library)
	report := run(t, adapter, box, language.TestRequest{Coverage: true})
	if diff := cmp.Diff(fixture.Outcomes, report.Outcomes()); diff != "" {
		t.Errorf("outcomes under coverage (-want +got):\n%s", diff)
	}
	if report.Coverage == nil {
		t.Fatalf("no coverage in a run that is %s", report.State)
	}
	checked := 0
	for _, module := range inventory.Modules {
		for _, definition := range module.Definitions {
			want, asked := fixture.Covered[[2]string{module.Path, definition.Name}]
			if !asked || definition.BodyStartLine == 0 {
				continue
			}
			checked++
			got := report.Coverage.Covering(module.Path, definition.BodyStartLine, definition.BodyEndLine)
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("tests of %s %s (-want +got):\n%s", module.Path, definition.Name, diff)
			}
		}
	}
	if checked != len(fixture.Covered) {
		t.Errorf("%d of %d functions were found", checked, len(fixture.Covered))
	}
}

func testEnding(t *testing.T, adapter language.Adapter, box sandbox.Box, ending Ending) {
	PutTree(t, box, "ending", ending.Tree)
	limit := ending.Timeout
	if limit == 0 {
		limit = timeout
	}
	report, err := adapter.RunTests(t.Context(), box, "ending", language.TestRequest{
		Select: ending.Select, Timeout: limit, HashSeed: 1, Canary: true,
	})
	if ending.Error != nil {
		if !errors.Is(err, ending.Error) {
			t.Errorf("got report %+v, error %v", report, err)
		}
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	if report.State != ending.State {
		t.Errorf("the run is %s, want %s:\n%s", report.State, ending.State, report.Output)
	}
	for id, want := range ending.Want {
		if got := report.Outcomes()[id]; got != want {
			t.Errorf("%s is %q, want %q", id, got, want)
		}
	}
}
