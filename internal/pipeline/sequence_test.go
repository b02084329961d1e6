package pipeline_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/api/meta"

	"github.com/repoexpert/operator/api/v1alpha1"
	"github.com/repoexpert/operator/internal/contract"
	"github.com/repoexpert/operator/internal/pipeline"
	"github.com/repoexpert/operator/test/builder"
)

const forged = `{"v":1,"stage":"Plan","run":"another","attempt":1,"class":"Succeeded","manifest":"sha256:00"}`

// TestSequences plays whole runs. The log holds what the operator wrote: one
// line a write of status, with what it recorded, or one Job.
func TestSequences(t *testing.T) {
	tests := map[string]struct {
		expert *builder.RepoExpert
		play   func(w *world)
		want   string
	}{
		"happy": {
			play: func(w *world) { w.until(v1alpha1.StageEvaluate).succeed() },
			want: `
status: Fetch-1 recorded, Setup Skipped
create Fetch-1
status: Fetch-1=Succeeded, Plan-1 recorded
create Plan-1
status: Plan-1=Succeeded, Experience-1 recorded
create Experience-1
status: Experience-1=Succeeded, Curate-1 recorded
create Curate-1
status: Curate-1=Succeeded, Train-1 recorded
create Train-1
status: Train-1=Succeeded, Evaluate-1 recorded
create Evaluate-1
status: Evaluate-1=Succeeded, Promote`,
		},
		"setup runs when the environment has commands": {
			expert: builder.MakeRepoExpert().Setup("pip install ."),
			play:   func(w *world) { w.until(v1alpha1.StagePlan) },
			want: `
status: Fetch-1 recorded
create Fetch-1
status: Fetch-1=Succeeded, Setup-1 recorded
create Setup-1
status: Setup-1=Succeeded, Plan-1 recorded
create Plan-1`,
		},
		"data is never retried": {
			play: func(w *world) {
				w.until(v1alpha1.StageCurate).fail(v1alpha1.FailureData, "12 samples, 16 needed: lower experience.minSamples")
			},
			want: `...
create Curate-1
status: Curate-1=Data, Curate Failed, Data`,
		},
		"a source is retried three times, slowly": {
			play: func(w *world) {
				w.settle().fail(v1alpha1.FailureSource, "the host wants credentials")
				w.pass(59*time.Second).pass(time.Second).fail(v1alpha1.FailureSource, "the host wants credentials")
				w.pass(5*time.Minute).fail(v1alpha1.FailureSource, "the host wants credentials")
				w.pass(15*time.Minute).fail(v1alpha1.FailureSource, "the host wants credentials")
			},
			want: `
status: Fetch-1 recorded, Setup Skipped
create Fetch-1
status: Fetch-1=Source, Fetch-2 recorded
status: Waiting
status: 
create Fetch-2
status: Fetch-2=Source, Fetch-3 recorded
status: Waiting
status: 
create Fetch-3
status: Fetch-3=Source, Fetch-4 recorded
status: Waiting
status: 
create Fetch-4
status: Fetch-4=Source, Fetch Failed, Source`,
		},
		"out of memory is retried once": {
			play: func(w *world) {
				w.until(v1alpha1.StageTrain).fail(v1alpha1.FailureOutOfMemory, "CUDA out of memory")
				w.fail(v1alpha1.FailureOutOfMemory, "CUDA out of memory")
			},
			want: `...
create Train-1
status: Train-1=OutOfMemory, Train-2 recorded
create Train-2
status: Train-2=OutOfMemory, Train Failed, OutOfMemory`,
		},
		"integrity goes back to the producer once": {
			play: func(w *world) {
				w.until(v1alpha1.StageTrain).fail(v1alpha1.FailureIntegrity, "datasets/x: digest differs")
				w.succeed().fail(v1alpha1.FailureIntegrity, "datasets/x: digest differs")
			},
			want: `...
create Train-1
status: Curate-2 recorded, Train-1=Integrity
create Curate-2
status: Curate-2=Succeeded, Train-2 recorded
create Train-2
status: Train-2=Integrity, Train Failed, Integrity`,
		},
		"integrity goes back to the stage that the message names": {
			play: func(w *world) {
				w.until(v1alpha1.StageTrain)
				plan := pipeline.Stage(&w.input.Run.Status, v1alpha1.StagePlan).Key
				w.fail(v1alpha1.FailureIntegrity, "input plans/"+plan+" is not what the run recorded")
				w.succeed().succeed().succeed().succeed()
			},
			want: `...
create Train-1
status: Plan-2 recorded, Train-1=Integrity
create Plan-2
status: Plan-2=Succeeded, Experience-2 recorded
create Experience-2
status: Experience-2=Succeeded, Curate-2 recorded
create Curate-2
status: Curate-2=Succeeded, Train-2 recorded
create Train-2
status: Train-2=Succeeded, Evaluate-1 recorded
create Evaluate-1`,
		},
		"a lost result is read again by a cheap attempt": {
			play: func(w *world) {
				w.until(v1alpha1.StageTrain).finish(true)
				w.pass(time.Minute).succeed(func(r *contract.StageResult) { r.Reused = true })
			},
			want: `...
create Train-1
status: Train-1=Unknown, Train-2 recorded
status: Waiting
status: 
create Train-2
status: Train-2=Succeeded, Train reused, Evaluate-1 recorded
create Evaluate-1`,
		},
		"a forged result does not count": {
			play: func(w *world) {
				w.until(v1alpha1.StagePlan)
				w.finish(true, w.pod(0, 0, forged)).pass(time.Minute)
				w.finish(true, w.pod(0, 0, forged))
			},
			want: `...
create Plan-1
status: Plan-1=Unknown, Plan-2 recorded
status: Waiting
status: 
create Plan-2
status: Plan-2=Unknown, Plan Failed, Unknown`,
		},
		"disruptions have a budget of their own": {
			play: func(w *world) {
				w.until(v1alpha1.StageCurate).fail(v1alpha1.FailureUnknown, "odd")
				w.pass(time.Minute)
				for range 20 {
					p := w.pod(0, 143, "")
					p.Disrupted = true
					w.finish(false, p).pass(10 * time.Minute)
				}
				w.succeed()
			},
			want: "...\nstatus: Curate-22=Succeeded, Train-1 recorded\ncreate Train-1",
		},
		"the twenty-first disruption ends the run": {
			play: func(w *world) {
				w.until(v1alpha1.StageCurate)
				for range 20 {
					w.finish(false).pass(10 * time.Minute)
				}
				w.finish(false)
			},
			want: "...\ncreate Curate-21\nstatus: Curate-21=Disrupted, Curate Failed, Disrupted",
		},
		"an image that cannot be pulled is waited for, then ends the run": {
			play: func(w *world) {
				w.until(v1alpha1.StageTrain)
				id := w.under()
				job := w.input.Jobs[id]
				job.Pods = []pipeline.Pod{{Created: w.input.Now.Time, Waiting: &pipeline.Waiting{
					Reason: "ImagePullBackOff", Container: "worker", Image: "registry.example/trainer:1"}}}
				w.input.Jobs[id] = job
				w.pass(14 * time.Second).pass(time.Second).pass(29 * time.Minute).pass(time.Minute)
			},
			want: `...
create Train-1
status: Waiting
status: Train-1=Infrastructure, Train Failed, Infrastructure
delete Train-1`,
		},
		"suspension ends the attempt, uncounted, and the run goes on later": {
			play: func(w *world) {
				w.until(v1alpha1.StageTrain)
				w.input.Expert = pipeline.ExpertSuspended
				w.settle()
				w.input.Expert = pipeline.ExpertActive
				w.settle()
			},
			want: `...
create Train-1
status: Train-1=Cancelled, Train Cancelled, Suspended
delete Train-1
status: Train-2 recorded
create Train-2`,
		},
		"a newer run cancels": {
			play: func(w *world) {
				w.until(v1alpha1.StageTrain)
				w.input.Expert = pipeline.ExpertMovedOn
				w.settle()
				w.input.Expert = pipeline.ExpertActive
				w.settle()
			},
			want: `...
create Train-1
status: Train-1=Cancelled, Train Cancelled, Evaluate Cancelled, Cancelled
delete Train-1`,
		},
		"a run waits for the one before it": {
			play: func(w *world) {
				w.input.Predecessor = "click-11111111"
				w.settle()
				w.input.Predecessor = ""
				w.settle()
			},
			want: `
status: Fetch-1 recorded, Setup Skipped
status: Waiting
status: 
create Fetch-1`,
		},
		"a class deleted mid-run lets the Job go on and starts nothing": {
			play: func(w *world) {
				w.until(v1alpha1.StageCurate)
				class := w.input.Class
				w.input.Class = nil
				w.settle().succeed().pass(time.Hour)
				w.input.Class = class
				w.settle()
			},
			want: `...
create Curate-1
status: Curate-1=Succeeded, Train-1 recorded
status: Waiting
status: 
create Train-1`,
		},
		"a class deleted before the gate": {
			play: func(w *world) {
				w.until(v1alpha1.StageEvaluate)
				class := w.input.Class
				w.input.Class = nil
				w.succeed()
				w.input.Class = class
				w.settle()
			},
			want: `...
create Evaluate-1
status: Evaluate-1=Succeeded, Waiting
status: Promote`,
		},
		"sealed outputs are reused without Jobs up to the first gap": {
			play: func(w *world) {
				w.settle().succeed(func(r *contract.StageResult) {
					r.Sealed = sealed(v1alpha1.StagePlan, v1alpha1.StageExperience, v1alpha1.StageTrain)
				})
				w.succeed()
			},
			want: `...
status: Fetch-1=Succeeded, Plan reused, Experience reused, Curate-1 recorded
create Curate-1
status: Curate-1=Succeeded, Train-1 recorded
create Train-1`,
		},
		"a finished training is not trained again, and the record is read again": {
			play: func(w *world) {
				w.settle().succeed(func(r *contract.StageResult) {
					r.Sealed = sealed(v1alpha1.Stages[2:]...)
				})
				w.succeed()
			},
			want: `...
status: Fetch-1=Succeeded, Plan reused, Experience reused, Curate reused, Train reused, Evaluate-1 recorded
create Evaluate-1
status: Evaluate-1=Succeeded, Promote`,
		},
		"a name that someone else holds": {
			play: func(w *world) {
				w.step()
				w.input.Jobs[w.under()] = pipeline.Job{Foreign: true}
				w.settle()
				delete(w.input.Jobs, w.under())
				w.settle()
			},
			want: `
status: Fetch-1 recorded, Setup Skipped
status: NameConflict
status: 
create Fetch-1`,
		},
		"a Job deleted by someone is made again once its pods are gone": {
			play: func(w *world) {
				w.until(v1alpha1.StagePlan)
				id := w.under()
				delete(w.input.Jobs, id)
				w.input.Alive = []pipeline.AttemptID{id}
				w.settle().pass(time.Minute)
				w.input.Alive = nil
				w.settle()
			},
			want: `...
create Plan-1
status: Waiting
status: 
create Plan-1`,
		},
		"a queue holds the Job back": {
			play: func(w *world) {
				w.until(v1alpha1.StageTrain)
				id := w.under()
				w.input.Jobs[id] = pipeline.Job{Key: w.input.Jobs[id].Key, Queued: true, Started: w.input.Now.Time}
				w.settle().pass(24 * time.Hour)
			},
			want: `...
create Train-1
status: Waiting`,
		},
		"an edited gate decides the finished run again, without a Job": {
			play: func(w *world) {
				w.until(v1alpha1.StageEvaluate).succeed()
				w.input.Class.Spec.Gate.MinGainPoints++
				w.settle()
				w.input.Newest = false
				w.input.Class.Spec.Gate.MinGainPoints++
				w.settle()
			},
			want: `...
status: Evaluate-1=Succeeded, Promote
status: Promote`,
		},
		"an image that the recipe lacks": {
			play: func(w *world) {
				w.input.Run.Spec.Recipe.Images.Trainer = ""
				w.until(v1alpha1.StageExperience).succeed()
			},
			want: `...
create Experience-1
status: Experience-1=Succeeded, Curate-1 recorded
status: Curate-1=Configuration, Curate Failed, Configuration`,
		},
		"the API server refuses the Job for now": {
			play: func(w *world) {
				w.step()
				w.input.Refusal = &pipeline.Refusal{Message: "exceeded quota"}
				w.step()
				w.step()
			},
			want: `
status: Fetch-1 recorded, Setup Skipped
status: Waiting
create Fetch-1`,
		},
		"the API server will never take the Job": {
			play: func(w *world) {
				w.step()
				w.input.Refusal = &pipeline.Refusal{Final: true, Message: "Invalid value"}
				w.settle()
			},
			want: `
status: Fetch-1 recorded, Setup Skipped
status: Fetch-1=Configuration, Fetch Failed, Configuration`,
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			expert := test.expert
			if expert == nil {
				expert = builder.MakeRepoExpert()
			}
			w := newWorld(t.Fatalf, expert)
			test.play(w)
			compareLog(t, test.want, w.log)
		})
	}
}

// compareLog compares a whole log, or its end where the wanted one starts with
// three dots.
func compareLog(t *testing.T, want string, log []string) {
	t.Helper()
	lines := strings.Split(strings.TrimPrefix(want, "\n"), "\n")
	if lines[0] == "..." {
		lines = lines[1:]
		log = log[max(0, len(log)-len(lines)):]
	}
	if diff := cmp.Diff(lines, log); diff != "" {
		t.Errorf("log (-want +got):\n%s", diff)
	}
}

func sealed(stages ...v1alpha1.StageName) map[v1alpha1.StageName]string {
	digests := map[v1alpha1.StageName]string{}
	for _, s := range stages {
		digests[s] = digest(string(s))
	}
	return digests
}

func TestMessagesNameTheRemedy(t *testing.T) {
	tests := map[string]struct {
		play          func(w *world)
		condition     string
		reason, words string
	}{
		"data": {
			play: func(w *world) {
				w.until(v1alpha1.StageCurate).fail(v1alpha1.FailureData, "12 samples, 16 needed: lower experience.minSamples")
			},
			condition: v1alpha1.ConditionStalled, reason: "Data",
			words: "Curate failed: 12 samples, 16 needed: lower experience.minSamples",
		},
		"class gone": {
			play: func(w *world) {
				w.until(v1alpha1.StageCurate)
				w.input.Class = nil
				w.succeed()
			},
			condition: v1alpha1.ConditionReconciling, reason: v1alpha1.ReasonWaiting,
			words: `Train, attempt 1: ExpertClass "small" is gone: restore it, or set spec.className of RepoExpert click to another one`,
		},
		"suspended": {
			play: func(w *world) {
				w.settle()
				w.input.Expert = pipeline.ExpertSuspended
				w.settle()
			},
			condition: v1alpha1.ConditionStalled, reason: v1alpha1.ReasonSuspended,
			words: "suspended: set spec.suspend of RepoExpert click to false to go on with the stage",
		},
		"name conflict": {
			play: func(w *world) {
				w.step()
				w.input.Jobs[w.under()] = pipeline.Job{Foreign: true}
				w.settle()
			},
			condition: v1alpha1.ConditionStalled, reason: v1alpha1.ReasonNameConflict,
			words: "-fetch-1 exists and does not belong to this run: delete or rename it",
		},
		"under way": {
			play:      func(w *world) { w.settle() },
			condition: v1alpha1.ConditionReconciling, reason: v1alpha1.ReasonStageRunning, words: "Fetch is under way, attempt 1",
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t.Fatalf, builder.MakeRepoExpert())
			test.play(w)
			c := meta.FindStatusCondition(w.input.Run.Status.Conditions, test.condition)
			if c == nil || c.Reason != test.reason || !strings.Contains(c.Message, test.words) {
				t.Errorf("condition %s = %+v, want %s: %q", test.condition, c, test.reason, test.words)
			}
		})
	}
}

// A whole run costs one write of status to open it, one a stage to end it, and
// one Job a stage: nothing else.
func TestWritesOfAWholeRun(t *testing.T) {
	w := newWorld(t.Fatalf, builder.MakeRepoExpert())
	w.until(v1alpha1.StageEvaluate).succeed()
	if got, want := w.writes, 7; got != want {
		t.Errorf("%d writes of status, want %d: %v", got, want, w.log)
	}
	if got, want := fmt.Sprint(w.jobs()), "[Fetch-1 Plan-1 Experience-1 Curate-1 Train-1 Evaluate-1]"; got != want {
		t.Errorf("Jobs %s, want %s", got, want)
	}
}

func TestServedModelChangedSinceTheEvaluationNeverPromotes(t *testing.T) {
	w := newWorld(t.Fatalf, builder.MakeRepoExpert())
	w.input.Served = &contract.ServedModel{Commit: builder.Commit, ModelKey: "old", ModelDigest: digest("old")}
	w.until(v1alpha1.StageEvaluate)
	id := w.under()
	line := w.recordLine()
	w.input.Served = &contract.ServedModel{Commit: builder.Commit, ModelKey: "other", ModelDigest: digest("other")}
	job := w.input.Jobs[id]
	r := w.result(id)
	r.RecordDigest = lineDigest(line)
	job.End = &pipeline.JobEnd{Complete: true, Time: w.input.Now.Time}
	job.Pods = []pipeline.Pod{w.pod(0, 0, encode(r))}
	w.input.Jobs[id] = job
	w.input.Record = pipeline.Record{Line: line}
	w.settle()
	if v := w.input.Run.Status.Verdict; v == nil || v.Decision != v1alpha1.DecisionReject {
		t.Errorf("verdict = %+v, want a rejection", v)
	}
}

// Once the model is served, an edited gate still sees the comparison as it was
// made, not the model compared with itself.
func TestGateSeesTheComparisonAsItWasMade(t *testing.T) {
	w := newWorld(t.Fatalf, builder.MakeRepoExpert())
	w.until(v1alpha1.StageEvaluate).succeed()
	w.input.Served = &contract.ServedModel{ModelDigest: digest("Train")}
	w.input.Class.Spec.Gate.MinGainPoints = 50
	w.settle()
	if v := w.input.Run.Status.Verdict; v.Decision != v1alpha1.DecisionPromote || v.GateDigest != "gate-50" {
		t.Errorf("verdict = %+v, want the new gate's promotion", v)
	}
}

func TestRecordThatTheAPIWouldRefuseIsNotStored(t *testing.T) {
	arms := func(a ...v1alpha1.ArmRecord) func(*v1alpha1.EvaluationRecord) {
		return func(r *v1alpha1.EvaluationRecord) {
			r.Kinds = []v1alpha1.KindRecord{{Name: v1alpha1.KindCodebaseQA, Arms: a}}
		}
	}
	kind := func(k v1alpha1.KindRecord) func(*v1alpha1.EvaluationRecord) {
		return func(r *v1alpha1.EvaluationRecord) {
			k.Name = v1alpha1.KindTestGeneration
			r.Kinds = []v1alpha1.KindRecord{k}
		}
	}
	later := func(k v1alpha1.KindRecord) func(*v1alpha1.EvaluationRecord) {
		return func(r *v1alpha1.EvaluationRecord) {
			k.Name = v1alpha1.KindTestGeneration
			r.Prequential = []v1alpha1.KindRecord{k}
		}
	}
	arm := v1alpha1.ArmRecord{Name: v1alpha1.ArmAnchor, Successes: "09x", Rollouts: 9, Usage: &v1alpha1.UsageRecord{Episodes: 27, Tokens: 5e9}}
	tests := map[string]struct {
		change func(*v1alpha1.EvaluationRecord)
		stored bool
	}{
		"all that is optional":       {kind(v1alpha1.KindRecord{Clusters: []int32{0, 0, 1000000}, Fresh: "010", Arms: []v1alpha1.ArmRecord{arm}}), true},
		"cluster without a number":   {kind(v1alpha1.KindRecord{Clusters: []int32{-1}}), false},
		"cluster beyond numbers":     {kind(v1alpha1.KindRecord{Clusters: []int32{1000001}}), false},
		"too many clusters":          {kind(v1alpha1.KindRecord{Clusters: make([]int32, 10001)}), false},
		"odd freshness":              {kind(v1alpha1.KindRecord{Fresh: "012"}), false},
		"more rollouts than digits":  {arms(v1alpha1.ArmRecord{Name: v1alpha1.ArmBase, Rollouts: 10}), false},
		"negative usage":             {arms(v1alpha1.ArmRecord{Name: v1alpha1.ArmBase, Usage: &v1alpha1.UsageRecord{Turns: -1}}), false},
		"anchor is no digest":        {func(r *v1alpha1.EvaluationRecord) { r.AnchorDigest = "x" }, false},
		"look that was not planned":  {func(r *v1alpha1.EvaluationRecord) { r.Look = 9 }, false},
		"tasks of later commits":     {later(v1alpha1.KindRecord{Protocol: v1alpha1.HoldoutPrequential}), true},
		"unknown protocol":           {kind(v1alpha1.KindRecord{Protocol: "Guesses"}), false},
		"odd tasks of later commits": {later(v1alpha1.KindRecord{Fresh: "x"}), false},
		"good":                       {arms(v1alpha1.ArmRecord{Name: v1alpha1.ArmBase, Successes: "01x"}), true},
		"fingerprint too long":       {func(r *v1alpha1.EvaluationRecord) { r.Fingerprint = strings.Repeat("f", 65) }, false},
		"another model":              {func(r *v1alpha1.EvaluationRecord) { r.CandidateDigest = digest("other") }, false},
		"unknown kind":               {func(r *v1alpha1.EvaluationRecord) { r.Kinds = []v1alpha1.KindRecord{{Name: "Vibes"}} }, false},
		"unknown arm":                {arms(v1alpha1.ArmRecord{Name: "best"}), false},
		"arm twice":                  {arms(v1alpha1.ArmRecord{Name: v1alpha1.ArmBase}, v1alpha1.ArmRecord{Name: v1alpha1.ArmBase}), false},
		"odd successes":              {arms(v1alpha1.ArmRecord{Name: v1alpha1.ArmBase, Successes: "0-1"}), false},
		"served is no digest":        {func(r *v1alpha1.EvaluationRecord) { r.ServedDigest = "x" }, false},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t.Fatalf, builder.MakeRepoExpert())
			w.change = test.change
			w.until(v1alpha1.StageEvaluate).succeed()
			if got := w.input.Run.Status.Evaluation != nil; got != test.stored {
				t.Errorf("stored = %v, want %v: %v", got, test.stored, w.log)
			}
		})
	}
}

func TestDeniedRunIsNotDecidedAgain(t *testing.T) {
	w := newWorld(t.Fatalf, builder.MakeRepoExpert())
	w.until(v1alpha1.StageEvaluate).succeed()
	w.input.Denied = true
	w.input.Class.Spec.Gate.MinGainPoints = 50
	if w.step() && w.input.Run.Status.Verdict.GateDigest == "gate-50" {
		t.Error("a denied run was decided again")
	}
}

func TestTheRecordIsWaitedForAndThenGivenUp(t *testing.T) {
	w := newWorld(t.Fatalf, builder.MakeRepoExpert())
	w.until(v1alpha1.StageEvaluate)
	id := w.under()
	job := w.input.Jobs[id]
	job.End = &pipeline.JobEnd{Complete: true, Time: w.input.Now.Time}
	job.Pods = []pipeline.Pod{w.pod(0, 0, encode(w.result(id)))}
	w.input.Jobs[id] = job
	w.input.Record = pipeline.Record{Err: "the log cannot be read"}
	w.settle().pass(4 * time.Minute)
	if got := w.under(); got != id {
		t.Fatalf("attempt %v under way, want %v still", got, id)
	}
	w.pass(time.Minute)
	if got := w.under(); got.Number != 2 {
		t.Errorf("attempt %v under way, want the second", got)
	}
}

func TestProgress(t *testing.T) {
	w := newWorld(t.Fatalf, builder.MakeRepoExpert())
	w.until(v1alpha1.StageTrain)
	id := w.under()
	job := w.input.Jobs[id]
	job.Pods = []pipeline.Pod{{Created: w.input.Now.Time, Running: true}}
	w.input.Jobs[id] = job
	w.input.Progress = &contract.Progress{Step: 120, Total: 200, ETASeconds: 130, Message: "loss 0.31\n\x1b[31m"}
	w.settle()
	if got, want := w.input.Run.Status.Progress, "step 120/200, loss 0.31 [31m, ETA 2m10s"; got != want {
		t.Errorf("progress = %q, want %q", got, want)
	}
	if plan := w.decider.Decide(w.input); plan.RequeueAfter != pipeline.ProgressInterval {
		t.Errorf("next look after %s, want %s", plan.RequeueAfter, pipeline.ProgressInterval)
	}
	w.input.Progress = nil
	w.succeed()
	if got := w.input.Run.Status.Progress; got != "" {
		t.Errorf("progress after the stage = %q", got)
	}
}
