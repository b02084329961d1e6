package experience

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"math/bits"
	"slices"

	"github.com/repoexpert/operator/internal/task"
)

// mix is a stable hash of a seed and a text.
func mix(seed uint64, text string) uint64 {
	sum := sha256.Sum256(append(binary.BigEndian.AppendUint64(nil, seed), text...))
	return binary.BigEndian.Uint64(sum[:8])
}

// bySize orders masks by size class of their bodies (up to 4 lines, 8, 16, ...)
// and keeps the plan's own order, which is random, inside a class: a short
// trajectory fits every model, and a sample of one size is still no choice of
// ours.
func bySize(masks []task.Mask) []task.Mask {
	ordered := slices.Clone(masks)
	slices.SortStableFunc(ordered, func(a, b task.Mask) int { return cmp.Compare(sizeClass(a), sizeClass(b)) })
	return ordered
}

func sizeClass(mask task.Mask) int {
	return max(2, bits.Len(uint(max(0, mask.EndLine-mask.BodyStart))))
}

// share returns the values of one shard. Values are dealt in rounds of one to
// each shard, so that every shard gets as many of every part of the order; in a
// round the heaviest goes to the shard that has least. All shards compute the
// same, without talking to each other.
func share[T any](values []T, index, shards int, weight func(T) int) []T {
	load := make([]int, shards)
	var mine []T
	for round := range slices.Chunk(values, shards) {
		heaviest := slices.Clone(round)
		slices.SortStableFunc(heaviest, func(a, b T) int { return cmp.Compare(weight(b), weight(a)) })
		order := make([]int, shards)
		for i := range order {
			order[i] = i
		}
		slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(load[a], load[b]) })
		for i, value := range heaviest {
			load[order[i]] += weight(value)
			if order[i] == index {
				mine = append(mine, value)
			}
		}
	}
	return mine
}

// spare is how many samples beyond its part a shard makes: some will be longer
// than the model takes, which only its tokenizer tells.
const spare = 2

// quota is a shard's part of a limit that holds for all shards together, and some
// to spare. Curate keeps to the limit.
func quota(limit, index, shards int) int {
	part := limit / shards
	if index < limit%shards {
		part++
	}
	return part + spare
}
