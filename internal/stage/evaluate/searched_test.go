package evaluate

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/repoexpert/operator/api/v1alpha1"
	"github.com/repoexpert/operator/internal/task"
)

// What a search finds stands before the question, for every model, in the report
// alone.
func TestSearchResults(t *testing.T) {
	r := testRecipe()
	r.Evaluation.Kinds, r.Evaluation.SearchQuestions = r.Evaluation.Kinds[:1], 4
	w := newWorld(t, r)
	truth := w.truth()
	searches := map[string]int{}
	w.answers = func(model string, messages []task.Message) string {
		content := messages[len(messages)-1].Content
		found, searched := strings.CutPrefix(content, "A search of the repository:\n")
		if !searched {
			return truth[content]
		}
		results, question, _ := strings.Cut(found, "\n\n")
		searches[model]++
		for _, name := range namesIn(question) {
			if !strings.Contains(results, name) {
				t.Errorf("%q is not in the results %q", name, results)
			}
		}
		if len(results) > maxFoundBytes || strings.Contains(results, "tests/") {
			t.Errorf("results are %q", results)
		}
		return truth[question]
	}
	result, err := w.stage.Run(t.Context(), w.env)
	if err != nil {
		t.Fatal(err)
	}
	if record := w.recordOf(result); len(record.Kinds) != 1 {
		t.Errorf("the record has %d kinds", len(record.Kinds))
	}
	kind := w.reportOf().Kinds[1]
	if kind.Variant != withSearch || kind.Arms[0].Name != v1alpha1.ArmBase || kind.Arms[0].Solved != 4 || kind.Arms[0].Effort.Episodes != nil {
		t.Errorf("got %+v", kind)
	}
	if diff := cmp.Diff(map[string]int{"base": 4, "candidate": 4}, searches); diff != "" {
		t.Error(diff)
	}
}
