package class

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/repoexpert/operator/api/v1alpha1"
	"github.com/repoexpert/operator/test/builder"
)

func TestHoldout(t *testing.T) {
	issues := func(tasks, minimum int32) v1alpha1.EvaluationKind {
		return v1alpha1.EvaluationKind{Name: v1alpha1.KindIssueResolution, Tasks: tasks, MinimumTasks: minimum}
	}
	questions := v1alpha1.EvaluationKind{Name: v1alpha1.KindCodebaseQA, Tasks: 60}
	gate := v1alpha1.Gate{PrimaryKind: v1alpha1.KindIssueResolution, MarginPoints: 10}
	recall := v1alpha1.Gate{PrimaryKind: v1alpha1.KindCodebaseQA, MarginPoints: 10}
	tests := map[string]struct {
		holdout v1alpha1.Holdout
		commits int32
		kinds   []v1alpha1.EvaluationKind
		gate    v1alpha1.Gate
		// want are the commits of the completed class, message the problem of one that
		// is refused.
		want    int32
		message string
	}{
		"left out":                  {"", 0, []v1alpha1.EvaluationKind{questions}, recall, 0, ""},
		"Tasks":                     {v1alpha1.HoldoutTasks, 0, []v1alpha1.EvaluationKind{issues(60, 0)}, gate, 0, ""},
		"Tasks with commits":        {v1alpha1.HoldoutTasks, 20, []v1alpha1.EvaluationKind{issues(60, 0)}, gate, 0, "evaluation.holdoutCommits 20 says nothing with evaluation.holdout Tasks"},
		"Frontier":                  {v1alpha1.HoldoutFrontier, 0, []v1alpha1.EvaluationKind{issues(60, 30)}, gate, 60, ""},
		"Frontier, few commits":     {v1alpha1.HoldoutFrontier, 28, []v1alpha1.EvaluationKind{issues(60, 0)}, gate, 0, "evaluation.holdoutCommits 28 cannot support a promotion on gate.primaryKind IssueResolution at gate.marginPoints 10 and gate.alphaPerMille 50: keep at least 29"},
		"Frontier, just enough":     {v1alpha1.HoldoutFrontier, 29, []v1alpha1.EvaluationKind{issues(60, 29)}, gate, 29, ""},
		"Frontier, minimum above":   {v1alpha1.HoldoutFrontier, 29, []v1alpha1.EvaluationKind{issues(60, 30)}, gate, 0, "evaluation.kinds[IssueResolution].minimumTasks 30 is above evaluation.holdoutCommits 29"},
		"Frontier beside questions": {v1alpha1.HoldoutFrontier, 5, []v1alpha1.EvaluationKind{questions, issues(5, 1)}, recall, 5, ""},
		"Frontier of questions":     {v1alpha1.HoldoutFrontier, 0, []v1alpha1.EvaluationKind{questions}, recall, 0, "evaluation.holdout Frontier takes tasks from commits, but evaluation.kinds has none"},
		"Prequential":               {v1alpha1.HoldoutPrequential, 0, []v1alpha1.EvaluationKind{issues(60, 0)}, gate, 60, ""},
		"Prequential, few commits":  {v1alpha1.HoldoutPrequential, 3, []v1alpha1.EvaluationKind{issues(60, 30)}, gate, 3, ""},
		"Prequential of questions":  {v1alpha1.HoldoutPrequential, 0, []v1alpha1.EvaluationKind{questions}, recall, 0, "evaluation.holdout Prequential takes tasks from commits"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			spec, err := Effective(builder.MakeExpertClass().With(func(s *v1alpha1.ExpertClassSpec) {
				s.Evaluation.Holdout, s.Evaluation.HoldoutCommits, s.Evaluation.Kinds, s.Gate = test.holdout, test.commits, test.kinds, test.gate
			}).Obj())
			if test.message != "" {
				wantProblem(t, err, v1alpha1.ReasonInvalidClass, test.message)
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, spec.Evaluation.HoldoutCommits); diff != "" {
				t.Errorf("commits (-want +got):\n%s", diff)
			}
		})
	}
}
