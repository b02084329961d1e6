package language

import (
	"fmt"
	"maps"
	"slices"
)

// Coverage says which tests executed which lines, compactly: lines with the
// same tests share one group.
type Coverage struct {
	// Tests are the ids that the groups refer to by index.
	Tests []string `json:"tests"`
	// Files maps a path below the tree's root to its groups.
	Files map[string][]CoverageGroup `json:"files"`
	// Loading maps a path to the lines, ascending, that were executed outside of all
	// tests, such as while they were loaded. Empty where an adapter cannot tell.
	Loading map[string][]int `json:"loading,omitempty"`
}

// CoverageGroup is a set of lines that the same tests executed.
type CoverageGroup struct {
	// Lines are 1-based and ascending, Tests indexes into Coverage.Tests.
	Lines []int `json:"lines"`
	Tests []int `json:"tests"`
}

// Covering returns the ids of the tests that executed a line of start to end,
// in order.
func (c *Coverage) Covering(path string, start, end int) []string {
	found := map[int]bool{}
	for _, group := range c.Files[path] {
		// The first line that is not below start decides: lines ascend.
		at, _ := slices.BinarySearch(group.Lines, start)
		if at == len(group.Lines) || group.Lines[at] > end {
			continue
		}
		for _, test := range group.Tests {
			found[test] = true
		}
	}
	ids := make([]string, 0, len(found))
	for test := range found {
		ids = append(ids, c.Tests[test])
	}
	slices.Sort(ids)
	return ids
}

// Loads says whether a line of start to end was executed outside of all tests: a
// fault there keeps tests from being loaded.
func (c *Coverage) Loads(path string, start, end int) bool {
	lines := c.Loading[path]
	at, _ := slices.BinarySearch(lines, start)
	return at < len(lines) && lines[at] <= end
}

// Breadth returns how many lines each test executed in all: a test that touches
// little says most about what it touches.
func (c *Coverage) Breadth() map[string]int {
	breadth := make(map[string]int, len(c.Tests))
	for _, groups := range c.Files {
		for _, group := range groups {
			for _, test := range group.Tests {
				breadth[c.Tests[test]] += len(group.Lines)
			}
		}
	}
	return breadth
}

// Both is what each test executed according to both coverages. Tests with
// threads, time limits or sets take other ways in other runs: unsteady are those
// of both for which the two differ, in order. Lines are grouped anew, in order. What
// either executed outside of tests counts.
func (c *Coverage) Both(other *Coverage) (both *Coverage, unsteady []string) {
	both = &Coverage{Files: map[string][]CoverageGroup{}}
	differ := map[int]bool{}
	index := map[string]int{}
	for _, id := range c.Tests {
		if slices.Contains(other.Tests, id) {
			index[id] = len(both.Tests)
			both.Tests = append(both.Tests, id)
		}
	}
	paths := slices.Concat(slices.Collect(maps.Keys(c.Files)), slices.Collect(maps.Keys(other.Files)))
	slices.Sort(paths)
	for _, path := range slices.Compact(paths) {
		of, against := c.byLine(path, index), other.byLine(path, index)
		mark(differ, of, against)
		mark(differ, against, of)
		for line, tests := range of {
			of[line] = slices.DeleteFunc(tests, func(test int) bool { return !slices.Contains(against[line], test) })
		}
		if groups := GroupLines(of); len(groups) > 0 {
			both.Files[path] = groups
		}
	}
	both.Loading = unionOf(c.Loading, other.Loading)
	for _, test := range slices.Sorted(maps.Keys(differ)) {
		unsteady = append(unsteady, both.Tests[test])
	}
	slices.Sort(unsteady)
	return both, unsteady
}

// unionOf has the lines of both.
func unionOf(some, others map[string][]int) map[string][]int {
	var union map[string][]int
	for _, lines := range []map[string][]int{some, others} {
		for path, of := range lines {
			if union == nil {
				union = map[string][]int{}
			}
			union[path] = slices.Compact(slices.Sorted(slices.Values(slices.Concat(union[path], of))))
		}
	}
	return union
}

// mark notes the tests that executed a line here and not there.
func mark(differ map[int]bool, here, there map[int][]int) {
	for line, tests := range here {
		for _, test := range tests {
			if !slices.Contains(there[line], test) {
				differ[test] = true
			}
		}
	}
}

// byLine lists, by another index, the tests that executed each line of a file.
func (c *Coverage) byLine(path string, index map[string]int) map[int][]int {
	lines := map[int][]int{}
	for _, group := range c.Files[path] {
		for _, line := range group.Lines {
			for _, test := range group.Tests {
				if at, known := index[c.Tests[test]]; known {
					lines[line] = append(lines[line], at)
				}
			}
		}
	}
	return lines
}

// GroupLines joins the lines that the same tests, by their indexes, executed, in
// order of the first lines. Lines of no test are left out.
func GroupLines(lines map[int][]int) []CoverageGroup {
	var groups []CoverageGroup
	at := map[string]int{}
	for _, line := range slices.Sorted(maps.Keys(lines)) {
		tests := slices.Sorted(slices.Values(lines[line]))
		if len(tests) == 0 {
			continue
		}
		key := fmt.Sprint(tests)
		if _, known := at[key]; !known {
			at[key] = len(groups)
			groups = append(groups, CoverageGroup{Tests: tests})
		}
		groups[at[key]].Lines = append(groups[at[key]].Lines, line)
	}
	return groups
}
