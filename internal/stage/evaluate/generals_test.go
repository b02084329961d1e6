package evaluate

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/repoexpert/operator/api/v1alpha1"
	"github.com/repoexpert/operator/internal/gate"
	"github.com/repoexpert/operator/internal/general"
	"github.com/repoexpert/operator/internal/task"
)

// A model that learned the repository by heart and forgot all else is as good as
// ever in the primary kind, and its floor of general questions tells.
func TestGeneralQuestions(t *testing.T) {
	const asked = 30
	r := testRecipe()
	r.Evaluation.Kinds = []v1alpha1.EvaluationKind{
		{Name: v1alpha1.KindCodebaseQA, Tasks: 20, MinimumTasks: 1},
		{Name: v1alpha1.KindGeneralQuestions, Tasks: asked, MinimumTasks: asked},
	}
	w := newWorld(t, r)
	answers := generalAnswers()
	taught := w.knowing("base")
	w.answers = func(model string, messages []task.Message) string {
		answer, known := answers[messages[len(messages)-1].Content]
		switch {
		case !known:
			return taught(model, messages)
		case model == "base":
			return answer
		}
		return w.facts[0].Answer
	}
	result, err := w.stage.Run(t.Context(), w.env)
	if err != nil {
		t.Fatal(err)
	}
	record := w.recordOf(result)
	all, none := strings.Repeat("1", asked), strings.Repeat("0", asked)
	if diff := cmp.Diff(map[v1alpha1.ArmName]string{
		v1alpha1.ArmBase: all, v1alpha1.ArmCandidate: none, v1alpha1.ArmGold: all, v1alpha1.ArmNoop: none,
	}, armsOf(record.Kinds[1])); diff != "" {
		t.Error(diff)
	}
	for floor, want := range map[int32]string{0: "", 50: "GeneralQuestions 0.0 % is below its floor of 50 %"} {
		settings := v1alpha1.Gate{PrimaryKind: v1alpha1.KindCodebaseQA, MinGainPoints: 5, MarginPoints: 50, AlphaPerMille: 200}
		if floor > 0 {
			settings.Floors = []v1alpha1.Floor{{Kind: v1alpha1.KindGeneralQuestions, Points: floor}}
		}
		verdict := gate.Rules{}.Decide(settings, gate.Question{Record: record}).Verdict
		if promoted := verdict.Decision == v1alpha1.DecisionPromote; promoted != (want == "") || !strings.Contains(verdict.Reason, want) {
			t.Errorf("with the floor %d the gate decides %+v, want %q", floor, verdict, want)
		}
	}
	folder, err := w.env.Store.Path(w.env.Spec.Keys.Output(v1alpha1.StageEvaluate))
	if err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile(filepath.Join(folder, PageFile))
	if err != nil || !strings.Contains(string(page), "General questions") || !strings.Contains(string(page), measuresGeneral) {
		t.Errorf("the page does not show what was asked: %v", err)
	}
}

// generalAnswers are the right answers by question.
func generalAnswers() map[string]string {
	answers := map[string]string{}
	for _, q := range general.Questions(general.Count()) {
		answers[q.Text] = q.Answer
	}
	return answers
}

func TestTooManyGeneralQuestions(t *testing.T) {
	e := &evaluation{}
	_, err := e.chooseGeneral(t.Context(), v1alpha1.EvaluationKind{Name: v1alpha1.KindGeneralQuestions, Tasks: 1000, MinimumTasks: int32(general.Count()) + 1})
	if err == nil || !strings.Contains(err.Error(), "there are 60") {
		t.Errorf("got %v", err)
	}
}
