package expertrun_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/events"

	"github.com/repoexpert/operator/api/v1alpha1"
	"github.com/repoexpert/operator/internal/contract"
	"github.com/repoexpert/operator/internal/gate"
)

// Repairs of which the base solves none and the candidate most; how well the two
// are told from the served model depends on the rollouts.
const repairs = 80

// newLooks is a cluster with the real gate and three looks at repairs. The served
// model solves all but 5 tasks; at the first look the candidate solves all but lost,
// from the second on as many.
func newLooks(t *testing.T, lost int) *cluster {
	c := newCluster(t, func(s *v1alpha1.ExpertClassSpec) {
		s.Evaluation.Kinds = []v1alpha1.EvaluationKind{{Name: v1alpha1.KindIssueResolution, Tasks: repairs}}
		s.Gate = v1alpha1.Gate{PrimaryKind: v1alpha1.KindIssueResolution, MinGainPoints: 5, MarginPoints: 10, AlphaPerMille: 50, Looks: v1alpha1.LooksThree}
	})
	c.options.Gate = gate.Rules{}
	c.restart()
	c.serve("a")
	c.record = func(r *v1alpha1.EvaluationRecord) {
		spec := c.spec()
		r.Look, r.ServedDigest = spec.Look, spec.Served.ModelDigest
		failed := 5
		if spec.Look == 1 {
			failed = lost
		}
		arm := func(name v1alpha1.ArmName, failed int) v1alpha1.ArmRecord {
			all := string('0' + byte(spec.Rollouts))
			return v1alpha1.ArmRecord{Name: name, Rollouts: spec.Rollouts, Successes: strings.Repeat(all, repairs-failed) + strings.Repeat("0", failed)}
		}
		r.Kinds = []v1alpha1.KindRecord{{Name: v1alpha1.KindIssueResolution, Arms: []v1alpha1.ArmRecord{
			arm(v1alpha1.ArmBase, repairs), arm(v1alpha1.ArmCandidate, failed), arm(v1alpha1.ArmServed, 5),
			arm(v1alpha1.ArmGold, 0), arm(v1alpha1.ArmNoop, repairs),
		}}}
	}
	return c
}

// serve puts a model of another run behind the expert's endpoint.
func (c *cluster) serve(digit string) {
	c.t.Helper()
	c.expert.Status.Served = &v1alpha1.ServedModel{
		RunName: "click-before", Commit: strings.Repeat(digit, 40), ShortCommit: strings.Repeat(digit, 8),
		ModelKey: strings.Repeat(digit, 64), ModelDigest: "sha256:" + strings.Repeat(digit, 64),
		EvaluationKey: strings.Repeat(digit, 64), PromotedTime: metav1.Now(),
	}
	if err := server.Status().Update(c.ctx, c.expert); err != nil {
		c.t.Fatal(err)
	}
}

// spec is what the Job under way was told.
func (c *cluster) spec() contract.StageSpec {
	c.t.Helper()
	_, job := c.under()
	return specOf(c.t, job)
}

// A look that decides nothing is extended, by a manager that remembers nothing, and
// the next one decides.
func TestLookIsExtendedThenDecides(t *testing.T) {
	c := newLooks(t, 7)
	c.until(v1alpha1.StageEvaluate)
	if plan := c.get(c.run).Status.Plan; plan == nil || len(plan.Rollouts) != 3 {
		t.Fatalf("the first Job was made by plan %+v", plan)
	}
	first := c.spec()
	c.succeed()
	c.restart()
	c.settle()

	second := c.spec()
	if second.Look != 2 || second.Rollouts != 4 || second.PreviousLook != "evaluations/"+first.Keys.Evaluation {
		t.Fatalf("the second Job is told look %d with %d rollouts after %q", second.Look, second.Rollouts, second.PreviousLook)
	}
	const open = "look 1 of 3 at level 0.0125: not decided: IssueResolution 91.2 % vs served 93.8 % (n=80): lower bound -10.1 is not above the margin -10; with these figures it takes about 84 tasks; next: 4 rollouts a task"
	if got := c.condition(v1alpha1.ConditionReconciling).Message; got != "Evaluate is under way, attempt 2; "+open {
		t.Errorf("status says %q", got)
	}
	if got := c.condition(v1alpha1.ConditionGatePowered); got.Status != metav1.ConditionTrue {
		t.Errorf("%+v", got)
	}
	c.succeed()
	c.settle()
	v := c.get(c.run).Status.Verdict
	if v == nil || v.Decision != v1alpha1.DecisionPromote || v.Look != 2 || !strings.HasPrefix(v.Reason, "look 2 of 3") || v.Hold != "" {
		t.Fatalf("verdict %+v", v)
	}
	want := map[string]int{"status ExpertRun": 8, "create Job": 7, "patch Job": 7}
	if diff := cmp.Diff(want, c.writes.count()); diff != "" {
		t.Errorf("a look more costs one write of status and one Job (-want +got):\n%s", diff)
	}
}

// TestLookCrashes is TestCrashAtEachWrite for the writes that a second look adds or
// changes.
func TestLookCrashes(t *testing.T) {
	const looks, first = 2, 7
	seen := map[string]int{}
	ofTheSecondLook := func(what string) bool {
		each := map[string]int{"status ExpertRun": 6 + looks, "create Job": 5 + looks}[what]
		seen[what]++
		return each > 0 && (seen[what]-1)%each+1 >= first
	}
	crashAtEachWrite(t, func(t *testing.T) *cluster { return newLooks(t, 7) }, ofTheSecondLook, func(t *testing.T, c *cluster) {
		if got := c.writes.count()["create Job"]; got != 5+looks {
			t.Errorf("%d Jobs were created, want %d", got, 5+looks)
		}
	})
}

// A gate that is edited while the results are made promotes nothing by itself.
func TestEditedGateHolds(t *testing.T) {
	c := newLooks(t, 5)
	c.until(v1alpha1.StageEvaluate)
	c.class.Spec.Gate.MarginPoints = 12
	if err := server.Update(c.ctx, c.class); err != nil {
		t.Fatal(err)
	}
	c.succeed()
	c.settle()
	const hold = "the gate was edited after the evaluation was planned"
	if v := c.get(c.run).Status.Verdict; v == nil || v.Decision != v1alpha1.DecisionPromote || v.Hold != hold || !strings.HasSuffix(v.Reason, "waits for a person: "+hold) {
		t.Errorf("verdict %+v", v)
	}
}

// A run asked for again with the same commit and recipe is judged at half the level.
func TestRetryIsCounted(t *testing.T) {
	c := newLooks(t, 5)
	c.until(v1alpha1.StageEvaluate)
	c.succeed()
	c.settle()
	before := c.get(c.run)
	again := before.DeepCopy()
	again.ObjectMeta = metav1.ObjectMeta{Namespace: c.name, Name: "click-f0000000", Labels: before.Labels, OwnerReferences: before.OwnerReferences}
	again.Spec.Token, again.Spec.Key, again.Status = "again", "f"+before.Spec.Key[1:], v1alpha1.ExpertRunStatus{}
	c.expert.Status.ActiveRun = &v1alpha1.ActiveRun{Name: again.Name, Commit: again.Spec.Commit}
	if err := server.Status().Update(c.ctx, c.expert); err != nil {
		t.Fatal(err)
	}
	c.create(again)
	c.run.Name = again.Name
	c.until(v1alpha1.StageEvaluate)
	if plan := c.get(c.run).Status.Plan; plan == nil || plan.Retry != 1 {
		t.Errorf("plan %+v, want the first retry", plan)
	}
}

// A hold-out that is too small for the gate is told once, before training, and stops
// nothing by itself.
func TestUnderpoweredIsTold(t *testing.T) {
	c := newCluster(t, func(s *v1alpha1.ExpertClassSpec) { s.Gate.MarginPoints = 10 })
	recorder := events.NewFakeRecorder(100)
	c.options.Recorder = recorder
	c.restart()
	c.until(v1alpha1.StageTrain)
	const says = "Underpowered: an equally good model would pass 50 tasks at gate.marginPoints 10 with a chance of 0.39: needs 71 tasks or gate.marginPoints 12"
	if got := c.condition(v1alpha1.ConditionGatePowered); got.Status != metav1.ConditionFalse || got.Message != says {
		t.Errorf("%+v", got)
	}
	close(recorder.Events)
	told := 0
	for e := range recorder.Events {
		if e == "Warning Underpowered "+says {
			told++
		}
	}
	if told != 1 {
		t.Errorf("told %d times", told)
	}
}
