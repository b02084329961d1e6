package curate

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/repoexpert/operator/api/v1alpha1"
	"github.com/repoexpert/operator/internal/artifact"
	"github.com/repoexpert/operator/internal/contract"
	"github.com/repoexpert/operator/internal/language/conformance"
	"github.com/repoexpert/operator/internal/language/python"
	"github.com/repoexpert/operator/internal/recall"
	"github.com/repoexpert/operator/internal/snapshot"
	"github.com/repoexpert/operator/internal/stage"
	"github.com/repoexpert/operator/internal/stage/experience"
	"github.com/repoexpert/operator/internal/task"
)

// tokenizerFunc stands for the base model's tokenizer, which needs the trainer's
// image.
type tokenizerFunc func(baseModel string, samples []task.Sample) ([]int, error)

func (f tokenizerFunc) Count(_ context.Context, baseModel string, samples []task.Sample) ([]int, error) {
	return f(baseModel, samples)
}

// wordCounter is a tokenizer with one token a word.
var wordCounter tokenizerFunc = func(_ string, samples []task.Sample) ([]int, error) {
	counts := make([]int, len(samples))
	for i, sample := range samples {
		for _, message := range sample.Messages {
			counts[i] += len(strings.Fields(message.Content))
		}
	}
	return counts, nil
}

const (
	implementation = v1alpha1.UnitContextualImplementation
	design         = v1alpha1.UnitSoftwareDesign
	remembering    = v1alpha1.UnitRepositoryRecall
)

// canary is a name of the held-out body and of nothing else in the world.
const canary = "canary_6b1f09"

// vaultBody is held out and in one file. gateBody is held out as well, and a
// guide quotes it.
const (
	vaultBody = `    ` + canary + ` = door.lock(key)
    for bolt in door.bolts:
        if bolt.stuck and not key.spare:
            raise StuckBolt(bolt.name, ` + canary + `)
        bolt.turn(key.teeth, times=3)
    return door.handle(` + canary + `, left=True)
`
	gateBody = `    wings = sorted(gate.wings, key=by_weight)
    while wings and not gate.shut:
        gate.push(wings.pop(), force=gate.weight + wind)
    return gate.shut
`
)

// world is what Curate works on: snapshot, plan and shards of an artifact volume.
// A test changes it and then runs the stage.
type world struct {
	env        stage.Env
	tokenizer  Tokenizer
	tree       fstest.MapFS
	masks      []task.Mask
	components []task.Component
	facts      []recall.Fact
	heldOut    []task.HeldOut
	replays    []task.Replay
	// shards are the documents of the shards, rejections those of what became no
	// sample, counts the figures of their manifests. The last two may be shorter.
	shards     []string
	rejections []string
	counts     []map[string]int64
	// account is what the run's teacher used, as its proxy writes it.
	account string
}

func newWorld(t testing.TB) *world {
	t.Helper()
	keys := contract.Keys{
		Snapshot: strings.Repeat("a", 64), BaseModel: strings.Repeat("b", 64), Plan: strings.Repeat("c", 64),
		Experience: strings.Repeat("d", 64), Dataset: strings.Repeat("e", 64),
	}
	w := &world{
		tokenizer: wordCounter,
		tree: fstest.MapFS{
			"lib/vault.py":  {Data: []byte("def open_vault(door, key):\n    \"\"\"Open it.\"\"\"\n" + vaultBody)},
			"lib/gate.py":   {Data: []byte("def shut(gate, wind):\n" + gateBody)},
			"docs/guide.md": {Data: []byte("Gates are shut like this:\n\n" + gateBody)},
		},
		masks: []task.Mask{
			mask("mask-a1", task.SideTrain), mask("mask-a2", task.SideTrain), mask("mask-a3", task.SideTrain),
			mask("mask-e1", task.SideEvaluation),
		},
		components: []task.Component{
			component("component-c1", task.SideTrain), component("component-c2", task.SideTrain), component("component-e1", task.SideEvaluation),
		},
		facts: []recall.Fact{
			fact("f1", recall.DefinitionFile, "Vault", "lib/vault.py"),
			fact("f2", recall.DefinitionFile, "Gate", "lib/gate.py"),
			fact("f3", recall.DefinitionFile, "Bolt", "lib/bolt.py"),
			fact("f4", recall.Raises, "open_vault", "StuckBolt"),
			fact("f5", recall.Raises, "shut", "OpenGate"),
		},
		// Held-out functions outnumber held-out tasks: a plan chooses among them.
		heldOut: []task.HeldOut{
			{ID: "mask-e1", Path: "lib/vault.py", Name: "open_vault", Text: vaultBody},
			{ID: "mask-e2", Path: "lib/gate.py", Name: "shut", Text: gateBody},
		},
	}
	w.env = stage.Env{
		Spec: contract.StageSpec{
			Stage: v1alpha1.StageCurate, Commit: strings.Repeat("f", 40), Keys: keys, Inputs: map[string]string{},
			Recipe: v1alpha1.Recipe{
				BaseModel: v1alpha1.BaseModel{Name: "small"},
				Experience: v1alpha1.Experience{
					Units: []v1alpha1.Unit{{Name: implementation, Samples: 10}, {Name: design, Samples: 10}, {Name: remembering, Samples: 5}},
					Seed:  1, MinSamples: 1,
				},
				Training: v1alpha1.Training{Answers: v1alpha1.AnswersComputed, BatchSize: 2, MaxLength: 4096},
			},
		},
		Log: slog.New(slog.DiscardHandler),
	}
	return w
}

func mask(id string, side task.Side) task.Mask {
	return task.Mask{ID: id, Cluster: clusterOf(id), Side: side, Path: "lib/vault.py", Name: id}
}

func component(id string, side task.Side) task.Component {
	return task.Component{ID: id, Cluster: clusterOf(id), Side: side, Path: "lib/vault.py", Name: id}
}

func fact(id string, kind recall.Kind, subject, answer string) recall.Fact {
	return recall.Fact{ID: id, Kind: kind, Subject: subject, Answer: answer, Cluster: clusterOf(id)}
}

// clusterOf gives every task of the plan a cluster of its own.
func clusterOf(id string) string { return "cluster of " + id }

// run seals all that the world holds, as the stages before do, and runs Curate.
func (w *world) run(t testing.TB) (contract.StageResult, error) {
	t.Helper()
	w.sealInputs(t)
	w.keepAccount(t)
	digests := make([]string, len(w.shards))
	for i, shard := range w.shards {
		digests[i] = w.sealShard(t, i, shard)
	}
	w.env.Spec.Shards = int32(len(w.shards))
	w.env.Spec.Inputs[w.env.Spec.Keys.Output(v1alpha1.StageExperience)] = contract.ShardsDigest(digests)
	return w.curate(t)
}

// sealShard seals one shard with its samples.
func (w *world) sealShard(t testing.TB, index int, samples string) string {
	t.Helper()
	var counts map[string]int64
	rejections := ""
	if index < len(w.counts) {
		counts = w.counts[index]
	}
	if index < len(w.rejections) {
		rejections = w.rejections[index]
	}
	files := map[string]string{experience.SamplesFile: samples, experience.RejectionsFile: rejections}
	return w.seal(t, w.shardFolder(index), files, counts)
}

func (w *world) curate(t testing.TB) (contract.StageResult, error) {
	t.Helper()
	return Stage{Tokenizer: w.tokenizer, ForeignNames: python.New().Dialect().ForeignNames}.Run(t.Context(), w.env)
}

// sealInputs seals what Fetch and Plan leave, on a volume of its own.
func (w *world) sealInputs(t testing.TB) {
	t.Helper()
	store, err := artifact.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	w.env.Store = store
	keys := w.env.Spec.Keys
	for folder, files := range map[string]map[string]string{
		keys.Output(v1alpha1.StageFetch): {snapshot.TreeFile: string(conformance.Tar(t, w.tree))},
		keys.BaseModelFolder():           {"config.json": "{}"},
		keys.Output(v1alpha1.StagePlan): {
			task.MasksFile: document(t, w.masks...), task.ComponentsFile: document(t, w.components...),
			task.FactsFile: document(t, w.facts...), task.HeldOutFile: document(t, w.heldOut...),
			task.ReplaysFile: document(t, w.replays...),
		},
	} {
		w.env.Spec.Inputs[folder] = w.seal(t, folder, files, nil)
	}
}

func (w *world) shardFolder(index int) string {
	return stage.ShardFolder(w.env.Spec.Keys.Output(v1alpha1.StageExperience), int32(index))
}

func (w *world) seal(t testing.TB, folder string, files map[string]string, counts map[string]int64) string {
	t.Helper()
	draft, err := w.env.Store.Begin(folder)
	if err != nil {
		t.Fatal(err)
	}
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(draft.Path(), name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	digest, err := draft.Seal(artifact.Manifest{Counts: counts})
	if err != nil {
		t.Fatal(err)
	}
	return digest
}

// document is a file of JSON lines.
func document[T any](t testing.TB, values ...T) string {
	t.Helper()
	var lines strings.Builder
	if err := task.Encode(&lines, values); err != nil {
		t.Fatal(err)
	}
	return lines.String()
}

// played is a trajectory in which the assistant says the texts, one a turn.
func (w *world) played(unit v1alpha1.UnitName, id string, said ...string) task.Sample {
	sample := task.Sample{Meta: task.Meta{
		Unit: unit, TaskID: id, Cluster: clusterOf(id), Commit: w.env.Spec.Commit, Path: "lib/vault.py",
		Provenance: task.ProvenanceScripted, Verification: "tests passed",
	}}
	for _, text := range said {
		sample.Messages = append(sample.Messages,
			task.Message{Role: task.RoleUser, Content: "Do " + id}, task.Message{Role: task.RoleAssistant, Content: text})
	}
	return signed(sample)
}

// questions are all questions of the plan, in another order than that of training.
func (w *world) questions() []task.Sample {
	var samples []task.Sample
	for _, question := range recall.TrainingQuestions(w.facts, recall.TrainingWordings, 1, 0) {
		samples = append(samples, signed(task.Sample{Messages: question.Messages(), Meta: task.Meta{
			Unit: remembering, TaskID: question.ID, Cluster: question.Cluster, Commit: w.env.Spec.Commit,
			Provenance: task.ProvenanceComputed, Verification: "answer computed from the syntax tree",
		}}))
	}
	return samples
}

// ordered are the ids of all questions in training order.
func (w *world) ordered() []string {
	r := w.env.Spec.Recipe
	var ids []string
	for _, question := range recall.TrainingQuestions(w.facts, recall.TrainingWordings, int(r.Training.BatchSize), uint64(r.Experience.Seed)) {
		ids = append(ids, question.ID)
	}
	return ids
}

func signed(sample task.Sample) task.Sample {
	sample.Meta.ContentHash = task.ContentHash(sample.Messages)
	return sample
}

// turn is an assistant turn in the protocol.
func turn(thought, command string) string {
	return "THOUGHT: " + thought + "\n```bash\n" + command + "\n```"
}

// wordy is a text of so many words that no other text holds.
func wordy(name string, n int) string {
	text := make([]string, n)
	for i := range text {
		text[i] = fmt.Sprint(strings.ReplaceAll(name, "-", ""), n, "x", i)
	}
	return strings.Join(text, " ")
}

// output reads a file of the sealed data set.
func (w *world) output(t testing.TB, name string) string {
	t.Helper()
	folder, err := w.env.Store.Path(w.env.Spec.Keys.Output(v1alpha1.StageCurate))
	if err != nil {
		t.Fatal(err)
	}
	content, err := os.ReadFile(filepath.Join(folder, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

// made is the sealed data set and its card.
func (w *world) made(t testing.TB) ([]task.Sample, Card) {
	t.Helper()
	var samples []task.Sample
	err := task.Decode(strings.NewReader(w.output(t, DatasetFile)), task.DefaultLimits(), func(_ int, sample task.Sample) error {
		samples = append(samples, sample)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	var card Card
	if err := json.Unmarshal([]byte(w.output(t, CardData)), &card); err != nil {
		t.Fatal(err)
	}
	return samples, card
}

func ids(samples []task.Sample) []string {
	list := make([]string, 0, len(samples))
	for _, sample := range samples {
		list = append(list, sample.Meta.TaskID)
	}
	return list
}

// trajectories are the ids of what is no question, sorted.
func trajectories(samples []task.Sample) []string {
	return slices.Sorted(slices.Values(ids(slices.DeleteFunc(slices.Clone(samples), func(sample task.Sample) bool {
		return sample.Meta.Unit == remembering
	}))))
}

// checkSums demands that each funnel adds up and ends in what the file holds.
func checkSums(t testing.TB, samples []task.Sample, card Card) {
	t.Helper()
	kept := map[v1alpha1.UnitName]int{}
	for _, sample := range samples {
		kept[sample.Meta.Unit]++
	}
	all := 0
	for _, unit := range card.Units {
		switch {
		case unit.Candidates != unit.NotRun+unit.Run, unit.NotRun < 0:
			t.Errorf("%s: %d candidates, %d not run, %d run", unit.Name, unit.Candidates, unit.NotRun, unit.Run)
		case unit.Run != int64(sum(unit.Rejected)+unit.Verified):
			t.Errorf("%s: %d run, %v rejected, %d verified", unit.Name, unit.Run, unit.Rejected, unit.Verified)
		case unit.Verified != sum(unit.Dropped)+unit.Kept:
			t.Errorf("%s: %d verified, %v dropped, %d kept", unit.Name, unit.Verified, unit.Dropped, unit.Kept)
		case unit.Kept != kept[unit.Name] || unit.Kept != sum(unit.Provenance):
			t.Errorf("%s: %d kept, %d in the file, of %v", unit.Name, unit.Kept, kept[unit.Name], unit.Provenance)
		}
		all += unit.Kept
	}
	if card.Samples != all || len(samples) != all {
		t.Errorf("the card says %d samples, its units %d, the file has %d", card.Samples, all, len(samples))
	}
}

// checkNothing demands that no data set was sealed.
func checkNothing(t testing.TB, w *world) {
	t.Helper()
	if _, _, err := w.env.Store.Lookup(w.env.Spec.Keys.Output(v1alpha1.StageCurate)); !errors.Is(err, artifact.ErrNotSealed) {
		t.Errorf("a data set was sealed: %v", err)
	}
}
