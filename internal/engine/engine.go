package engine

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"

	"github.com/repoexpert/operator/api/v1alpha1"
)

// Folders of a trained model, below models/<key>. A trained model has at least
// one of them.
const (
	// AdapterFolder holds a LoRA adapter, which needs its base model.
	AdapterFolder = "adapter"
	// MergedFolder holds a complete model.
	MergedFolder = "merged"
)

// ServedName is the name of the one model behind an endpoint, to its server. The
// guard gives it the expert's name.
const ServedName = "expert"

// Kind says what a model's folder holds.
type Kind string

// Kinds of models.
const (
	// Complete is a folder with all weights: a base model, or a merged one.
	Complete Kind = "complete"
	// Adapter is a folder with a LoRA adapter.
	Adapter Kind = "adapter"
)

// Model is one model of a server. Folders are slash paths below the root of the
// artifact volume.
type Model struct {
	// Name is what requests ask for.
	Name   string `json:"name"`
	Kind   Kind   `json:"kind"`
	Folder string `json:"folder"`
	// Base is the base model of an adapter.
	Base string `json:"base,omitempty"`
}

// Settings of a server.
type Settings struct {
	Engine v1alpha1.Engine `json:"engine"`
	Device v1alpha1.Device `json:"device"`
	// ContextTokens is the longest prompt and answer together; 0 is the model's own.
	ContextTokens int32 `json:"contextTokens,omitempty"`
	// Port to listen on, on loopback.
	Port int `json:"port"`
}

// Launch is how a server is started.
type Launch struct {
	Args []string
	// Env is added to the supervisor's own environment and loses against it: a
	// platform may set what it knows better.
	Env map[string]string
	// Links are made in the working directory, by name, to absolute folders.
	Links map[string]string
}

// Engine is a model server. Implementations hold no state.
type Engine interface {
	// Launch returns how a server is started that answers as each of the models.
	// Folders are absolute. It fails if one server cannot hold them together.
	Launch(models []Model, settings Settings) (Launch, error)
	// LoadsAdapters says whether adapters are served beside their base model. If
	// not, trained models must be merged.
	LoadsAdapters() bool
	// Together splits models into the sets that one server holds at once, in
	// order.
	Together(models []Model) [][]Model
	// Fields are the request fields that draw an answer of at most maxTokens,
	// besides model and messages. They leave nothing to the model's own defaults.
	Fields(sampling v1alpha1.Sampling, maxTokens int32) map[string]any
}

var engines = map[v1alpha1.Engine]Engine{
	v1alpha1.EngineTransformers: Transformers{},
	v1alpha1.EngineVLLM:         VLLM{},
}

// For returns the engine of a name.
func For(name v1alpha1.Engine) (Engine, error) {
	engine, ok := engines[name]
	if !ok {
		return nil, fmt.Errorf("serving.engine %q is unknown: use Transformers or VLLM", name)
	}
	return engine, nil
}

// Trained returns a trained model as the engine serves it: its adapter beside
// the base model where the engine can, else its complete weights. root is the
// artifact volume, folder and base are slash paths below it.
func Trained(engine Engine, root, name, folder, base string) (Model, error) {
	kinds := []Model{
		{Name: name, Kind: Adapter, Folder: path.Join(folder, AdapterFolder), Base: base},
		{Name: name, Kind: Complete, Folder: path.Join(folder, MergedFolder)},
	}
	for _, model := range kinds {
		if model.Kind == Adapter && !engine.LoadsAdapters() {
			continue
		}
		info, err := os.Stat(filepath.Join(root, filepath.FromSlash(model.Folder)))
		if err == nil && info.IsDir() {
			return model, nil
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return Model{}, fmt.Errorf("look for the weights of %s: %w", folder, err)
		}
	}
	return Model{}, fmt.Errorf("%s holds no weights that %T serves: train again with this engine", folder, engine)
}

var modelName = regexp.MustCompile(`^[a-z][a-z0-9-]{0,62}$`)

// resolve checks models that came over the socket and makes their folders
// absolute.
func resolve(root string, models []Model) ([]Model, error) {
	if len(models) == 0 {
		return nil, errors.New("no models")
	}
	seen := map[string]bool{}
	resolved := make([]Model, 0, len(models))
	for _, model := range models {
		if !modelName.MatchString(model.Name) || seen[model.Name] {
			return nil, fmt.Errorf("model name %q is not a lower-case label, or there twice", model.Name)
		}
		seen[model.Name] = true
		if model.Kind != Complete && model.Kind != Adapter {
			return nil, fmt.Errorf("model %s has the unknown kind %q", model.Name, model.Kind)
		}
		if (model.Kind == Adapter) != (model.Base != "") {
			return nil, fmt.Errorf("model %s: an adapter, and only an adapter, needs a base", model.Name)
		}
		var err error
		if model.Folder, err = inside(root, model.Folder); err != nil {
			return nil, fmt.Errorf("model %s: %w", model.Name, err)
		}
		if model.Base != "" {
			if model.Base, err = inside(root, model.Base); err != nil {
				return nil, fmt.Errorf("base of model %s: %w", model.Name, err)
			}
		}
		resolved = append(resolved, model)
	}
	return resolved, nil
}

// inside returns the absolute path of a folder that must exist below root and
// must not be reached through a link out of it.
func inside(root, folder string) (string, error) {
	opened, err := os.OpenRoot(root)
	if err != nil {
		return "", fmt.Errorf("open the artifact volume: %w", err)
	}
	defer func() { _ = opened.Close() }()
	info, err := opened.Stat(filepath.FromSlash(folder))
	if err != nil {
		return "", fmt.Errorf("folder %q: %w", folder, err)
	}
	if !info.IsDir() {
		return "", fmt.Errorf("folder %q is a file", folder)
	}
	return filepath.Join(root, filepath.FromSlash(folder)), nil
}
