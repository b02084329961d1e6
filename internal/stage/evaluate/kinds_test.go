package evaluate

import (
	"encoding/base64"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/repoexpert/operator/api/v1alpha1"
	"github.com/repoexpert/operator/internal/agent"
	"github.com/repoexpert/operator/internal/contract"
	"github.com/repoexpert/operator/internal/grading"
	"github.com/repoexpert/operator/internal/patch"
	"github.com/repoexpert/operator/internal/recipe"
	"github.com/repoexpert/operator/internal/task"
)

// bugRecipe holds everything out, so that all that the history did is a task.
func bugRecipe() v1alpha1.Recipe {
	r := testRecipe()
	r.Experience.Units = []v1alpha1.Unit{{Name: v1alpha1.UnitRepositoryRecall, Samples: 20}}
	r.Evaluation.HoldoutPercent = 100
	r.Evaluation.Kinds = []v1alpha1.EvaluationKind{
		{Name: v1alpha1.KindIssueResolution, Tasks: 2, MinimumTasks: 1},
		{Name: v1alpha1.KindTestGeneration, Tasks: 1, MinimumTasks: 1},
		{Name: v1alpha1.KindFeatureImplementation, Tasks: 1, MinimumTasks: 1},
	}
	return r
}

// submitting is an assistant's turn that applies a patch and submits it.
func submitting(diff string) string {
	return "THOUGHT: known.\n```bash\necho " + base64.StdEncoding.EncodeToString([]byte(diff)) +
		" | base64 -d | git apply && " + agent.SubmitChange + "\n```"
}

const submittingNothing = "THOUGHT: nothing.\n```bash\necho " + agent.SubmitMarker + "\n```"

// knowingAll answers every episode with its known answer, but for the model that is
// ignorant.
func knowingAll(e *evaluation, ignorant string) func(string, []task.Message) string {
	known := map[string]string{}
	for _, k := range e.kinds {
		for i, t := range k.tasks() {
			known[t.text] = k.known(i).Answer
		}
	}
	return func(model string, messages []task.Message) string {
		if model == ignorant {
			return submittingNothing
		}
		return submitting(known[messages[len(messages)-1].Content])
	}
}

// Bugs are repaired, shown by a test, and features implemented: what is known
// solves all, nothing solves none, and models get what they submit.
func TestKindsOfTheHistory(t *testing.T) {
	w := newWorld(t, bugRecipe())
	digest := w.serve(recipe.Seen{})
	w.env.Spec.Served.Commit = w.commits[1]
	w.env.Spec.Anchor = &contract.ServedModel{Commit: w.commits[0], ModelKey: w.env.Spec.Served.ModelKey, ModelDigest: digest}
	var told []string
	w.env.Progress = func(p contract.Progress) { told = append(told, fmt.Sprintf("%d/%d %s", p.Step, p.Total, p.Message)) }
	e, err := w.stage.prepare(t.Context(), w.env)
	if err != nil {
		t.Fatal(err)
	}
	if len(told) < 3 || told[0] != "0/2 IssueResolution: admitting tasks, 0 refused" {
		t.Errorf("while tasks are admitted it tells %q", told)
	}
	w.answers = knowingAll(e, "base")
	if err := e.ask(t.Context()); err != nil {
		t.Fatal(err)
	}
	result, err := w.stage.seal(e)
	if err != nil {
		t.Fatal(err)
	}
	record := w.recordOf(result)
	if record.AnchorDigest != digest || record.ServedDigest != digest {
		t.Errorf("record %+v", record)
	}
	kinds := record.Kinds
	// The repaired function changed since the served commit, the mutated one did not;
	// what the feature added was there.
	if kinds[0].Fresh != "10" || kinds[1].Fresh != "1" || kinds[2].Fresh != "" {
		t.Errorf("%q, %q and %q changed since the served commit", kinds[0].Fresh, kinds[1].Fresh, kinds[2].Fresh)
	}
	if u := kinds[0].Arms[0].Usage; u == nil || *u != (v1alpha1.UsageRecord{Episodes: 2, Turns: 2, Tokens: 30}) {
		t.Errorf("usage %+v", u)
	}
	for i, n := range []int{2, 1, 1} {
		ones, zeros := strings.Repeat("1", n), strings.Repeat("0", n)
		want := map[v1alpha1.ArmName]string{v1alpha1.ArmBase: zeros, v1alpha1.ArmCandidate: ones, v1alpha1.ArmServed: ones, v1alpha1.ArmAnchor: ones, v1alpha1.ArmGold: ones, v1alpha1.ArmNoop: zeros}
		if diff := cmp.Diff(want, armsOf(kinds[i])); diff != "" {
			t.Errorf("%s: %s", kinds[i].Name, diff)
		}
	}
	checkTexts(t, e)
	checkCheats(t, e)
}

// checkTexts reads what the agents were told.
func checkTexts(t *testing.T, e *evaluation) {
	t.Helper()
	issue, test, feature := e.kinds[0].tasks()[0].text, e.kinds[1].tasks()[0].text, e.kinds[2].tasks()[0].text
	if !strings.HasPrefix(issue, "Sums hold the tax") || !strings.Contains(issue, "Find the cause") {
		t.Errorf("the report of the bug is %q", issue)
	}
	if !strings.HasPrefix(test, "Sums hold the tax") || !strings.Contains(test, "do not repair it") {
		t.Errorf("the task to write a test is %q", test)
	}
	if !strings.Contains(feature, "def discounted(price, percent=15, *, floor=100):") || strings.Contains(feature, "reduction") {
		t.Errorf("the description of the feature is %q", feature)
	}
	mutant := e.kinds[0].tasks()[1]
	if !strings.HasPrefix(mutant.id, "mutant-") || !strings.Contains(mutant.text, "does not behave as it should") {
		t.Errorf("the second bug is %+v", mutant)
	}
	covered := e.kinds[1].attempts[v1alpha1.ArmCandidate][0][0]
	if covered.Changed != 1 || covered.Covered != 1 {
		t.Errorf("the written test executes %d of %d changed lines", covered.Covered, covered.Changed)
	}
}

// checkCheats submits to each kind what solves nothing.
func checkCheats(t *testing.T, e *evaluation) {
	t.Helper()
	const tests, file = "tests/unit/test_prices.py", "tests/unit/test_new.py"
	added := func(name, text string) string { return patch.Diff(name, nil, []byte(text)) }
	jobOf := func(kind int) job { return e.kinds[kind].kind.(*episodes).jobs[0] }
	issue, test, feature := jobOf(0), jobOf(1), jobOf(2)
	cheats := map[string]struct {
		job        job
		submission string
	}{
		"the issue: a plug-in that passes all":   {issue, added("conftest.py", "def pytest_runtest_makereport(item, call):\n    call.excinfo = None\n")},
		"the issue: the tests are deleted":       {issue, patch.Diff(tests, []byte("x\n"), nil)},
		"the issue: a test in place of a repair": {issue, test.gold.Answer},
		"the issue: words":                       {issue, "I repaired it."},
		"the test: a repair":                     {test, issue.gold.Answer},
		"the test: it always fails":              {test, added(file, "def test_x():\n    assert False\n")},
		"the test: it never fails":               {test, added(file, "def test_x():\n    assert True\n")},
		"the test: it cannot be imported":        {test, added(file, "import nowhere\n\n\ndef test_x():\n    assert nowhere\n")},
		"the test: a visible one again":          {test, added(file, "from bookshop.prices import parse\n\n\ndef test_parse():\n    assert parse(\"12.50\") == parse(b\"12.50\") == 1250\n")},
		"the feature: its tests":                 {feature, test.gold.Answer},
		"the feature: it skips its tests":        {feature, strings.ReplaceAll(feature.gold.Answer, "    reduction = ", "    import pytest; pytest.skip(\"later\"); reduction = ")},
		"the feature: it ends the tests":         {feature, strings.ReplaceAll(feature.gold.Answer, "    reduction = ", "    import os; os._exit(0); reduction = ")},
	}
	for name, cheat := range cheats {
		got, err := cheat.job.grade(t.Context(), cheat.submission)
		if err != nil {
			t.Fatal(err)
		}
		if got.Correct || got.Grade.Reason == grading.Resolved {
			t.Errorf("%s: got %+v", name, got.Grade)
		}
	}
}
