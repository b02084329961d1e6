// Package setup is the stage that runs the repository's setup commands in the
// sandbox and seals what they installed into /environment, with the dependencies
// of a compiled language in compiled form: every later task begins with them.
package setup

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"time"

	"github.com/repoexpert/operator/api/v1alpha1"
	"github.com/repoexpert/operator/internal/artifact"
	"github.com/repoexpert/operator/internal/contract"
	"github.com/repoexpert/operator/internal/language"
	"github.com/repoexpert/operator/internal/language/adapters"
	"github.com/repoexpert/operator/internal/sandbox"
	"github.com/repoexpert/operator/internal/snapshot"
	"github.com/repoexpert/operator/internal/stage"
)

const (
	commandTimeout = 30 * time.Minute
	outputLimit    = 16 << 10
	excerptBytes   = 300
	workDir        = sandbox.TreeFolder
)

// Run runs the commands in order, each in a fresh shell in the repository's
// root. The first that fails ends the stage with class RepositoryCode; dependencies
// that are missing after them end it with class Configuration.
func Run(ctx context.Context, env stage.Env) (contract.StageResult, error) {
	var result contract.StageResult
	if err := putTree(ctx, env); err != nil {
		return result, err
	}
	adapter, err := adapters.For(env.Spec.Recipe.Environment.Test.Framework)
	if err != nil {
		return result, stage.Fail(v1alpha1.FailureConfiguration, nil, "%s", err)
	}
	commands := env.Spec.Recipe.Environment.Setup
	for i, command := range commands {
		env.Progress(contract.Progress{Step: int64(i), Total: int64(len(commands)), Message: command})
		if err := runCommand(ctx, env.Agent, i, command, commandTimeout); err != nil {
			return result, err
		}
	}
	env.Progress(contract.Progress{Step: int64(len(commands)), Total: int64(len(commands)), Message: "compiling dependencies"})
	if err := adapter.Precompile(ctx, env.Agent, workDir, commandTimeout); err != nil {
		if errors.Is(err, language.ErrEnvironment) {
			return result, stage.Fail(v1alpha1.FailureConfiguration, nil, "%s", err)
		}
		return result, err
	}
	draft, err := env.Store.Begin(env.Spec.Keys.Output(v1alpha1.StageSetup))
	if err != nil {
		return result, err
	}
	if err := collect(ctx, env.Agent, filepath.Join(draft.Path(), stage.EnvironmentFile)); err != nil {
		return result, errors.Join(err, draft.Discard())
	}
	result.Counts = map[string]int64{"commands": int64(len(commands))}
	result.ManifestDigest, err = draft.Seal(artifact.Manifest{
		Stage: string(v1alpha1.StageSetup), Key: env.Spec.Keys.Environment, Inputs: env.Spec.Inputs, Counts: result.Counts,
	})
	return result, err
}

func putTree(ctx context.Context, env stage.Env) error {
	dir, err := env.Store.Path(env.Spec.Keys.Output(v1alpha1.StageFetch))
	if err != nil {
		return err
	}
	snap, err := snapshot.Open(dir)
	if err != nil {
		return err
	}
	tree, err := snap.Tree(ctx)
	if err != nil {
		return err
	}
	return errors.Join(env.Agent.PutTree(ctx, workDir, tree), tree.Close())
}

func runCommand(ctx context.Context, box sandbox.Box, index int, command string, timeout time.Duration) error {
	result, err := box.Run(ctx, sandbox.Command{Args: []string{"sh", "-c", command}, Dir: workDir, Timeout: timeout, OutputLimit: outputLimit})
	switch {
	case err != nil:
		return err
	case result.TimedOut:
		return stage.Fail(v1alpha1.FailureRepositoryCode, nil, "environment.setup[%d] did not end within %s", index, timeout)
	case result.ExitCode != 0:
		excerpt := result.Output
		if len(excerpt) > excerptBytes {
			excerpt = excerpt[len(excerpt)-excerptBytes:]
		}
		return stage.Fail(v1alpha1.FailureRepositoryCode, nil, "environment.setup[%d] ended with exit code %d; the end of its output: %s", index, result.ExitCode, excerpt)
	}
	return nil
}

func collect(ctx context.Context, box sandbox.Box, file string) (err error) {
	out, err := os.Create(file)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, out.Close()) }()
	return box.GetEnvironment(ctx, out)
}
