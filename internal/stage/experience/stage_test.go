package experience

import (
	"context"
	"errors"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/repoexpert/operator/api/v1alpha1"
	"github.com/repoexpert/operator/internal/agent"
	"github.com/repoexpert/operator/internal/contract"
	"github.com/repoexpert/operator/internal/recall"
	"github.com/repoexpert/operator/internal/sandbox"
	"github.com/repoexpert/operator/internal/stage"
	"github.com/repoexpert/operator/internal/task"
)

// counting counts how often trees are put into a box: once a run of tests, once
// an episode.
type counting struct {
	sandbox.Box
	copies int
}

func (c *counting) PutTree(ctx context.Context, dir string, tree io.Reader) error {
	if dir == agentFolder {
		c.copies++
	}
	return c.Box.PutTree(ctx, dir, tree)
}

// The whole stage on a marked tree, two shards, the first one killed on its way.
func TestRun(t *testing.T) {
	env := planned(t, marked(t))
	episodes := &counting{Box: env.Agent}
	env.Agent = episodes

	killed, kill := context.WithCancel(t.Context())
	killedEnv := env
	killedEnv.Progress = func(p contract.Progress) {
		if p.Step == 2 {
			kill()
		}
	}
	if _, err := Run(killed, killedEnv); !errors.Is(err, context.Canceled) {
		t.Fatalf("the killed shard ends with %v", err)
	}
	before := episodes.copies

	var samples []task.Sample
	var rejections []task.Rejection
	for index := range env.Spec.Shards {
		env.Index = index
		result, err := Run(t.Context(), env)
		if err != nil {
			t.Fatal(err)
		}
		again, err := Run(t.Context(), env)
		if err != nil || !again.Reused || again.ManifestDigest != result.ManifestDigest {
			t.Errorf("a sealed shard is made again: %+v, %v", again, err)
		}
		made, rejected := shard(t, env)
		checkCost(t, result.Counts, made, rejected)
		samples, rejections = append(samples, made...), append(rejections, rejected...)
	}
	for _, r := range rejections {
		t.Logf("rejected: %s %s %s", r.Unit, r.Code, r.Detail)
	}
	checkOnce(t, samples, rejections)
	checkUnits(t, samples, fromPlan[recall.Fact](t, env, task.FactsFile))
	checkTranscripts(t, samples)
	checkMarks(t, samples, fromPlan[task.Mask](t, env, task.MasksFile), fromPlan[task.HeldOut](t, env, task.HeldOutFile))

	checkSeveralFiles(t, samples, fromPlan[task.Component](t, env, task.ComponentsFile), fromPlan[task.HeldOut](t, env, task.HeldOutFile))

	// Two tasks were done before the kill and one was under way; none of the first
	// two is run again, so the runs of both add up to the tasks and the one.
	tasks := 0
	for _, sample := range samples {
		if sample.Meta.Provenance == task.ProvenanceScripted {
			tasks++
		}
	}
	if before < 2 || episodes.copies > 2*(tasks+len(rejections))+2 {
		t.Errorf("%d trees for %d trajectories, %d of them before the kill", episodes.copies, tasks, before)
	}
	checkDamage(t, env)
}

// checkDamage changes one byte of a sealed shard, which must then not be taken for
// done: Curate would find it damaged for ever.
func checkDamage(t *testing.T, env stage.Env) {
	t.Helper()
	folder := stage.ShardFolder(env.Spec.Keys.Output(v1alpha1.StageExperience), env.Index)
	place, err := env.Store.Path(folder)
	if err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(place, SamplesFile)
	content, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	content[len(content)/2] ^= 1
	if err := errors.Join(os.Chmod(name, 0o640), os.WriteFile(name, content, 0o640)); err != nil {
		t.Fatal(err)
	}
	if _, found, err := sealed(env, folder); found || err != nil {
		t.Errorf("a damaged shard is reused: %t, %v", found, err)
	}
}

// checkCost holds what samples and rejections say that they cost against the sums.
func checkCost(t *testing.T, counts map[string]int64, samples []task.Sample, rejections []task.Rejection) {
	t.Helper()
	cost := map[v1alpha1.UnitName]float64{}
	for _, sample := range samples {
		cost[sample.Meta.Unit] += sample.Meta.CPUSeconds
	}
	for _, rejection := range rejections {
		cost[rejection.Unit] += rejection.CPUSeconds
	}
	for unit, seconds := range cost {
		sum := float64(counts[string(unit)+".cpuMillis"]) / 1000
		if each := 0.001 * float64(len(samples)+len(rejections)); math.Abs(seconds-sum) > each {
			t.Errorf("the results of %s cost %.3f s, their sum is said to be %.3f s", unit, seconds, sum)
		}
	}
}

// checkOnce demands one result for each task.
func checkOnce(t *testing.T, samples []task.Sample, rejections []task.Rejection) {
	t.Helper()
	seen := map[string]bool{}
	add := func(unit v1alpha1.UnitName, id string) {
		if seen[key(unit, id)] {
			t.Errorf("%s %s has two results", unit, id)
		}
		seen[key(unit, id)] = true
	}
	for _, sample := range samples {
		add(sample.Meta.Unit, sample.Meta.TaskID)
	}
	for _, rejection := range rejections {
		add(rejection.Unit, rejection.TaskID)
	}
}

func checkUnits(t *testing.T, samples []task.Sample, facts []recall.Fact) {
	t.Helper()
	counts := map[v1alpha1.UnitName]int{}
	recovered := 0
	for _, sample := range samples {
		counts[sample.Meta.Unit]++
		ofBug := sample.Meta.Unit == v1alpha1.UnitEvolutionaryReplay || sample.Meta.Unit == v1alpha1.UnitSemanticRuntimeAlignment
		if bug := sample.Meta.Bug; ofBug != (bug != nil) || ofBug && (bug.FailToPass == 0 || !strings.HasPrefix(sample.Meta.TaskID, string(bug.Kind)) ||
			strings.Contains("mutant combined", string(bug.Kind)) != (len(bug.Operators) > 0)) {
			t.Errorf("%s %s is labelled %+v", sample.Meta.Unit, sample.Meta.TaskID, bug)
		}
		if sample.Meta.Recovered {
			recovered++
		}
		if sample.Meta.ContentHash != task.ContentHash(sample.Messages) || sample.Meta.Verification == "" || sample.Meta.Commit == "" {
			t.Errorf("meta is incomplete: %+v", sample.Meta)
		}
	}
	if counts[v1alpha1.UnitContextualImplementation] < 4 || counts[v1alpha1.UnitSoftwareDesign] < 2 {
		t.Errorf("too few trajectories: %v", counts)
	}
	if recovered == 0 {
		t.Error("no trajectory recovers from a slip")
	}
	if want := len(facts) * recall.TrainingWordings; counts[v1alpha1.UnitRepositoryRecall] != want {
		t.Errorf("%d questions, want %d", counts[v1alpha1.UnitRepositoryRecall], want)
	}
}

// checkTranscripts holds every trajectory to the protocol and to the rules for
// scripted ones.
func checkTranscripts(t *testing.T, samples []task.Sample) {
	t.Helper()
	for _, sample := range samples {
		if sample.Meta.Provenance != task.ProvenanceScripted {
			continue
		}
		for i, message := range sample.Messages {
			if message.Role != task.RoleAssistant {
				continue
			}
			thought, _, _ := strings.Cut(strings.TrimPrefix(message.Content, "THOUGHT: "), "\n")
			if !strings.HasPrefix(message.Content, "THOUGHT: ") || len(agent.Actions(message.Content)) != 1 {
				t.Errorf("a turn of %s is not in the protocol: %q", sample.Meta.TaskID, message.Content)
			}
			if sentences := strings.Count(thought+" ", ". ") + strings.Count(thought, "? "); sentences > 2 {
				t.Errorf("a thought has %d sentences: %q", sentences, thought)
			}
			if message.Loss == task.LossNone && !failed(sample.Messages[i+1:]) {
				t.Errorf("a slip of %s is not followed by a failure", sample.Meta.TaskID)
			}
		}
	}
}

// failed says whether one of the next two observations is a failure.
func failed(messages []task.Message) bool {
	for i := 0; i < min(3, len(messages)); i += 2 {
		if strings.HasPrefix(messages[i].Content, "<returncode>1</returncode>") {
			return true
		}
	}
	return false
}

// checkMarks looks for the marks of held-out bodies in what is learned, and for
// those of trained ones, which must be there.
func checkMarks(t *testing.T, samples []task.Sample, masks []task.Mask, heldOut []task.HeldOut) {
	t.Helper()
	if len(heldOut) == 0 {
		t.Fatal("nothing is held out")
	}
	said := map[string]string{}
	for _, sample := range samples {
		for _, message := range sample.Messages {
			if message.Role == task.RoleAssistant {
				said[sample.Meta.TaskID] += message.Content
			}
		}
	}
	for _, held := range heldOut {
		for id, text := range said {
			if strings.Contains(text, mark(held.Path, held.Name)) {
				t.Errorf("task %s teaches the held-out body of %s", id, held.Name)
			}
		}
	}
	for _, mask := range masks {
		if text, trained := said[mask.ID]; trained && !strings.Contains(text, mark(mask.Path, mask.Name)) {
			t.Errorf("task %s does not teach the body of %s", mask.ID, mask.Name)
		}
	}
}

func TestRunFailures(t *testing.T) {
	env := planned(t, marked(t))
	unknown := env
	unknown.Spec.Recipe.Environment.Test.Framework = "Nose"
	if _, err := Run(t.Context(), unknown); err == nil || !strings.Contains(err.Error(), `"Nose"`) {
		t.Errorf("an unknown framework gives %v", err)
	}
	// Without a unit there is nothing to do, and that is sealed too.
	none := env
	none.Spec.Recipe.Experience.Units = nil
	result, err := Run(t.Context(), none)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(int64(0), result.Counts["RepositoryRecall.candidates"]); diff != "" {
		t.Error(diff)
	}
}
