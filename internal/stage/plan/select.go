package plan

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"slices"
	"strings"
)

// inScope says whether experience is mined from a file: below one of the
// included folders, where any are named, and below no excluded one. An entry
// names a file or a folder, not the beginning of a name.
func inScope(path string, include, exclude []string) bool {
	below := func(prefix string) bool {
		prefix = strings.TrimRight(strings.TrimPrefix(prefix, "./"), "/")
		return path == prefix || strings.HasPrefix(path, prefix+"/") || prefix == "."
	}
	included := len(include) == 0 || slices.ContainsFunc(include, below)
	return included && !slices.ContainsFunc(exclude, below)
}

// stableID names something by its kind, path and qualified name.
func stableID(kind, path, name string) string {
	sum := sha256.Sum256([]byte(path + "\x00" + name))
	return kind + "-" + hex.EncodeToString(sum[:8])
}

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
