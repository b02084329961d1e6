package experience

import (
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
