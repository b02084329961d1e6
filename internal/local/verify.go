package local

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/repoexpert/operator/api/v1alpha1"
	"github.com/repoexpert/operator/internal/agent"
	"github.com/repoexpert/operator/internal/artifact"
	"github.com/repoexpert/operator/internal/contract"
	"github.com/repoexpert/operator/internal/snapshot"
	"github.com/repoexpert/operator/internal/stage"
	"github.com/repoexpert/operator/internal/stage/experience"
	"github.com/repoexpert/operator/internal/stage/fetch"
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
	found, err := Find(v.Output)
	if err != nil {
		return nil, err
	}
	if len(found.Folders) == 0 {
		return nil, fmt.Errorf("--in %s is no output folder: name the one that holds datasets/ or experience/ with plans/ and snapshots/ beside them", v.Output)
	}
	samples, err := executed(found)
	if err != nil {
		return nil, err
	}
	chosen := choose(samples, v.Percent, v.Seed)
	if len(chosen) == 0 {
		return nil, fmt.Errorf("--in %s: no sample of %s was executed", v.Output, strings.Join(found.Folders, ", "))
	}
	display.Event("%d of %d executed samples of %s", len(chosen), len(samples), strings.Join(found.Folders, ", "))
	store, err := artifact.Open(v.Output)
	if err != nil {
		return nil, err
	}
	defer store.Close()
	spec, err := v.spec(store, found, samples)
	if err != nil {
		return nil, err
	}
	if err := v.compareTrees(ctx, store, spec); err != nil {
		return nil, err
	}
	return v.replayAll(ctx, display, pythonPath, stage.Env{Spec: spec, Store: store, Log: slog.New(slog.DiscardHandler)}, chosen)
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

// spec says where snapshot and plan of the samples are, after their every byte
// was compared with what was sealed.
func (v Verification) spec(store *artifact.Store, found Found, samples []task.Sample) (contract.StageSpec, error) {
	spec := contract.StageSpec{Stage: v1alpha1.StageExperience, Commit: samples[0].Meta.Commit, Shards: 1}
	for _, folder := range found.Folders {
		manifest, digest, err := store.Lookup(folder)
		if err == nil {
			_, err = store.VerifyContent(folder, digest)
		}
		if err != nil {
			return spec, fmt.Errorf("--in %s: %w", v.Output, err)
		}
		for input, digest := range manifest.Inputs {
			key, isSnapshot := strings.CutPrefix(input, contract.SnapshotsFolder+"/")
			if isSnapshot {
				spec.Keys.Snapshot = key
			}
			planKey, isPlan := strings.CutPrefix(input, contract.PlansFolder+"/")
			if isPlan {
				spec.Keys.Plan = planKey
			}
			if !isSnapshot && !isPlan {
				continue
			}
			if _, err := store.VerifyContent(input, digest); err != nil {
				return spec, fmt.Errorf("--in %s: %s, which the samples were made from: %w", v.Output, input, err)
			}
		}
	}
	if spec.Keys.Snapshot == "" || spec.Keys.Plan == "" {
		return spec, fmt.Errorf("--in %s: %s names no plan or no snapshot as its input", v.Output, found.Folders[0])
	}
	spec.Recipe = v1alpha1.Recipe{
		Environment: v1alpha1.Environment{Test: v1alpha1.Test{Framework: v.Framework}},
		Experience: v1alpha1.Experience{
			CommandTimeout: metav1.Duration{Duration: v.CommandTimeout}, TestTimeout: metav1.Duration{Duration: v.TestTimeout},
		},
	}
	for _, name := range v1alpha1.Units {
		spec.Recipe.Experience.Units = append(spec.Recipe.Experience.Units, v1alpha1.Unit{Name: name, Samples: maxSamples})
	}
	for _, sample := range samples {
		if sample.Meta.Commit != spec.Commit {
			return spec, fmt.Errorf("--in %s: samples of commits %.40q and %.40q in one output", v.Output, spec.Commit, sample.Meta.Commit)
		}
	}
	return spec, nil
}

// compareTrees demands that the checkout's commit, or the other snapshot, has the
// tree that the samples were made from.
func (v Verification) compareTrees(ctx context.Context, store *artifact.Store, spec contract.StageSpec) error {
	folder := spec.Keys.Output(v1alpha1.StageFetch)
	want, err := treeHash(store, folder)
	if err != nil {
		return err
	}
	if v.Checkout != nil {
		got, err := v.fetchTree(ctx, spec)
		if err != nil {
			return fmt.Errorf("--local %s: %w", v.Checkout.Dir, err)
		}
		if got != want {
			return fmt.Errorf("--local %s: commit %s has another tree than %s", v.Checkout.Dir, spec.Commit, folder)
		}
	}
	if v.Snapshot != "" {
		got, err := fileHash(filepath.Join(v.Snapshot, snapshot.TreeFile))
		if err != nil {
			return fmt.Errorf("--snapshot: %w", err)
		}
		if got != want {
			return fmt.Errorf("--snapshot %s: its tree is not the one that the samples were made from", v.Snapshot)
		}
	}
	return nil
}

// fetchTree fetches the samples' commit from the checkout anew.
func (v Verification) fetchTree(ctx context.Context, spec contract.StageSpec) (hash string, err error) {
	scratch, err := os.MkdirTemp("", "repoexpert-")
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(scratch)) }()
	store, err := artifact.Open(scratch)
	if err != nil {
		return "", err
	}
	defer store.Close()
	spec.Recipe.Repository = v1alpha1.Repository{URL: "file://" + v.Checkout.GitDir, Ref: v1alpha1.GitRef{Commit: spec.Commit}}
	env := stage.Env{Spec: spec, Store: store, Log: slog.New(slog.DiscardHandler)}
	if _, err := (fetch.Checkout{Repository: v.Checkout.GitDir}).Run(ctx, env); err != nil {
		return "", err
	}
	return treeHash(store, spec.Keys.Output(v1alpha1.StageFetch))
}

// treeHash is the hash of a sealed snapshot's tree.
func treeHash(store *artifact.Store, folder string) (string, error) {
	manifest, _, err := store.Lookup(folder)
	if err != nil {
		return "", err
	}
	for _, file := range manifest.Files {
		if file.Path == snapshot.TreeFile {
			return file.SHA256, nil
		}
	}
	return "", fmt.Errorf("%s holds no %s", folder, snapshot.TreeFile)
}

func fileHash(name string) (string, error) {
	file, err := os.Open(name)
	if err != nil {
		return "", err
	}
	defer file.Close()
	sum := sha256.New()
	if _, err := io.Copy(sum, file); err != nil {
		return "", fmt.Errorf("%s: %w", name, err)
	}
	return hex.EncodeToString(sum.Sum(nil)), nil
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
	replays, err := experience.Replays(env)
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

func turns(sample task.Sample) int {
	n := 0
	for _, message := range sample.Messages {
		if message.Role == task.RoleAssistant {
			n++
		}
	}
	return n
}

// replayOne executes one sample's commands in a fresh tree.
func replayOne(ctx context.Context, env stage.Env, replays func(context.Context, task.Sample) (experience.Replay, error), sample task.Sample) ([]Difference, error) {
	replay, err := replays(ctx, sample)
	if errors.Is(err, experience.ErrNotReplayable) {
		return []Difference{{What: "task", Want: "a task of the plan", Got: err.Error()}}, nil
	}
	if err != nil {
		return nil, err
	}
	transcript, err := agent.Run(ctx, agent.Episode{
		Profile: replay.Profile, Task: replay.Prompt, Model: &recorded{messages: sample.Messages}, Box: env.Agent, Tree: replay.Tree,
	})
	if err != nil && !errors.Is(err, errEnded) {
		return nil, err
	}
	differences := compare(sample.Messages, transcript.Messages)
	if err != nil || transcript.Status != agent.Submitted {
		return append(differences, Difference{What: "end", Want: "a submission", Got: cmp.Or(string(transcript.Status), "the episode goes on")}), nil
	}
	verification, code, err := replay.Verify(ctx, transcript)
	if err != nil {
		return nil, err
	}
	if code != "" {
		verification = "rejected: " + code
	}
	if verification != sample.Meta.Verification {
		differences = append(differences, Difference{What: "verdict", Want: sample.Meta.Verification, Got: verification})
	}
	return differences, nil
}

// recorded plays the assistant's turns of a sample again.
type recorded struct {
	messages []task.Message
	next     int
}

var errEnded = errors.New("the recorded turns have ended")

// Next implements agent.Model.
func (r *recorded) Next(context.Context, []task.Message) (string, agent.Usage, error) {
	for ; r.next < len(r.messages); r.next++ {
		if r.messages[r.next].Role == task.RoleAssistant {
			r.next++
			return r.messages[r.next-1].Content, agent.Usage{}, nil
		}
	}
	return "", agent.Usage{}, errEnded
}

// compare finds the first difference of each turn, volatile parts apart.
func compare(want, got []task.Message) []Difference {
	var differences []Difference
	turn := 0
	for i := range max(len(want), len(got)) {
		var w, g task.Message
		if i < len(want) {
			w = want[i]
		}
		if i < len(got) {
			g = got[i]
		}
		if w.Role == task.RoleAssistant {
			turn++
		}
		if w.Role != g.Role {
			return append(differences, Difference{Turn: turn, What: "turns", Want: cmp.Or(string(w.Role), "the end"), Got: cmp.Or(string(g.Role), "the end")})
		}
		if before, after := Stable(w.Content), Stable(g.Content); before != after {
			line, other := firstDifference(before, after)
			differences = append(differences, Difference{Turn: turn, What: what(w.Role, turn), Want: line, Got: other})
		}
	}
	return differences
}

func what(role task.Role, turn int) string {
	switch {
	case role == task.RoleSystem:
		return "system prompt"
	case role == task.RoleUser && turn == 0:
		return "task"
	case role == task.RoleUser:
		return "observation"
	default:
		return "turn"
	}
}

// firstDifference returns the first lines of two texts that differ.
func firstDifference(want, got string) (string, string) {
	wanted, found := strings.Split(want, "\n"), strings.Split(got, "\n")
	for i := range max(len(wanted), len(found)) {
		w, g := "(nothing)", "(nothing)"
		if i < len(wanted) {
			w = wanted[i]
		}
		if i < len(found) {
			g = found[i]
		}
		if w != g {
			return w, g
		}
	}
	return "", ""
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
