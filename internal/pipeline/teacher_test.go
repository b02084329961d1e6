package pipeline_test

import (
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"

	"github.com/repoexpert/operator/api/v1alpha1"
	"github.com/repoexpert/operator/internal/pipeline"
	"github.com/repoexpert/operator/test/builder"
)

// TestTeacherSequences: what stands before a teacher is there before
// Experience's Job and goes after it, whatever the end.
func TestTeacherSequences(t *testing.T) {
	tests := map[string]struct {
		play func(w *world)
		want string
	}{
		"happy": {
			play: func(w *world) { w.until(v1alpha1.StageExperience).succeed() },
			want: `...
status: Plan-1=Succeeded, Experience-1 recorded
apply teacher
create Experience-1
status: Experience-1=Succeeded, Curate-1 recorded
create Curate-1
remove teacher`,
		},
		"it stays for the next attempt": {
			play: func(w *world) {
				w.until(v1alpha1.StageExperience).fail(v1alpha1.FailureExternal, "429")
				w.pass(30 * time.Second)
			},
			want: `...
apply teacher
create Experience-1
status: Experience-1=External, Experience-2 recorded
status: Waiting
status: 
create Experience-2`,
		},
		"it goes when the run fails": {
			play: func(w *world) {
				w.until(v1alpha1.StageExperience).fail(v1alpha1.FailureConfiguration, "the budget is reached")
			},
			want: `...
create Experience-1
status: Experience-1=Configuration, Experience Failed, Configuration
remove teacher`,
		},
		"it goes while the expert is suspended and comes back": {
			play: func(w *world) {
				w.until(v1alpha1.StageExperience)
				w.input.Expert = pipeline.ExpertSuspended
				w.settle()
				w.input.Expert = pipeline.ExpertActive
				w.settle()
			},
			want: `...
create Experience-1
status: Experience-1=Cancelled, Experience Cancelled, Suspended
delete Experience-1
remove teacher
status: Experience-2 recorded
apply teacher
create Experience-2`,
		},
		"a slow start is waited for": {
			play: func(w *world) {
				w.teacherHeld = true
				beforeExperience(w)
				w.pass(3 * time.Minute)
				w.input.Teacher.Ready = true
				w.settle()
			},
			want: `...
status: Plan-1=Succeeded, Experience-1 recorded
apply teacher
status: Waiting
status: 
create Experience-1`,
		},
		"one that never starts is given up": {
			play: func(w *world) {
				w.teacherHeld = true
				beforeExperience(w)
				w.pass(pipeline.InfrastructureLimit)
			},
			want: `...
apply teacher
status: Experience-1=Infrastructure, Experience Failed, Infrastructure
remove teacher`,
		},
		"a Secret is waited for": {
			play: func(w *world) {
				w.input.Teacher.Secret = `teacher.secretRef: Secret "key" does not exist`
				beforeExperience(w)
				w.pass(24 * time.Hour)
				w.input.Teacher.Secret = ""
				w.settle()
			},
			want: `...
status: Plan-1=Succeeded, Experience-1 recorded
status: SecretNotUsable
status: 
apply teacher
create Experience-1`,
		},
		"a quota is waited for": {
			play: func(w *world) {
				w.input.Teacher.Refusal = &pipeline.Refusal{Message: "exceeded quota"}
				beforeExperience(w)
				w.input.Teacher.Refusal = nil
				w.settle()
			},
			want: `...
status: Plan-1=Succeeded, Experience-1 recorded
status: Waiting
status: 
apply teacher
create Experience-1`,
		},
		"what is never accepted ends the run": {
			play: func(w *world) {
				w.input.Teacher.Refusal = &pipeline.Refusal{Final: true, Message: "invalid"}
				beforeExperience(w)
			},
			want: `...
status: Plan-1=Succeeded, Experience-1 recorded
status: Experience-1=Configuration, Experience Failed, Configuration`,
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t.Fatalf, builder.MakeRepoExpert())
			w.input.Run.Spec.Recipe.Teacher = builder.MakeTeacher()
			test.play(w)
			compareLog(t, test.want, w.log)
		})
	}
}

// beforeExperience ends the stage before Experience.
func beforeExperience(w *world) { w.until(v1alpha1.StagePlan).succeed() }

func TestTeacherMessagesNameTheRemedy(t *testing.T) {
	tests := map[string]struct {
		teacher       pipeline.Teacher
		condition     string
		reason, words string
	}{
		"Secret": {
			pipeline.Teacher{Secret: `teacher.secretRef: Secret "key" does not exist: create it`},
			v1alpha1.ConditionStalled, v1alpha1.ReasonSecretNotUsable, `Secret "key" does not exist: create it`,
		},
		"name": {
			pipeline.Teacher{Conflict: "Service team-a/click-teacher is taken: delete it"},
			v1alpha1.ConditionStalled, v1alpha1.ReasonNameConflict, "is taken: delete it",
		},
		"quota": {
			pipeline.Teacher{Refusal: &pipeline.Refusal{Message: "exceeded quota"}},
			v1alpha1.ConditionReconciling, v1alpha1.ReasonWaiting, "refuses the teacher's proxy for now: exceeded quota",
		},
		"invalid": {
			pipeline.Teacher{Refusal: &pipeline.Refusal{Final: true, Message: "no such field"}},
			v1alpha1.ConditionStalled, "Configuration", "correct the ExpertClass's pods.worker, then ask for a new run: no such field",
		},
		"an old proxy that is not ready": {
			pipeline.Teacher{Exists: true, Since: start.Add(-time.Hour)},
			v1alpha1.ConditionReconciling, v1alpha1.ReasonStageRunning, "Experience is under way, attempt 1",
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t.Fatalf, builder.MakeRepoExpert())
			w.input.Run.Spec.Recipe.Teacher = builder.MakeTeacher()
			beforeExperienceWith(w, test.teacher)
			c := meta.FindStatusCondition(w.input.Run.Status.Conditions, test.condition)
			if c == nil || c.Reason != test.reason || !strings.Contains(c.Message, test.words) {
				t.Errorf("condition %s = %+v, want %s: %q", test.condition, c, test.reason, test.words)
			}
			if test.condition == v1alpha1.ConditionStalled && test.reason != "Configuration" && w.decider.Decide(w.input).RequeueAfter == 0 {
				t.Error("nobody looks again")
			}
		})
	}
}

// beforeExperienceWith sets the facts once Experience is next: an unneeded proxy
// would be removed before.
func beforeExperienceWith(w *world, teacher pipeline.Teacher) {
	w.until(v1alpha1.StagePlan)
	w.teacherHeld = true
	id := w.under()
	r := w.result(id)
	job := w.input.Jobs[id]
	job.End = &pipeline.JobEnd{Complete: true, Time: w.input.Now.Time}
	job.Pods = []pipeline.Pod{w.pod(0, 0, encode(r))}
	w.input.Jobs[id] = job
	w.step()
	w.input.Teacher = teacher
	w.settle()
}

func TestTeacherThatDoesNotStartIsNamed(t *testing.T) {
	for after, words := range map[time.Duration]string{
		3 * time.Minute:              "the teacher's proxy does not start: see the pods of Deployment click-teacher",
		pipeline.InfrastructureLimit: "did not start for 30m0s: see the pods of Deployment click-teacher, then ask for a new run",
	} {
		w := newWorld(t.Fatalf, builder.MakeRepoExpert())
		w.input.Run.Spec.Recipe.Teacher = builder.MakeTeacher()
		w.input.Teacher.Deployment, w.teacherHeld = "click-teacher", true
		beforeExperience(w)
		w.pass(after)
		if got := pipeline.Stage(&w.input.Run.Status, v1alpha1.StageExperience).Message; !strings.Contains(got, words) {
			t.Errorf("after %s: %q; want %q in it", after, got, words)
		}
	}
}

// A run without a teacher never looks at one.
func TestNoTeacherNoProxy(t *testing.T) {
	w := newWorld(t.Fatalf, builder.MakeRepoExpert())
	w.input.Teacher.Secret = "unusable"
	w.until(v1alpha1.StageEvaluate).succeed()
	if text := strings.Join(w.log, "\n"); strings.Contains(text, "teacher") {
		t.Errorf("log:\n%s", text)
	}
}
