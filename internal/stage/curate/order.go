package curate

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"slices"

	"github.com/repoexpert/operator/api/v1alpha1"
	"github.com/repoexpert/operator/internal/recall"
	"github.com/repoexpert/operator/internal/task"
)

// order puts samples in training order: trajectories in batches of like length,
// the batches in an order that a seed decides; then the questions in theirs.
//
// A trajectory in a batch of questions would pad each of them to its length. So
// beside questions, trajectories fill whole batches: the longest ones that fill
// none are dropped. Fewer than one batch of them are kept nevertheless.
func order(samples []task.Sample, questions []recall.Question, batch int, seed uint64, card *Card) []task.Sample {
	place := make(map[string]int, len(questions))
	for i, question := range questions {
		place[question.ID] = i
	}
	var asked, played []task.Sample
	for _, sample := range samples {
		if sample.Meta.Unit == v1alpha1.UnitRepositoryRecall {
			asked = append(asked, sample)
		} else {
			played = append(played, sample)
		}
	}
	slices.SortStableFunc(asked, func(a, b task.Sample) int { return cmp.Compare(place[a.Meta.TaskID], place[b.Meta.TaskID]) })
	slices.SortStableFunc(played, func(a, b task.Sample) int {
		return cmp.Or(cmp.Compare(a.Meta.Tokens, b.Meta.Tokens), cmp.Compare(a.Meta.TaskID, b.Meta.TaskID))
	})
	if len(asked) > 0 && len(played) >= batch {
		whole := len(played) / batch * batch
		for _, sample := range played[whole:] {
			card.drop(sample, dropUnfilledBatch)
		}
		played = played[:whole]
	}
	batches := slices.Collect(slices.Chunk(played, batch))
	// One that is not full stays the last: the trainer cuts every so many samples.
	slices.SortStableFunc(batches[:len(played)/batch], func(a, b []task.Sample) int {
		return cmp.Compare(rank(seed, a[0].Meta.TaskID), rank(seed, b[0].Meta.TaskID))
	})
	return append(slices.Concat(batches...), asked...)
}

func rank(seed uint64, id string) uint64 {
	sum := sha256.Sum256(append(binary.BigEndian.AppendUint64(nil, seed), id...))
	return binary.BigEndian.Uint64(sum[:8])
}
