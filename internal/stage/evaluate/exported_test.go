package evaluate

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/repoexpert/operator/api/v1alpha1"
	"github.com/repoexpert/operator/internal/export"
	"github.com/repoexpert/operator/internal/grading"
	"github.com/repoexpert/operator/internal/language/python"
	"github.com/repoexpert/operator/internal/snapshot"
)

// checkExport takes the tasks to another harness's layout: there nothing gets 0 and
// the known answer 1, as it does here.
func (w *world) checkExport(folder string) {
	w.t.Helper()
	tasks, err := export.Read(filepath.Join(folder, TasksFile))
	if err != nil {
		w.t.Fatal(err)
	}
	if len(tasks.Tasks) != 2 || tasks.Tasks[0].Kind != v1alpha1.KindContextualImplementation || len(tasks.Tasks[0].FailToPass) == 0 {
		w.t.Fatalf("exported are %+v", tasks)
	}
	place, err := w.env.Store.Path(w.env.Spec.Keys.Output(v1alpha1.StageFetch))
	if err != nil {
		w.t.Fatal(err)
	}
	source, err := snapshot.Open(place)
	if err != nil {
		w.t.Fatal(err)
	}
	out := filepath.Join(w.t.TempDir(), "harbor")
	if err := export.Harbor(w.t.Context(), out, tasks, func(string) (grading.Source, error) { return source, nil }, export.Commands(v1alpha1.TestPytest, python.New().Dialect())); err != nil {
		w.t.Fatal(err)
	}
	exported, err := export.InstanceID(tasks.Tasks[0].Kind, tasks.Tasks[0].ID)
	if err != nil {
		w.t.Fatal(err)
	}
	exported = filepath.Join(out, exported)
	if got := w.reward(exported); got != "0" {
		w.t.Errorf("elsewhere nothing gets %s", got)
	}
	w.script(exported, "solution/solve.sh", "")
	if got := w.reward(exported); got != "1" {
		w.t.Errorf("elsewhere the known answer gets %s", got)
	}
	answers, models, err := Answers(folder, w.reportOf())
	if err != nil || len(answers) != 4*2 || models[v1alpha1.ArmBase] != w.env.Spec.Recipe.BaseModel.Name {
		w.t.Errorf("%d answers of %v, %v", len(answers), models, err)
	}
}

// reward runs an exported verifier.
func (w *world) reward(exported string) string {
	w.t.Helper()
	logs := w.t.TempDir()
	w.script(exported, "tests/test.sh", logs)
	content, err := os.ReadFile(filepath.Join(logs, "reward.txt"))
	if err != nil {
		w.t.Fatal(err)
	}
	return strings.TrimSpace(string(content))
}

// script runs an exported script.
func (w *world) script(exported, name, logs string) {
	w.t.Helper()
	command := exec.CommandContext(w.t.Context(), "sh", filepath.Join(exported, name))
	command.Env = append(os.Environ(), "TREE="+filepath.Join(exported, "environment", "tree"), "LOGS="+logs)
	var output bytes.Buffer
	command.Stdout, command.Stderr = &output, &output
	if err := command.Run(); err != nil {
		w.t.Fatalf("%s: %v: %s", name, err, &output)
	}
}
