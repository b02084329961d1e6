package curate

import (
	"cmp"
	"slices"

	"github.com/repoexpert/operator/api/v1alpha1"
	"github.com/repoexpert/operator/internal/recall"
	"github.com/repoexpert/operator/internal/task"
)

// shuffleAnswers gives each question the answer of another fact of its kind: the
// control that shows what training on the format alone is worth.
func shuffleAnswers(samples []task.Sample, facts []recall.Fact, seed uint64) []task.Sample {
	answers := map[string]string{}
	for _, fact := range recall.Shuffle(facts, seed) {
		answers[fact.ID] = fact.Answer
	}
	shuffled := slices.Clone(samples)
	for i, sample := range shuffled {
		if sample.Meta.Unit != v1alpha1.UnitRepositoryRecall {
			continue
		}
		messages := slices.Clone(sample.Messages)
		messages[len(messages)-1].Content = answers[factOf(sample.Meta.TaskID)]
		shuffled[i].Messages = messages
		shuffled[i].Meta.ContentHash = task.ContentHash(messages)
		shuffled[i].Meta.Verification = "control: the answer of another fact"
	}
	return shuffled
}

// trainingOrder puts trajectories first, those of like length together, then the
// questions as recall wants them trained. A batch is padded to its longest
// sample, so a trajectory among questions would cost as much as a batch of them.
func trainingOrder(samples []task.Sample, facts []recall.Fact, training v1alpha1.Training) []task.Sample {
	batch := int(max(1, training.BatchSize) * max(1, training.GradientAccumulation))
	position := map[string]int{}
	for i, question := range recall.TrainingQuestions(facts, recall.TrainingWordings, batch, uint64(training.Seed)) {
		position[question.ID] = i
	}
	rank := func(sample task.Sample) (int, int) {
		if sample.Meta.Unit == v1alpha1.UnitRepositoryRecall {
			return 1, position[sample.Meta.TaskID]
		}
		return 0, sample.Meta.Tokens
	}
	ordered := slices.Clone(samples)
	slices.SortStableFunc(ordered, func(a, b task.Sample) int {
		groupA, placeA := rank(a)
		groupB, placeB := rank(b)
		return cmp.Or(cmp.Compare(groupA, groupB), cmp.Compare(placeA, placeB), cmp.Compare(a.Meta.TaskID, b.Meta.TaskID))
	})
	return ordered
}
