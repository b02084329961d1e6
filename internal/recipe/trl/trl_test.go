package trl

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"

	"github.com/repoexpert/operator/api/v1alpha1"
	"github.com/repoexpert/operator/internal/recipe"
)

func TestRender(t *testing.T) {
	job := recipe.Job{BaseModel: "/base", Dataset: "/data/train.jsonl", Work: "/work", Output: "/out"}
	tests := map[string]struct {
		training v1alpha1.Training
		want     string
	}{
		"an adapter on a CPU": {
			training: v1alpha1.Training{
				Method: v1alpha1.MethodLoRA, LoRA: &v1alpha1.LoRA{Rank: 64, Alpha: 32}, Epochs: 4, BatchSize: 12, GradientAccumulation: 2,
				MaxLength: 640, LearningRate: "1e-3", MinLearningRate: "1e-4", WarmupPercent: 3, WeightDecay: "0", Seed: 7,
				Precision: v1alpha1.PrecisionFloat32, Device: v1alpha1.DeviceCPU, GradientCheckpointing: v1alpha1.Disabled,
			},
			want: `adam_beta2: 0.95
assistant_only_loss: true
bf16: false
chat_template_path: /work/chat_template.jinja
datasets:
- data_files: /data/train.jsonl
  path: json
  split: train
dtype: float32
enable_jit_checkpoint: true
fp16: false
gradient_accumulation_steps: 2
gradient_checkpointing: false
learning_rate: 0.001
logging_steps: 1
lora_alpha: 32
lora_dropout: 0
lora_r: 64
lora_target_modules: all-linear
lr_scheduler_kwargs: '{"min_lr":0.0001}'
lr_scheduler_type: cosine_with_min_lr
max_grad_norm: 1
max_length: 640
model_name_or_path: /base
num_train_epochs: 4
output_dir: /out
packing: false
per_device_train_batch_size: 12
report_to: none
save_strategy: "no"
seed: 7
train_sampling_strategy: sequential
use_cpu: true
use_peft: true
warmup_steps: 0.03
weight_decay: 0
`,
		},
		"all weights on a GPU, with the API's defaults": {
			training: v1alpha1.Training{Method: v1alpha1.MethodFull},
			want: `adam_beta2: 0.95
assistant_only_loss: true
bf16: true
chat_template_path: /work/chat_template.jinja
datasets:
- data_files: /data/train.jsonl
  path: json
  split: train
dtype: float32
enable_jit_checkpoint: true
fp16: false
gradient_accumulation_steps: 1
gradient_checkpointing: true
learning_rate: 1e-05
logging_steps: 1
lr_scheduler_kwargs: '{"min_lr":0.000001}'
lr_scheduler_type: cosine_with_min_lr
max_grad_norm: 1
max_length: 4096
model_name_or_path: /base
num_train_epochs: 2
output_dir: /out
packing: false
per_device_train_batch_size: 1
report_to: none
save_strategy: "no"
seed: 0
train_sampling_strategy: sequential
use_cpu: false
use_peft: false
warmup_steps: 0
weight_decay: 0.1
`,
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			job := job
			job.Training = test.training
			got, err := render(job, "/work/chat_template.jinja")
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, string(got)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestRenderRefuses(t *testing.T) {
	tests := map[string]struct {
		training v1alpha1.Training
		want     string
	}{
		"no adapter shape":     {v1alpha1.Training{Method: v1alpha1.MethodLoRA}, "training.lora is missing: method LoRA needs rank and alpha"},
		"no number":            {v1alpha1.Training{Method: v1alpha1.MethodFull, LearningRate: "fast"}, `training.learningRate: "fast" is no decimal number`},
		"a rate that rises":    {v1alpha1.Training{Method: v1alpha1.MethodFull, LearningRate: "1e-5", MinLearningRate: "1e-3"}, "training.minLearningRate 1e-3 is above training.learningRate 1e-5"},
		"not a number at all":  {v1alpha1.Training{Method: v1alpha1.MethodFull, WeightDecay: "NaN"}, `training.weightDecay: "NaN" is no decimal number`},
		"dropout is no number": {v1alpha1.Training{Method: v1alpha1.MethodLoRA, LoRA: &v1alpha1.LoRA{Rank: 1, Alpha: 1, Dropout: "x"}}, `training.lora.dropout: "x" is no decimal number`},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := render(recipe.Job{Training: test.training}, "")
			if err == nil || err.Error() != test.want {
				t.Errorf("got %v, want %s", err, test.want)
			}
		})
	}
}

// The demo's hand-tuned file and the rendered one use the same words: a key that
// one of them has alone is a setting that somebody forgot.
func TestSameKeysAsTheDemosFile(t *testing.T) {
	content, err := os.ReadFile("sft-demo.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var demo, rendered map[string]any
	if err := yaml.Unmarshal(content, &demo); err != nil {
		t.Fatal(err)
	}
	out, err := render(recipe.Job{Training: v1alpha1.Training{Method: v1alpha1.MethodLoRA, LoRA: &v1alpha1.LoRA{Rank: 1, Alpha: 1}}}, "x")
	if err != nil {
		t.Fatal(err)
	}
	if err := yaml.Unmarshal(out, &rendered); err != nil {
		t.Fatal(err)
	}
	for key := range demo {
		if _, ok := rendered[key]; !ok {
			t.Errorf("%s of sft-demo.yaml is not rendered", key)
		}
	}
}

func TestUsesChatTemplate(t *testing.T) {
	tests := map[string]struct {
		files map[string]string
		want  bool
	}{
		"ChatML without marks":              {map[string]string{"chat_template.jinja": "<|im_start|>"}, true},
		"ChatML with marks":                 {map[string]string{"chat_template.jinja": "<|im_start|>{% generation %}"}, false},
		"another format":                    {map[string]string{"chat_template.jinja": "[INST]"}, false},
		"ChatML in the tokenizer's file":    {map[string]string{"tokenizer_config.json": `{"chat_template": "<|im_start|>"}`}, true},
		"named templates":                   {map[string]string{"tokenizer_config.json": `{"chat_template": [{"name": "a", "template": "<|im_start|>"}]}`}, false},
		"no template":                       {map[string]string{"tokenizer_config.json": `{}`}, false},
		"no files":                          {nil, false},
		"our own template needs no other's": {map[string]string{"chat_template.jinja": string(ChatTemplate)}, false},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			folder := t.TempDir()
			for name, content := range test.files {
				if err := os.WriteFile(filepath.Join(folder, name), []byte(content), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			got, err := UsesChatTemplate(folder)
			if err != nil || got != test.want {
				t.Errorf("got %v, %v", got, err)
			}
		})
	}
}

func TestProgress(t *testing.T) {
	tests := map[string]struct {
		line string
		want recipe.Step
		ok   bool
	}{
		"a step":        {`{"step": 10, "max_steps": 50, "loss": 1.25, "eta_s": 87}`, recipe.Step{Step: 10, MaxSteps: 50, Loss: 1.25, ETASeconds: 87}, true},
		"not JSON":      {"Loading weights", recipe.Step{}, false},
		"other JSON":    {`{"output": "x"}`, recipe.Step{}, false},
		"loss is NaN":   {`{"step": 1, "max_steps": 5, "loss": NaN}`, recipe.Step{}, false},
		"no steps":      {`{"step": 1, "max_steps": 0, "loss": 1}`, recipe.Step{}, false},
		"negative time": {`{"step": 1, "max_steps": 5, "loss": 1, "eta_s": -4}`, recipe.Step{Step: 1, MaxSteps: 5, Loss: 1}, true},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got, ok := Recipe{}.Progress(test.line)
			if ok != test.ok || got != test.want {
				t.Errorf("got %+v, %v", got, ok)
			}
		})
	}
}

// Check asks the python3 that Count will use.
func TestTokenizerCheck(t *testing.T) {
	packages := t.TempDir()
	if err := os.WriteFile(filepath.Join(packages, "transformers.py"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PYTHONPATH", packages)
	if err := (Tokenizer{}).Check(t.Context()); err != nil {
		t.Error(err)
	}
	t.Setenv("PATH", t.TempDir())
	if err := (Tokenizer{}).Check(t.Context()); err == nil || !strings.Contains(err.Error(), "cannot import transformers") {
		t.Errorf("without python3: %v", err)
	}
}
