package history

import (
	"cmp"
	"slices"
)

// CoChanges counts how often files changed, alone and two together. It follows
// Zimmermann, Zeller, Weißgerber and Diehl, "Mining Version Histories to Guide
// Software Changes" (IEEE TSE 31(6), 2005): support is the number of changes
// that touched both files, confidence the part of a file's changes that touched
// the other one too.
type CoChanges struct {
	maxFiles int
	ids      map[string]int32
	paths    []string
	changes  []int32
	together map[[2]int32]int32
}

// NewCoChanges counts for these files, by their paths at the head. Changes of
// more than maxFiles of them are ignored: they say nothing about who belongs to
// whom.
func NewCoChanges(files []string, maxFiles int) *CoChanges {
	c := &CoChanges{maxFiles: maxFiles, ids: map[string]int32{}, together: map[[2]int32]int32{}}
	c.paths = slices.Compact(slices.Sorted(slices.Values(files)))
	for i, path := range c.paths {
		c.ids[path] = int32(i)
	}
	c.changes = make([]int32, len(c.paths))
	return c
}

// Add counts one change.
func (c *CoChanges) Add(change Change) {
	var touched []int32
	for _, file := range change.Files {
		if id, known := c.ids[file.Current]; known {
			touched = append(touched, id)
		}
	}
	slices.Sort(touched)
	touched = slices.Compact(touched)
	if len(touched) > c.maxFiles {
		return
	}
	for i, a := range touched {
		c.changes[a]++
		for _, b := range touched[i+1:] {
			c.together[[2]int32{a, b}]++
		}
	}
}

// Pair is two files that changed together.
type Pair struct {
	A, B string
	// Support is the number of changes of both.
	Support int
	// Confidence is the smaller of the two files' confidences, 0 to 1: a file that
	// changes with everything belongs to nothing.
	Confidence float64
}

// Pairs lists the pairs with at least this support and confidence, the firmest
// first.
func (c *CoChanges) Pairs(support int, confidence float64) []Pair {
	var pairs []Pair
	for ids, together := range c.together {
		often := max(c.changes[ids[0]], c.changes[ids[1]])
		pair := Pair{A: c.paths[ids[0]], B: c.paths[ids[1]], Support: int(together), Confidence: float64(together) / float64(often)}
		if pair.Support >= support && pair.Confidence >= confidence {
			pairs = append(pairs, pair)
		}
	}
	slices.SortFunc(pairs, func(a, b Pair) int {
		return cmp.Or(-cmp.Compare(a.Support, b.Support), -cmp.Compare(a.Confidence, b.Confidence), cmp.Compare(a.A, b.A), cmp.Compare(a.B, b.B))
	})
	return pairs
}

// Groups lists the files that such pairs connect, in order of their first paths.
func (c *CoChanges) Groups(support int, confidence float64) [][]string {
	parents := make([]int32, len(c.paths))
	for i := range parents {
		parents[i] = int32(i)
	}
	root := func(i int32) int32 {
		for parents[i] != i {
			parents[i] = parents[parents[i]]
			i = parents[i]
		}
		return i
	}
	for _, pair := range c.Pairs(support, confidence) {
		a, b := root(c.ids[pair.A]), root(c.ids[pair.B])
		parents[max(a, b)] = min(a, b)
	}
	members := map[int32][]string{}
	for i, path := range c.paths {
		at := root(int32(i))
		members[at] = append(members[at], path)
	}
	var groups [][]string
	for i := range c.paths {
		if group := members[int32(i)]; len(group) > 1 {
			groups = append(groups, group)
		}
	}
	return groups
}
