package evaluate

import (
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/repoexpert/operator/api/v1alpha1"
	"github.com/repoexpert/operator/internal/contract"
	"github.com/repoexpert/operator/internal/recipe"
	"github.com/repoexpert/operator/internal/report"
	"github.com/repoexpert/operator/internal/task"
)

// nextCandidate makes room for another evaluation of the same tasks.
func (w *world) nextCandidate(letter string) {
	w.t.Helper()
	w.env.Spec.Keys.Model, w.env.Spec.Keys.Evaluation = strings.Repeat(letter, 64), strings.Repeat(letter, 64)
	w.seal(w.env.Spec.Keys.Output(v1alpha1.StageTrain), modelFiles(w.t, recipe.Seen{}))
}

// What base and served model made of the same tasks is asked once; of each a tenth
// is asked again, and where that comes out otherwise everything is.
func TestResultsAreKept(t *testing.T) {
	r := testRecipe()
	r.Evaluation.Kinds = r.Evaluation.Kinds[:1]
	w := newWorld(t, r)
	told := map[string]int{}
	base := "I do not know."
	w.answers = func(model string, messages []task.Message) string {
		told[model]++
		if model == "base" {
			return base
		}
		return w.truth()[messages[len(messages)-1].Content]
	}
	asking := func() (v1alpha1.EvaluationRecord, report.Report) {
		t.Helper()
		clear(told)
		result, err := w.stage.Run(t.Context(), w.env)
		if err != nil {
			t.Fatal(err)
		}
		return w.recordOf(result), w.reportOf()
	}
	first, told1 := asking()
	all := told["candidate"]
	if told["base"] != all || len(told1.Reused) != 0 {
		t.Errorf("asked %v, reused %+v", told, told1.Reused)
	}

	w.nextCandidate("5")
	second, kept := asking()
	tenth := (all + sentinelShare - 1) / sentinelShare
	if told["candidate"] != all || told["base"] != tenth {
		t.Errorf("asked %v of %d", told, all)
	}
	if diff := cmp.Diff([]report.Reused{{Arm: v1alpha1.ArmBase, AskedAgain: tenth}}, kept.Reused); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(first.Kinds[0].Arms[0], second.Kinds[0].Arms[0]); diff != "" || first.Fingerprint != second.Fingerprint {
		t.Error(diff)
	}
	// Only the closed-book answers are probes: those of the candidate now.
	if second.CandidateDigest == first.CandidateDigest {
		t.Error("the candidate is the same")
	}

	w.nextCandidate("6")
	base = "I still do not know."
	_, drifted := asking()
	if told["base"] != all+tenth || !drifted.Reused[0].Drifted {
		t.Errorf("asked %v of %d, reused %+v", told, all, drifted.Reused)
	}
	w.nextCandidate("7")
	if _, again := asking(); told["base"] != tenth || again.Reused[0].Drifted {
		t.Errorf("what is new is not kept: asked %v, reused %+v", told, again.Reused)
	}
	w.checkDamagedResults(asking, told, all)
}

// checkDamagedResults damages what is kept: it is not used.
func (w *world) checkDamagedResults(asking func() (v1alpha1.EvaluationRecord, report.Report), told map[string]int, all int) {
	w.t.Helper()
	place, err := w.env.Store.Path(contract.ResultsFolder)
	if err != nil {
		w.t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(place, "*", RecordsFile))
	if err != nil || len(files) != 1 {
		w.t.Fatalf("kept are %v, %v", files, err)
	}
	if err := os.WriteFile(files[0], []byte("{}\n"), 0o600); err != nil {
		w.t.Fatal(err)
	}
	w.nextCandidate("8")
	if _, again := asking(); told["base"] != all || len(again.Reused) != 0 {
		w.t.Errorf("damaged results are used: asked %v, reused %+v", told, again.Reused)
	}
}

func TestDrifts(t *testing.T) {
	tries := func(digits string) []attempt {
		var list []attempt
		for _, digit := range digits {
			list = append(list, attempt{Answer: string(digit), Correct: digit == '1'})
		}
		return list
	}
	tests := map[string]struct {
		sampled   bool
		kept, now string
		want      bool
	}{
		"greedy, the same":               {false, "0101", "0101", false},
		"greedy, one other":              {false, "0101", "0111", true},
		"drawn, the same":                {true, "00110011", "0011", false},
		"drawn, a little more":           {true, "00110011", "0111", false},
		"drawn, none of what all solved": {true, "1111111111", "000000", true},
		"drawn, all of what none solved": {true, "0000000000", "111111", true},
		"nothing to compare":             {true, "", "", false},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if got := drifts(test.sampled, tries(test.kept), tries(test.now)); got != test.want {
				t.Errorf("got %v", got)
			}
		})
	}
}

// Fisher's own example, the lady tasting tea, and one of Agresti, Categorical Data
// Analysis (1990): 3 and 1 of 4 each give .4857, 21 of 23 and 15 of 18 give .6384.
func TestFisher(t *testing.T) {
	tests := []struct {
		solvedA, a, solvedB, b int
		want                   float64
	}{
		{3, 4, 1, 4, 0.4857}, {21, 23, 15, 18, 0.6384}, {0, 10, 6, 6, 1.0 / 8008}, {0, 5, 0, 5, 1}, {0, 0, 0, 0, 1},
	}
	for _, test := range tests {
		if got := fisher(test.solvedA, test.a, test.solvedB, test.b); math.Abs(got-test.want) > 0.00005 {
			t.Errorf("%+v: got %.5f", test, got)
		}
	}
}
