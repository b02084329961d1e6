package plan

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"slices"
)

// choose takes at most limit values, in an order that only the seed and the ids
// decide: an added value displaces few others. Values of one cluster follow each
// other only when every cluster had its turn.
func choose[T any](values []T, limit int, seed int64, id, cluster func(T) string) []T {
	ranked := slices.Clone(values)
	slices.SortFunc(ranked, func(a, b T) int {
		return cmp.Or(cmp.Compare(rank(seed, id(a)), rank(seed, id(b))), cmp.Compare(id(a), id(b)))
	})
	turn := map[string]int{}
	turns := make(map[string]int, len(ranked))
	for _, value := range ranked {
		turns[id(value)] = turn[cluster(value)]
		turn[cluster(value)]++
	}
	slices.SortStableFunc(ranked, func(a, b T) int { return cmp.Compare(turns[id(a)], turns[id(b)]) })
	return ranked[:min(len(ranked), limit)]
}

func rank(seed int64, id string) uint64 {
	sum := sha256.Sum256(append(binary.BigEndian.AppendUint64(nil, uint64(seed)), id...))
	return binary.BigEndian.Uint64(sum[:8])
}

// spare adds to what was asked for as much as may fail when it is executed.
func spare(asked int32) int {
	return int(asked) + max(4, int(asked)/2)
}

// capped cuts a sorted list without repetitions.
func capped(list []string, limit int) []string {
	slices.Sort(list)
	list = slices.Compact(list)
	return list[:min(len(list), limit)]
}
