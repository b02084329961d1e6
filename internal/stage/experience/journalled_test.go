package experience

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/repoexpert/operator/api/v1alpha1"
	"github.com/repoexpert/operator/internal/artifact"
	"github.com/repoexpert/operator/internal/contract"
	"github.com/repoexpert/operator/internal/stage"
)

func TestJournalled(t *testing.T) {
	store, err := artifact.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	spec := contract.StageSpec{Keys: contract.Keys{Experience: strings.Repeat("c", 64)}, Inputs: map[string]string{"plans/b": "sha256:1"}}
	check := func(when string, wantTasks int, wantCPU time.Duration) {
		t.Helper()
		tasks, cpu, err := Journalled(store, spec, 1)
		if err != nil || tasks != wantTasks || cpu != wantCPU {
			t.Errorf("%s: %d tasks, %s, %v", when, tasks, cpu, err)
		}
	}
	check("before it began", 0, 0)
	draft, err := store.Resume(stage.ShardFolder(spec.Keys.Output(v1alpha1.StageExperience), 1))
	if err != nil {
		t.Fatal(err)
	}
	check("before its journal", 0, 0)
	j, _, err := openJournal(draft.Path(), spec.Inputs)
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{"one", "two"} {
		if err := j.add(entry{Unit: v1alpha1.UnitSoftwareDesign, TaskID: id, CPUMillis: 40}); err != nil {
			t.Fatal(err)
		}
	}
	// What a kill leaves of a line does not count.
	if _, err := j.file.WriteString(`{"unit":"SoftwareDesign","taskId":"th`); err != nil {
		t.Fatal(err)
	}
	check("after two tasks", 2, 80*time.Millisecond)
	spec.Inputs = map[string]string{"plans/b": "sha256:2"}
	check("with other inputs", 0, 0)
	spec.Inputs = map[string]string{"plans/b": "sha256:1"}
	if err := os.WriteFile(filepath.Join(draft.Path(), journalFile), []byte("damage\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	check("damaged", 0, 0)
}

// A task that takes its pod along each time is left out at last; one that ends with
// an error, or a pod that is lost now and then, costs no task.
func TestATaskThatEndsThePod(t *testing.T) {
	inputs := map[string]string{"plans/b": "sha256:1"}
	dir := t.TempDir()
	lost := errors.New("the pod is lost")
	try := func(id string, end error) (outcome, error) {
		j, same, err := openJournal(dir, inputs)
		if err != nil || !same {
			t.Fatal(err, same)
		}
		defer j.file.Close()
		candidate := attempt{unit: v1alpha1.UnitSoftwareDesign, id: id, run: func(context.Context) (outcome, error) {
			if errors.Is(end, lost) {
				panic(lost)
			}
			return reject("tried", "", 0), end
		}}
		defer func() {
			if err := recover(); err != nil && err != any(lost) {
				panic(err)
			}
		}()
		return j.attempt(t.Context(), candidate)
	}
	for range maxBegun {
		if _, err := try("stopped", context.Canceled); !errors.Is(err, context.Canceled) {
			t.Errorf("got %v", err)
		}
	}
	if made, err := try("stopped", nil); err != nil || made.code != "tried" {
		t.Errorf("a task that was stopped is %q, %v", made.code, err)
	}
	for n := range maxBegun {
		if made, err := try("hungry", lost); err != nil || made.code != "" {
			t.Errorf("attempt %d: %q, %v", n, made.code, err)
		}
	}
	if made, err := try("hungry", nil); err != nil || made.code != "ended-with-the-pod" {
		t.Errorf("then it is %q, %v", made.code, err)
	}
}
