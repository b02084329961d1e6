package local

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"github.com/repoexpert/operator/api/v1alpha1"
	"github.com/repoexpert/operator/internal/artifact"
	"github.com/repoexpert/operator/internal/contract"
	"github.com/repoexpert/operator/internal/pipeline"
	"github.com/repoexpert/operator/internal/stage"
	"github.com/repoexpert/operator/internal/stage/curate"
	"github.com/repoexpert/operator/internal/stage/experience"
	"github.com/repoexpert/operator/internal/stage/fetch"
	"github.com/repoexpert/operator/internal/stage/plan"
)

// Files below the output folder, beside the folders of the artifact volume.
const (
	// logFile holds what stages log.
	logFile = "worker.log"
	// lockFile is locked while a session is open.
	lockFile = ".lock"
	// terminationLog is what the kubelet would read a stage's result from.
	terminationLog = ".termination"
)

// Session runs the stages of one recipe, one after another, on one output folder.
type Session struct {
	display  *Display
	out      string
	checkout Checkout
	run      v1alpha1.ExpertRun
	stages   map[v1alpha1.StageName]stage.Func
	store    *artifact.Store
	lock     *os.File
	log      *os.File
	sandbox  *Sandbox
	// teacherKey gives the key of the recipe's teacher, teacherUsed says what that
	// teacher used of its budget.
	teacherKey  func() (string, error)
	teacherUsed string
	// results are those of the stages that ended, usage what each cost.
	results map[v1alpha1.StageName]contract.StageResult
	usage   map[v1alpha1.StageName]Usage
}

// Failure is the end of a stage that did not succeed.
type Failure struct {
	Stage v1alpha1.StageName
	Class v1alpha1.FailureClass
	// Message names the field or file, its value and the remedy.
	Message string
	// Log is the file with what the stage logged.
	Log string
}

// Error implements error.
func (f *Failure) Error() string {
	return fmt.Sprintf("%s failed (%s): %s%s\nmore is in %s", f.Stage, f.Class, f.Message, flagsFor(f.Message), f.Log)
}

// Open prepares a session: it resolves the recipe, takes the output folder for
// itself and starts the sandbox. Close the result.
func Open(ctx context.Context, display *Display, checkout Checkout, out string, options Options) (*Session, error) {
	if err := options.check(); err != nil {
		return nil, err
	}
	pythonPath, err := absoluteFolders("--python-path", options.PythonPath)
	if err != nil {
		return nil, err
	}
	environment, err := environmentName(ctx, options.Framework, pythonPath)
	if err != nil {
		return nil, err
	}
	model, err := baseModel(options.Model)
	if err != nil {
		return nil, err
	}
	s := &Session{
		display: display, out: out, checkout: checkout,
		results: map[v1alpha1.StageName]contract.StageResult{}, usage: map[v1alpha1.StageName]Usage{},
		stages: map[v1alpha1.StageName]stage.Func{
			v1alpha1.StageFetch: fetch.Checkout{Repository: checkout.GitDir, Model: options.Model}.Run,
			v1alpha1.StagePlan:  plan.Run, v1alpha1.StageExperience: experience.Run, v1alpha1.StageCurate: curate.Run,
		},
	}
	s.run.Name = "local"
	s.run.Spec.Commit = checkout.Commit
	s.run.Spec.Recipe = options.recipe(checkout, environment, model)
	if err := s.setTeacher(options); err != nil {
		return nil, err
	}
	if err := s.open(ctx, pythonPath); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

func (s *Session) open(ctx context.Context, pythonPath []string) (err error) {
	if s.out, err = filepath.Abs(s.out); err != nil {
		return fmt.Errorf("--out: %w", err)
	}
	if err := os.MkdirAll(s.out, 0o750); err != nil {
		return fmt.Errorf("--out: %w", err)
	}
	if s.lock, err = lockOutput(s.out); err != nil {
		return err
	}
	if s.store, err = artifact.Open(s.out); err != nil {
		return fmt.Errorf("--out: %w", err)
	}
	if s.log, err = os.OpenFile(filepath.Join(s.out, logFile), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o640); err != nil {
		return fmt.Errorf("--out: %w", err)
	}
	s.sandbox, err = StartSandbox(ctx, pythonPath, slog.New(slog.NewTextHandler(s.log, nil)))
	return err
}

// lockOutput keeps two workers from writing one output, whatever their sandboxes.
func lockOutput(out string) (*os.File, error) {
	lock, err := os.OpenFile(filepath.Join(out, lockFile), os.O_CREATE|os.O_RDWR, 0o640)
	if err != nil {
		return nil, fmt.Errorf("--out: %w", err)
	}
	if err := unix.Flock(int(lock.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		return nil, errors.Join(fmt.Errorf("--out %s is in use by another worker: wait for its end, or name another folder: %w", out, err), lock.Close())
	}
	return lock, nil
}

// Close ends the sandbox and releases the output folder.
func (s *Session) Close() error {
	var err error
	if s.sandbox != nil {
		err = s.sandbox.Close()
	}
	if s.store != nil {
		err = errors.Join(err, s.store.Close())
	}
	for _, file := range []*os.File{s.log, s.lock} {
		if file != nil {
			err = errors.Join(err, file.Close())
		}
	}
	return err
}

// baseModel names a model by the content of its tokenizer, the only part that is
// read of it here.
func baseModel(folder string) (model v1alpha1.BaseModel, err error) {
	if folder == "" {
		return v1alpha1.BaseModel{}, nil
	}
	root, err := os.OpenRoot(folder)
	if err != nil {
		return model, fmt.Errorf("--model: %w", err)
	}
	defer func() { err = errors.Join(err, root.Close()) }()
	names, err := fetch.TokenizerFiles(root)
	if err != nil {
		return model, fmt.Errorf("--model %s: %w", folder, err)
	}
	sum := sha256.New()
	for _, name := range names {
		content, err := root.ReadFile(name)
		if err != nil {
			return model, fmt.Errorf("--model: %w", err)
		}
		// A hash never fails to write.
		_, _ = fmt.Fprintf(sum, "%s %x\n", name, sha256.Sum256(content))
	}
	return v1alpha1.BaseModel{Name: filepath.Base(folder), Revision: "tokenizer " + hex.EncodeToString(sum.Sum(nil))}, nil
}

// Run runs the stages up to and including the last one, each as a pod would.
func (s *Session) Run(ctx context.Context, last v1alpha1.StageName) error {
	for _, name := range []v1alpha1.StageName{v1alpha1.StageFetch, v1alpha1.StagePlan, v1alpha1.StageExperience, v1alpha1.StageCurate} {
		if err := s.stage(ctx, name); err != nil {
			return err
		}
		if name == last {
			break
		}
	}
	return nil
}

// stage runs one stage and records its result where the next one's specification
// is made from.
func (s *Session) stage(ctx context.Context, name v1alpha1.StageName) error {
	m := meter{sandbox: s.sandbox, now: time.Now}
	if err := m.begin(); err != nil {
		return err
	}
	result, tasks, err := s.attempt(ctx, name)
	if err != nil {
		return err
	}
	usage, err := m.end()
	if err != nil {
		return err
	}
	usage.Tasks = tasks
	s.usage[name], s.results[name] = usage, result
	s.run.Status.Stages = append(s.run.Status.Stages, v1alpha1.StageStatus{
		Name: name, State: v1alpha1.StageSucceeded, ManifestDigest: result.ManifestDigest, BaseModelDigest: result.BaseModelDigest,
	})
	s.report(name, result)
	return nil
}

// runner runs one shard as its pod would.
func (s *Session) runner(ctx context.Context, spec contract.StageSpec, index int32, out *tracker) (contract.StageResult, error) {
	specification, err := contract.EncodeSpec(spec)
	if err != nil {
		return contract.StageResult{}, err
	}
	out.begin(index)
	stopTicking := s.tick()
	defer stopTicking()
	termination := filepath.Join(s.out, terminationLog)
	runner := stage.Runner{
		Stages: s.stages, Artifacts: s.out, Sockets: s.sandbox.Sockets(), TerminationLog: termination,
		Index: &index, Out: out, Log: slog.New(slog.NewTextHandler(s.log, nil)),
	}
	code := runner.Run(ctx, specification)
	if ctx.Err() != nil {
		return contract.StageResult{}, ctx.Err()
	}
	raw, err := os.ReadFile(termination)
	if err := errors.Join(err, os.Remove(termination)); err != nil {
		return contract.StageResult{}, fmt.Errorf("the stage's result: %w", err)
	}
	result, err := contract.ParseResult(raw)
	if err != nil {
		return contract.StageResult{}, err
	}
	if code != contract.ExitSucceeded {
		return result, &Failure{Stage: spec.Stage, Class: result.Class, Message: result.Message, Log: filepath.Join(s.out, logFile)}
	}
	return result, nil
}

// tick moves the display's clock on until the returned function is called.
func (s *Session) tick() (stop func()) {
	ticker, done := time.NewTicker(time.Second), make(chan struct{})
	go func() {
		for {
			select {
			case <-ticker.C:
				s.display.Tick()
			case <-done:
				return
			}
		}
	}()
	return func() { ticker.Stop(); close(done) }
}

// report says where an output came from.
func (s *Session) report(name v1alpha1.StageName, result contract.StageResult) {
	verb := "made"
	if result.Reused {
		verb = "reused"
	}
	s.display.Event("%s: %s %s", name, verb, filepath.Join(s.out, filepath.FromSlash(s.output(name))))
}

// output is the folder of a stage's output below the output folder.
func (s *Session) output(name v1alpha1.StageName) string {
	return pipeline.KeysFor(s.run.Spec.Recipe, s.run.Spec.Commit, pipeline.Comparison{}).Output(name)
}
