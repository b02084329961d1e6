package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/repoexpert/operator/api/v1alpha1"
	"github.com/repoexpert/operator/hack/bench/crossover"
	"github.com/repoexpert/operator/internal/artifact"
	"github.com/repoexpert/operator/internal/recall"
	"github.com/repoexpert/operator/internal/task"
)

// twoRepositories are facts and what Curate kept of them, in another order.
func twoRepositories(n int) []repository {
	list := make([]repository, 2)
	for i, name := range []string{"first", "second"} {
		list[i].subject = subject{name: name, commit: "0123456789abcdef"}
		for f := range n {
			list[i].facts = append(list[i].facts, recall.Fact{
				ID: fmt.Sprint(name, f), Kind: recall.Raises, Subject: fmt.Sprint(name, "_f", f), Answer: fmt.Sprint("E", f), Cluster: fmt.Sprint(f / 2),
			})
		}
		for _, question := range recall.TrainingQuestions(list[i].facts, recall.TrainingWordings, 1, 9) {
			list[i].curated = append(list[i].curated, task.Sample{Messages: question.Messages(), Meta: task.Meta{TaskID: question.ID}})
		}
	}
	return list
}

func TestDesignOfTheCrossover(t *testing.T) {
	e := experiment{bench: crossoverBench{facts: 8, seeds: 2}, repositories: twoRepositories(10)}
	if err := e.design(); err != nil {
		t.Fatal(err)
	}
	tasks := func(of expert, name string) int {
		count := 0
		for _, sample := range of.samples {
			if strings.HasPrefix(sample.Meta.TaskID, name) {
				count++
			}
		}
		return count
	}
	const all = 8 * recall.TrainingWordings
	want := map[string][2]int{"first": {all, 0}, "second": {0, all}, "both": {all / 2, all / 2}}
	for _, of := range e.experts {
		if got := [2]int{tasks(of, "first"), tasks(of, "second")}; got != want[of.name] {
			t.Errorf("%s has %v samples, want %v", of.name, got, want[of.name])
		}
	}
	e.repositories[0].curated = e.repositories[0].curated[:3]
	if err := e.design(); err == nil {
		t.Error("questions that Curate dropped go unnoticed")
	}
}

func TestTableOfTheCrossover(t *testing.T) {
	e := experiment{bench: crossoverBench{facts: 4, seeds: 2}, repositories: twoRepositories(4)}
	if err := e.design(); err != nil {
		t.Fatal(err)
	}
	all, none := []bool{true, true, true, true}, make([]bool, 4)
	half := []bool{true, true, false, false}
	e.base = [2]crossover.Scores{{none}, {none}}
	e.scores = [3][2]crossover.Scores{{{all, all}, {none, none}}, {{none, half}, {all, all}}, {{half, half}, {half, half}}}
	e.trained, e.asked = []time.Duration{time.Minute, 2 * time.Minute}, []time.Duration{time.Second}
	var out strings.Builder
	if err := e.print(&out, time.Hour); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"| first | 100.0 % (4, 4 of 4) | 0.0 % (0, 0 of 4) |",
		"| second | 25.0 % (0, 2 of 4) | 100.0 % (4, 4 of 4) |",
		"- first: 100.0 % (2, 2 of 2) and 0.0 % (0, 0 of 2)",
		"| RCL effect: own expert minus the other's, mean of both repositories | +87.5 |",
		"+100.0, +75.0 |",
		"| own expert minus the expert of both | +50.0 |",
		recall.ScoreLabel, "not the comparison with training on one task over many repositories", "1h0m0s in all; trainings 2 in 3m0s",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the table lacks %q:\n%s", want, out.String())
		}
	}
}

func TestBetweenTwoKnownRepositories(t *testing.T) {
	for _, b := range []crossoverBench{
		{between: []string{"click"}, seeds: 1, facts: 8}, {between: []string{"click", "click"}, seeds: 1, facts: 8},
		{between: []string{"click", "attrs"}, seeds: 0, facts: 8}, {between: []string{"click", "attrs"}, seeds: 1, facts: 1},
	} {
		if err := b.run(t.Context(), &strings.Builder{}); err == nil {
			t.Errorf("%+v is accepted", b)
		}
	}
	if _, err := subjectNamed("unheard-of"); err == nil || !slices.Contains(subjectNames(), "click") {
		t.Errorf("got %v", err)
	}
}

// The base model is sealed once, and a model that is there is not trained again.
func TestVolumeOfTheCrossover(t *testing.T) {
	store, err := artifact.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	model := t.TempDir()
	if err := os.WriteFile(filepath.Join(model, "config.json"), []byte("{}"), 0o600); err != nil {
		t.Fatal(err)
	}
	e := experiment{bench: crossoverBench{facts: 4, seeds: 2}, repositories: twoRepositories(4)}
	if err := e.design(); err != nil {
		t.Fatal(err)
	}
	m := machine{store: store, experiment: &e}
	if err := m.sealBase(model); err != nil {
		t.Fatal(err)
	}
	first := m.baseDigest
	if err := m.sealBase(model); err != nil || m.baseDigest != first || first == "" {
		t.Errorf("digests %s and %s, %v", first, m.baseDigest, err)
	}
	folders := map[string]bool{}
	for _, of := range e.experts {
		for seed := 1; seed <= 2; seed++ {
			keys, _, err := m.keys(of, seed)
			if err != nil {
				t.Fatal(err)
			}
			folder := keys.Output(v1alpha1.StageTrain)
			if _, err := m.seal(folder, artifact.Manifest{}, nil); err != nil {
				t.Fatal(err)
			}
			if got, err := m.train(t.Context(), of, seed); err != nil || got != folder {
				t.Errorf("got %s, %v", got, err)
			}
			folders[folder] = true
		}
	}
	if len(folders) != 6 || len(e.trained) != 0 {
		t.Errorf("%d models, %d trainings", len(folders), len(e.trained))
	}
}
