package enginetest

import (
	"archive/tar"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/repoexpert/operator/internal/artifact"
	"github.com/repoexpert/operator/internal/language"
	"github.com/repoexpert/operator/internal/recall"
	"github.com/repoexpert/operator/internal/snapshot"
	"github.com/repoexpert/operator/internal/task"
)

func TestShares(t *testing.T) {
	for percent := range 101 {
		n := 0
		for number := range 100 {
			if among(number, percent) {
				n++
			}
		}
		if n != percent {
			t.Errorf("%d of 100 numbers, want %d", n, percent)
		}
	}
	half := Skill{Functions: 50}
	for task := range 4 {
		if half.Draws(task, 0, 1) == half.Draws(task, 1, 1) || half.Draws(task, 0, 1) == half.Draws(task, 0, 2) {
			t.Errorf("task %d: luck does not turn", task)
		}
	}
	if !half.Writes() || (Skill{Functions: 49}).Writes() {
		t.Error("a greedy try does not do what most tries do")
	}
}

func TestParseSkills(t *testing.T) {
	skills, err := ParseSkills(`{"base":{"facts":20},"1":{"facts":90,"functions":50}}`)
	if err != nil || skills[Base] != (Skill{Facts: 20}) || skills["1"] != (Skill{Facts: 90, Functions: 50}) {
		t.Errorf("got %v, %v", skills, err)
	}
	for _, text := range []string{"", `{"base":{"facts":101}}`, `{"base":{"functions":-1}}`} {
		if skills, err := ParseSkills(text); err == nil {
			t.Errorf("%q gives %v", text, skills)
		}
	}
}

// seal writes an output.
func seal(t *testing.T, store *artifact.Store, folder string, inputs map[string]string, write func(place string) error) {
	t.Helper()
	draft, err := store.Begin(folder)
	if err != nil {
		t.Fatal(err)
	}
	if err := write(draft.Path()); err != nil {
		t.Fatal(err)
	}
	if _, err := draft.Seal(artifact.Manifest{Key: filepath.Base(folder), Inputs: inputs}); err != nil {
		t.Fatal(err)
	}
}

func plan(t *testing.T, store *artifact.Store, letter string, facts ...recall.Fact) {
	t.Helper()
	source := "snapshots/" + strings.Repeat(letter, 64)
	seal(t, store, source, nil, func(place string) error {
		tree, err := os.Create(filepath.Join(place, snapshot.TreeFile))
		if err != nil {
			return err
		}
		defer tree.Close()
		return tar.NewWriter(tree).Close()
	})
	seal(t, store, "plans/"+strings.Repeat(letter, 64), map[string]string{source: "sha256:0"}, func(place string) error {
		inventory, err := json.Marshal(language.Inventory{Schema: language.InventorySchema})
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(place, task.InventoryFile), inventory, 0o600); err != nil {
			return err
		}
		if err := task.WriteFile(filepath.Join(place, task.FactsFile), facts); err != nil {
			return err
		}
		return task.WriteFile(filepath.Join(place, task.MasksFile), []task.Mask{})
	})
}

// Plans of one commit are one knowledge; those of two may contradict each other.
func TestPlansMustAgree(t *testing.T) {
	root := t.TempDir()
	store, err := artifact.Open(root)
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	fact := recall.Fact{ID: "f", Kind: recall.Bases, Subject: "Cart", Answer: "list"}
	plan(t, store, "a", fact)
	plan(t, store, "b", fact)
	server, err := New(root, root, Skills{})
	if err != nil {
		t.Fatal(err)
	}
	if len(server.known.facts) != 1 {
		t.Errorf("knows %v", server.known.facts)
	}
	fact.Answer = "dict"
	plan(t, store, "c", fact)
	if _, err := New(root, root, Skills{}); err == nil || !strings.Contains(err.Error(), "this server knows one commit") {
		t.Errorf("got %v", err)
	}
}
