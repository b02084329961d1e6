package evaluate

import (
	"encoding/base64"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/repoexpert/operator/api/v1alpha1"
	"github.com/repoexpert/operator/internal/agent"
	"github.com/repoexpert/operator/internal/contract"
	"github.com/repoexpert/operator/internal/engine"
	"github.com/repoexpert/operator/internal/recall"
	"github.com/repoexpert/operator/internal/recipe"
	"github.com/repoexpert/operator/internal/stage"
	"github.com/repoexpert/operator/internal/task"
)

// knowing answers as models would that know the library by heart, apart from
// those that are ignorant: they guess and submit nothing.
func (w *world) knowing(ignorant string) func(string, []task.Message) string {
	truth := w.truth()
	paths := map[string]string{}
	for _, mask := range w.masks {
		paths[agent.ImplementationTask(mask.Name, mask.Path, "")] = mask.Path
	}
	lookedUp := map[string]string{}
	for question, answer := range truth {
		lookedUp[agent.QuestionTask(question)] = answer
	}
	return func(model string, messages []task.Message) string {
		last := messages[len(messages)-1].Content
		file, masked := paths[last]
		answer, open := lookedUp[last]
		switch {
		case open && model == ignorant:
			return submittingNothing
		case open:
			// The tree is the whole one.
			return "THOUGHT: known.\n```bash\ntest -f tests/unit/test_prices.py && echo " + agent.SubmitMarker + " && echo '" + answer + "'\n```"
		case !masked && model == ignorant:
			return "I do not know."
		case !masked:
			return truth[last]
		case model == ignorant:
			return "THOUGHT: nothing.\n```bash\necho " + agent.SubmitMarker + "\n```"
		}
		original, err := os.ReadFile(filepath.Join(library, file))
		if err != nil {
			return err.Error()
		}
		return "THOUGHT: the body is known.\n```bash\necho " + base64.StdEncoding.EncodeToString(original) +
			" | base64 -d > " + file + " && " + agent.SubmitChange + "\n```"
	}
}

// openBookAsked is how many questions are asked of agents too.
const openBookAsked = 2

// recordOf reads the last line that the stage printed, as the manager does.
func (w *world) recordOf(result contract.StageResult) v1alpha1.EvaluationRecord {
	w.t.Helper()
	lines := strings.Split(strings.TrimSuffix(w.out.String(), "\n"), "\n")
	record, err := contract.ParseRecord(lines[len(lines)-1], result.RecordDigest)
	if err != nil {
		w.t.Fatal(err)
	}
	return record
}

func armsOf(kind v1alpha1.KindRecord) map[v1alpha1.ArmName]string {
	arms := map[v1alpha1.ArmName]string{}
	for _, a := range kind.Arms {
		arms[a.Name] = a.Successes
	}
	return arms
}

func TestEvaluate(t *testing.T) {
	r := testRecipe()
	r.Evaluation.OpenBookQuestions = openBookAsked
	w := newWorld(t, r)
	w.answers = w.knowing("base")
	result, err := w.stage.Run(t.Context(), w.env)
	if err != nil {
		t.Fatal(err)
	}
	record := w.recordOf(result)
	facts := len(w.facts)
	if len(record.Kinds) != 2 {
		t.Errorf("the record has %d kinds", len(record.Kinds))
	}
	want := []map[v1alpha1.ArmName]string{
		{
			v1alpha1.ArmBase: strings.Repeat("0", facts), v1alpha1.ArmCandidate: strings.Repeat("1", facts),
			v1alpha1.ArmGold: strings.Repeat("1", facts), v1alpha1.ArmNoop: strings.Repeat("0", facts),
		},
		{v1alpha1.ArmBase: "00", v1alpha1.ArmCandidate: "11", v1alpha1.ArmGold: "11", v1alpha1.ArmNoop: "00"},
	}
	for i, kind := range record.Kinds {
		if diff := cmp.Diff(want[i], armsOf(kind)); diff != "" {
			t.Errorf("%s: %s", kind.Name, diff)
		}
	}
	qa := record.Kinds[0]
	if len(qa.Groups) != facts || len(qa.GroupNames) == 0 || qa.MajorityPermille == 0 || qa.GuessPermille == 0 {
		t.Errorf("groups and baselines are missing: %+v", qa)
	}
	if len(record.Fingerprint) != 64 || record.CandidateDigest != w.env.Spec.Inputs[w.env.Spec.Keys.Output(v1alpha1.StageTrain)] || record.ServedDigest != "" {
		t.Errorf("record %+v", record)
	}
	if !strings.Contains(record.Protocol, recall.ScoreLabel) {
		t.Errorf("the protocol %q does not say what the score means", record.Protocol)
	}
	w.checkFiles(facts)
	w.checkRepeats(result)
}

// checkFiles looks at what the evaluation left on the volume.
func (w *world) checkFiles(facts int) {
	w.t.Helper()
	folder, err := w.env.Store.Path(w.env.Spec.Keys.Output(v1alpha1.StageEvaluate))
	if err != nil {
		w.t.Fatal(err)
	}
	probes, err := engine.ReadProbes(folder)
	if err != nil {
		w.t.Fatal(err)
	}
	truth := w.truth()
	if len(probes.Questions) != 3 {
		w.t.Errorf("got %d probes", len(probes.Questions))
	}
	for _, probe := range probes.Questions {
		if question := probe.Messages[0].Content; truth[question] != probe.Answer {
			w.t.Errorf("probe %q was recorded with %q", question, probe.Answer)
		}
	}
	records, err := task.ReadFile[taskRecord](filepath.Join(folder, RecordsFile))
	if err != nil {
		w.t.Fatal(err)
	}
	composed := len(recall.Compose(w.facts, compositions))
	if want := 4*(facts+composed+openBookAsked) + 4*2; len(records) != want {
		w.t.Errorf("got %d records, want %d", len(records), want)
	}
	w.checkReport(folder, facts)
	w.checkExport(folder)
}

// checkRepeats evaluates again: the record comes from the volume, no model is
// asked.
func (w *world) checkRepeats(first contract.StageResult) {
	w.t.Helper()
	loads, line := len(*w.loads), w.out.String()
	w.out.Reset()
	again, err := w.stage.Run(w.t.Context(), w.env)
	if err != nil {
		w.t.Fatal(err)
	}
	first.Reused = true
	if diff := cmp.Diff(first, again); diff != "" {
		w.t.Error(diff)
	}
	if w.out.String() != line || len(*w.loads) != loads {
		w.t.Error("the repeated record is another one, or models were asked")
	}
}

// With a served model only what compares is asked: facts that it was taught with
// the same answer, functions that it did not see.
func TestEvaluateAgainstServed(t *testing.T) {
	w := newWorld(t, testRecipe())
	w.answers = w.knowing("base")
	seen := recipe.Seen{}
	for i, fact := range w.facts {
		answer := recall.Normalize(fact.Answer)
		if i%2 == 1 {
			answer = "what was true at the served commit"
		}
		seen.Facts = append(seen.Facts, recipe.SeenFact{ID: fact.ID, Answer: answer})
	}
	for _, mask := range w.masks {
		if mask.Side == task.SideEvaluation {
			seen.Clusters = append(seen.Clusters, mask.Cluster)
			break
		}
	}
	digest := w.serve(seen)
	result, err := w.stage.Run(t.Context(), w.env)
	if err != nil {
		t.Fatal(err)
	}
	record := w.recordOf(result)
	if record.ServedDigest != digest {
		t.Errorf("served digest %q", record.ServedDigest)
	}
	common := (len(w.facts) + 1) / 2
	for _, name := range []v1alpha1.ArmName{v1alpha1.ArmCandidate, v1alpha1.ArmServed} {
		if got := armsOf(record.Kinds[0])[name]; got != strings.Repeat("1", common) {
			t.Errorf("%s: %s, want %d solved", name, got, common)
		}
	}
	for _, line := range w.taskIDs(v1alpha1.KindContextualImplementation) {
		if line == seen.Clusters[0] {
			t.Errorf("%s was seen by the served model and asked", line)
		}
	}
}

// taskIDs are the clusters of the tasks that were asked.
func (w *world) taskIDs(kind v1alpha1.KindName) []string {
	w.t.Helper()
	folder, err := w.env.Store.Path(w.env.Spec.Keys.Output(v1alpha1.StageEvaluate))
	if err != nil {
		w.t.Fatal(err)
	}
	records, err := task.ReadFile[taskRecord](filepath.Join(folder, RecordsFile))
	if err != nil {
		w.t.Fatal(err)
	}
	clusters := map[string]string{}
	for _, mask := range w.masks {
		clusters[mask.ID] = mask.Cluster
	}
	var ids []string
	for _, r := range records {
		if r.Kind == kind {
			ids = append(ids, clusters[r.Task])
		}
	}
	return ids
}

func TestEvaluateRefuses(t *testing.T) {
	tests := map[string]struct {
		change func(*world)
		class  v1alpha1.FailureClass
		want   string
	}{
		"no kinds": {
			func(w *world) { w.env.Spec.Recipe.Evaluation.Kinds = nil },
			v1alpha1.FailureConfiguration, "evaluation.kinds is empty: name at least one kind",
		},
		"too few common facts": {
			func(w *world) { w.serve(recipe.Seen{}) },
			v1alpha1.FailureData, "or changed since; another experience.seed or number of questions chooses other facts than it was taught)",
		},
		"an engine for which nothing was merged": {
			func(w *world) {
				w.seal("models/"+strings.Repeat("7", 64), map[string][]byte{recipe.SeenFile: []byte("{}")})
				w.env.Spec.Keys.Model = strings.Repeat("7", 64)
			},
			v1alpha1.FailureIntegrity, "holds no weights that",
		},
		"a served model that is not what was promoted": {
			func(w *world) {
				w.serve(recipe.Seen{})
				w.env.Spec.Served.ModelDigest = "sha256:" + strings.Repeat("0", 64)
			},
			v1alpha1.FailureIntegrity, "is not what was promoted",
		},
	}
	w := newWorld(t, testRecipe())
	original := w.env.Spec
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			w.env.Spec = original
			test.change(w)
			_, err := w.stage.Run(t.Context(), w.env)
			var told *stage.Error
			if !errors.As(err, &told) || told.Class != test.class || !strings.Contains(told.Message, test.want) {
				t.Errorf("got %v", err)
			}
		})
	}
}
