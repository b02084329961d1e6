package enginetest

import (
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/repoexpert/operator/api/v1alpha1"
	"github.com/repoexpert/operator/internal/agent"
	"github.com/repoexpert/operator/internal/artifact"
	"github.com/repoexpert/operator/internal/contract"
	"github.com/repoexpert/operator/internal/grading"
	"github.com/repoexpert/operator/internal/language"
	"github.com/repoexpert/operator/internal/language/adapters"
	"github.com/repoexpert/operator/internal/recall"
	"github.com/repoexpert/operator/internal/snapshot"
	"github.com/repoexpert/operator/internal/task"
)

// knowledge is what there is to know, by the text that asks for it.
type knowledge struct {
	facts map[string]fact
	// functions are patches that write a missing body.
	functions map[string]string
	// looks is how many evaluations were sealed.
	looks int
}

// fact is an answer with the number of its fact in the plan.
type fact struct {
	number int
	answer string
}

// learn reads all plans of an artifact volume. Plans of several commits may answer
// one question differently, which is an error.
func learn(store *artifact.Store) (*knowledge, error) {
	k := &knowledge{facts: map[string]fact{}, functions: map[string]string{}}
	plans, err := sealed(store, contract.PlansFolder)
	if err != nil {
		return nil, err
	}
	for _, plan := range plans {
		if err := k.read(store, plan); err != nil {
			return nil, fmt.Errorf("learn from %s: %w", plan, err)
		}
	}
	looks, err := sealed(store, contract.EvaluationsFolder)
	k.looks = len(looks)
	return k, err
}

// sealed lists the outputs below a folder of the volume.
func sealed(store *artifact.Store, folder string) ([]string, error) {
	place, err := store.Path(folder)
	if err != nil {
		return nil, err
	}
	entries, err := os.ReadDir(place)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	var outputs []string
	for _, entry := range entries {
		output := path.Join(folder, entry.Name())
		// Drafts begin with a dot.
		if entry.Name()[0] == '.' {
			continue
		}
		if _, _, err := store.Lookup(output); err == nil {
			outputs = append(outputs, output)
		} else if !errors.Is(err, artifact.ErrNotSealed) {
			return nil, err
		}
	}
	return outputs, nil
}

func (k *knowledge) read(store *artifact.Store, plan string) error {
	place, err := store.Path(plan)
	if err != nil {
		return err
	}
	facts, err := task.ReadFile[recall.Fact](filepath.Join(place, task.FactsFile))
	if err != nil {
		return err
	}
	for number, question := range recall.EvaluationQuestions(facts) {
		if known, twice := k.facts[question.Text]; twice && known.answer != question.Answer {
			return fmt.Errorf("%q has the answers %q and %q: this server knows one commit", question.Text, known.answer, question.Answer)
		}
		k.facts[question.Text] = fact{number, question.Answer}
	}
	masks, err := task.ReadFile[task.Mask](filepath.Join(place, task.MasksFile))
	if err != nil {
		return err
	}
	bodies, err := bodiesOf(store, plan, place)
	if err != nil {
		return err
	}
	for _, mask := range masks {
		masked, err := bodies.Load(mask)
		if errors.Is(err, language.ErrMask) {
			continue
		}
		if err != nil {
			return err
		}
		k.functions[agent.ImplementationTask(mask.Name, mask.Path, "")] = masked.Gold()
	}
	return nil
}

// bodiesOf finds the bodies of a Python repository's functions in the snapshot that
// a plan was made from.
func bodiesOf(store *artifact.Store, plan, place string) (*grading.Grader, error) {
	manifest, _, err := store.Lookup(plan)
	if err != nil {
		return nil, err
	}
	source := ""
	for input := range manifest.Inputs {
		if strings.HasPrefix(input, contract.SnapshotsFolder+"/") {
			source = input
		}
	}
	folder, err := store.Path(source)
	if err != nil {
		return nil, fmt.Errorf("its snapshot: %w", err)
	}
	tree, err := snapshot.Open(folder)
	if err != nil {
		return nil, err
	}
	file, err := os.Open(filepath.Join(place, task.InventoryFile))
	if err != nil {
		return nil, err
	}
	defer func() { _ = file.Close() }() // read only
	inventory, err := language.ParseInventory(file, language.DefaultInventoryLimits())
	if err != nil {
		return nil, err
	}
	adapter, err := adapters.For(v1alpha1.TestPytest)
	if err != nil {
		return nil, err
	}
	return grading.New(grading.Config{Adapter: adapter, Source: tree, Inventory: inventory}), nil
}
