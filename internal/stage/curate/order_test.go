package curate

import (
	"cmp"
	"fmt"
	"slices"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/repoexpert/operator/api/v1alpha1"
	"github.com/repoexpert/operator/internal/recall"
	"github.com/repoexpert/operator/internal/stage"
	"github.com/repoexpert/operator/internal/task"
)

// mixture is an input of order.
type mixture struct {
	samples   []task.Sample
	questions []recall.Question
	batch     int
	seed      uint64
}

func drawMixture(t *rapid.T) mixture {
	m := mixture{batch: rapid.IntRange(1, 6).Draw(t, "batch"), seed: rapid.Uint64().Draw(t, "seed")}
	var facts []recall.Fact
	for i := range rapid.IntRange(0, 4).Draw(t, "facts") {
		facts = append(facts, fact(fmt.Sprint("f", i), recall.Raises, fmt.Sprint("subject", i), "Error"))
	}
	m.questions = recall.TrainingQuestions(facts, recall.TrainingWordings, m.batch, m.seed)
	// Some questions were dropped before.
	for _, question := range m.questions {
		if rapid.IntRange(0, 4).Draw(t, "asked") > 0 {
			m.samples = append(m.samples, task.Sample{Meta: task.Meta{Unit: remembering, TaskID: question.ID, Tokens: 9}})
		}
	}
	units := []v1alpha1.UnitName{implementation, design}
	for i, tokens := range rapid.SliceOfN(rapid.IntRange(1, 20), 0, 20).Draw(t, "tokens") {
		m.samples = append(m.samples, task.Sample{Meta: task.Meta{Unit: units[i%2], TaskID: fmt.Sprint("task", i), Tokens: tokens}})
	}
	m.samples = rapid.Permutation(m.samples).Draw(t, "samples")
	return m
}

func (m mixture) order() ([]task.Sample, *Card) {
	var env stage.Env
	env.Spec.Recipe.Experience.Units = []v1alpha1.Unit{{Name: implementation}, {Name: design}, {Name: remembering}}
	card := newCard(env, env.Spec.Commit, nil)
	return order(slices.Clone(m.samples), m.questions, m.batch, m.seed, card), card
}

// split returns trajectories and questions of a list, each in the list's order.
func split(samples []task.Sample) (played, asked []task.Sample) {
	for _, sample := range samples {
		if sample.Meta.Unit == remembering {
			asked = append(asked, sample)
		} else {
			played = append(played, sample)
		}
	}
	return played, asked
}

func TestOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := drawMixture(t)
		got, card := m.order()
		checkPermutation(t, m, got, card)
		checkBatches(t, m, got)
		m.samples = rapid.Permutation(m.samples).Draw(t, "again")
		if again, _ := m.order(); !gocmp.Equal(ids(got), ids(again)) {
			t.Fatalf("the order of the input matters:\n%s", gocmp.Diff(ids(got), ids(again)))
		}
	})
}

// checkPermutation demands every sample once, but for the counted drops: fewer
// trajectories than a batch, and the longest ones.
func checkPermutation(t *rapid.T, m mixture, got []task.Sample, card *Card) {
	left := map[string]task.Sample{}
	for _, sample := range m.samples {
		left[sample.Meta.TaskID] = sample
	}
	longest := 0
	for _, sample := range got {
		if diff := gocmp.Diff(left[sample.Meta.TaskID], sample); diff != "" {
			t.Fatalf("%s is new or comes twice:\n%s", sample.Meta.TaskID, diff)
		}
		delete(left, sample.Meta.TaskID)
		if sample.Meta.Unit != remembering {
			longest = max(longest, sample.Meta.Tokens)
		}
	}
	counted := map[v1alpha1.UnitName]int{}
	for _, sample := range left {
		counted[sample.Meta.Unit]++
		if sample.Meta.Unit == remembering || sample.Meta.Tokens < longest {
			t.Fatalf("%+v is gone", sample.Meta)
		}
	}
	for _, unit := range card.Units {
		if unit.Dropped[dropUnfilledBatch] != counted[unit.Name] {
			t.Fatalf("%s: %v is counted, %d are gone", unit.Name, unit.Dropped, counted[unit.Name])
		}
	}
	if len(left) >= m.batch {
		t.Fatalf("%d are gone, a batch has %d", len(left), m.batch)
	}
}

// checkBatches cuts the data set as the trainer does.
func checkBatches(t *rapid.T, m mixture, got []task.Sample) {
	played, asked := split(got)
	if !gocmp.Equal(ids(got), append(ids(played), ids(asked)...)) {
		t.Fatalf("questions stand among trajectories: %v", ids(got))
	}
	place := func(id string) int {
		return slices.IndexFunc(m.questions, func(question recall.Question) bool { return question.ID == id })
	}
	if !slices.IsSortedFunc(asked, func(a, b task.Sample) int { return cmp.Compare(place(a.Meta.TaskID), place(b.Meta.TaskID)) }) {
		t.Fatalf("questions are not in recall's order: %v", ids(asked))
	}
	var lengths [][2]int
	for batch := range slices.Chunk(got, m.batch) {
		trajectories, questions := split(batch)
		if len(trajectories) > 0 && len(questions) > 0 && len(played) >= m.batch {
			t.Fatalf("a batch holds both: %v", ids(batch))
		}
		if len(trajectories) > 0 {
			slices.SortFunc(trajectories, func(a, b task.Sample) int { return cmp.Compare(a.Meta.Tokens, b.Meta.Tokens) })
			lengths = append(lengths, [2]int{trajectories[0].Meta.Tokens, trajectories[len(trajectories)-1].Meta.Tokens})
		}
	}
	// Batches are of like length: no two of them overlap.
	slices.SortFunc(lengths, func(a, b [2]int) int { return slices.Compare(a[:], b[:]) })
	for i := 1; i < len(lengths); i++ {
		if lengths[i][0] < lengths[i-1][1] {
			t.Fatalf("batches from the shortest to the longest: %v", lengths)
		}
	}
}

// A curriculum by length is not wanted: the seed decides which batch is first.
func TestSeedOrdersBatches(t *testing.T) {
	m := mixture{batch: 2}
	for i := range 12 {
		m.samples = append(m.samples, task.Sample{Meta: task.Meta{Unit: design, TaskID: fmt.Sprint("task", i), Tokens: 10 * i}})
	}
	first := map[int]bool{}
	for m.seed = range uint64(40) {
		got, _ := m.order()
		first[got[0].Meta.Tokens] = true
	}
	if len(first) < 4 {
		t.Errorf("40 seeds begin with %d different batches of 6", len(first))
	}
}
