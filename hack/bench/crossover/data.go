package crossover

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/repoexpert/operator/internal/recall"
	"github.com/repoexpert/operator/internal/task"
)

// Batch is how many questions one step of the demo's training has: the order of the
// questions is made for it.
const Batch = 12

// Choose takes the same even number of facts of each repository, at most limit, in an
// order that the seed gives. What is asked of both in the same words is left out:
// one expert would learn the other's answer.
func Choose(a, b []recall.Fact, limit int, seed uint64) (ofA, ofB []recall.Fact, err error) {
	ofA, ofB = without(a, b), without(b, a)
	count := min(len(ofA), len(ofB), limit) / 2 * 2
	if count == 0 {
		return nil, nil, fmt.Errorf("no facts are left of %d and %d", len(a), len(b))
	}
	return ranked(ofA, seed)[:count], ranked(ofB, seed)[:count], nil
}

// Half is the first half of each repository's facts: with the same budget, what an
// expert of both is trained on.
func Half(a, b []recall.Fact) []recall.Fact {
	return slices.Concat(a[:len(a)/2], b[:len(b)/2])
}

// without leaves out the facts whose question is asked of the others too.
func without(facts, others []recall.Fact) []recall.Fact {
	type question struct {
		kind               recall.Kind
		subject, parameter string
	}
	asked := map[question]bool{}
	ids := map[string]bool{}
	for _, fact := range others {
		asked[question{fact.Kind, fact.Subject, fact.Parameter}], ids[fact.ID] = true, true
	}
	return slices.DeleteFunc(slices.Clone(facts), func(fact recall.Fact) bool {
		return ids[fact.ID] || asked[question{fact.Kind, fact.Subject, fact.Parameter}]
	})
}

// ranked orders facts by a hash of the seed and their ids.
func ranked(facts []recall.Fact, seed uint64) []recall.Fact {
	rank := func(fact recall.Fact) []byte {
		sum := sha256.Sum256(append(binary.BigEndian.AppendUint64(nil, seed), fact.ID...))
		return sum[:]
	}
	return slices.SortedFunc(slices.Values(facts), func(a, b recall.Fact) int {
		return cmp.Or(bytes.Compare(rank(a), rank(b)), cmp.Compare(a.ID, b.ID))
	})
}

// DataSet takes the samples of facts, in every training wording, out of what Curate
// kept, in the order of training. All experts get theirs in the same way.
func DataSet(facts []recall.Fact, curated []task.Sample, seed uint64) ([]task.Sample, error) {
	byID := map[string]task.Sample{}
	for _, sample := range curated {
		byID[sample.Meta.TaskID] = sample
	}
	var samples []task.Sample
	for _, question := range recall.TrainingQuestions(facts, recall.TrainingWordings, Batch, seed) {
		sample, kept := byID[question.ID]
		if !kept {
			return nil, fmt.Errorf("question %s was not kept by Curate: %s", question.ID, question.Text)
		}
		samples = append(samples, sample)
	}
	return samples, nil
}
