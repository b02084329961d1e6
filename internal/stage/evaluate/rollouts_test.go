package evaluate

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/repoexpert/operator/api/v1alpha1"
	"github.com/repoexpert/operator/internal/contract"
	"github.com/repoexpert/operator/internal/report"
	"github.com/repoexpert/operator/internal/stage"
	"github.com/repoexpert/operator/internal/task"
)

// conversations are who was asked what, by the first turn, in order.
type conversations struct {
	models, prompts []string
}

func (c *conversations) of(model, prompt string) int {
	n := 0
	for i := range c.models {
		if c.models[i] == model && c.prompts[i] == prompt {
			n++
		}
	}
	return n
}

// A look holds the rollouts of the one before, which are not asked again; what is
// answered greedily is asked once.
func TestLooks(t *testing.T) {
	r := testRecipe()
	r.Evaluation.Agent.Sampling = v1alpha1.SamplingPaper
	r.Evaluation.Kinds[0].Tasks = 5
	w := newWorld(t, r)
	w.env.Spec.Look, w.env.Spec.Rollouts = 1, 2
	told := &conversations{}
	knowing := w.knowing("base")
	w.answers = func(model string, messages []task.Message) string {
		last := messages[len(messages)-1].Content
		told.models, told.prompts = append(told.models, model), append(told.prompts, last)
		// The candidate solves a function at its first try alone.
		if model == "candidate" && told.of(model, last) > 1 {
			model = "base"
		}
		return knowing(model, messages)
	}
	first, err := w.stage.Run(t.Context(), w.env)
	if err != nil {
		t.Fatal(err)
	}
	w.checkLook(first, 1, 2)
	checkTurns(t, told)

	w.env.Spec.PreviousLook = w.env.Spec.Keys.Output(v1alpha1.StageEvaluate)
	w.env.Spec.Inputs[w.env.Spec.PreviousLook] = first.ManifestDigest
	w.env.Spec.Keys.Evaluation = strings.Repeat("2", 64)
	w.env.Spec.Look, w.env.Spec.Rollouts = 2, 3
	asked := len(told.models)
	second, err := w.stage.Run(t.Context(), w.env)
	if err != nil {
		t.Fatal(err)
	}
	w.checkLook(second, 2, 3)
	// One more try of two functions by two models, and no question.
	if n := len(told.models) - asked; n != 4 {
		t.Errorf("%d conversations more", n)
	}

	w.env.Spec.Keys.Evaluation, w.env.Spec.Commit = strings.Repeat("3", 64), strings.Repeat("1", 40)
	if _, err := w.stage.Run(t.Context(), w.env); stage.ClassOf(err) != v1alpha1.FailureRepositoryCode || !strings.Contains(err.Error(), "no longer the same") {
		t.Errorf("results of other tasks are added to: %v", err)
	}
	w.env.Spec.Inputs[w.env.Spec.PreviousLook] = "sha256:" + strings.Repeat("0", 64)
	if _, err := w.stage.Run(t.Context(), w.env); stage.ClassOf(err) != v1alpha1.FailureIntegrity {
		t.Errorf("a look that is not what was sealed is read: %v", err)
	}
}

// checkTurns demands that the arms took turns, at each task anew.
func checkTurns(t *testing.T, told *conversations) {
	t.Helper()
	episodes := 0
	for n := 0; n+1 < len(told.models); n += 2 {
		pair := []string{told.models[n], told.models[n+1]}
		slices.Sort(pair)
		if pair[0] != "base" || pair[1] != "candidate" {
			t.Fatalf("conversations %d and %d are with %v", n, n+1, pair)
		}
		if strings.Contains(told.prompts[n], "The body of") {
			episodes += 2
		}
	}
	if episodes != 2*2*2 {
		t.Errorf("%d episodes of two models at two functions, two times each", episodes)
	}
}

// checkLook demands two functions with their rollouts, and questions without.
func (w *world) checkLook(result contract.StageResult, look, rollouts int32) {
	w.t.Helper()
	record := w.recordOf(result)
	questions, masks := record.Kinds[0], record.Kinds[1]
	if record.Look != look || questions.Arms[1].Rollouts != 0 || questions.Arms[1].Usage != nil || len(questions.Arms[1].Successes) != 5 {
		w.t.Errorf("look %d: questions %+v", record.Look, questions.Arms[1])
	}
	candidate := masks.Arms[1]
	if candidate.Successes != "11" || candidate.Rollouts != rollouts || candidate.Usage.Episodes != int64(2*rollouts) {
		w.t.Errorf("candidate %+v with %+v", candidate, candidate.Usage)
	}
	if gold := masks.Arms[2]; gold.Name != v1alpha1.ArmGold || gold.Successes != "11" || gold.Rollouts != 0 || gold.Usage != nil {
		w.t.Errorf("control %+v", gold)
	}
	if arm := w.reportOf().Kinds[1].Arms[1]; arm.Solved != 2 || arm.Rollouts != int(rollouts) || arm.Effort.Episodes.MeanTurns != 1 {
		w.t.Errorf("report %+v", arm)
	}
}

// reportOf reads the sealed report.
func (w *world) reportOf() report.Report {
	w.t.Helper()
	folder, err := w.env.Store.Path(w.env.Spec.Keys.Output(v1alpha1.StageEvaluate))
	if err != nil {
		w.t.Fatal(err)
	}
	content, err := os.ReadFile(filepath.Join(folder, ReportFile))
	if err != nil {
		w.t.Fatal(err)
	}
	r, err := report.Parse(content)
	if err != nil {
		w.t.Fatal(err)
	}
	return r
}
