package pipeline_test

import (
	"slices"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"pgregory.net/rapid"

	"github.com/repoexpert/operator/api/v1alpha1"
	"github.com/repoexpert/operator/internal/contract"
	"github.com/repoexpert/operator/internal/pipeline"
	"github.com/repoexpert/operator/test/builder"
)

// Whatever happens to a run's pods, class, expert and time, in any order, the
// ledger keeps its rules (world checks them after each step), and once the
// disturbances stop the run comes to an end.
func TestAnyHistoryKeepsTheRules(t *testing.T) {
	rapid.Check(t, anyHistory)
}

func FuzzDecide(f *testing.F) {
	f.Fuzz(rapid.MakeFuzz(anyHistory))
}

func anyHistory(t *rapid.T) {
	w := newWorld(t.Fatalf, builder.MakeRepoExpert())
	if rapid.Bool().Draw(t, "teacher") {
		w.input.Run.Spec.Recipe.Teacher = builder.MakeTeacher()
	}
	class := w.input.Class
	class.Spec.Gate.Looks = rapid.SampledFrom([]v1alpha1.GateLooks{v1alpha1.LooksOne, v1alpha1.LooksThree}).Draw(t, "looks")
	open := rapid.SliceOfN(rapid.Int32Range(1, 3), 0, 3).Draw(t, "undecided looks")
	w.change = func(r *v1alpha1.EvaluationRecord) {
		if slices.Contains(open, r.Look) {
			r.Fingerprint = undecided
		}
	}
	for range rapid.IntRange(1, 60).Draw(t, "length") {
		disturb(t, w, class)
		for range rapid.IntRange(1, 3).Draw(t, "steps") {
			w.step()
		}
	}
	calm(w, class)
	for range 200 {
		if w.input.Run.Status.CompletionTime != nil {
			return
		}
		w.settle()
		if w.input.Run.Status.CompletionTime == nil {
			if _, ok := w.input.Jobs[w.under()]; ok {
				w.succeed()
			}
			w.pass(20 * time.Minute)
		}
	}
	t.Fatalf("the run does not end: %v", w.log)
}

// calm ends all disturbances.
func calm(w *world, class *v1alpha1.ExpertClass) {
	w.input.Class, w.input.Expert, w.input.Predecessor = class, pipeline.ExpertActive, ""
	w.input.Alive, w.input.Refusal, w.input.Models = nil, nil, pipeline.Models{}
	t := &w.input.Teacher
	t.Secret, t.Conflict, t.Refusal, t.Ready = "", "", nil, t.Exists
	for id, job := range w.input.Jobs {
		if job.Foreign {
			delete(w.input.Jobs, id)
		} else if job.Queued {
			job.Queued = false
			w.input.Jobs[id] = job
		}
	}
}

func disturb(t *rapid.T, w *world, class *v1alpha1.ExpertClass) {
	switch rapid.IntRange(0, 15).Draw(t, "event") {
	case 0:
		w.input.Class = nil
	case 1:
		w.input.Class = class
	case 2:
		w.input.Expert = rapid.SampledFrom([]pipeline.Expert{pipeline.ExpertActive, pipeline.ExpertSuspended}).Draw(t, "expert")
	case 3:
		w.input.Now = metav1.NewTime(w.input.Now.Add(time.Duration(rapid.IntRange(0, 3600).Draw(t, "seconds")) * time.Second))
	case 4:
		w.input.Predecessor = rapid.SampledFrom([]string{"", "click-older"}).Draw(t, "predecessor")
	case 5:
		w.input.Served = rapid.SampledFrom([]*contract.ServedModel{nil, {ModelKey: "a", ModelDigest: digest("a")}}).Draw(t, "served")
	case 6:
		w.input.Refusal = rapid.SampledFrom([]*pipeline.Refusal{nil, {Message: "quota"}}).Draw(t, "refusal")
	case 7:
		w.input.Teacher.Secret = rapid.SampledFrom([]string{"", "teacher.secretRef: no"}).Draw(t, "secret")
	case 8:
		w.input.Teacher.Refusal = rapid.SampledFrom([]*pipeline.Refusal{nil, {Message: "quota"}}).Draw(t, "teacher refusal")
	case 9:
		w.input.Teacher.Ready = w.input.Teacher.Exists && rapid.Bool().Draw(t, "teacher ready")
	case 10:
		w.input.Anchor = rapid.SampledFrom([]*contract.ServedModel{nil, {ModelKey: "b", ModelDigest: digest("b")}}).Draw(t, "anchor")
	default:
		endJob(t, w)
	}
}

// endJob ends the Job under way somehow, when there is one.
func endJob(t *rapid.T, w *world) {
	attempt := pipeline.CurrentAttempt(pipeline.Active(&w.input.Run.Status))
	if attempt == nil {
		return
	}
	id := w.under()
	job, ok := w.input.Jobs[id]
	if !ok || job.End != nil {
		return
	}
	r := w.result(id)
	message := rapid.SampledFrom([]string{encode(r), encode(r), encode(r), forged, "", "{"}).Draw(t, "message")
	if rapid.Bool().Draw(t, "random message") {
		message = rapid.String().Draw(t, "text")
	}
	job.End = &pipeline.JobEnd{Complete: rapid.Bool().Draw(t, "complete"), Time: w.input.Now.Time}
	for i := range rapid.Int32Range(0, 3).Draw(t, "pods") {
		p := w.pod(i, rapid.SampledFrom([]int32{0, 0, 0, 1, 40, 41, 42, 43, 44, 45, 46, 137, 143}).Draw(t, "exit code"), message)
		p.Disrupted = rapid.IntRange(0, 4).Draw(t, "disrupted") == 0
		p.Reason = rapid.SampledFrom([]string{"", "", "Evicted", "DeadlineExceeded"}).Draw(t, "reason")
		if rapid.IntRange(0, 9).Draw(t, "no worker") == 0 {
			p.Worker = nil
		}
		job.Pods = append(job.Pods, p)
	}
	w.input.Jobs[id] = job
	w.input.Record = pipeline.Record{Line: w.recordLine(), Err: rapid.SampledFrom([]string{"", "no log"}).Draw(t, "log")}
}
