package local

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/repoexpert/operator/api/v1alpha1"
	"github.com/repoexpert/operator/internal/artifact"
	"github.com/repoexpert/operator/internal/contract"
	"github.com/repoexpert/operator/internal/stage"
	"github.com/repoexpert/operator/internal/stage/experience"
	"github.com/repoexpert/operator/internal/task"
)

// Verification says what is executed again.
type Verification struct {
	// Output is the folder that holds samples, plan and snapshot.
	Output string
	// Percent of the executed samples of each unit, at least one; Seed chooses them.
	Percent int
	Seed    int64
	// Checkout, where it is set, and Snapshot, a folder with a sealed one, must
	// hold the very tree that the samples were made from.
	Checkout *Checkout
	Snapshot string

	// MadeWith is the seed that the samples were made with: it words their tasks.
	MadeWith int64

	Framework                   v1alpha1.TestFramework
	CommandTimeout, TestTimeout time.Duration
	PythonPath                  []string
}

// Difference is one thing that came out otherwise.
type Difference struct {
	// Turn of the assistant, from 1; 0 for what belongs to none.
	Turn int
	// What differs, what the sample says and what came out now; a line of each.
	What, Want, Got string
}

// Verified is what became of one sample.
type Verified struct {
	Unit        v1alpha1.UnitName
	TaskID      string
	Turns       int
	Differences []Difference
}

// Verify executes a random share of an output's trajectories again and compares
// what is observed, and what the samples' verification says.
func Verify(ctx context.Context, display *Display, v Verification) ([]Verified, error) {
	if v.Percent < 1 || v.Percent > 100 {
		return nil, fmt.Errorf("--percent %d: must be from 1 to 100", v.Percent)
	}
	pythonPath, err := absoluteFolders("--python-path", v.PythonPath)
	if err != nil {
		return nil, err
	}
	found, samples, err := v.find()
	if err != nil {
		return nil, err
	}
	store, err := artifact.Open(v.Output)
	if err != nil {
		return nil, err
	}
	defer store.Close()
	spec, err := v.spec(ctx, store, found)
	if err != nil {
		return nil, err
	}
	if err := v.compareTrees(ctx, store, spec); err != nil {
		return nil, err
	}
	chosen := choose(samples, v.Percent, v.Seed)
	display.Event("%d of %d executed samples of %s", len(chosen), len(samples), strings.Join(found.Folders, ", "))
	return v.replayAll(ctx, display, pythonPath, stage.Env{Spec: spec, Store: store, Log: slog.New(slog.DiscardHandler)}, chosen)
}

// find returns the executed samples of the output.
func (v Verification) find() (Found, []task.Sample, error) {
	found, err := Find(v.Output)
	if err != nil {
		return found, nil, err
	}
	if len(found.Folders) == 0 {
		return found, nil, fmt.Errorf("--in %s is no output folder: name the one that holds datasets/ or experience/ with plans/ and snapshots/ beside them", v.Output)
	}
	samples, err := executed(found)
	if err != nil {
		return found, nil, err
	}
	if len(samples) == 0 {
		return found, nil, fmt.Errorf("--in %s: no sample of %s was executed", v.Output, strings.Join(found.Folders, ", "))
	}
	return found, samples, nil
}

// executed are the samples that commands were executed for.
func executed(found Found) ([]task.Sample, error) {
	var samples []task.Sample
	err := found.Each(func(sample task.Sample) error {
		if sample.Meta.Provenance != task.ProvenanceComputed {
			samples = append(samples, sample)
		}
		return nil
	})
	return samples, err
}

// choose takes a share of each unit's samples, rounded up.
func choose(samples []task.Sample, percent int, seed int64) []task.Sample {
	units := map[v1alpha1.UnitName][]task.Sample{}
	for _, sample := range samples {
		units[sample.Meta.Unit] = append(units[sample.Meta.Unit], sample)
	}
	random := rand.New(rand.NewPCG(uint64(seed), 0))
	var chosen []task.Sample
	for _, name := range slices.Sorted(maps.Keys(units)) {
		unit := units[name]
		slices.SortFunc(unit, func(a, b task.Sample) int { return cmp.Compare(a.Meta.TaskID, b.Meta.TaskID) })
		random.Shuffle(len(unit), func(i, j int) { unit[i], unit[j] = unit[j], unit[i] })
		chosen = append(chosen, unit[:(len(unit)*percent+99)/100]...)
	}
	return chosen
}

// spec says where snapshot and plan of the samples are.
func (v Verification) spec(ctx context.Context, store *artifact.Store, found Found) (spec contract.StageSpec, err error) {
	spec.Stage, spec.Shards = v1alpha1.StageExperience, 1
	for _, folder := range found.Folders {
		if err := v.addInputs(&spec.Keys, store, folder); err != nil {
			return spec, fmt.Errorf("--in %s: %s: %w", v.Output, folder, err)
		}
	}
	if spec.Keys.Snapshot == "" || spec.Keys.Plan == "" {
		return spec, fmt.Errorf("--in %s: %s names no plan or no snapshot as its input", v.Output, found.Folders[0])
	}
	if spec.Commit, err = snapshotCommit(ctx, store, spec.Keys.Output(v1alpha1.StageFetch)); err != nil {
		return spec, fmt.Errorf("--in %s: %w", v.Output, err)
	}
	spec.Recipe.Experience.Seed = v.MadeWith
	spec.Recipe.Environment.Test.Framework = v.Framework
	spec.Recipe.Experience.CommandTimeout.Duration = v.CommandTimeout
	spec.Recipe.Experience.TestTimeout.Duration = v.TestTimeout
	for _, name := range v1alpha1.Units {
		spec.Recipe.Experience.Units = append(spec.Recipe.Experience.Units, v1alpha1.Unit{Name: name, Samples: maxSamples})
	}
	return spec, nil
}

// addInputs finds the snapshot and the plan that a sealed folder was made from,
// and compares every byte of all three with what was sealed.
func (v Verification) addInputs(keys *contract.Keys, store *artifact.Store, folder string) error {
	manifest, digest, err := store.Lookup(folder)
	if err != nil {
		return err
	}
	if _, err := store.VerifyContent(folder, digest); err != nil {
		return err
	}
	for input, digest := range manifest.Inputs {
		place, key, _ := strings.Cut(input, "/")
		switch place {
		case contract.SnapshotsFolder:
			keys.Snapshot = key
		case contract.PlansFolder:
			keys.Plan = key
		default:
			continue
		}
		if _, err := store.VerifyContent(input, digest); err != nil {
			return err
		}
	}
	return nil
}

// replayAll executes the chosen samples one after another.
func (v Verification) replayAll(ctx context.Context, display *Display, pythonPath []string, env stage.Env, chosen []task.Sample) (results []Verified, err error) {
	boxes, err := StartSandbox(ctx, pythonPath, env.Log)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, boxes.Close()) }()
	agentBox, err := boxes.Box(ctx, contract.ContainerAgent)
	if err != nil {
		return nil, err
	}
	defer agentBox.Close()
	graderBox, err := boxes.Box(ctx, contract.ContainerGrader)
	if err != nil {
		return nil, err
	}
	defer graderBox.Close()
	env.Agent, env.Grader = agentBox, graderBox
	replays, err := experience.Replays(ctx, env)
	if err != nil {
		return nil, err
	}
	progress := &tracker{display: display, name: "verify", now: time.Now, shards: 1}
	progress.begin(0)
	for i, sample := range chosen {
		replayed := Verified{Unit: sample.Meta.Unit, TaskID: sample.Meta.TaskID, Turns: turns(sample)}
		if replayed.Differences, err = replayOne(ctx, env, replays, sample); err != nil {
			return results, fmt.Errorf("%s %s: %w", sample.Meta.Unit, sample.Meta.TaskID, err)
		}
		results = append(results, replayed)
		display.Progress(progress.text(contract.Progress{Step: int64(i + 1), Total: int64(len(chosen)), Message: string(sample.Meta.Unit)}))
	}
	return results, nil
}

// PrintVerified writes a row for each sample, the differences below it, and the
// totals. It returns how many samples differ.
func PrintVerified(out io.Writer, results []Verified) (different int, err error) {
	var rows strings.Builder
	rows.WriteString("unit\ttask\tturns\tresult\n")
	for _, result := range results {
		text := "same"
		if len(result.Differences) > 0 {
			different++
			text = fmt.Sprintf("%d differences", len(result.Differences))
		}
		fmt.Fprintf(&rows, "%s\t%s\t%d\t%s\n", result.Unit, result.TaskID, result.Turns, text)
	}
	if err := tabulate(out, 0, rows.String()); err != nil {
		return different, err
	}
	for _, result := range results {
		for _, d := range result.Differences {
			_, err = fmt.Fprintf(out, "\n%s %s, turn %d, %s\n  then %.300s\n  now  %.300s\n",
				result.Unit, result.TaskID, d.Turn, d.What, visible(d.Want), visible(d.Got))
			if err != nil {
				return different, err
			}
		}
	}
	_, err = fmt.Fprintf(out, "\n%d executed again, %d the same, %d different\n", len(results), len(results)-different, different)
	return different, err
}
