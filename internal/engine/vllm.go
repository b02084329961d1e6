package engine

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"

	"github.com/repoexpert/operator/api/v1alpha1"
)

// VLLM is the vLLM server. One server holds one complete model and any number of
// its adapters.
type VLLM struct{}

const (
	vllmMain = "import sys;sys.argv[0]='vllm';from vllm.entrypoints.cli.main import main;main()"
	// baseName is the base model's name where it was not asked for by another one.
	baseName = "base-model"
	// cpuSequences bounds what a CPU server answers at once: each takes its share
	// of a small cache.
	cpuSequences = 4
)

// vllmRanks are the adapter ranks that vLLM can make room for.
var vllmRanks = []int{8, 16, 32, 64, 128, 256, 320, 512}

// LoadsAdapters implements Engine.
func (VLLM) LoadsAdapters() bool { return true }

// Together implements Engine: adapters go with their base model, complete models
// one by one.
func (VLLM) Together(models []Model) [][]Model {
	var sets [][]Model
	place := map[string]int{}
	for _, model := range models {
		key := model.Folder
		if model.Kind == Adapter {
			key = model.Base
		}
		at, there := place[key]
		if !there {
			at = len(sets)
			place[key] = at
			sets = append(sets, nil)
		}
		sets[at] = append(sets[at], model)
	}
	return sets
}

// Launch implements Engine.
func (VLLM) Launch(models []Model, settings Settings) (Launch, error) {
	base, adapters, err := splitModels(models)
	if err != nil {
		return Launch{}, err
	}
	launch := Launch{
		Args: []string{"python3", "-c", vllmMain, "serve", base.Name, "--served-model-name", base.Name,
			"--host", "127.0.0.1", "--port", strconv.Itoa(settings.Port),
			// Without this the model's own generation_config.json would change what a
			// request leaves out.
			"--generation-config", "vllm",
		},
		Env:   map[string]string{"HF_HUB_OFFLINE": "1", "VLLM_NO_USAGE_STATS": "1", "DO_NOT_TRACK": "1"},
		Links: map[string]string{base.Name: base.Folder},
	}
	if settings.ContextTokens > 0 {
		launch.Args = append(launch.Args, "--max-model-len", strconv.Itoa(int(settings.ContextTokens)))
	}
	if settings.Device == v1alpha1.DeviceCPU {
		launch.Args = append(launch.Args, "--dtype", "float32", "--enforce-eager", "--max-num-seqs", strconv.Itoa(cpuSequences))
		launch.Env["VLLM_TARGET_DEVICE"] = "cpu"
		launch.Env["VLLM_CPU_KVCACHE_SPACE"] = "1"
	}
	return launch, addAdapters(&launch, adapters)
}

// splitModels finds the one complete model that the others are adapters of.
func splitModels(models []Model) (Model, []Model, error) {
	var base Model
	var adapters []Model
	for _, model := range models {
		switch {
		case model.Kind == Adapter:
			adapters = append(adapters, model)
		case base.Name == "":
			base = model
		default:
			return Model{}, nil, fmt.Errorf("models %s and %s are both complete: vLLM holds one", base.Name, model.Name)
		}
	}
	if base.Name == "" && len(adapters) > 0 {
		base = Model{Name: baseName, Kind: Complete, Folder: adapters[0].Base}
	}
	for _, adapter := range adapters {
		if adapter.Base != base.Folder {
			return Model{}, nil, fmt.Errorf("model %s is an adapter of another base model than %s", adapter.Name, base.Name)
		}
	}
	if base.Name == "" {
		return Model{}, nil, errors.New("no models")
	}
	return base, adapters, nil
}

func addAdapters(launch *Launch, adapters []Model) error {
	if len(adapters) == 0 {
		return nil
	}
	rank := 0
	modules := []string{"--lora-modules"}
	for _, adapter := range adapters {
		r, err := adapterRank(adapter.Folder)
		if err != nil {
			return fmt.Errorf("model %s: %w", adapter.Name, err)
		}
		rank = max(rank, r)
		launch.Links[adapter.Name] = adapter.Folder
		modules = append(modules, adapter.Name+"="+adapter.Name)
	}
	at := slices.IndexFunc(vllmRanks, func(r int) bool { return r >= rank })
	if at < 0 {
		return fmt.Errorf("training.lora.rank %d is above %d, the most that vLLM serves", rank, vllmRanks[len(vllmRanks)-1])
	}
	launch.Args = append(launch.Args, "--enable-lora",
		"--max-lora-rank", strconv.Itoa(vllmRanks[at]), "--max-loras", strconv.Itoa(len(adapters)))
	launch.Args = append(launch.Args, modules...)
	// The adapter was trained with this template, which marks the turns' ends as
	// the base model's own may not.
	template := filepath.Join(adapters[0].Folder, "chat_template.jinja")
	if _, err := os.Stat(template); err == nil {
		launch.Args = append(launch.Args, "--chat-template", template)
	}
	return nil
}

// adapterRank reads the rank of a LoRA adapter.
func adapterRank(folder string) (int, error) {
	content, err := os.ReadFile(filepath.Join(folder, "adapter_config.json"))
	if err != nil {
		return 0, fmt.Errorf("read the adapter's configuration: %w", err)
	}
	var config struct {
		Rank int `json:"r"`
	}
	if err := json.Unmarshal(content, &config); err != nil {
		return 0, fmt.Errorf("read the adapter's configuration: %w", err)
	}
	if config.Rank <= 0 {
		return 0, fmt.Errorf("adapter_config.json has the rank %d", config.Rank)
	}
	return config.Rank, nil
}

// Fields implements Engine.
func (VLLM) Fields(sampling v1alpha1.Sampling, maxTokens int32) map[string]any {
	fields := map[string]any{"max_tokens": maxTokens, "temperature": 0.0}
	if sampling != v1alpha1.SamplingGreedy {
		for name, value := range paperSampling {
			fields[name] = value
		}
	}
	return fields
}
