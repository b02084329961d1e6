package local

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/repoexpert/operator/api/v1alpha1"
	"github.com/repoexpert/operator/internal/language/adapters"
)

// Options are what a person asks for. The zero value of a field that Default
// fills is refused: it would be another recipe than the one that the flags show.
type Options struct {
	Framework v1alpha1.TestFramework
	// TestPaths, Include and Exclude are paths below the repository's root.
	TestPaths, Include, Exclude []string
	Units                       []v1alpha1.Unit
	Shards                      int32
	Seed                        int64
	// HoldoutPercent of the functions are held out of training.
	HoldoutPercent int32
	// Holdout is the protocol; with Tasks, HoldoutCommits says nothing.
	Holdout        v1alpha1.Holdout
	HoldoutCommits int32
	// Kinds of tasks that Plan looks for among what is held out.
	Kinds                       []v1alpha1.EvaluationKind
	CommandTimeout, TestTimeout time.Duration
	// MinSamples below which Plan and Curate fail.
	MinSamples int32
	// MaxLength of a sample, in tokens.
	MaxLength int32
	// Model is the folder of a base model, for Curate; "" without.
	Model string
	// Teacher is a file with a teacher as an ExpertClass has it, "" for none;
	// TeacherKeyFile holds its key, "" when the environment has it or it wants none.
	Teacher, TeacherKeyFile string
	// PythonPath are folders that commands in the sandbox import from besides the
	// interpreter's own.
	PythonPath []string
}

// defaultSamples is how many samples of each unit are made when no unit is named.
const defaultSamples = 50

// DefaultOptions are those of an ExpertClass that says nothing, but for shards,
// which run one after another here, and the samples, which a class must name.
func DefaultOptions() Options {
	o := Options{
		Framework: v1alpha1.TestPytest, Shards: 1, Seed: 1,
		HoldoutPercent: 20, Holdout: v1alpha1.HoldoutTasks, HoldoutCommits: 60,
		CommandTimeout: time.Minute, TestTimeout: 10 * time.Minute, MinSamples: 1, MaxLength: 4096,
	}
	for _, name := range v1alpha1.Units {
		o.Units = append(o.Units, v1alpha1.Unit{Name: name, Samples: defaultSamples})
	}
	return o
}

// Bounds of the API's schema, which no API server checks here.
const (
	maxSamples = 100_000
	maxTasks   = 10_000
	maxShards  = 256
	maxSeed    = 1<<31 - 1
)

var pathPattern = regexp.MustCompile(`^[A-Za-z0-9_.][A-Za-z0-9_./ -]{0,255}$`)

// check refuses what the API's schema would refuse. Errors name the flag.
func (o Options) check() error {
	if _, err := adapters.For(o.Framework); err != nil {
		return fmt.Errorf("--framework: %w", err)
	}
	for flag, paths := range map[string][]string{"--test-path": o.TestPaths, "--include": o.Include, "--exclude": o.Exclude} {
		for _, path := range paths {
			if !pathPattern.MatchString(path) || strings.Contains(path, "..") {
				return fmt.Errorf("%s %.80q is no path below the repository's root: name a file or folder in it", flag, path)
			}
		}
	}
	for _, unit := range o.Units {
		if !slices.Contains(v1alpha1.Units, unit.Name) {
			return fmt.Errorf("--unit %s is unknown: name one of %s", unit.Name, listed(v1alpha1.Units))
		}
		if unit.Samples < 1 || unit.Samples > maxSamples {
			return fmt.Errorf("--unit %s=%d: ask for 1 to %d samples", unit.Name, unit.Samples, maxSamples)
		}
	}
	return errors.Join(o.checkHoldout(), o.checkNumbers())
}

var holdouts = []v1alpha1.Holdout{v1alpha1.HoldoutTasks, v1alpha1.HoldoutFrontier, v1alpha1.HoldoutPrequential}

func (o Options) checkHoldout() error {
	if !slices.Contains(holdouts, o.Holdout) {
		return fmt.Errorf("--holdout %.80q is unknown: name one of %s", o.Holdout, listed(holdouts))
	}
	for _, kind := range o.Kinds {
		if !slices.Contains(v1alpha1.KindNames, kind.Name) {
			return fmt.Errorf("--kind %.80s is unknown: name one of %s", kind.Name, listed(v1alpha1.KindNames))
		}
		if kind.Tasks < 1 || kind.Tasks > maxTasks {
			return fmt.Errorf("--kind %s=%d: ask for 1 to %d tasks", kind.Name, kind.Tasks, maxTasks)
		}
	}
	return nil
}

func (o Options) checkNumbers() error {
	for _, number := range []struct {
		flag         string
		value        int64
		least, limit int64
	}{
		{"--shards", int64(o.Shards), 1, maxShards},
		{"--seed", o.Seed, 0, maxSeed},
		{"--holdout-percent", int64(o.HoldoutPercent), 1, 50},
		{"--holdout-commits", int64(o.HoldoutCommits), 1, 1000},
		{"--min-samples", int64(o.MinSamples), 1, 1_000_000},
		{"--max-length", int64(o.MaxLength), 64, 1 << 20},
		{"--command-timeout", int64(o.CommandTimeout / time.Second), 1, 3600},
		{"--test-timeout", int64(o.TestTimeout / time.Second), 1, 3600},
	} {
		if number.value < number.least || number.value > number.limit {
			return fmt.Errorf("%s %d: must be from %d to %d", number.flag, number.value, number.least, number.limit)
		}
	}
	return nil
}

func listed[Name ~string](names []Name) string {
	texts := make([]string, len(names))
	for i, name := range names {
		texts[i] = string(name)
	}
	return strings.Join(texts, ", ")
}

// recipe is what the manager would resolve from a class and an expert, as far as
// the stages before training read it.
func (o Options) recipe(checkout Checkout, environment string, model v1alpha1.BaseModel) v1alpha1.Recipe {
	evaluation := v1alpha1.Evaluation{Holdout: o.Holdout, HoldoutPercent: o.HoldoutPercent, Kinds: o.Kinds}
	if o.Holdout != v1alpha1.HoldoutTasks {
		evaluation.HoldoutCommits = o.HoldoutCommits
	}
	return v1alpha1.Recipe{
		Repository: v1alpha1.Repository{
			URL: "file://" + checkout.GitDir, Ref: v1alpha1.GitRef{Commit: checkout.Commit},
			Include: o.Include, Exclude: o.Exclude,
		},
		Environment: v1alpha1.Environment{Image: environment, Test: v1alpha1.Test{Framework: o.Framework, Paths: o.TestPaths}},
		BaseModel:   model,
		Experience: v1alpha1.Experience{
			Units: o.Units, Shards: o.Shards, Seed: o.Seed, MinSamples: o.MinSamples,
			CommandTimeout: metav1.Duration{Duration: o.CommandTimeout}, TestTimeout: metav1.Duration{Duration: o.TestTimeout},
		},
		Training:   v1alpha1.Training{BatchSize: 1, MaxLength: o.MaxLength, Seed: o.Seed, Answers: v1alpha1.AnswersComputed},
		Evaluation: evaluation,
	}
}

// identities are commands that print what runs the code of a framework: in a
// cluster the image says which one it is.
var identities = map[v1alpha1.TestFramework][]string{
	v1alpha1.TestPytest: {"python3", "-c", "import sys; print(sys.executable, sys.version)"},
	v1alpha1.TestGo:     {"go", "version"},
}

// environmentName stands for environment.image in the keys: another interpreter,
// or another path to import from, gives another plan. What is installed later
// into the same place goes unnoticed, as behind a tag that is moved.
func environmentName(ctx context.Context, framework v1alpha1.TestFramework, pythonPath []string) (string, error) {
	name := "this machine"
	if command := identities[framework]; len(command) > 0 {
		cmd := exec.CommandContext(ctx, command[0], command[1:]...)
		cmd.Env = environ(nil, os.TempDir())
		output, err := cmd.Output()
		if err != nil {
			return "", fmt.Errorf("--framework %s needs %s: install it, or put it into PATH: %w", framework, command[0], err)
		}
		name += ": " + strings.TrimSpace(string(output))
	}
	return strings.Join(append([]string{name}, pythonPath...), string(os.PathListSeparator)), nil
}

// absoluteFolders checks folders that a flag names.
func absoluteFolders(flag string, folders []string) ([]string, error) {
	absolute := make([]string, len(folders))
	for i, folder := range folders {
		info, err := os.Stat(folder)
		if err != nil || !info.IsDir() {
			return nil, fmt.Errorf("%s %s is no folder: name one that is there", flag, folder)
		}
		if absolute[i], err = filepath.Abs(folder); err != nil {
			return nil, fmt.Errorf("%s: %w", flag, err)
		}
	}
	return absolute, nil
}
