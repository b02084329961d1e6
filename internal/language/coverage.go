package language

import "slices"

// Coverage says which tests executed which lines, compactly: lines with the
// same tests share one group.
type Coverage struct {
	// Tests are the ids that the groups refer to by index.
	Tests []string `json:"tests"`
	// Files maps a path below the tree's root to its groups.
	Files map[string][]CoverageGroup `json:"files"`
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
