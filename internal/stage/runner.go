package stage

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"os"
	"path"
	"strconv"
	"time"

	"github.com/repoexpert/operator/api/v1alpha1"
	"github.com/repoexpert/operator/internal/artifact"
	"github.com/repoexpert/operator/internal/contract"
	"github.com/repoexpert/operator/internal/sandbox"
)

// dialTimeout is how long a sidecar may take to answer.
const dialTimeout = 2 * time.Minute

// Runner runs one stage in its pod: it reads the specification, checks the
// inputs, connects to the sidecars, keeps the deadline and reports the result.
type Runner struct {
	// Stages are the stages by name.
	Stages map[v1alpha1.StageName]Func
	// Artifacts is the root of the artifact volume, Sockets the folder of the
	// sidecars' sockets, TerminationLog the file that carries the result.
	Artifacts, Sockets, TerminationLog string
	// Index is the shard of Experience, from 0; nil reads it from the variable that
	// an Indexed Job sets.
	Index *int32
	// Out gets progress and record lines.
	Out io.Writer
	Log *slog.Logger
}

// sidecars are the boxes that a stage needs.
var sidecars = map[v1alpha1.StageName][]string{
	v1alpha1.StageSetup:      {contract.ContainerAgent},
	v1alpha1.StagePlan:       {contract.ContainerAgent, contract.ContainerGrader},
	v1alpha1.StageExperience: {contract.ContainerAgent, contract.ContainerGrader},
	v1alpha1.StageEvaluate:   {contract.ContainerAgent, contract.ContainerGrader},
}

// reusable are the stages whose sealed output is taken as it is. Fetch looks at
// the remote each time, Experience has an output per shard, and Evaluate must
// print its record again.
var reusable = map[v1alpha1.StageName]bool{
	v1alpha1.StageSetup: true, v1alpha1.StagePlan: true, v1alpha1.StageCurate: true, v1alpha1.StageTrain: true,
}

// Run runs the stage that the specification names and returns the worker's
// exit code. The result is in the termination log before it returns.
func (r *Runner) Run(ctx context.Context, specification string) int {
	spec, err := contract.ParseSpec(specification)
	if err != nil {
		r.Log.Error("no stage can run", "error", err)
		// Read by the manager where the specification named run and attempt, as one
		// of another release does.
		r.report(contract.StageResult{Class: v1alpha1.FailureConfiguration, Message: err.Error(), Stage: spec.Stage, Run: spec.Run, Attempt: spec.Attempt})
		return int(contract.ExitCode(v1alpha1.FailureConfiguration))
	}
	ctx, cancel := context.WithTimeout(ctx, time.Duration(spec.DeadlineSeconds)*time.Second)
	defer cancel()
	start := time.Now()
	result, err := r.run(ctx, spec)
	if err != nil {
		result = r.failure(ctx, err)
	}
	result.Stage, result.Run, result.Attempt = spec.Stage, spec.Run, spec.Attempt
	r.Log.Info("stage ended", "stage", spec.Stage, "class", result.Class, "seconds", time.Since(start).Seconds(), "counts", result.Counts, "error", err)
	return r.report(result)
}

func (r *Runner) failure(ctx context.Context, err error) contract.StageResult {
	class := ClassOf(err)
	var known *Error
	message := err.Error()
	if errors.As(err, &known) {
		message = known.Message
	}
	switch {
	case errors.Is(err, sandbox.ErrNotIsolated):
		class = v1alpha1.FailureConfiguration
		message = fmt.Sprintf("%v: enforce NetworkPolicy for the stage's pods, or accept it with networkIsolation: NotEnforced in the class", err)
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		class, message = v1alpha1.FailureDeadline, "the stage ran out of its own time limit"
	}
	return contract.StageResult{Class: class, Message: message}
}

// report writes the result and returns the exit code that goes with it.
func (r *Runner) report(result contract.StageResult) int {
	raw, err := contract.EncodeResult(result)
	if err == nil {
		err = os.WriteFile(r.TerminationLog, raw, 0o600)
	}
	if err != nil {
		r.Log.Error("the result cannot be reported", "error", err)
		return contract.ExitUnknown
	}
	return int(contract.ExitCode(result.Class))
}

func (r *Runner) run(ctx context.Context, spec contract.StageSpec) (contract.StageResult, error) {
	run, ok := r.Stages[spec.Stage]
	if !ok {
		return contract.StageResult{}, Fail(v1alpha1.FailureConfiguration, nil, "this worker has no stage %s: use worker and manager of one release", spec.Stage)
	}
	store, err := artifact.Open(r.Artifacts)
	if err != nil {
		return contract.StageResult{}, err
	}
	defer store.Close()
	if err := checkInputs(store, spec); err != nil {
		return contract.StageResult{}, err
	}
	if result, found, err := reuse(store, spec); found || err != nil {
		return result, err
	}
	env := Env{Spec: spec, Store: store, Log: r.Log, Progress: r.progress()}
	if env.Index, err = r.shardIndex(); err != nil {
		return contract.StageResult{}, err
	}
	if err := r.connect(ctx, &env); err != nil {
		return contract.StageResult{}, err
	}
	result, err := run(ctx, env)
	if err != nil {
		return contract.StageResult{}, err
	}
	if result.ManifestDigest == "" {
		return contract.StageResult{}, fmt.Errorf("stage %s succeeded without a sealed output", spec.Stage)
	}
	result.Class = v1alpha1.Succeeded
	return result, nil
}

// checkInputs refuses to work on anything but the outputs that the run's
// ledger names.
func checkInputs(store *artifact.Store, spec contract.StageSpec) error {
	for folder, digest := range spec.Inputs {
		var err error
		if folder == spec.Keys.Output(v1alpha1.StageExperience) {
			err = checkShards(store, folder, spec.Shards, digest)
		} else {
			_, err = store.Verify(folder, digest)
		}
		if err != nil {
			return Fail(v1alpha1.FailureIntegrity, err, "input %s is not what the run recorded: %v", folder, err)
		}
	}
	return nil
}

func checkShards(store *artifact.Store, folder string, shards int32, want string) error {
	digests := make([]string, shards)
	for i := range digests {
		_, digest, err := store.Lookup(ShardFolder(folder, int32(i)))
		if err != nil {
			return err
		}
		if _, err := store.Verify(ShardFolder(folder, int32(i)), digest); err != nil {
			return err
		}
		digests[i] = digest
	}
	if got := contract.ShardsDigest(digests); got != want {
		return fmt.Errorf("%s: shards are %s, want %s: %w", folder, got, want, artifact.ErrDigest)
	}
	return nil
}

// ShardFolder is the folder of one shard of Experience's output.
func ShardFolder(output string, index int32) string {
	return path.Join(output, fmt.Sprintf("shard-%04d", index))
}

// reuse returns the result of a sealed output that was made from today's inputs
// and whose every byte is what was sealed: a stage runs again when a later one
// found it damaged. One that was made from other inputs makes room.
func reuse(store *artifact.Store, spec contract.StageSpec) (contract.StageResult, bool, error) {
	folder := spec.Keys.Output(spec.Stage)
	if !reusable[spec.Stage] || folder == "" {
		return contract.StageResult{}, false, nil
	}
	manifest, digest, err := store.Lookup(folder)
	if errors.Is(err, artifact.ErrNotSealed) {
		return contract.StageResult{}, false, nil
	}
	if err == nil && maps.Equal(manifest.Inputs, spec.Inputs) {
		if _, err = store.VerifyContent(folder, digest); err == nil {
			return contract.StageResult{Class: v1alpha1.Succeeded, ManifestDigest: digest, Counts: manifest.Counts, Reused: true}, true, nil
		}
	}
	return contract.StageResult{}, false, store.Remove(folder)
}

// shardIndex is the runner's own index, or the one that an Indexed Job gives its
// pod; 0 elsewhere.
func (r *Runner) shardIndex() (int32, error) {
	if r.Index != nil {
		return *r.Index, nil
	}
	value, ok := os.LookupEnv("JOB_COMPLETION_INDEX")
	if !ok || value == "" {
		return 0, nil
	}
	index, err := strconv.ParseInt(value, 10, 32)
	if err != nil || index < 0 {
		return 0, fmt.Errorf("JOB_COMPLETION_INDEX %q is no index", value)
	}
	return int32(index), nil
}

func (r *Runner) connect(ctx context.Context, env *Env) error {
	for _, name := range sidecars[env.Spec.Stage] {
		client := sandbox.Dial(path.Join(r.Sockets, name, contract.SocketName))
		readyContext, cancel := context.WithTimeout(ctx, dialTimeout)
		err := client.Ready(readyContext)
		cancel()
		if errors.Is(err, sandbox.ErrNotIsolated) {
			return err
		}
		if err != nil {
			return Fail(v1alpha1.FailureInfrastructure, err, "the sidecar %s does not answer", name)
		}
		if name == contract.ContainerGrader {
			env.Grader = client
		} else {
			env.Agent = client
		}
	}
	return nil
}

// progress returns a function that prints at most one line a second.
func (r *Runner) progress() func(contract.Progress) {
	var last time.Time
	return func(p contract.Progress) {
		if time.Since(last) < time.Second && p.Step < p.Total {
			return
		}
		last = time.Now()
		line, err := contract.EncodeProgress(p)
		if err == nil {
			_, err = fmt.Fprintln(r.Out, line)
		}
		if err != nil {
			r.Log.Warn("progress cannot be reported", "error", err)
		}
	}
}
