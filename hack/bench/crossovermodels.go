package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/repoexpert/operator/api/v1alpha1"
	"github.com/repoexpert/operator/hack/bench/crossover"
	"github.com/repoexpert/operator/hack/local"
	"github.com/repoexpert/operator/internal/artifact"
	"github.com/repoexpert/operator/internal/contract"
	"github.com/repoexpert/operator/internal/engine"
	"github.com/repoexpert/operator/internal/recall"
	"github.com/repoexpert/operator/internal/stage"
	"github.com/repoexpert/operator/internal/stage/train"
	"github.com/repoexpert/operator/internal/task"
)

const (
	// datasetFile is the file of samples in Curate's output.
	datasetFile = "train.jsonl"
	// answerTokens bounds an answer, contextTokens the prompt with it, as the stage
	// Evaluate and the demo's class do.
	answerTokens, contextTokens = 32, 2048
	// baseName and modelName are what the server calls the models.
	baseName, modelName = "base", "expert"
)

// machine trains and serves on one artifact volume.
type machine struct {
	store    *artifact.Store
	root     string
	training v1alpha1.Training
	// base is the sealed base model: its folder, key and digest.
	base, baseKey, baseDigest string
	server                    engine.Engine
	supervisor                *engine.Supervisor
	port                      int
	experiment                *experiment
}

// run trains every expert with every seed and asks it.
func (e *experiment) run(ctx context.Context, w workspace, model string, tools local.Toolchain) (err error) {
	m, err := e.machine(ctx, w, model, tools)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, m.store.Close()) }()
	defer m.supervisor.Close()
	base := engine.Model{Name: baseName, Kind: engine.Complete, Folder: m.base}
	if e.base, err = m.ask(ctx, base, true); err != nil {
		return fmt.Errorf("base model: %w", err)
	}
	for seed := 1; seed <= e.bench.seeds; seed++ {
		for i := range e.experts {
			if err := m.measure(ctx, i, seed); err != nil {
				return fmt.Errorf("expert of %s, seed %d: %w", e.experts[i].name, seed, err)
			}
		}
	}
	return nil
}

// measure trains one expert and notes its answers.
func (m *machine) measure(ctx context.Context, expert, seed int) error {
	e := m.experiment
	// Trainer and server do not share the processors.
	m.supervisor.Close()
	folder, err := m.train(ctx, e.experts[expert], seed)
	if err != nil {
		return err
	}
	model, err := engine.Trained(m.server, m.root, modelName, folder, m.base)
	if err != nil {
		return err
	}
	scores, err := m.ask(ctx, model, false)
	if err != nil {
		return err
	}
	for repository := range scores {
		e.scores[expert][repository] = append(e.scores[expert][repository], scores[repository]...)
	}
	return nil
}

// machine opens the volume and seals the base model on it.
func (e *experiment) machine(ctx context.Context, w workspace, model string, tools local.Toolchain) (*machine, error) {
	if err := useTools(ctx, tools); err != nil {
		return nil, err
	}
	m := &machine{root: filepath.Join(w.dir, "crossover-volume"), experiment: e}
	var err error
	if err := os.MkdirAll(m.root, 0o750); err != nil {
		return nil, err
	}
	if m.training, err = local.DemoTraining(); err != nil {
		return nil, err
	}
	if m.server, err = engine.For(v1alpha1.EngineTransformers); err != nil {
		return nil, err
	}
	if m.port, err = freePort(ctx); err != nil {
		return nil, err
	}
	if m.store, err = artifact.Open(m.root); err != nil {
		return nil, err
	}
	scratch := filepath.Join(m.root, "scratch")
	if err := os.MkdirAll(scratch, 0o750); err != nil {
		return nil, errors.Join(err, m.store.Close())
	}
	m.supervisor = engine.NewSupervisor(m.root, scratch, w.log)
	return m, m.sealBase(model)
}

// useTools makes the pinned trainer and server what python3 imports.
func useTools(ctx context.Context, tools local.Toolchain) error {
	version, err := exec.CommandContext(ctx, "python3", "-c", "import sys; print('%d.%d' % sys.version_info[:2])").Output()
	if err != nil {
		return fmt.Errorf("python3: %w", err)
	}
	if text := strings.TrimSpace(string(version)); text != "3.11" {
		return fmt.Errorf("python3 in PATH is %s, the pinned trainer is built for 3.11: put a python3.11 named python3 first in PATH", text)
	}
	// Trainer and server inherit these. Threads that spin while they wait keep each
	// other off two cores.
	return errors.Join(os.Setenv("PYTHONPATH", tools.HostPath()), os.Setenv("OMP_WAIT_POLICY", "PASSIVE"))
}

// freePort is one that nothing listens on now.
func freePort(ctx context.Context) (int, error) {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	address, ok := listener.Addr().(*net.TCPAddr)
	if err := listener.Close(); err != nil || !ok {
		return 0, fmt.Errorf("no free port: %w", err)
	}
	return address.Port, nil
}

// sealBase copies the base model to the volume, as Fetch does.
func (m *machine) sealBase(model string) error {
	sum := sha256.New()
	entries, err := os.ReadDir(model)
	if err != nil {
		return err
	}
	files := map[string]func() ([]byte, error){}
	for _, entry := range entries {
		name := filepath.Join(model, entry.Name())
		content, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		fmt.Fprintf(sum, "%s %x\n", entry.Name(), sha256.Sum256(content))
		files[entry.Name()] = func() ([]byte, error) { return os.ReadFile(name) }
	}
	m.baseKey = hex.EncodeToString(sum.Sum(nil))
	m.base = contract.Keys{BaseModel: m.baseKey}.BaseModelFolder()
	m.baseDigest, err = m.seal(m.base, artifact.Manifest{Stage: string(v1alpha1.StageFetch), Key: m.baseKey}, files)
	return err
}

// seal seals files in a folder, unless that was done.
func (m *machine) seal(folder string, manifest artifact.Manifest, files map[string]func() ([]byte, error)) (string, error) {
	if _, digest, err := m.store.Lookup(folder); err == nil {
		return digest, nil
	}
	draft, err := m.store.Begin(folder)
	if err != nil {
		return "", err
	}
	for name, read := range files {
		content, err := read()
		if err == nil {
			err = os.WriteFile(filepath.Join(draft.Path(), name), content, 0o640)
		}
		if err != nil {
			return "", errors.Join(err, draft.Discard())
		}
	}
	return draft.Seal(manifest)
}

// keys name an expert's data and model by all that they are made from; data is the
// document of samples.
func (m *machine) keys(of expert, seed int) (keys contract.Keys, data string, err error) {
	var document strings.Builder
	if err := task.Encode(&document, of.samples); err != nil {
		return keys, "", err
	}
	shape, err := json.Marshal(m.seeded(seed))
	keys = contract.Keys{BaseModel: m.baseKey, Dataset: hashOf(document.String())}
	keys.Model = hashOf(keys.BaseModel, keys.Dataset, string(shape))
	return keys, document.String(), err
}

// seeded is the training with another seed.
func (m *machine) seeded(seed int) v1alpha1.Training {
	training := m.training
	training.Seed = int64(seed)
	return training
}

// train runs the stage Train on one expert's data and returns the model's folder. A
// model that is there already is not trained again.
func (m *machine) train(ctx context.Context, of expert, seed int) (string, error) {
	e := m.experiment
	keys, data, err := m.keys(of, seed)
	if err != nil {
		return "", err
	}
	folder, dataset := keys.Output(v1alpha1.StageTrain), keys.Output(v1alpha1.StageCurate)
	if _, _, err := m.store.Lookup(folder); err == nil {
		return folder, nil
	}
	digest, err := m.seal(dataset, artifact.Manifest{Stage: string(v1alpha1.StageCurate), Key: keys.Dataset}, map[string]func() ([]byte, error){
		datasetFile: func() ([]byte, error) { return []byte(data), nil },
	})
	if err != nil {
		return "", err
	}
	env := stage.Env{
		Store: m.store, Log: slog.New(slog.NewTextHandler(e.log, nil)),
		Progress: func(p contract.Progress) {
			fmt.Fprintf(e.log, "%s, seed %d: step %d of %d, %s, %d s left\n", of.name, seed, p.Step, p.Total, p.Message, p.ETASeconds)
		},
		Spec: contract.StageSpec{
			Stage: v1alpha1.StageTrain, Keys: keys, Inputs: map[string]string{dataset: digest, m.base: m.baseDigest},
			Recipe: v1alpha1.Recipe{Training: m.seeded(seed), Engine: v1alpha1.EngineTransformers, EngineDevice: v1alpha1.DeviceCPU},
		},
	}
	started := time.Now()
	if _, err := train.Run(ctx, env); err != nil {
		return "", err
	}
	e.trained = append(e.trained, time.Since(started))
	return folder, nil
}

func hashOf(texts ...string) string {
	sum := sha256.Sum256([]byte(strings.Join(texts, "\x00")))
	return hex.EncodeToString(sum[:])
}

// ask asks a model all questions, as the stage Evaluate does: greedily, the base
// model with the format and examples, an expert with the question alone.
func (m *machine) ask(ctx context.Context, model engine.Model, isBase bool) (scores [2]crossover.Scores, err error) {
	e := m.experiment
	settings := engine.Settings{Engine: v1alpha1.EngineTransformers, Device: v1alpha1.DeviceCPU, ContextTokens: contextTokens, Port: m.port}
	if err := m.supervisor.Load(ctx, []engine.Model{model}, settings); err != nil {
		return scores, err
	}
	chat := engine.NewChat(engine.Address(m.port), model.Name, m.server.Fields(v1alpha1.SamplingGreedy, answerTokens))
	started := time.Now()
	for repository, facts := range e.chosen {
		right := make([]bool, len(facts))
		for i, question := range recall.EvaluationQuestions(facts) {
			messages := recall.ExpertPrompt(question)
			if isBase {
				messages = recall.BasePrompt(e.repositories[repository].subject.name, question)
			}
			answer, err := chat.Ask(ctx, messages)
			if err != nil {
				return scores, fmt.Errorf("question %s: %w", question.ID, err)
			}
			right[i] = recall.Score(question.Answer, answer.Text)
		}
		scores[repository] = crossover.Scores{right}
	}
	e.asked = append(e.asked, time.Since(started))
	return scores, nil
}
