package train

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/repoexpert/operator/api/v1alpha1"
	"github.com/repoexpert/operator/internal/recipe"
)

// Every recipe behaves as the interface says.
func TestRecipesConform(t *testing.T) {
	for name, r := range recipes {
		t.Run(string(name), func(t *testing.T) {
			t.Run("writes only into the work folder", func(t *testing.T) { writesOnlyIntoWork(t, r) })
			t.Run("asks for resumption only when told", func(t *testing.T) { resumes(t, r) })
			t.Run("reads only progress as progress", func(t *testing.T) { ignoresNoise(t, r) })
			t.Run("a missing result is an error", func(t *testing.T) {
				if _, err := r.Result(t.TempDir()); err == nil {
					t.Error("want an error")
				}
			})
			t.Run("names weights that can be found", func(t *testing.T) {
				for _, method := range []v1alpha1.TrainingMethod{v1alpha1.MethodLoRA, v1alpha1.MethodFull} {
					if _, err := filepath.Match(r.Weights(method), "x"); err != nil || !strings.HasSuffix(r.Weights(method), ".safetensors") {
						t.Errorf("%s: %q", method, r.Weights(method))
					}
				}
			})
		})
	}
}

func job(t *testing.T) recipe.Job {
	t.Helper()
	root := t.TempDir()
	j := recipe.Job{
		Training:  v1alpha1.Training{Method: v1alpha1.MethodFull, LearningRate: "1e-5", MinLearningRate: "1e-6"},
		BaseModel: filepath.Join(root, "base"), Dataset: filepath.Join(root, "train.jsonl"),
		Work: filepath.Join(root, "work"), Output: filepath.Join(root, "output"),
	}
	for _, folder := range []string{j.BaseModel, j.Work} {
		if err := os.Mkdir(folder, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	return j
}

func writesOnlyIntoWork(t *testing.T, r Recipe) {
	j := job(t)
	command, err := r.Train(j)
	if err != nil {
		t.Fatal(err)
	}
	if len(command.Args) == 0 {
		t.Error("nothing to run")
	}
	if _, err := r.Merge(j.Work, j.BaseModel, j.Output, filepath.Join(j.Output, "merged")); err != nil {
		t.Fatal(err)
	}
	entries, err := os.ReadDir(filepath.Dir(j.Work))
	if err != nil {
		t.Fatal(err)
	}
	if len(entries) != 2 {
		t.Errorf("found %v beside base and work", entries)
	}
}

func resumes(t *testing.T, r Recipe) {
	j := job(t)
	first, err := r.Train(j)
	if err != nil {
		t.Fatal(err)
	}
	j.Resume = true
	second, err := r.Train(j)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Join(first.Args, " ") == strings.Join(second.Args, " ") {
		t.Error("the command is the same with and without a checkpoint")
	}
}

func ignoresNoise(t *testing.T, r Recipe) {
	for _, line := range []string{"", "{}", "Loading weights: 50%", `{"step": "many"}`, `{"loss": 1}`, strings.Repeat("a", 1<<16)} {
		if step, ok := r.Progress(line); ok {
			t.Errorf("%.40q was read as %+v", line, step)
		}
	}
}
