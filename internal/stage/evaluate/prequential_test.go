package evaluate

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/repoexpert/operator/api/v1alpha1"
	"github.com/repoexpert/operator/internal/engine"
	"github.com/repoexpert/operator/internal/recipe"
	"github.com/repoexpert/operator/internal/report"
	"github.com/repoexpert/operator/internal/task"
)

func prequentialRecipe() v1alpha1.Recipe {
	r := bugRecipe()
	r.Evaluation.Holdout, r.Evaluation.HoldoutCommits = v1alpha1.HoldoutPrequential, 5
	return r
}

// What commits did since the served model was trained is asked of it and of the base
// model, apart from what is compared; a later look asks nothing of it again.
func TestPrequential(t *testing.T) {
	w := newWorld(t, prequentialRecipe())
	w.serve(recipe.Seen{Commits: w.commits[:1]})
	e, err := w.stage.prepare(t.Context(), w.env)
	if err != nil {
		t.Fatal(err)
	}
	asked := 0
	knowing := knowingAll(e, "base")
	w.answers = func(model string, messages []task.Message) string { asked++; return knowing(model, messages) }
	if err := e.ask(t.Context()); err != nil {
		t.Fatal(err)
	}
	result, err := w.stage.seal(e)
	if err != nil {
		t.Fatal(err)
	}
	record := w.recordOf(result)
	if len(record.Kinds) != 3 || len(record.Prequential) != 3 || !strings.HasPrefix(record.Protocol, "Prequential: ") {
		t.Fatalf("record %+v", record)
	}
	want := map[v1alpha1.ArmName]string{v1alpha1.ArmBase: "0", v1alpha1.ArmServed: "1", v1alpha1.ArmGold: "1", v1alpha1.ArmNoop: "0"}
	for i, kind := range record.Prequential {
		if diff := cmp.Diff(want, armsOf(kind)); diff != "" || kind.Protocol != v1alpha1.HoldoutPrequential || kind.Name != record.Kinds[i].Name || kind.Fresh != "" {
			t.Errorf("%+v: %s", kind, diff)
		}
		if record.Kinds[i].Protocol != "" || len(armsOf(record.Kinds[i])) != 5 {
			t.Errorf("what is compared: %+v", record.Kinds[i])
		}
	}
	w.checkLater(e)
	r := w.reportOf()
	if diff := cmp.Diff(&report.Prequential{After: w.commits[0], Candidates: 2}, r.Holdout.Prequential); diff != "" || r.Seen[1].Newest != w.commits[0] {
		t.Errorf("models have seen %+v; the served one was asked (-want +got):\n%s", r.Seen, diff)
	}
	if k := r.Kinds[3]; k.Variant != prequential || k.Protocol != v1alpha1.HoldoutPrequential || len(k.Comparisons) != 0 || !strings.Contains(k.Measures, "after all that the asked models were trained on") {
		t.Errorf("kind %+v", k)
	}

	first := asked
	w.env.Spec.PreviousLook = w.env.Spec.Keys.Output(v1alpha1.StageEvaluate)
	w.env.Spec.Inputs[w.env.Spec.PreviousLook] = result.ManifestDigest
	w.env.Spec.Keys.Evaluation, w.env.Spec.Look = strings.Repeat("2", 64), 2
	second, err := w.stage.Run(t.Context(), w.env)
	if err != nil {
		t.Fatal(err)
	}
	if again := w.recordOf(second); !cmp.Equal(record.Prequential, again.Prequential) || asked != first {
		t.Errorf("%d more turns at the second look: %+v", asked-first, again.Prequential)
	}
}

// served is a model of a run at a commit.
func (w *world) served(commit string, seen recipe.Seen) {
	w.serve(seen)
	w.env.Spec.Served.Commit = commit
}

// checkLater looks at the tasks of later commits.
func (w *world) checkLater(e *evaluation) {
	w.t.Helper()
	for i, commit := range []string{w.commits[2], w.commits[2], w.commits[1]} {
		kind := e.kinds[3+i]
		later, compared := kind.kind.(*episodes).jobs, e.kinds[i].kind.(*episodes).jobs
		if len(later) != 1 || later[0].commit != commit || !strings.HasPrefix(later[0].id, "fix-") || compared[0].commit != "" {
			w.t.Errorf("%s: tasks %+v", kind.title(), kind.tasks())
		}
		if _, candidate := kind.attempts[v1alpha1.ArmCandidate]; candidate {
			w.t.Errorf("%s: the candidate, which may have been trained on the commit, is asked", kind.title())
		}
	}
	tasks, err := e.exported()
	if err != nil {
		w.t.Fatal(err)
	}
	own := 0
	for _, exported := range tasks.Tasks {
		if exported.Commit != "" {
			own++
		}
	}
	if own != 2 {
		w.t.Errorf("%d exported tasks are on a tree of their own", own)
	}
}

// Where there is nothing that the served model cannot have seen, the report says why.
func TestPrequentialWithoutTasks(t *testing.T) {
	tests := map[string]struct {
		serve func(*world)
		want  func(*world) report.Prequential
	}{
		"nothing is served": {func(*world) {}, func(*world) report.Prequential { return report.Prequential{NotAsked: noneServed} }},
		"the newest commit": {
			func(w *world) { w.served(w.commits[2], recipe.Seen{}) },
			func(w *world) report.Prequential { return report.Prequential{After: w.commits[2], NotAsked: noneNewer} },
		},
		"another history": {
			func(w *world) {
				w.served(w.commits[0], recipe.Seen{Commits: []string{w.commits[0], strings.Repeat("0", 40)}})
			},
			func(*world) report.Prequential { return report.Prequential{NotAsked: notOnTheLine} },
		},
		"a model that does not say, and no kind of commits": {
			func(w *world) { w.served(w.commits[1], recipe.Seen{}) },
			func(w *world) report.Prequential {
				return report.Prequential{After: w.commits[1], Candidates: 1, NotAsked: noneUsable}
			},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, prequentialRecipe())
			w.env.Spec.Recipe.Evaluation.Kinds = testRecipe().Evaluation.Kinds[:1]
			test.serve(w)
			server, err := engine.For(v1alpha1.EngineTransformers)
			if err != nil {
				t.Fatal(err)
			}
			e := &evaluation{env: w.env, server: server, adapter: w.stage.Adapter, trained: w.env.Spec.Commit, seen: map[v1alpha1.ArmName]recipe.Seen{}}
			if err := e.findModels(); err != nil {
				t.Fatal(err)
			}
			if err := e.choosePrequential(t.Context()); err != nil {
				t.Fatal(err)
			}
			want := test.want(w)
			if diff := cmp.Diff(&want, e.prequential); diff != "" || len(e.kinds) != 0 {
				t.Errorf("%d kinds (-want +got):\n%s", len(e.kinds), diff)
			}
		})
	}
}
