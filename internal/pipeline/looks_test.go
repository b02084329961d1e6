package pipeline_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/api/meta"

	"github.com/repoexpert/operator/api/v1alpha1"
	"github.com/repoexpert/operator/internal/contract"
	"github.com/repoexpert/operator/internal/gate"
	"github.com/repoexpert/operator/internal/pipeline"
	"github.com/repoexpert/operator/test/builder"
)

// newLooks is a world whose class plans three looks, of which these are undecided.
func newLooks(t *testing.T, open ...int32) *world {
	w := newWorld(t.Fatalf, builder.MakeRepoExpert())
	w.input.Class.Spec.Gate.Looks = v1alpha1.LooksThree
	w.change = func(r *v1alpha1.EvaluationRecord) {
		for _, look := range open {
			if r.Look == look {
				r.Fingerprint = undecided
			}
		}
	}
	return w.until(v1alpha1.StageEvaluate)
}

// spec is what the attempt under way is told.
func (w *world) spec() contract.StageSpec {
	return pipeline.SpecFor(w.input.Run, w.under(), w.input.Models)
}

func served(name string) *contract.ServedModel {
	return &contract.ServedModel{Commit: builder.Commit, ModelKey: name, ModelDigest: digest(name)}
}

func TestAnUndecidedLookIsExtended(t *testing.T) {
	w := newLooks(t, 1, 2)
	first, before := w.spec(), len(w.log)
	w.succeed()
	second, status := w.spec(), w.input.Run.Status.DeepCopy()
	w.succeed()
	third := w.spec()
	w.succeed()

	want := []string{
		"status: Evaluate-1=Succeeded, Evaluate-2 recorded", "create Evaluate-2",
		"status: Evaluate-2=Succeeded, Evaluate-3 recorded", "create Evaluate-3",
		"status: Evaluate-3=Succeeded, Promote",
	}
	if diff := cmp.Diff(want, w.log[before:]); diff != "" {
		t.Errorf("a look more costs one write and one Job (-want +got):\n%s", diff)
	}
	for i, s := range []contract.StageSpec{first, second, third} {
		if s.Look != int32(i+1) || s.Rollouts != []int32{2, 4, 8}[i] {
			t.Errorf("look %d is told look %d with %d rollouts", i+1, s.Look, s.Rollouts)
		}
	}
	if first.PreviousLook != "" || second.PreviousLook != "evaluations/"+first.Keys.Evaluation || third.PreviousLook != "evaluations/"+second.Keys.Evaluation {
		t.Errorf("previous looks %q, %q, %q", first.PreviousLook, second.PreviousLook, third.PreviousLook)
	}
	if second.Inputs[second.PreviousLook] != digest("Evaluate") {
		t.Errorf("the previous look's output is not checked: %v", second.Inputs)
	}
	message := meta.FindStatusCondition(status.Conditions, v1alpha1.ConditionReconciling).Message
	if want := "Evaluate is under way, attempt 2; look 1: not decided"; message != want {
		t.Errorf("status says %q, want %q", message, want)
	}
	if v := w.input.Run.Status.Verdict; v == nil || v.Decision != v1alpha1.DecisionPromote {
		t.Errorf("verdict %+v, want that of the last look", v)
	}
}

func TestTheLastLookDecides(t *testing.T) {
	w := newLooks(t, 1, 2, 3).succeed().succeed().succeed()
	if v := w.input.Run.Status.Verdict; v == nil || v.Decision != v1alpha1.DecisionReject || len(w.input.Run.Status.Looks) != 2 {
		t.Errorf("verdict %+v after looks %+v, want a rejection at the third", v, w.input.Run.Status.Looks)
	}
}

// What was planned stays: an edit of the gate neither adds a look nor takes the
// plan's digest away.
func TestThePlanIsFixedBeforeTheFirstJob(t *testing.T) {
	w := newWorld(t.Fatalf, builder.MakeRepoExpert())
	w.input.Retry = 3
	w.change = func(r *v1alpha1.EvaluationRecord) { r.Fingerprint = undecided }
	w.until(v1alpha1.StageEvaluate)
	planned := w.input.Run.Status.Plan.DeepCopy()
	if planned == nil || planned.Retry != 3 || len(planned.Rollouts) != 1 || !strings.HasPrefix(planned.GateDigest, "sha256:") {
		t.Fatalf("plan %+v", planned)
	}
	w.input.Class.Spec.Gate.Looks = v1alpha1.LooksThree
	w.succeed()
	status := w.input.Run.Status
	if diff := cmp.Diff(planned, status.Plan); diff != "" {
		t.Error(diff)
	}
	if v := status.Verdict; v == nil || v.Decision != v1alpha1.DecisionReject || !strings.Contains(v.Reason, "ask for a new one") {
		t.Errorf("verdict %+v, want a rejection: only one look was planned", v)
	}
}

// Results against other models than there are now count no more: the looks begin
// again, at the same level as planned, since nothing was decided.
func TestLooksBeginAgainWhenTheModelsChange(t *testing.T) {
	for name, change := range map[string]func(*world){
		"another model is served": func(w *world) { w.input.Served = served("new") },
		"another anchor":          func(w *world) { w.input.Anchor = served("anchor") },
	} {
		t.Run(name, func(t *testing.T) {
			w := newLooks(t, 1)
			w.finishQuietly(func() { change(w) })
			if s := w.spec(); s.Look != 1 || s.PreviousLook != "" || len(w.input.Run.Status.Looks) != 0 {
				t.Errorf("goes on with look %d after %q", s.Look, s.PreviousLook)
			}
		})
	}
}

// finishQuietly succeeds, and changes something after the end is in status and
// before the next Job is made.
func (w *world) finishQuietly(change func()) {
	id := w.under()
	job := w.input.Jobs[id]
	job.End = &pipeline.JobEnd{Complete: true, Time: w.input.Now.Time}
	job.Pods = []pipeline.Pod{w.pod(0, 0, encode(w.result(id)))}
	w.input.Jobs[id] = job
	w.input.Record = pipeline.Record{Line: w.recordLine()}
	w.step()
	w.input.Record = pipeline.Record{}
	change()
	w.settle()
}

// A look whose output is broken is made again, from the first.
func TestBrokenPreviousLook(t *testing.T) {
	w := newLooks(t, 1).succeed()
	w.fail(v1alpha1.FailureIntegrity, "input "+w.spec().PreviousLook+" does not have the digest that the run recorded")
	if s := w.spec(); s.Stage != v1alpha1.StageEvaluate || s.Look != 1 {
		t.Errorf("goes on with %s, look %d", s.Stage, s.Look)
	}
	w.succeed().succeed()
	if v := w.input.Run.Status.Verdict; v == nil || v.Decision != v1alpha1.DecisionPromote {
		t.Errorf("verdict %+v", v)
	}
}

func TestRecordOfAnotherLookDoesNotCount(t *testing.T) {
	w := newLooks(t)
	w.change = func(r *v1alpha1.EvaluationRecord) { r.Look = 2 }
	w.succeed()
	s := pipeline.Stage(&w.input.Run.Status, v1alpha1.StageEvaluate)
	if a := s.Attempts[0]; a.Outcome != v1alpha1.FailureUnknown || !strings.Contains(a.Message, "of look 2, look 1 was asked for") {
		t.Errorf("attempt %+v", a)
	}
}

func TestAnchorIsAnArmOfItsOwnOnlyWhereItDiffers(t *testing.T) {
	for name, test := range map[string]struct {
		served, anchor *contract.ServedModel
		want           bool
	}{
		"another model":  {served("s"), served("a"), true},
		"nothing served": {nil, served("a"), true},
		"it serves":      {served("s"), served("s"), false},
		"the candidate":  {served("s"), served("Train"), false},
		"none":           {served("s"), nil, false},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t.Fatalf, builder.MakeRepoExpert())
			w.input.Models = pipeline.Models{Served: test.served, Anchor: test.anchor}
			s := w.until(v1alpha1.StageEvaluate).spec()
			if got := s.Anchor != nil; got != test.want {
				t.Fatalf("anchor %+v, want one: %v", s.Anchor, test.want)
			}
			if _, checked := s.Inputs["models/a"]; checked != test.want {
				t.Errorf("inputs %v", s.Inputs)
			}
		})
	}
}

func TestUnderpoweredIsToldBeforeTraining(t *testing.T) {
	few := func(r *contract.StageResult) {
		r.Counts = map[string]int64{contract.HeldOutCount(v1alpha1.KindCodebaseQA): 20}
	}
	tests := map[string]struct {
		policy v1alpha1.UnderpoweredPolicy
		counts func(*contract.StageResult)
		status string
		says   string
		log    string
	}{
		"enough as far as the recipe says": {status: "True", says: "at least half", log: "create Experience-1"},
		"few, by Plan's count":             {counts: few, status: "False", says: "Underpowered: an equally good model would pass 20 tasks", log: "create Experience-1"},
		"few, and the class stops":         {policy: v1alpha1.UnderpoweredStop, counts: few, status: "False", says: "needs 33 tasks or gate.marginPoints", log: "status: Plan-1=Succeeded, Experience Failed, Data"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t.Fatalf, builder.MakeRepoExpert())
			w.input.Class.Spec.Gate.Underpowered = test.policy
			w.until(v1alpha1.StagePlan)
			if test.counts == nil {
				test.counts = func(*contract.StageResult) {}
			}
			w.succeed(test.counts)
			c := meta.FindStatusCondition(w.input.Run.Status.Conditions, v1alpha1.ConditionGatePowered)
			if c == nil || string(c.Status) != test.status || !strings.Contains(c.Message, test.says) {
				t.Errorf("condition %+v, want %s: %q", c, test.status, test.says)
			}
			if last := w.log[len(w.log)-1]; last != test.log {
				t.Errorf("the run goes on with %q, want %q", last, test.log)
			}
		})
	}
}

// listening keeps the names of the steps that it is asked about.
type listening struct {
	standIn
	steps *[]string
}

func (l listening) Decide(spec v1alpha1.Gate, q gate.Question) gate.Answer {
	*l.steps = nil
	for _, s := range q.Steps {
		*l.steps = append(*l.steps, s.RunName)
	}
	return l.standIn.Decide(spec, q)
}

// Steps that the run itself added are not held against it once more.
func TestOwnStepIsNotAsked(t *testing.T) {
	var asked []string
	w := newWorld(t.Fatalf, builder.MakeRepoExpert())
	w.decider = pipeline.NewDecider(listening{steps: &asked})
	w.input.Steps = []v1alpha1.PromotionStep{{RunName: "older"}, {RunName: w.input.Run.Name}}
	w.until(v1alpha1.StageEvaluate).succeed()
	if got := fmt.Sprint(asked); got != "[older]" {
		t.Errorf("asked about steps %s", got)
	}
}
