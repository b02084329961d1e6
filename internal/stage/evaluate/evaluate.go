package evaluate

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path"
	"path/filepath"

	"github.com/repoexpert/operator/api/v1alpha1"
	"github.com/repoexpert/operator/internal/artifact"
	"github.com/repoexpert/operator/internal/contract"
	"github.com/repoexpert/operator/internal/engine"
	"github.com/repoexpert/operator/internal/language"
	"github.com/repoexpert/operator/internal/language/adapters"
	"github.com/repoexpert/operator/internal/stage"
)

// Run is the stage Evaluate in its pod.
func Run(ctx context.Context, env stage.Env) (contract.StageResult, error) {
	return Stage{
		Servers: engine.Dial(path.Join(contract.SocketsPath, contract.ContainerEngine, contract.SocketName)),
		Port:    contract.EnginePort,
		Adapter: adapters.For,
		Out:     os.Stdout,
	}.Run(ctx, env)
}

// Servers makes a model server answer as each of the models.
type Servers interface {
	Load(ctx context.Context, models []engine.Model, settings engine.Settings) error
}

// Stage is Evaluate with what it depends on.
type Stage struct {
	Servers Servers
	// Port of the model server, on loopback.
	Port int
	// Adapter returns the language adapter of a test framework.
	Adapter func(v1alpha1.TestFramework) (language.Adapter, error)
	// Out gets the record, as the last line.
	Out io.Writer
}

// Run evaluates, or repeats the record of an evaluation that is done.
func (s Stage) Run(ctx context.Context, env stage.Env) (contract.StageResult, error) {
	result, found, err := s.sealed(env)
	if found || err != nil {
		return result, err
	}
	e, err := s.prepare(ctx, env)
	if err != nil {
		return contract.StageResult{}, err
	}
	defer func() { _ = e.close() }() // read only
	if err := e.ask(ctx); err != nil {
		return contract.StageResult{}, err
	}
	return s.seal(e)
}

// sealed repeats a record. An evaluation from other inputs makes room.
func (s Stage) sealed(env stage.Env) (contract.StageResult, bool, error) {
	folder := env.Spec.Keys.Output(v1alpha1.StageEvaluate)
	manifest, digest, err := env.Store.Lookup(folder)
	if errors.Is(err, artifact.ErrNotSealed) {
		return contract.StageResult{}, false, nil
	}
	if err == nil && maps.Equal(manifest.Inputs, env.Spec.Inputs) {
		_, err = env.Store.VerifyContent(folder, digest)
	} else if err == nil {
		err = errors.New("made from other inputs")
	}
	if err != nil {
		env.Log.Warn("an earlier evaluation is not used", "cause", err.Error())
		return contract.StageResult{}, false, env.Store.Remove(folder)
	}
	place, err := env.Store.Path(folder)
	if err != nil {
		return contract.StageResult{}, false, err
	}
	line, err := os.ReadFile(filepath.Join(place, recordFile))
	if err != nil {
		return contract.StageResult{}, false, fmt.Errorf("read the record: %w", err)
	}
	result, err := s.report(string(line), manifest.Counts, digest)
	result.Reused = true
	return result, true, err
}

// seal writes the evaluation's files, seals them and prints the record.
func (s Stage) seal(e *evaluation) (contract.StageResult, error) {
	record := e.record()
	line, _, err := contract.EncodeRecord(record)
	if err != nil {
		return contract.StageResult{}, stage.Fail(v1alpha1.FailureConfiguration, err, "%v", err)
	}
	draft, err := e.env.Store.Begin(e.env.Spec.Keys.Output(v1alpha1.StageEvaluate))
	if err != nil {
		return contract.StageResult{}, err
	}
	if err := e.write(draft.Path(), line); err != nil {
		return contract.StageResult{}, errors.Join(err, draft.Discard())
	}
	counts := e.counts()
	digest, err := draft.Seal(artifact.Manifest{
		Stage: string(v1alpha1.StageEvaluate), Key: e.env.Spec.Keys.Evaluation, Inputs: e.env.Spec.Inputs, Counts: counts,
	})
	if err != nil {
		return contract.StageResult{}, fmt.Errorf("seal the evaluation: %w", err)
	}
	if err := e.keepResults(); err != nil {
		e.env.Log.Warn("the results are not kept for later evaluations", "cause", err.Error())
	}
	return s.report(line, counts, digest)
}

// report prints the record line and returns the result that names it.
func (s Stage) report(line string, counts map[string]int64, digest string) (contract.StageResult, error) {
	if _, err := fmt.Fprintln(s.Out, line); err != nil {
		return contract.StageResult{}, fmt.Errorf("print the record: %w", err)
	}
	return contract.StageResult{
		Class: v1alpha1.Succeeded, Counts: counts, ManifestDigest: digest, RecordDigest: sha256Text(line),
	}, nil
}
