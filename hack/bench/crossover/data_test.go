package crossover

import (
	"fmt"
	"slices"
	"testing"

	"github.com/repoexpert/operator/internal/recall"
	"github.com/repoexpert/operator/internal/task"
)

func facts(prefix string, n int) []recall.Fact {
	list := make([]recall.Fact, n)
	for i := range list {
		list[i] = recall.Fact{ID: fmt.Sprint(prefix, i), Kind: recall.Raises, Subject: fmt.Sprint(prefix, "f", i), Answer: fmt.Sprint(prefix, "Error", i)}
	}
	return list
}

func ids(facts []recall.Fact) []string {
	list := make([]string, len(facts))
	for i, fact := range facts {
		list[i] = fact.ID
	}
	slices.Sort(list)
	return list
}

func TestChoose(t *testing.T) {
	a, b := facts("a", 9), facts("b", 30)
	// The same question of both, and the same id.
	b[3].Subject, b[4].ID = a[2].Subject, a[5].ID
	ofA, ofB, err := Choose(a, b, 20, 1)
	if err != nil || len(ofA) != 6 || len(ofB) != 6 {
		t.Fatalf("got %d and %d, %v", len(ofA), len(ofB), err)
	}
	for _, fact := range slices.Concat(ofA, ofB) {
		if slices.Contains([]string{"a2", "a5", "b3"}, fact.ID) {
			t.Errorf("%s is asked of both", fact.ID)
		}
	}
	again, _, err := Choose(a, b, 20, 1)
	if err != nil || !slices.Equal(ids(again), ids(ofA)) {
		t.Error("the same seed chooses others")
	}
	if ofA, _, err := Choose(a, b, 5, 1); err != nil || len(ofA) != 4 {
		t.Errorf("a limit of 5 gives %d, %v", len(ofA), err)
	}
	if _, _, err := Choose(a, nil, 5, 1); err == nil {
		t.Error("no facts are enough")
	}
	half := Half(ofA, ofB)
	if len(half) != 6 || half[0].ID != ofA[0].ID || half[3].ID != ofB[0].ID {
		t.Errorf("half and half is %v", ids(half))
	}
}

// All three experts have as many samples, each fact in every wording.
func TestDataSet(t *testing.T) {
	ofA, ofB, err := Choose(facts("a", 8), facts("b", 8), 8, 1)
	if err != nil {
		t.Fatal(err)
	}
	var curated []task.Sample
	for _, question := range recall.TrainingQuestions(slices.Concat(ofA, ofB), recall.TrainingWordings, 2, 7) {
		curated = append(curated, task.Sample{Messages: question.Messages(), Meta: task.Meta{TaskID: question.ID}})
	}
	for _, trained := range [][]recall.Fact{ofA, ofB, Half(ofA, ofB)} {
		samples, err := DataSet(trained, curated, 1)
		if err != nil || len(samples) != 8*recall.TrainingWordings {
			t.Errorf("got %d samples, %v", len(samples), err)
		}
	}
	if _, err := DataSet(ofA, curated[:0], 1); err == nil {
		t.Error("a question that Curate dropped goes unnoticed")
	}
}
