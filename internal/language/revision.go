package language

import "iter"

// Revision is a source file before and after a change.
type Revision struct {
	Before, After []byte
}

const (
	// batchRevisions and batchBytes bound what is compared in one run of a helper.
	batchRevisions = 200
	batchBytes     = 16 << 20
)

// Batches cuts revisions into parts that a helper can take at once.
func Batches(revisions []Revision) iter.Seq[[]Revision] {
	return func(yield func([]Revision) bool) {
		first, size := 0, 0
		for i, revision := range revisions {
			bytes := len(revision.Before) + len(revision.After)
			if i > first && (i-first == batchRevisions || size+bytes > batchBytes) {
				if !yield(revisions[first:i]) {
					return
				}
				first, size = i, 0
			}
			size += bytes
		}
		if first < len(revisions) {
			yield(revisions[first:])
		}
	}
}
