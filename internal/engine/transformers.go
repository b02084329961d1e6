package engine

import (
	"encoding/json"
	"fmt"
	"strconv"

	"github.com/repoexpert/operator/api/v1alpha1"
)

// Transformers is the server of Hugging Face transformers 5 (`transformers
// serve`). It loads complete models on request, any number of them side by side,
// and serves no adapters. A server for one model is pinned to it and loads it
// before it listens.
type Transformers struct{}

// The server is started by module: an environment on a read-only volume has
// scripts with the paths of another machine.
const transformersMain = "import sys;sys.argv[0]='transformers';from transformers.cli.transformers import main;main()"

// LoadsAdapters implements Engine.
func (Transformers) LoadsAdapters() bool { return false }

// Together implements Engine.
func (Transformers) Together(models []Model) [][]Model { return [][]Model{models} }

// Launch implements Engine.
func (Transformers) Launch(models []Model, settings Settings) (Launch, error) {
	launch := Launch{
		Args:  []string{"python3", "-c", transformersMain, "serve"},
		Env:   map[string]string{"HF_HUB_OFFLINE": "1", "HF_HUB_DISABLE_UPDATE_CHECK": "1", "DO_NOT_TRACK": "1"},
		Links: map[string]string{},
	}
	for _, model := range models {
		if model.Kind != Complete {
			return Launch{}, fmt.Errorf("model %s is an adapter: Transformers serves complete models", model.Name)
		}
		launch.Links[model.Name] = model.Folder
	}
	if len(models) == 1 {
		launch.Args = append(launch.Args, models[0].Name)
	}
	device, precision := "cpu", "float32"
	if settings.Device != v1alpha1.DeviceCPU {
		device, precision = "cuda", "auto"
	}
	launch.Args = append(launch.Args,
		"--host", "127.0.0.1", "--port", strconv.Itoa(settings.Port),
		"--device", device, "--dtype", precision,
		// Models stay loaded: an expert that is rarely asked must not answer late.
		"--model-timeout=-1",
	)
	return launch, nil
}

// Fields implements Engine. The server reads a whole generation configuration
// and fills only what is absent, such as the end-of-text token, from the model's
// own; of OpenAI's fields it would take top_k and repetition penalty from there.
func (Transformers) Fields(sampling v1alpha1.Sampling, maxTokens int32) map[string]any {
	generation := map[string]any{"max_new_tokens": maxTokens, "do_sample": false, "repetition_penalty": 1.0}
	if sampling != v1alpha1.SamplingGreedy {
		generation["do_sample"] = true
		for name, value := range paperSampling {
			generation[name] = value
		}
	}
	// A map of numbers and booleans always marshals.
	text, _ := json.Marshal(generation)
	return map[string]any{"max_tokens": maxTokens, "generation_config": string(text)}
}

// SamplingVersion tells the settings behind the API's names of sampling apart, of
// all engines. Raise it when Fields gives a name other settings.
const SamplingVersion = 1

// paperSampling is how the method's paper draws answers (arXiv 2601.21649).
var paperSampling = map[string]any{"temperature": 1.0, "top_p": 0.8, "top_k": 20, "repetition_penalty": 1.05}
