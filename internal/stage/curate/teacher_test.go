package curate

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/repoexpert/operator/api/v1alpha1"
	"github.com/repoexpert/operator/internal/contract"
)

// A run's status tells what its teacher used, and the data set does not.
func TestWhatTheTeacherUsed(t *testing.T) {
	priced := v1alpha1.TeacherBudget{Tokens: 10_000, Cost: &v1alpha1.TeacherCost{Limit: "5", PromptPrice: "100", CompletionPrice: "500"}}
	cases := map[string]struct {
		account            string
		budget             v1alpha1.TeacherBudget
		message            string
		prompt, completion int64
	}{
		"nothing was asked": {budget: priced},
		"nothing was used":  {account: `{"used":{"prompt":0,"completion":0}}`, budget: priced},
		"tokens": {
			`{"used":{"prompt":3000,"completion":200}}`, v1alpha1.TeacherBudget{Tokens: 10_000},
			"the teacher used 3200 of 10000 tokens", 3000, 200,
		},
		"money": {
			`{"used":{"prompt":3000,"completion":200}}`, priced,
			"the teacher used 3200 of 10000 tokens, cost 0.40 of 5.00", 3000, 200,
		},
		"a request was under way": {
			`{"used":{"prompt":3000,"completion":200},"reserved":{"prompt":1000,"completion":0}}`, priced,
			"the teacher used 4200 of 10000 tokens, cost 0.50 of 5.00", 4000, 200,
		},
		"damaged": {account: `{"used":`, budget: priced},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.teach()
			w.env.Spec.Run, w.env.Spec.Recipe.Teacher.Budget, w.account = "run-1", c.budget, c.account
			sample := w.played(implementation, "mask-a1", "said")
			sample.Meta.Provenance = "teacher:wise"
			w.shards = []string{document(t, sample)}
			result, err := w.run(t)
			if err != nil {
				t.Fatal(err)
			}
			if result.Message != c.message || result.Counts["teacher.promptTokens"] != c.prompt || result.Counts["teacher.completionTokens"] != c.completion {
				t.Errorf("the status tells %q, %v", result.Message, result.Counts)
			}
			manifest, _, err := w.env.Store.Lookup(w.env.Spec.Keys.Output(v1alpha1.StageCurate))
			if err != nil {
				t.Fatal(err)
			}
			if _, ok := manifest.Counts["teacher.promptTokens"]; ok || manifest.Counts["samples"] != 1 {
				t.Errorf("the data set counts %v", manifest.Counts)
			}
		})
	}
}

// keepAccount writes the run's account, if it has one, where the teacher's proxy does.
func (w *world) keepAccount(t testing.TB) {
	t.Helper()
	if w.account == "" {
		return
	}
	folder, err := w.env.Store.Path(contract.TeachersFolder + "/" + w.env.Spec.Run)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(folder, 0o770); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(folder, "account.json"), []byte(w.account), 0o640); err != nil {
		t.Fatal(err)
	}
}
