package conformance

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"github.com/repoexpert/operator/internal/language"
	"github.com/repoexpert/operator/internal/sandbox"
)

// testMutations puts every fault into a file of its own and inspects all of them
// at once: what is mutated must parse and have the same definitions.
func testMutations(t *testing.T, adapter language.Adapter, box sandbox.Box, fixture Fixture) {
	inventory := inspect(t, adapter, box, library)
	modules, paths := map[string]language.Module{}, []string{fixture.BrokenFile}
	for _, module := range inventory.Modules {
		modules[module.Path] = module
		paths = append(paths, module.Path)
	}
	before := files(t, box)
	mutations := mutate(t, adapter, box, paths)
	if diff := cmp.Diff(before, files(t, box)); diff != "" {
		t.Errorf("the tree changed:\n%s", diff)
	}
	slices.Reverse(paths)
	if diff := cmp.Diff(mutations, mutate(t, adapter, box, paths)); diff != "" {
		t.Errorf("a second list differs:\n%s", diff)
	}
	if len(mutations) == 0 || !slices.IsSortedFunc(mutations, language.Mutation.Compare) {
		t.Fatalf("%d mutations are out of order", len(mutations))
	}
	if _, err := adapter.Mutate(t.Context(), box, library, []string{"../" + paths[0]}); !errors.Is(err, language.ErrInventory) {
		t.Errorf("a file outside of the tree: got error %v", err)
	}
	tree := fstest.MapFS{}
	for i, mutation := range mutations {
		source, err := fs.ReadFile(fixture.Library, mutation.Path)
		if err != nil {
			t.Fatal(err)
		}
		checkPlace(t, modules[mutation.Path], source, mutation)
		tree[mutatedPath(i, mutation)] = &fstest.MapFile{Data: applied(t, source, mutation)}
	}
	PutTree(t, box, "mutated", tree)
	after := inspect(t, adapter, box, "mutated")
	for _, problem := range after.Errors {
		t.Errorf("%s does not parse: %s", problem.Path, problem.Error)
	}
	found := map[string][]string{}
	for _, module := range after.Modules {
		found[module.Path] = outline(module)
	}
	for i, mutation := range mutations {
		if diff := cmp.Diff(outline(modules[mutation.Path]), found[mutatedPath(i, mutation)]); diff != "" {
			t.Errorf("%+v changes definitions:\n%s", mutation, diff)
		}
	}
}

func mutate(t *testing.T, adapter language.Adapter, box sandbox.Box, paths []string) []language.Mutation {
	t.Helper()
	mutations, err := adapter.Mutate(t.Context(), box, library, paths)
	if err != nil {
		t.Fatal(err)
	}
	return mutations
}

func mutatedPath(number int, mutation language.Mutation) string {
	return fmt.Sprintf("m%04d/%s", number, mutation.Path)
}

func applied(t *testing.T, source []byte, mutation language.Mutation) []byte {
	t.Helper()
	result, err := mutation.Apply(source)
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Equal(result, source) {
		t.Errorf("%+v changes nothing", mutation)
	}
	return result
}

// checkPlace demands that a fault is inside the function that it names, in a
// module that is no test.
func checkPlace(t *testing.T, module language.Module, source []byte, mutation language.Mutation) {
	t.Helper()
	if module.Path == "" || module.IsTest {
		t.Errorf("%+v is in no module that may have faults", mutation)
	}
	first := lineOf(source, mutation.Start)
	last := lineOf(source, max(mutation.Start, mutation.End-1))
	if mutation.Line != first {
		t.Errorf("%+v begins on line %d", mutation, first)
	}
	inside := func(d language.Definition) bool {
		return d.Kind != language.KindClass && d.Name == mutation.Function && d.StartLine <= first && last <= d.EndLine
	}
	if !slices.ContainsFunc(module.Definitions, inside) {
		t.Errorf("%+v is not inside its function", mutation)
	}
}

// lineOf is the 1-based line of a byte.
func lineOf(source []byte, offset int) int {
	end := 0
	for i, line := range language.Lines(source) {
		if end += len(line); offset < end {
			return i + 1
		}
	}
	return 0
}

// outline is what must be the same after a fault.
func outline(module language.Module) []string {
	var names []string
	for _, definition := range module.Definitions {
		names = append(names, string(definition.Kind)+" "+definition.Name)
	}
	return names
}
