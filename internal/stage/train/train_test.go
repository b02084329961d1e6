package train

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/repoexpert/operator/api/v1alpha1"
	"github.com/repoexpert/operator/internal/artifact"
	"github.com/repoexpert/operator/internal/contract"
	"github.com/repoexpert/operator/internal/recipe"
	"github.com/repoexpert/operator/internal/stage"
	"github.com/repoexpert/operator/internal/task"
)

// python3 is a program that stands for the interpreter with trainer and GPU: a
// shell script that does what the test says instead of what train.py and merge.py
// would. $2 of train.py is --config, the output folder is in that file.
func python3(t *testing.T, trainer, merger string) {
	t.Helper()
	script := `#!/bin/sh
output=$(sed -n 's/^output_dir: //p' sft.yaml)
weights() { # NAME: the smallest safetensors file, one tensor of four bytes
  mkdir -p "$(dirname "$1")"
  header='{"w":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}'
  printf '\066\0\0\0\0\0\0\0%sabcd' "$header" > "$1"
}
result() { printf '{"step": %s, "max_steps": %s, "loss": %s, "tokens": 99, "adapter": true, "versions": {"trl": "1"}}' "$1" "$2" "$3" > result.json; }
case "$1" in
train.py)
` + trainer + `
;;
merge.py)
` + merger + `
;;
esac
`
	folder := t.TempDir()
	if err := os.WriteFile(filepath.Join(folder, "python3"), []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", folder+":"+os.Getenv("PATH"))
}

const (
	goodTrainer = `
echo '{"step": 5, "max_steps": 10, "loss": 1.5, "eta_s": 7}'
echo 'not a progress line'
echo '{"step": 10, "max_steps": 10, "loss": 0.5, "eta_s": 0}'
weights "$output/adapter_model.safetensors"
mkdir -p "$output/checkpoint-10"; echo state > "$output/checkpoint-10/optimizer.pt"; echo pickle > "$output/training_args.bin"
result 10 10 0.75`
	goodMerger = `weights "$7/model.safetensors"`
)

// world is an artifact volume with a small data set and a base model.
type world struct {
	env      stage.Env
	progress []contract.Progress
}

func newWorld(t *testing.T) *world {
	t.Helper()
	store, err := artifact.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	keys := contract.Keys{BaseModel: strings.Repeat("b", 64), Dataset: strings.Repeat("d", 64), Model: strings.Repeat("e", 64)}
	w := &world{}
	w.env = stage.Env{
		Spec: contract.StageSpec{
			Stage: v1alpha1.StageTrain, Keys: keys, Inputs: map[string]string{},
			Recipe: v1alpha1.Recipe{
				Engine: v1alpha1.EngineTransformers,
				Training: v1alpha1.Training{
					Method: v1alpha1.MethodLoRA, LoRA: &v1alpha1.LoRA{Rank: 8, Alpha: 8}, Device: v1alpha1.DeviceCPU, Precision: v1alpha1.PrecisionFloat32,
				},
			},
		},
		Store: store, Log: slog.New(slog.DiscardHandler),
		Progress: func(p contract.Progress) { w.progress = append(w.progress, p) },
	}
	samples := []task.Sample{
		{Messages: []task.Message{{Role: task.RoleUser, Content: "q"}, {Role: task.RoleAssistant, Content: "`a.py`"}}, Meta: task.Meta{Unit: v1alpha1.UnitRepositoryRecall, Commit: "c1", TaskID: "fact1-t0"}},
		{Messages: []task.Message{{Role: task.RoleUser, Content: "q?"}, {Role: task.RoleAssistant, Content: "a.py"}}, Meta: task.Meta{Unit: v1alpha1.UnitRepositoryRecall, Commit: "c1", TaskID: "fact1-t1"}},
		{Messages: []task.Message{{Role: task.RoleUser, Content: "do"}, {Role: task.RoleAssistant, Content: "done"}}, Meta: task.Meta{Unit: v1alpha1.UnitContextualImplementation, Commit: "c0", TaskID: "mask1", Cluster: "cluster1"}},
	}
	var lines strings.Builder
	if err := task.Encode(&lines, samples); err != nil {
		t.Fatal(err)
	}
	w.seal(t, keys.Output(v1alpha1.StageCurate), map[string]string{datasetFile: lines.String()})
	w.seal(t, keys.BaseModelFolder(), map[string]string{"config.json": "{}"})
	return w
}

func (w *world) seal(t *testing.T, folder string, files map[string]string) {
	t.Helper()
	draft, err := w.env.Store.Begin(folder)
	if err != nil {
		t.Fatal(err)
	}
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(draft.Path(), name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if w.env.Spec.Inputs[folder], err = draft.Seal(artifact.Manifest{}); err != nil {
		t.Fatal(err)
	}
}

// model reads a file of the sealed model.
func (w *world) model(t *testing.T, name string) string {
	t.Helper()
	folder, err := w.env.Store.Path(w.env.Spec.Keys.Output(v1alpha1.StageTrain))
	if err != nil {
		t.Fatal(err)
	}
	content, err := os.ReadFile(filepath.Join(folder, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

func TestTrain(t *testing.T) {
	python3(t, goodTrainer, goodMerger)
	w := newWorld(t)
	result, err := Run(t.Context(), w.env)
	if err != nil {
		t.Fatal(err)
	}
	delete(result.Counts, "seconds")
	want := map[string]int64{"steps": 10, "samples": 3, "tokens": 99, "facts": 1, "finalLossMilli": 750}
	if diff := cmp.Diff(want, result.Counts); diff != "" {
		t.Error(diff)
	}
	manifest, err := w.env.Store.VerifyContent(w.env.Spec.Keys.Output(v1alpha1.StageTrain), result.ManifestDigest)
	if err != nil {
		t.Fatal(err)
	}
	var files []string
	for _, file := range manifest.Files {
		files = append(files, file.Path)
	}
	if diff := cmp.Diff([]string{"adapter/adapter_model.safetensors", "merged/model.safetensors", "seen.json", "training.json"}, files); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(w.env.Spec.Inputs, manifest.Inputs); diff != "" {
		t.Error(diff)
	}
	var seen recipe.Seen
	if err := json.Unmarshal([]byte(w.model(t, recipe.SeenFile)), &seen); err != nil {
		t.Fatal(err)
	}
	wantSeen := recipe.Seen{Facts: []recipe.SeenFact{{ID: "fact1", Answer: "a.py"}}, Tasks: []string{"mask1"}, Clusters: []string{"cluster1"}, Commits: []string{"c0", "c1"}}
	if diff := cmp.Diff(wantSeen, seen); diff != "" {
		t.Error(diff)
	}
	wantProgress := []contract.Progress{{Step: 5, Total: 10, ETASeconds: 7, Message: "loss 1.500"}, {Step: 10, Total: 10, Message: "loss 0.500"}}
	if diff := cmp.Diff(wantProgress, w.progress); diff != "" {
		t.Error(diff)
	}
}

func TestTrainWithoutMerge(t *testing.T) {
	tests := map[string]struct {
		change func(*v1alpha1.Recipe)
		train  string
		weight string
	}{
		"an engine that serves adapters": {
			func(r *v1alpha1.Recipe) { r.Engine = v1alpha1.EngineVLLM }, goodTrainer, "adapter/adapter_model.safetensors",
		},
		"all weights": {
			func(r *v1alpha1.Recipe) { r.Training.Method, r.Training.LoRA = v1alpha1.MethodFull, nil },
			`weights "$output/model.safetensors"; result 10 10 0.5`, "merged/model.safetensors",
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			python3(t, test.train, "echo must not merge >&2; exit 1")
			w := newWorld(t)
			test.change(&w.env.Spec.Recipe)
			if _, err := Run(t.Context(), w.env); err != nil {
				t.Fatal(err)
			}
			w.model(t, test.weight)
		})
	}
}

func TestTrainFails(t *testing.T) {
	tests := map[string]struct {
		trainer, merger string
		change          func(*world)
		class           v1alpha1.FailureClass
		want            string
	}{
		"exit code 0 without weights": {
			trainer: "result 10 10 0.5", class: v1alpha1.FailureUnknown,
			want: "the trainer ended with exit code 0 but wrote no usable weights (adapter_model*.safetensors): no file adapter_model*.safetensors",
		},
		"exit code 0 with weights cut short": {
			trainer: `weights "$output/adapter_model.safetensors"; truncate -s -1 "$output/adapter_model.safetensors"; result 10 10 0.5`, class: v1alpha1.FailureUnknown,
			want: "wrote no usable weights (adapter_model*.safetensors): adapter_model.safetensors: has 65 bytes, its header names 66",
		},
		"exit code 0 before the last step": {
			trainer: `weights "$output/adapter_model.safetensors"; result 4 10 0.5`, class: v1alpha1.FailureUnknown,
			want: "the trainer ended with exit code 0 at step 4 of 10",
		},
		"exit code 0 without a result": {
			trainer: `weights "$output/adapter_model.safetensors"`, class: v1alpha1.FailureUnknown,
			want: "the trainer ended with exit code 0 but says nothing of its last step",
		},
		"out of GPU memory": {
			trainer: "echo 'torch.OutOfMemoryError: CUDA out of memory' >&2; exit 1", class: v1alpha1.FailureOutOfMemory,
			want: "the trainer ended with exit code 1: torch.OutOfMemoryError: CUDA out of memory; the training needs more memory: lower training.batchSize or training.maxLength, or raise pods.trainer.resources",
		},
		"killed": {
			trainer: "kill -9 $$", class: v1alpha1.FailureOutOfMemory,
			want: "the trainer ended with exit code 137; the trainer was killed, most likely for memory",
		},
		"volume full": {
			trainer: "echo 'OSError: [Errno 28] No space left on device' >&2; exit 1", class: v1alpha1.FailureInfrastructure,
			want: "the volume is full: raise storage.size",
		},
		"diverged": {
			trainer: "echo 'the loss is nan: the learning rate may be too high' >&2; exit 40", class: v1alpha1.FailureData,
			want: "the training diverged: lower training.learningRate",
		},
		"bad data": {
			trainer: `echo "$output/../x.jsonl, line 3: no assistant turn is learned" >&2; exit 42`, class: v1alpha1.FailureData,
			want: "the trainer ended with exit code 42: output/adapter/../x.jsonl, line 3: no assistant turn is learned",
		},
		"wrong configuration": {
			trainer: `echo "sft.yaml is not what TRL accepts" >&2; exit 40`, class: v1alpha1.FailureConfiguration,
			want: "the trainer ended with exit code 40: sft.yaml is not what TRL accepts",
		},
		"a package is missing": {
			trainer: `echo "ModuleNotFoundError: No module named 'trl'" >&2; exit 1`, class: v1alpha1.FailureConfiguration,
			want: "images.trainer, or its tool volume, lacks a Python package",
		},
		"anything else": {
			trainer: "echo 'ValueError: x' >&2; exit 1", class: v1alpha1.FailureUnknown,
			want: "the trainer ended with exit code 1: ValueError: x",
		},
		"the merge fails": {
			trainer: goodTrainer, merger: "echo \"the saved model's scores differ by 3\" >&2; exit 45", class: v1alpha1.FailureIntegrity,
			want: "the trainer ended with exit code 45: the saved model's scores differ by 3",
		},
		"the merge writes nothing": {
			trainer: goodTrainer, merger: "exit 0", class: v1alpha1.FailureUnknown,
			want: "the merge ended with exit code 0 but wrote no usable weights",
		},
		"a recipe that cannot be rendered": {
			change: func(w *world) { w.env.Spec.Recipe.Training.LearningRate = "fast" }, class: v1alpha1.FailureConfiguration,
			want: `training.learningRate: "fast" is no decimal number`,
		},
		"an unknown trainer": {
			change: func(w *world) { w.env.Spec.Recipe.Training.Trainer = "Axolotl" }, class: v1alpha1.FailureConfiguration,
			want: `training.trainer "Axolotl" is unknown: use TRL`,
		},
		"a changed data set": {
			change: func(w *world) {
				w.env.Spec.Inputs[w.env.Spec.Keys.Output(v1alpha1.StageCurate)] = "sha256:" + strings.Repeat("0", 64)
			},
			class: v1alpha1.FailureIntegrity, want: "is not what the run recorded",
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			python3(t, test.trainer, test.merger)
			w := newWorld(t)
			if test.change != nil {
				test.change(w)
			}
			_, err := Run(t.Context(), w.env)
			var told *stage.Error
			if !errors.As(err, &told) || told.Class != test.class || !strings.Contains(told.Message, test.want) {
				t.Errorf("got %v (%s), want %s: %s", err, stage.ClassOf(err), test.class, test.want)
			}
			if _, _, err := w.env.Store.Lookup(w.env.Spec.Keys.Output(v1alpha1.StageTrain)); !errors.Is(err, artifact.ErrNotSealed) {
				t.Errorf("a failed training was sealed: %v", err)
			}
		})
	}
}

// A trainer that is told to end leaves a checkpoint, and the next attempt goes on
// from there, but not from one that was cut short.
func TestTrainGoesOnFromACheckpoint(t *testing.T) {
	w := newWorld(t)
	started := filepath.Join(t.TempDir(), "started")
	python3(t, fmt.Sprintf(`
trap 'mkdir -p "$output/checkpoint-4" "$output/checkpoint-6"; touch "$output/checkpoint-6/checkpoint-is-incomplete.txt"; exit 3' TERM
mkfifo %[1]q; : > %[1]q & 
while :; do read -r line < /dev/null; done`, started), goodMerger)
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		defer cancel()
		await(started)
	}()
	if _, err := Run(ctx, w.env); !errors.Is(err, context.Canceled) {
		t.Fatalf("got %v", err)
	}
	python3(t, `
[ "$6" = --resume ] && [ -d "$output/checkpoint-4" ] && [ ! -e "$output/checkpoint-6" ] || { echo "no whole checkpoint: $*" >&2; exit 1; }
`+goodTrainer, goodMerger)
	if _, err := Run(t.Context(), w.env); err != nil {
		t.Fatal(err)
	}
}

// await polls until a file is there, at most 20 seconds.
func await(name string) {
	ticker := time.NewTicker(5 * time.Millisecond)
	defer ticker.Stop()
	deadline := time.After(20 * time.Second)
	for {
		if _, err := os.Stat(name); err == nil {
			return
		}
		select {
		case <-ticker.C:
		case <-deadline:
			return
		}
	}
}

func TestTrainHasADeadline(t *testing.T) {
	python3(t, "exec sleep 600", "")
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	_, err := Run(ctx, newWorld(t).env)
	if stage.ClassOf(err) != v1alpha1.FailureDeadline {
		t.Errorf("got %v", err)
	}
}

// What the stage is told is not for the trainer, which may print its environment.
func TestTrainersEnvironment(t *testing.T) {
	t.Setenv(contract.StageSpecVariable, "{}")
	t.Setenv("OMP_NUM_THREADS", "7")
	environment := environment(map[string]string{"OMP_NUM_THREADS": "2", "HF_HUB_OFFLINE": "1"})
	text := strings.Join(environment, "\n")
	if strings.Contains(text, contract.StageSpecVariable) || !strings.Contains(text, "OMP_NUM_THREADS=7") || !strings.Contains(text, "HF_HUB_OFFLINE=1") {
		t.Errorf("got %s", text)
	}
}
