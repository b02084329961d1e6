package language

import (
	"cmp"
	"fmt"
)

// Mutation is one procedural fault that can be put into a source file.
type Mutation struct {
	// Path of the file below the tree's root.
	Path string `json:"path"`
	// Function is the qualified name of the function or method around the fault, as
	// in Definition.Name; the outermost one of nested functions.
	Function string `json:"function"`
	// Operator is the family of the fault, a stable word such as
	// "comparison-boundary".
	Operator string `json:"operator"`
	// Line is the 1-based line of Start.
	Line int `json:"line"`
	// Start and End are the bytes [Start, End) of the file that Replacement
	// replaces.
	Start       int    `json:"start"`
	End         int    `json:"end"`
	Replacement string `json:"replacement"`
}

// Apply returns the source with the fault. Errors say that the range is not
// inside the source.
func (m Mutation) Apply(source []byte) ([]byte, error) {
	if m.Start < 0 || m.End < m.Start || m.End > len(source) {
		return nil, fmt.Errorf("mutation %s of %.80q: bytes %d-%d are not within 0-%d", m.Operator, m.Path, m.Start, m.End, len(source))
	}
	mutated := make([]byte, 0, len(source)+len(m.Replacement))
	mutated = append(mutated, source[:m.Start]...)
	mutated = append(mutated, m.Replacement...)
	return append(mutated, source[m.End:]...), nil
}

// Compare orders mutations by path, start, operator and replacement.
func (m Mutation) Compare(other Mutation) int {
	return cmp.Or(cmp.Compare(m.Path, other.Path), cmp.Compare(m.Start, other.Start), cmp.Compare(m.Operator, other.Operator),
		cmp.Compare(m.Replacement, other.Replacement), cmp.Compare(m.End, other.End))
}
