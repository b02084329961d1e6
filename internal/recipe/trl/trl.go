// Package trl trains with Hugging Face TRL's supervised fine-tuning.
//
// The algorithm: the class's typed recipe is rendered as TRL's own configuration
// file; train.py runs TRL's script in its own process, turns its log into JSON
// lines and writes a result only when the last step was done; merge.py makes a
// complete model of an adapter and compares the two; tokens.py counts as the
// training will. The scripts travel in the worker's binary, so the trainer's
// image needs nothing of ours.
package trl

import (
	_ "embed" // for the scripts
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"

	"sigs.k8s.io/yaml"

	"github.com/repoexpert/operator/api/v1alpha1"
	"github.com/repoexpert/operator/internal/recipe"
)

// Scripts and the chat template, as the trainer's Python runs them.
var (
	//go:embed train.py
	trainScript []byte
	//go:embed merge.py
	mergeScript []byte
	// TokensScript counts the tokens of samples; see its first lines for use.
	//go:embed tokens.py
	TokensScript []byte
	// ChatTemplate is ChatML with the assistant's turns marked, less those that
	// carry no loss. ChatMLTemplate says when it is used.
	//go:embed chat_template.jinja
	ChatTemplate []byte
)

// Names of files in the work folder.
const (
	trainFile    = "train.py"
	mergeFile    = "merge.py"
	templateFile = "chat_template.jinja"
	configFile   = "sft.yaml"
	resultFile   = "result.json"
)

// maxResult bounds the result file.
const maxResult = 64 << 10

// Recipe is TRL. It holds no state.
type Recipe struct{}

// Train writes the scripts and the configuration into the job's work folder and
// returns the command that trains.
func (Recipe) Train(job recipe.Job) (recipe.Command, error) {
	ours, err := UsesChatTemplate(job.BaseModel)
	if err != nil {
		return recipe.Command{}, err
	}
	template := ""
	if ours {
		template = filepath.Join(job.Work, templateFile)
	}
	config, err := render(job, template)
	if err != nil {
		return recipe.Command{}, err
	}
	files := map[string][]byte{trainFile: trainScript, templateFile: ChatTemplate, configFile: config}
	if err := write(job.Work, files); err != nil {
		return recipe.Command{}, err
	}
	args := []string{"python3", trainFile, "--config", configFile, "--result", resultFile}
	if job.Resume {
		args = append(args, "--resume")
	}
	return recipe.Command{Args: args, Env: environment(job.Work)}, nil
}

// Merge returns the command that makes a complete model in output from an
// adapter. Output must not exist.
func (Recipe) Merge(work, base, adapter, output string) (recipe.Command, error) {
	if err := write(work, map[string][]byte{mergeFile: mergeScript}); err != nil {
		return recipe.Command{}, err
	}
	args := []string{"python3", mergeFile, "--base", base, "--adapter", adapter, "--output", output}
	return recipe.Command{Args: args, Env: environment(work)}, nil
}

// Progress reads a line of the trainer's standard output.
func (Recipe) Progress(line string) (recipe.Step, bool) {
	var step struct {
		Step     int64    `json:"step"`
		MaxSteps int64    `json:"max_steps"`
		Loss     *float64 `json:"loss"`
		ETA      int64    `json:"eta_s"`
	}
	if json.Unmarshal([]byte(line), &step) != nil || step.Loss == nil || step.MaxSteps <= 0 || step.Step < 0 {
		return recipe.Step{}, false
	}
	return recipe.Step{Step: step.Step, MaxSteps: step.MaxSteps, Loss: *step.Loss, ETASeconds: max(0, step.ETA)}, true
}

// Result reads what train.py wrote last.
func (Recipe) Result(work string) (recipe.Result, error) {
	var result recipe.Result
	content, err := os.ReadFile(filepath.Join(work, resultFile))
	if err != nil {
		return result, fmt.Errorf("the trainer wrote no result: %w", err)
	}
	if len(content) > maxResult {
		return result, fmt.Errorf("the trainer's result has %d bytes", len(content))
	}
	if err := json.Unmarshal(content, &result); err != nil {
		return result, fmt.Errorf("the trainer's result: %w", err)
	}
	return result, nil
}

// Weights is the pattern of the weights' files in the output folder.
func (Recipe) Weights(method v1alpha1.TrainingMethod) string {
	if method == v1alpha1.MethodLoRA {
		return "adapter_model*.safetensors"
	}
	return "model*.safetensors"
}

// UsesChatTemplate says whether a base model is trained with ChatTemplate instead
// of its own: it speaks ChatML and does not mark the assistant's turns, without
// which there is no loss on them alone. For other templates TRL brings its own
// marked copies, and refuses what it does not know.
func UsesChatTemplate(baseModel string) (bool, error) {
	own, err := os.ReadFile(filepath.Join(baseModel, templateFile))
	if os.IsNotExist(err) {
		own, err = templateOfTokenizer(filepath.Join(baseModel, "tokenizer_config.json"))
	}
	if err != nil {
		return false, fmt.Errorf("read the base model's chat template: %w", err)
	}
	text := string(own)
	marked := strings.Contains(text, "{% generation %}") || strings.Contains(text, "{%- generation %}")
	return !marked && strings.Contains(text, "<|im_start|>"), nil
}

func templateOfTokenizer(name string) ([]byte, error) {
	content, err := os.ReadFile(name)
	if os.IsNotExist(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var config struct {
		Template any `json:"chat_template"`
	}
	if err := json.Unmarshal(content, &config); err != nil {
		return nil, err
	}
	// A list of named templates is left to TRL.
	text, _ := config.Template.(string)
	return []byte(text), nil
}

func write(folder string, files map[string][]byte) error {
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(folder, name), content, 0o644); err != nil {
			return fmt.Errorf("write the trainer's files: %w", err)
		}
	}
	return nil
}

// environment keeps the libraries off the network and inside the work folder.
// Threads: OpenMP would take every core of the node, or one; the Go runtime has
// read the CPU quota.
func environment(work string) map[string]string {
	return map[string]string{
		"HOME":                     work,
		"HF_HOME":                  filepath.Join(work, "hf"),
		"HF_HUB_OFFLINE":           "1",
		"HF_HUB_DISABLE_TELEMETRY": "1",
		"DO_NOT_TRACK":             "1",
		"TOKENIZERS_PARALLELISM":   "false",
		"OMP_NUM_THREADS":          strconv.Itoa(runtime.GOMAXPROCS(0)),
		"PYTHONUNBUFFERED":         "1",
		"PYTHONDONTWRITEBYTECODE":  "1",
		"PYTORCH_CUDA_ALLOC_CONF":  "expandable_segments:True",
	}
}

// render returns TRL's configuration of a job.
func render(job recipe.Job, template string) ([]byte, error) {
	config, err := configOf(job, template)
	if err != nil {
		return nil, err
	}
	content, err := yaml.Marshal(config)
	if err != nil {
		return nil, fmt.Errorf("write the trainer's configuration: %w", err)
	}
	return content, nil
}
