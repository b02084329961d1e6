package curate

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/repoexpert/operator/api/v1alpha1"
	"github.com/repoexpert/operator/internal/artifact"
	"github.com/repoexpert/operator/internal/recall"
	"github.com/repoexpert/operator/internal/stage"
	"github.com/repoexpert/operator/internal/task"
)

// asks is the number of questions in a world: five facts in all wordings.
const asks = 5 * recall.TrainingWordings

// clean is a world of two sound shards: four trajectories, which fill two
// batches, and the questions.
func clean(t testing.TB) *world {
	t.Helper()
	w := newWorld(t)
	recovered := w.played(implementation, "mask-a1", turn("Read the vault now.", "cat lib/vault.py"), turn("Write it.", "sed -i s/a/b/ lib/vault.py"))
	recovered.Meta.Recovered, recovered.Meta.CPUSeconds = true, 2.5
	samples := append(w.questions(),
		w.played(design, "component-c2", turn("Look.", "ls")),
		recovered,
		w.played(implementation, "mask-a2", turn("Look here.", "ls lib")),
		w.played(design, "component-c1", turn("Read the gate now.", "cat lib/gate.py"), turn("Report it now.", "cat > /tmp/report lib/gate.py")),
	)
	half := len(samples) / 2
	w.shards = []string{document(t, samples[:half]...), document(t, samples[half:]...)}
	w.counts = []map[string]int64{
		{"RepositoryRecall.candidates": 17, "RepositoryRecall.run": 17, "RepositoryRecall.kept": 17, "SoftwareDesign.candidates": 2},
		{
			"RepositoryRecall.candidates": asks - 17, "RepositoryRecall.run": asks - 17, "RepositoryRecall.kept": asks - 17,
			"ContextualImplementation.candidates": 5, "ContextualImplementation.run": 4, "ContextualImplementation.kept": 2,
			"ContextualImplementation.cpuMillis": 3500,
			"SoftwareDesign.candidates":          1, "SoftwareDesign.run": 2, "SoftwareDesign.kept": 2,
		},
	}
	w.rejections = []string{
		document(t, task.Rejection{Unit: implementation, TaskID: "mask-a3", Code: "not-causal"}),
		document(t, task.Rejection{Unit: implementation, TaskID: "mask-a4", Code: "script-ended", Detail: "0"}),
	}
	return w
}

func TestRun(t *testing.T) {
	w := clean(t)
	result, err := w.run(t)
	if err != nil {
		t.Fatal(err)
	}
	samples, card := w.made(t)
	checkSums(t, samples, card)

	// Two batches of like length come first, the longer one with this seed.
	want := append([]string{"mask-a1", "component-c1", "component-c2", "mask-a2"}, w.ordered()...)
	if diff := cmp.Diff(want, ids(samples)); diff != "" {
		t.Errorf("order (-want +got):\n%s", diff)
	}
	for _, sample := range samples {
		if sample.Meta.ContentHash != task.ContentHash(sample.Messages) || sample.Meta.Tokens == 0 || sample.Meta.CPUSeconds != 0 {
			t.Errorf("meta of %s is %+v", sample.Meta.TaskID, sample.Meta)
		}
	}
	manifest, err := w.env.Store.VerifyContent(w.env.Spec.Keys.Output(v1alpha1.StageCurate), result.ManifestDigest)
	if err != nil {
		t.Fatal(err)
	}
	if manifest.Stage != "Curate" || manifest.Key != w.env.Spec.Keys.Dataset || result.Class != v1alpha1.Succeeded {
		t.Errorf("sealed as %s %s with class %s", manifest.Stage, manifest.Key, result.Class)
	}
	if len(w.env.Spec.Inputs) != 4 || !cmp.Equal(w.env.Spec.Inputs, manifest.Inputs) {
		t.Errorf("inputs (-want +got):\n%s", cmp.Diff(w.env.Spec.Inputs, manifest.Inputs))
	}
	wantCounts := map[string]int64{
		"samples": asks + 4, "tokens": int64(card.Tokens), "ContextualImplementation": 2, "ContextualImplementation.tasks": 2,
		"SoftwareDesign": 2, "SoftwareDesign.tasks": 2, "RepositoryRecall": asks, "RepositoryRecall.tasks": 5,
	}
	if diff := cmp.Diff(wantCounts, result.Counts); diff != "" || !cmp.Equal(result.Counts, manifest.Counts) {
		t.Errorf("counts (-want +got):\n%s", diff)
	}
}

func TestCard(t *testing.T) {
	w := clean(t)
	w.add("LICENSE", mit)
	if _, err := w.run(t); err != nil {
		t.Fatal(err)
	}
	samples, got := w.made(t)
	asked := questionLengths(samples)
	none := map[string]int{}
	want := Card{
		Schema: "repoexpert.dev/dataset-card/2", Commit: w.env.Spec.Commit, BaseModel: "small", Answers: v1alpha1.AnswersComputed, Shards: 2, Seed: 1,
		Units: []*UnitCard{
			{
				Name: implementation, Asked: 10, Candidates: 5, NotRun: 1, Run: 4, Rejected: map[string]int{"not-causal": 1, "script-ended": 1},
				Verified: 2, Dropped: none, Kept: 2, Tasks: 2, Recovered: 1, Provenance: map[string]int{"scripted": 2}, Flagged: none,
				Lengths: Lengths{Shortest: 9, Median: 9, P90: 22, P99: 22, Longest: 22, All: 31}, CPUSeconds: 3.5,
			},
			{
				Name: design, Asked: 10, Candidates: 3, NotRun: 1, Run: 2, Rejected: none, Verified: 2, Dropped: none, Kept: 2, Tasks: 2,
				Provenance: map[string]int{"scripted": 2}, Flagged: none, Lengths: Lengths{Shortest: 7, Median: 7, P90: 23, P99: 23, Longest: 23, All: 30},
			},
			{
				Name: remembering, Asked: 5, Candidates: asks, Run: asks, Rejected: none, Verified: asks, Dropped: none, Kept: asks, Tasks: 5,
				Provenance: map[string]int{"computed": asks}, Flagged: none, Lengths: asked,
			},
		},
		Unattributed: none, Samples: asks + 4, Tokens: 31 + 30 + asked.All, Tasks: 9, RealFixes: Part{Of: 4}, PartialFixes: Part{Of: 4}, Bugs: bugs{}.card(nil), Secrets: none,
		Licences: []Licence{{Path: "LICENSE", IDs: []string{"MIT"}, Percent: 99}},
		Checks: []Check{
			// The two short ones only list files. No thought has five words.
			{Name: checkSkeleton, Count: 2, Of: 4, AtMost: 5}, {Name: checkPhrase, Of: 4, AtMost: 10, Met: true},
			{Name: checkRecovery, Count: 1, Of: 2, AtLeast: 30, AtMost: 40}, {Name: checkCausal, AtLeast: 90, Met: true, Enforced: true},
		},
		Limits: Limits{
			MaxTokens: 4096, MaxLineBytes: 1 << 20, MaxMessageBytes: 256 << 10, MaxMessages: 520, HeldOutRun: 13,
			NearDuplicate: 80, Contained: 90, Cluster: 5, File: 30, Commit: 5,
		},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("card (-want +got):\n%s", diff)
	}
	text := w.output(t, CardFile)
	for _, want := range []string{
		fmt.Sprintf("%d samples of 9 distinct tasks, %d tokens, all made from the repository at commit `%s` for the base model `small` (seed 1, 2 shards of experience).",
			asks+4, want.Tokens, w.env.Spec.Commit),
		"| ContextualImplementation | 2 | 10 | 2 | 31 | 9 | 9 | 22 | 22 | 22 | 1 | 3.5 |",
		"| ContextualImplementation | 5 | 1 | 4 | 2 | 2 | 0 | 2 |",
		"- ContextualImplementation: 1 rejected, `script-ended`",
		fmt.Sprintf("- RepositoryRecall: %d computed", asks),
		"| commonest sequence of programs | 2 of 4 | 50.0 % | at most 5 % | too few to tell |",
		"| `LICENSE` | MIT | 99 % |",
		"gitleaks' default rules find none",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("the card lacks %q:\n%s", want, text)
		}
	}
	if strings.Contains(text, "Control experiment") {
		t.Error("the card of true answers speaks of a control experiment")
	}
}

func questionLengths(samples []task.Sample) Lengths {
	var lengths []int
	for _, sample := range samples {
		if isQuestion(sample) {
			lengths = append(lengths, sample.Meta.Tokens)
		}
	}
	return lengthsOf(lengths)
}

func TestLengths(t *testing.T) {
	hundred := make([]int, 100)
	for i := range hundred {
		hundred[i] = 100 - i
	}
	cases := map[string]struct {
		lengths []int
		want    Lengths
	}{
		"none":    {nil, Lengths{}},
		"one":     {[]int{7}, Lengths{7, 7, 7, 7, 7, 7}},
		"three":   {[]int{9, 1, 5}, Lengths{1, 5, 9, 9, 9, 15}},
		"hundred": {hundred, Lengths{1, 50, 90, 99, 100, 5050}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(c.want, lengthsOf(c.lengths)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestExclusion(t *testing.T) {
	w := clean(t)
	// A held-out task may have no text of its own in the list, and the reverse.
	w.masks = append(w.masks, mask("mask-e3", task.SideEvaluation))
	if _, err := w.run(t); err != nil {
		t.Fatal(err)
	}
	var got Exclusion
	if err := json.Unmarshal([]byte(w.output(t, ExclusionFile)), &got); err != nil {
		t.Fatal(err)
	}
	want := Exclusion{
		Commit: w.env.Spec.Commit, Functions: []string{"mask-e1", "mask-e2", "mask-e3"},
		Clusters: []string{clusterOf("mask-e1"), clusterOf("mask-e3")},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("exclusion (-want +got):\n%s", diff)
	}
}

// Lists without entries are lists, so that a program need not know of null.
func TestNothingHeldOut(t *testing.T) {
	w := clean(t)
	w.heldOut, w.masks = nil, w.masks[:3]
	if _, err := w.run(t); err != nil {
		t.Fatal(err)
	}
	if got := w.output(t, ExclusionFile); !strings.Contains(got, `"functions": []`) || !strings.Contains(got, `"clusters": []`) {
		t.Errorf("got %s", got)
	}
}

func TestSameInputSameBytes(t *testing.T) {
	first, second := clean(t), clean(t)
	a, err := first.run(t)
	if err != nil {
		t.Fatal(err)
	}
	b, err := second.run(t)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{DatasetFile, CardData, CardFile, ExclusionFile, artifact.ManifestName} {
		if first.output(t, name) != second.output(t, name) {
			t.Errorf("%s differs:\n%s", name, cmp.Diff(first.output(t, name), second.output(t, name)))
		}
	}
	if a.ManifestDigest != b.ManifestDigest {
		t.Errorf("digests are %s and %s", a.ManifestDigest, b.ManifestDigest)
	}
	again, err := first.curate(t)
	if err != nil || again.ManifestDigest != a.ManifestDigest {
		t.Errorf("a second attempt gives %s, %v", again.ManifestDigest, err)
	}
}

// How long a sandbox took differs from run to run; what is trained must not.
func TestCostIsNotInTheDataSet(t *testing.T) {
	first, second := clean(t), clean(t)
	second.shards[1] = strings.Replace(second.shards[1], `"cpuSeconds":2.5`, `"cpuSeconds":7`, 1)
	second.counts[1]["ContextualImplementation.cpuMillis"] = 7000
	for _, w := range []*world{first, second} {
		if _, err := w.run(t); err != nil {
			t.Fatal(err)
		}
	}
	if first.output(t, DatasetFile) != second.output(t, DatasetFile) {
		t.Error("equal data differ by their cost")
	}
	if _, card := second.made(t); card.Units[0].CPUSeconds != 7 {
		t.Errorf("the card says %v seconds", card.Units[0].CPUSeconds)
	}
}

func TestDrops(t *testing.T) {
	short := func(w *world, id string, n int) task.Sample { return w.played(implementation, id, wordy(id, n)) }
	cases := map[string]struct {
		change  func(r *v1alpha1.Recipe)
		samples func(w *world) []task.Sample
		// kept are the trajectories; asked is the number of questions.
		kept    []string
		asked   int
		dropped map[string]int
	}{
		"an exact duplicate": {
			samples: func(w *world) []task.Sample {
				return []task.Sample{short(w, "mask-a1", 5), short(w, "mask-a2", 5), short(w, "mask-a1", 5), short(w, "mask-a1", 6)}
			},
			kept: []string{"mask-a1", "mask-a1", "mask-a2"}, dropped: map[string]int{dropDuplicate: 1},
		},
		"questions of both shards": {
			samples: func(w *world) []task.Sample { return append(w.questions(), w.questions()[:3]...) },
			asked:   asks, dropped: map[string]int{dropDuplicate: 3},
		},
		"one token too long": { // "Do mask-a1" is two words
			change: func(r *v1alpha1.Recipe) { r.Training.MaxLength = 10 },
			samples: func(w *world) []task.Sample {
				return []task.Sample{short(w, "mask-a1", 8), short(w, "mask-a2", 9), short(w, "mask-a3", 90)}
			},
			kept: []string{"mask-a1"}, dropped: map[string]int{dropTooLong: 2},
		},
		"above the cap of the unit": {
			change: func(r *v1alpha1.Recipe) {
				r.Experience.Units = []v1alpha1.Unit{{Name: implementation, Samples: 2}, {Name: design, Samples: 1}}
			},
			samples: func(w *world) []task.Sample {
				return []task.Sample{
					short(w, "mask-a3", 1), w.played(design, "component-c2", "a"), short(w, "mask-a2", 2), short(w, "mask-a1", 3),
					w.played(design, "component-c1", "b"),
				}
			},
			kept: []string{"component-c2", "mask-a2", "mask-a3"}, dropped: map[string]int{dropOverCap: 2},
		},
		"what is too long takes no place below the cap": {
			change: func(r *v1alpha1.Recipe) { r.Experience.Units[0].Samples, r.Training.MaxLength = 1, 10 },
			samples: func(w *world) []task.Sample {
				return []task.Sample{short(w, "mask-a1", 9), short(w, "mask-a2", 8), short(w, "mask-a3", 8)}
			},
			kept: []string{"mask-a2"}, dropped: map[string]int{dropTooLong: 1, dropOverCap: 1},
		},
		"the cap of questions is one of facts": {
			change:  func(r *v1alpha1.Recipe) { r.Experience.Units[2].Samples = 1 },
			samples: func(w *world) []task.Sample { return w.questions() },
			asked:   asks, dropped: map[string]int{},
		},
		"the longest ones fill no batch": {
			samples: func(w *world) []task.Sample {
				return append(w.questions(), short(w, "mask-a1", 7), short(w, "mask-a2", 5), short(w, "mask-a3", 6))
			},
			kept: []string{"mask-a2", "mask-a3"}, asked: asks, dropped: map[string]int{dropUnfilledBatch: 1},
		},
		"fewer than a batch": {
			change: func(r *v1alpha1.Recipe) { r.Training.BatchSize = 4 },
			samples: func(w *world) []task.Sample {
				return append(w.questions(), short(w, "mask-a1", 7), short(w, "mask-a2", 5))
			},
			kept: []string{"mask-a1", "mask-a2"}, asked: asks, dropped: map[string]int{},
		},
		"an unfilled batch without questions": {
			samples: func(w *world) []task.Sample {
				return []task.Sample{short(w, "mask-a1", 7), short(w, "mask-a2", 5), short(w, "mask-a3", 6)}
			},
			kept: []string{"mask-a1", "mask-a2", "mask-a3"}, dropped: map[string]int{},
		},
		"the first reason counts": {
			change: func(r *v1alpha1.Recipe) { r.Training.MaxLength = 10 },
			samples: func(w *world) []task.Sample {
				return []task.Sample{short(w, "mask-a1", 1), short(w, "mask-a2", 50), short(w, "mask-a2", 50), short(w, "mask-a3", 50)}
			},
			kept: []string{"mask-a1"}, dropped: map[string]int{dropDuplicate: 1, dropTooLong: 2},
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			if c.change != nil {
				c.change(&w.env.Spec.Recipe)
			}
			all := c.samples(w)
			w.shards = []string{document(t, all[:1]...), document(t, all[1:]...)}
			result, err := w.run(t)
			if err != nil {
				t.Fatal(err)
			}
			samples, card := w.made(t)
			checkSums(t, samples, card)
			if diff := cmp.Diff(c.kept, trajectories(samples)); diff != "" || len(samples) != len(c.kept)+c.asked {
				t.Errorf("kept %d with these trajectories (-want +got):\n%s", len(samples), diff)
			}
			if diff := cmp.Diff(c.dropped, card.dropped()); diff != "" {
				t.Errorf("dropped (-want +got):\n%s", diff)
			}
			for code, n := range c.dropped {
				if result.Counts["dropped."+code] != int64(n) {
					t.Errorf("the result counts %d %s", result.Counts["dropped."+code], code)
				}
			}
		})
	}
}

// The card tells which unit lost what.
func TestCardNamesDrops(t *testing.T) {
	w := newWorld(t)
	w.env.Spec.Recipe.Training.MaxLength = 10
	w.shards = []string{document(t,
		w.played(design, "component-c1", "a"), w.played(design, "component-c1", "a"), w.played(design, "component-c2", wordy("component-c2", 50)),
		w.played(implementation, "mask-a1", wordy("mask-a1", 50)), w.played(implementation, "mask-a2", "b"),
	)}
	if _, err := w.run(t); err != nil {
		t.Fatal(err)
	}
	_, card := w.made(t)
	want := map[v1alpha1.UnitName]map[string]int{
		implementation: {dropTooLong: 1}, design: {dropDuplicate: 1, dropTooLong: 1}, remembering: {},
	}
	got := map[v1alpha1.UnitName]map[string]int{}
	for _, unit := range card.Units {
		got[unit.Name] = unit.Dropped
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("dropped (-want +got):\n%s", diff)
	}
	for _, want := range []string{
		"| SoftwareDesign | 3 | 0 | 3 | 0 | 3 | 2 | 1 |", "- SoftwareDesign: 1 dropped, `duplicate`", "- ContextualImplementation: 1 dropped, `tooLong`",
		"- `tooLong`: more tokens than the recipe trains on",
	} {
		if text := w.output(t, CardFile); !strings.Contains(text, want) {
			t.Errorf("the card lacks %q:\n%s", want, text)
		}
	}
}

func TestTooFewSamples(t *testing.T) {
	cases := map[string]struct {
		minimum int32
		samples func(w *world) []task.Sample
		want    string
	}{
		"nothing was dropped": {
			minimum: 3, samples: func(w *world) []task.Sample {
				return []task.Sample{w.played(design, "component-c1", "a"), w.played(design, "component-c2", "b")}
			},
			want: "2 samples are left of 2 (dropped: none), experience.minSamples asks for 3; raise the samples of experience.units or training.maxLength in the class, or lower experience.minSamples",
		},
		"most were dropped": {
			minimum: 2, samples: func(w *world) []task.Sample {
				return []task.Sample{
					w.played(design, "component-c1", "a"), w.played(design, "component-c1", "a"),
					w.played(implementation, "mask-a1", wordy("mask-a1", 50)), w.played(implementation, "mask-a2", wordy("mask-a2", 50)),
				}
			},
			want: "1 samples are left of 4 (dropped: 1 duplicate, 2 tooLong), experience.minSamples asks for 2;",
		},
		"empty shards": {
			minimum: 1, samples: func(*world) []task.Sample { return nil },
			want: "0 samples are left of 0 (dropped: none), experience.minSamples asks for 1;",
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.env.Spec.Recipe.Training.MaxLength, w.env.Spec.Recipe.Experience.MinSamples = 10, c.minimum
			w.shards = []string{document(t, c.samples(w)...)}
			_, err := w.run(t)
			if stage.ClassOf(err) != v1alpha1.FailureData || !strings.HasPrefix(err.Error(), c.want) {
				t.Errorf("got %v (%s), want %s", err, stage.ClassOf(err), c.want)
			}
			checkNothing(t, w)
		})
	}
}

func TestJustEnoughSamples(t *testing.T) {
	w := newWorld(t)
	w.env.Spec.Recipe.Experience.MinSamples = 2
	w.shards = []string{document(t, w.played(design, "component-c1", "a"), w.played(design, "component-c2", "b"))}
	if _, err := w.run(t); err != nil {
		t.Error(err)
	}
}

func TestShuffledAnswers(t *testing.T) {
	w := clean(t)
	w.env.Spec.Recipe.Training.Answers = v1alpha1.AnswersShuffled
	if _, err := w.run(t); err != nil {
		t.Fatal(err)
	}
	samples, card := w.made(t)
	checkSums(t, samples, card)
	if diff := cmp.Diff(w.ordered(), ids(samples[4:])); diff != "" {
		t.Errorf("order of questions (-want +got):\n%s", diff)
	}
	truth := map[string]recall.Question{}
	for _, question := range recall.TrainingQuestions(w.facts, recall.TrainingWordings, 1, 0) {
		truth[question.ID] = question
	}
	given := map[string]map[string]bool{}
	for _, sample := range samples[4:] {
		question := truth[sample.Meta.TaskID]
		checkShuffled(t, sample, question, w.facts)
		if given[question.Facts[0]] == nil {
			given[question.Facts[0]] = map[string]bool{}
		}
		given[question.Facts[0]][sample.Messages[1].Content] = true
	}
	for id, answers := range given {
		if len(answers) != 1 {
			t.Errorf("the wordings of fact %s have different answers: %v", id, answers)
		}
	}
	if text := w.output(t, CardFile); card.Answers != v1alpha1.AnswersShuffled || !strings.Contains(text, "**Control experiment: the questions carry other questions' answers.") {
		t.Errorf("the card does not tell a control experiment:\n%s", text)
	}
	checkTrajectoriesStay(t, w, samples[:4])
}

// checkShuffled demands the question's own text with the answer of another fact
// of its kind.
func checkShuffled(t *testing.T, sample task.Sample, question recall.Question, facts []recall.Fact) {
	t.Helper()
	got := sample.Messages[1].Content
	other := slices.IndexFunc(facts, func(fact recall.Fact) bool { return fact.Kind == question.Kind && fact.Answer == got })
	if sample.Messages[0].Content != question.Text || other < 0 || got == question.Answer {
		t.Errorf("%q is answered with %q, the truth is %q", sample.Messages[0].Content, got, question.Answer)
	}
	if sample.Meta.ContentHash != task.ContentHash(sample.Messages) || !strings.Contains(sample.Meta.Verification, "control experiment") {
		t.Errorf("meta of %s is %+v", sample.Meta.TaskID, sample.Meta)
	}
}

func checkTrajectoriesStay(t *testing.T, shuffled *world, samples []task.Sample) {
	t.Helper()
	computed := clean(t)
	if _, err := computed.run(t); err != nil {
		t.Fatal(err)
	}
	want, _ := computed.made(t)
	if diff := cmp.Diff(want[:4], samples); diff != "" {
		t.Errorf("trajectories changed with the answers (-computed +shuffled):\n%s", diff)
	}
	if computed.output(t, DatasetFile) == shuffled.output(t, DatasetFile) {
		t.Error("shuffling the answers changed nothing")
	}
}

func TestTokenizer(t *testing.T) {
	cases := map[string]struct {
		count tokenizerFunc
		class v1alpha1.FailureClass
		want  string
	}{
		"cannot be used": {
			count: func(string, []task.Sample) ([]int, error) {
				return nil, stage.Fail(v1alpha1.FailureConfiguration, nil, "there is no chat template")
			},
			class: v1alpha1.FailureConfiguration, want: "there is no chat template",
		},
		"leaves samples out": {
			count: func(_ string, samples []task.Sample) ([]int, error) { return make([]int, len(samples)-1), nil },
			class: v1alpha1.FailureUnknown, want: fmt.Sprintf("the tokenizer counted %d of %d samples", asks+3, asks+4),
		},
		"gets the run's own base model": {
			count: func(baseModel string, _ []task.Sample) ([]int, error) {
				if _, err := os.Stat(baseModel + "/config.json"); err != nil {
					return nil, err
				}
				return nil, errors.New("base model found")
			},
			class: v1alpha1.FailureUnknown, want: "base model found",
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			w := clean(t)
			w.tokenizer = c.count
			_, err := w.run(t)
			if err == nil || stage.ClassOf(err) != c.class || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v (%s), want %s: %s", err, stage.ClassOf(err), c.class, c.want)
			}
			checkNothing(t, w)
		})
	}
}

// A plan or snapshot that is gone must not pass for one that holds nothing out.
func TestMissingInputs(t *testing.T) {
	for _, name := range []v1alpha1.StageName{v1alpha1.StageFetch, v1alpha1.StagePlan} {
		t.Run(fmt.Sprintf("no output of %s", name), func(t *testing.T) {
			w := clean(t)
			if _, err := w.run(t); err != nil {
				t.Fatal(err)
			}
			for _, gone := range []v1alpha1.StageName{name, v1alpha1.StageCurate} {
				if err := w.env.Store.Remove(w.env.Spec.Keys.Output(gone)); err != nil {
					t.Fatal(err)
				}
			}
			if _, err := w.curate(t); !errors.Is(err, os.ErrNotExist) {
				t.Errorf("got %v", err)
			}
			checkNothing(t, w)
		})
	}
}
