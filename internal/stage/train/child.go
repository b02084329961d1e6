package train

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/repoexpert/operator/api/v1alpha1"
	"github.com/repoexpert/operator/internal/process"
	"github.com/repoexpert/operator/internal/recipe"
	"github.com/repoexpert/operator/internal/stage"
)

const (
	// stopGrace is what a trainer gets after SIGTERM: the libraries wait 3 seconds
	// before they believe it, then a step and a checkpoint follow. The pod's own
	// grace is 60 seconds.
	stopGrace = 50 * time.Second
	// maxCause bounds the trainer's own words in a message, in bytes.
	maxCause = 300
)

// run runs a command of the recipe to its end.
func (t *training) run(ctx context.Context, command recipe.Command, stdout func(string)) error {
	child, err := process.Start(process.Command{
		Args: command.Args, Dir: t.work, Env: environment(command.Env),
		Stdout: stdout, Log: os.Stderr,
	})
	if err != nil {
		return stage.Fail(v1alpha1.FailureConfiguration, err, "images.trainer has no %s in its PATH", command.Args[0])
	}
	select {
	case <-child.Done():
	case <-ctx.Done():
		child.Stop(stopGrace)
		if errors.Is(ctx.Err(), context.DeadlineExceeded) {
			return stage.Fail(v1alpha1.FailureDeadline, ctx.Err(), "the trainer did not end in time; it goes on from its checkpoint")
		}
		return fmt.Errorf("the trainer was stopped: %w", context.Cause(ctx))
	}
	if child.ExitCode() == 0 {
		return nil
	}
	return t.failure(child)
}

// failure says why the trainer ended. Names of scratch folders differ each time,
// so they are taken out of what lands in a condition.
func (t *training) failure(child *process.Process) error {
	cause := process.LastLine(child.Tail(), maxCause)
	cause = strings.NewReplacer(t.work, "work", t.draft.Path(), "output").Replace(cause)
	told := recipe.Classify(child.ExitCode(), child.Tail())
	message := fmt.Sprintf("the trainer ended with exit code %d", child.ExitCode())
	if cause != "" {
		message += ": " + cause
	}
	if told.Remedy != "" {
		message += "; " + told.Remedy
	}
	return stage.Fail(told.Class, nil, "%s", message)
}

// environment is the worker's own with what the recipe wishes added; the
// platform's word wins. The stage's specification is not the trainer's business.
func environment(wished map[string]string) []string {
	merged := maps.Clone(wished)
	if merged == nil {
		merged = map[string]string{}
	}
	for _, entry := range os.Environ() {
		name, value, _ := strings.Cut(entry, "=")
		if !strings.HasPrefix(name, "REPOEXPERT_") {
			merged[name] = value
		}
	}
	list := make([]string, 0, len(merged))
	for _, name := range slices.Sorted(maps.Keys(merged)) {
		list = append(list, name+"="+merged[name])
	}
	return list
}

const (
	checkpointPattern = "checkpoint-*"
	// incompleteFile is what transformers leaves in a checkpoint that was cut
	// short.
	incompleteFile = "checkpoint-is-incomplete.txt"
)

// prepareCheckpoints removes checkpoints that were cut short and says whether
// one is left to go on from.
func prepareCheckpoints(output string) (bool, error) {
	folders, err := filepath.Glob(filepath.Join(output, checkpointPattern))
	if err != nil {
		return false, fmt.Errorf("look for checkpoints: %w", err)
	}
	whole := 0
	for _, folder := range folders {
		_, err := os.Stat(filepath.Join(folder, incompleteFile))
		switch {
		case errors.Is(err, fs.ErrNotExist):
			whole++
		case err != nil:
			return false, fmt.Errorf("look at a checkpoint: %w", err)
		default:
			if err := os.RemoveAll(folder); err != nil {
				return false, fmt.Errorf("remove an incomplete checkpoint: %w", err)
			}
		}
	}
	return whole > 0, nil
}

// removeLeftovers takes out what no later stage reads: checkpoints with the
// optimizer's state, and pickled arguments, which nobody should load.
func removeLeftovers(output string) error {
	for _, pattern := range []string{checkpointPattern, "*.bin", "*.pt", "*.pth"} {
		names, err := filepath.Glob(filepath.Join(output, pattern))
		if err != nil {
			return fmt.Errorf("look for leftovers: %w", err)
		}
		for _, name := range names {
			if err := os.RemoveAll(name); err != nil {
				return fmt.Errorf("remove leftovers: %w", err)
			}
		}
	}
	return nil
}
