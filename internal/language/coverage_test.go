package language_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/repoexpert/operator/internal/language"
)

func TestCoverageOfBoth(t *testing.T) {
	first := &language.Coverage{
		Tests: []string{"a", "b", "c"},
		Files: map[string][]language.CoverageGroup{
			"m.py": {{Lines: []int{1, 4}, Tests: []int{0, 1}}, {Lines: []int{2}, Tests: []int{2}}, {Lines: []int{3}, Tests: []int{0}}},
			"n.py": {{Lines: []int{7}, Tests: []int{2}}},
		},
		Loading: map[string][]int{"m.py": {1, 8}},
	}
	second := &language.Coverage{
		Tests: []string{"b", "a"},
		Files: map[string][]language.CoverageGroup{
			"m.py": {{Lines: []int{1, 4}, Tests: []int{0}}, {Lines: []int{1, 3}, Tests: []int{1}}},
		},
		Loading: map[string][]int{"m.py": {1, 5}, "n.py": {2}},
	}
	want := &language.Coverage{
		Tests: []string{"a", "b"},
		Files: map[string][]language.CoverageGroup{
			"m.py": {{Lines: []int{1}, Tests: []int{0, 1}}, {Lines: []int{3}, Tests: []int{0}}, {Lines: []int{4}, Tests: []int{1}}},
		},
		Loading: map[string][]int{"m.py": {1, 5, 8}, "n.py": {2}},
	}
	both, unsteady := first.Both(second)
	if diff := cmp.Diff(want, both); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"a"}, unsteady); diff != "" {
		t.Errorf("unsteady: %s", diff)
	}
	both, unsteady = first.Both(first)
	if diff := cmp.Diff(first, both); diff != "" || len(unsteady) > 0 {
		t.Errorf("a coverage and itself: %v\n%s", unsteady, diff)
	}
}

func TestLoads(t *testing.T) {
	coverage := &language.Coverage{Loading: map[string][]int{"m.py": {3, 7}}}
	for _, c := range []struct {
		path       string
		start, end int
		want       bool
	}{
		{"m.py", 1, 2, false},
		{"m.py", 1, 3, true},
		{"m.py", 3, 3, true},
		{"m.py", 4, 6, false},
		{"m.py", 5, 9, true},
		{"m.py", 8, 9, false},
		{"n.py", 1, 9, false},
	} {
		if got := coverage.Loads(c.path, c.start, c.end); got != c.want {
			t.Errorf("%s, lines %d to %d: %v", c.path, c.start, c.end, got)
		}
	}
}
