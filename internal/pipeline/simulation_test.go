package pipeline_test

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/repoexpert/operator/api/v1alpha1"
	"github.com/repoexpert/operator/internal/contract"
	"github.com/repoexpert/operator/internal/gate"
	"github.com/repoexpert/operator/internal/pipeline"
	"github.com/repoexpert/operator/test/builder"
)

var start = time.Date(2026, 11, 24, 3, 0, 0, 0, time.UTC)

// world plays the API server, the Job controller, the kubelet and the gate:
// it carries plans out, one at a time, and checks after each that the ledger
// and the Jobs keep their rules.
type world struct {
	fatalf  func(string, ...any)
	decider pipeline.Decider
	input   pipeline.Input
	created map[pipeline.AttemptID]int
	log     []string
	writes  int
	// change of the evaluation record.
	change func(*v1alpha1.EvaluationRecord)
	// teacherHeld keeps a teacher's proxy from getting ready.
	teacherHeld bool
}

func newWorld(fatalf func(string, ...any), expert *builder.RepoExpert) *world {
	class := builder.MakeExpertClass().Obj()
	run := builder.MakeExpertRun(expert.UID("expert-uid").Obj(), class).UID("run-uid").Obj()
	return &world{
		fatalf:  fatalf,
		decider: pipeline.NewDecider(standIn{}),
		input: pipeline.Input{
			Run: run, Now: metav1.NewTime(start), Expert: pipeline.ExpertActive, Class: class,
			Newest: true, Jobs: map[pipeline.AttemptID]pipeline.Job{},
		},
		created: map[pipeline.AttemptID]int{},
	}
}

// standIn stands in for the gate's decision, which has tests of its own. It
// promotes, unless the record's fingerprint asks for another look while one is
// planned.
type standIn struct{ gate.Rules }

const undecided = "undecided"

func (standIn) Decide(spec v1alpha1.Gate, q gate.Question) gate.Answer {
	v := v1alpha1.Verdict{
		Decision: v1alpha1.DecisionPromote, Reason: "good",
		GateDigest: fmt.Sprintf("gate-%d", spec.MinGainPoints), Digest: "verdict-" + fmt.Sprint(spec.MinGainPoints),
	}
	if q.Record.ServedDigest != q.Served {
		v.Decision, v.Reason = v1alpha1.DecisionReject, "the served model changed since the evaluation"
		return gate.Answer{Verdict: v}
	}
	if q.Record.Fingerprint == undecided {
		v.Decision, v.Reason = v1alpha1.DecisionReject, fmt.Sprintf("look %d: not decided", q.Record.Look)
		return gate.Answer{Verdict: v, Continue: spec.Looks == v1alpha1.LooksThree && q.Record.Look < 3}
	}
	return gate.Answer{Verdict: v}
}

// step decides once and carries the plan out. It reports whether anything
// happened.
func (w *world) step() bool {
	before := w.input.Run.DeepCopy()
	plan := w.decider.Decide(w.input)
	w.checkPure(before)
	changed := !equal(plan.Status, before.Status)
	if changed && plan.Action.Kind != pipeline.ActionNone {
		w.fatalf("the plan both writes status and acts: %+v", plan.Action)
	}
	if changed {
		w.writes++
		w.input.Run.Status = *roundTrip(plan.Status)
		w.checkLedger(before.Status)
		w.noteStatus(before.Status)
		return true
	}
	return w.carryOut(plan.Action)
}

// carryOut reports whether the action changed anything.
func (w *world) carryOut(action pipeline.Action) bool {
	id := action.AttemptID
	switch action.Kind {
	case pipeline.ActionCreate:
		w.checkCreate(id)
		w.created[id]++
		w.input.Jobs[id] = pipeline.Job{Key: pipeline.Stage(&w.input.Run.Status, id.Stage).Key, Started: w.input.Now.Time}
	case pipeline.ActionDelete:
		delete(w.input.Jobs, id)
	case pipeline.ActionRelease:
		job := w.input.Jobs[id]
		job.TTL = true
		w.input.Jobs[id] = job
		return true
	case pipeline.ActionApplyTeacher:
		return w.applyTeacher()
	case pipeline.ActionRemoveTeacher:
		w.checkRemove()
		w.input.Teacher.Exists, w.input.Teacher.Ready, w.input.Teacher.Since = false, false, time.Time{}
		w.note("remove teacher")
		return true
	default:
		return false
	}
	w.note("%s %s-%d", strings.ToLower(string(action.Kind)), id.Stage, id.Number)
	return true
}

// applyTeacher makes the teacher's proxy, which answers at once unless a test
// holds it back. Applied again, it changes nothing.
func (w *world) applyTeacher() bool {
	t := &w.input.Teacher
	if w.input.Expert != pipeline.ExpertActive || w.input.Class == nil || w.input.Predecessor != "" || t.Secret != "" {
		w.fatalf("the teacher's proxy is made although it must not be: %+v", w.input)
	}
	if t.Exists || t.Conflict != "" || t.Refusal != nil {
		return false
	}
	t.Exists, t.Ready, t.Since = true, !w.teacherHeld, w.input.Now.Time
	w.note("apply teacher")
	return true
}

// checkRemove: nobody needs the teacher any more.
func (w *world) checkRemove() {
	for id, job := range w.input.Jobs {
		if id.Stage == v1alpha1.StageExperience && job.End == nil {
			w.fatalf("the teacher's proxy goes while %v is at work", id)
		}
	}
}

// settle decides until nothing happens any more.
func (w *world) settle() *world {
	for range 100 {
		if !w.step() {
			return w
		}
	}
	w.fatalf("100 steps did not come to rest: %v", w.log)
	return w
}

func (w *world) pass(d time.Duration) *world {
	w.input.Now = metav1.NewTime(w.input.Now.Add(d))
	return w.settle()
}

// checkCreate: an attempt is recorded before its Job exists, and nothing else
// of the run is at work then.
func (w *world) checkCreate(id pipeline.AttemptID) {
	if id.Stage == v1alpha1.StageEvaluate {
		w.checkLooks(w.input.Run.Status)
	}
	s := pipeline.Stage(&w.input.Run.Status, id.Stage)
	attempt := pipeline.CurrentAttempt(s)
	if attempt == nil || attempt.Number != id.Number {
		w.fatalf("Job %v is made for an attempt that status does not hold: %+v", id, s)
	}
	for other, job := range w.input.Jobs {
		if job.End == nil && !job.Foreign {
			w.fatalf("Job %v is made while %v is at work", id, other)
		}
	}
	if w.input.Expert != pipeline.ExpertActive || w.input.Class == nil || w.input.Predecessor != "" {
		w.fatalf("Job %v is made although it must not be", id)
	}
}

// checkLooks: results are made only by a plan, and never more looks than it has.
func (w *world) checkLooks(status v1alpha1.ExpertRunStatus) {
	if status.Plan == nil || len(status.Looks) >= len(status.Plan.Rollouts) {
		w.fatalf("a Job for look %d of plan %+v", len(status.Looks)+1, status.Plan)
	}
	for i, l := range status.Looks {
		if l.Number != int32(i+1) || l.Key == "" || !contract.ValidDigest(l.ManifestDigest) {
			w.fatalf("looks %+v", status.Looks)
		}
	}
}

// checkLedger holds after every write of status.
func (w *world) checkLedger(before v1alpha1.ExpertRunStatus) {
	status := w.input.Run.Status
	active := 0
	for _, s := range status.Stages {
		w.checkStage(s, pipeline.Stage(&before, s.Name))
		if pipeline.CurrentAttempt(&s) != nil {
			active++
		}
	}
	if active > 1 {
		w.fatalf("%d attempts are under way at once", active)
	}
	if status.CompletionTime != nil && active > 0 {
		w.fatalf("the run is over with an attempt under way")
	}
	if before.CompletionTime != nil {
		if !before.CompletionTime.Equal(status.CompletionTime) || !equal(before.Stages, status.Stages) {
			w.fatalf("a run that was over changed")
		}
	}
	if before.Plan != nil && !equal(before.Plan, status.Plan) {
		w.fatalf("the plan of the evaluation changed")
	}
	w.checkConditions()
}

func (w *world) checkStage(s v1alpha1.StageStatus, old *v1alpha1.StageStatus) {
	last := int32(0)
	for i, a := range s.Attempts {
		if a.Number <= last {
			w.fatalf("%s: attempt numbers do not rise: %+v", s.Name, s.Attempts)
		}
		if a.Outcome == "" && i != len(s.Attempts)-1 {
			w.fatalf("%s: an attempt before the last one has no outcome: %+v", s.Name, s.Attempts)
		}
		last = a.Number
	}
	if len(s.Attempts) > 5 || len(s.Message) > 1024 || len(s.Counts) > 32 {
		w.fatalf("%s breaks the schema's bounds: %+v", s.Name, s)
	}
	if s.State == v1alpha1.StageSucceeded && !strings.HasPrefix(s.ManifestDigest, "sha256:") {
		w.fatalf("%s succeeded without a sealed output", s.Name)
	}
	if old == nil {
		return
	}
	if n := len(old.Attempts); n > 0 && last < old.Attempts[n-1].Number {
		w.fatalf("%s: attempt numbers went back", s.Name)
	}
	if s.Failures < old.Failures || s.Disruptions < old.Disruptions {
		w.fatalf("%s: counters went back", s.Name)
	}
	final := old.State == v1alpha1.StageFailed || old.State == v1alpha1.StageSkipped
	if final && s.State != old.State {
		w.fatalf("%s went from %s to %s", s.Name, old.State, s.State)
	}
}

func (w *world) checkConditions() {
	types := map[string]metav1.ConditionStatus{}
	for _, c := range w.input.Run.Status.Conditions {
		types[c.Type] = c.Status
	}
	_, reconciling := types[v1alpha1.ConditionReconciling]
	_, stalled := types[v1alpha1.ConditionStalled]
	ready := types[v1alpha1.ConditionReady] == metav1.ConditionTrue
	if ready != (w.input.Run.Status.Verdict != nil && w.input.Run.Status.CompletionTime != nil) {
		w.fatalf("Ready = %v, but verdict = %+v", ready, w.input.Run.Status.Verdict)
	}
	if reconciling == (stalled || ready) {
		w.fatalf("conditions contradict each other: %v", types)
	}
}

// checkPure: deciding changes nothing of its input, and deciding again gives
// the same plan.
func (w *world) checkPure(before *v1alpha1.ExpertRun) {
	if !equal(before, w.input.Run) {
		w.fatalf("Decide changed its input")
	}
	if a, b := w.decider.Decide(w.input), w.decider.Decide(w.input); !equal(a, b) {
		w.fatalf("Decide gave two plans for one input")
	}
}

func (w *world) note(format string, args ...any) {
	w.log = append(w.log, fmt.Sprintf(format, args...))
}

// noteStatus logs what a write of status changed.
func (w *world) noteStatus(before v1alpha1.ExpertRunStatus) {
	var parts []string
	for _, s := range w.input.Run.Status.Stages {
		old := pipeline.Stage(&before, s.Name)
		if old == nil {
			old = &v1alpha1.StageStatus{State: v1alpha1.StagePending}
		}
		for _, a := range s.Attempts {
			i := slices.IndexFunc(old.Attempts, func(o v1alpha1.Attempt) bool { return o.Number == a.Number })
			if a.Outcome != "" && (i < 0 || old.Attempts[i].Outcome == "") {
				parts = append(parts, fmt.Sprintf("%s-%d=%s", s.Name, a.Number, a.Outcome))
			}
			if a.Outcome == "" && i < 0 {
				parts = append(parts, fmt.Sprintf("%s-%d recorded", s.Name, a.Number))
			}
		}
		switch {
		case s.Reused && !old.Reused:
			parts = append(parts, string(s.Name)+" reused")
		case s.State != old.State && (s.State == v1alpha1.StageFailed || s.State == v1alpha1.StageCancelled || s.State == v1alpha1.StageSkipped):
			parts = append(parts, fmt.Sprintf("%s %s", s.Name, s.State))
		}
	}
	for _, c := range w.input.Run.Status.Conditions {
		if c.Type == v1alpha1.ConditionStalled || (c.Type == v1alpha1.ConditionReconciling && c.Reason == v1alpha1.ReasonWaiting) {
			parts = append(parts, c.Reason)
		}
	}
	if v := w.input.Run.Status.Verdict; v != nil && (before.Verdict == nil || before.Verdict.Digest != v.Digest) {
		parts = append(parts, string(v.Decision))
	}
	w.note("status: %s", strings.Join(parts, ", "))
}

// under returns the attempt under way.
func (w *world) under() pipeline.AttemptID {
	s := pipeline.Active(&w.input.Run.Status)
	attempt := pipeline.CurrentAttempt(s)
	if attempt == nil {
		w.fatalf("no attempt is under way: %v", w.log)
	}
	return pipeline.AttemptID{Stage: s.Name, Number: attempt.Number}
}

func (w *world) result(id pipeline.AttemptID) contract.StageResult {
	r := contract.StageResult{
		Version: contract.Version, Stage: id.Stage, Run: w.input.Run.Name, Attempt: id.Number,
		Class: v1alpha1.Succeeded, ManifestDigest: digest(string(id.Stage)), Counts: map[string]int64{"items": 2},
	}
	if id.Stage == v1alpha1.StageFetch {
		r.BaseModelDigest = digest("base")
	}
	if id.Stage == v1alpha1.StageEvaluate {
		r.RecordDigest = lineDigest(w.recordLine())
	}
	return r
}

func (w *world) recordLine() string {
	comparison := pipeline.ComparisonOf(w.input.Run, w.input.Models)
	record := v1alpha1.EvaluationRecord{
		Fingerprint: "f", Protocol: "Tasks", Look: comparison.Look,
		CandidateDigest: pipeline.Stage(&w.input.Run.Status, v1alpha1.StageTrain).ManifestDigest,
	}
	if comparison.Served != nil {
		record.ServedDigest = comparison.Served.ModelDigest
	}
	if comparison.Anchor != nil {
		record.AnchorDigest = comparison.Anchor.ModelDigest
	}
	if w.change != nil {
		w.change(&record)
	}
	content, err := json.Marshal(record)
	if err != nil {
		w.fatalf("%v", err)
	}
	return contract.RecordPrefix + string(content)
}

// finish ends the Job under way with these pods.
func (w *world) finish(complete bool, pods ...pipeline.Pod) *world {
	id := w.under()
	job, ok := w.input.Jobs[id]
	if !ok {
		w.fatalf("%v has no Job: %v", id, w.log)
	}
	job.End = &pipeline.JobEnd{Complete: complete, Time: w.input.Now.Time}
	job.Pods = pods
	w.input.Jobs[id] = job
	if id.Stage == v1alpha1.StageEvaluate && complete {
		w.input.Record = pipeline.Record{Line: w.recordLine()}
	}
	w.settle()
	w.input.Record = pipeline.Record{}
	return w
}

// succeed ends the attempt under way well, changed by the test.
func (w *world) succeed(change ...func(*contract.StageResult)) *world {
	id := w.under()
	r := w.result(id)
	for _, c := range change {
		c(&r)
	}
	pods := []pipeline.Pod{w.pod(0, 0, encode(r))}
	if id.Stage == v1alpha1.StageExperience {
		pods = append(pods, w.pod(1, 0, encode(r)))
	}
	return w.finish(true, pods...)
}

// fail ends the attempt under way with a class.
func (w *world) fail(class v1alpha1.FailureClass, message string) *world {
	r := w.result(w.under())
	r.Class, r.Message, r.ManifestDigest = class, message, ""
	return w.finish(false, w.pod(0, contract.ExitCode(class), encode(r)))
}

func (w *world) pod(index, exitCode int32, message string) pipeline.Pod {
	return pipeline.Pod{
		Index: index, Created: w.input.Now.Time, Over: true,
		Worker: &pipeline.ContainerEnd{ExitCode: exitCode, Message: message, Time: w.input.Now.Time},
	}
}

// until succeeds stage after stage up to a stage.
func (w *world) until(stage v1alpha1.StageName) *world {
	for w.settle(); w.under().Stage != stage; {
		w.succeed()
	}
	return w
}

func encode(r contract.StageResult) string {
	b, err := json.Marshal(r)
	if err != nil {
		return err.Error()
	}
	return string(b)
}

func digest(text string) string { return lineDigest(text) }

func lineDigest(line string) string {
	sum := sha256.Sum256([]byte(line))
	return "sha256:" + hex.EncodeToString(sum[:])
}

func roundTrip(status v1alpha1.ExpertRunStatus) *v1alpha1.ExpertRunStatus {
	b, err := json.Marshal(status)
	if err != nil {
		return nil
	}
	out := &v1alpha1.ExpertRunStatus{}
	if err := json.Unmarshal(b, out); err != nil {
		return nil
	}
	return out
}

func equal(a, b any) bool {
	x, errX := json.Marshal(a)
	y, errY := json.Marshal(b)
	return errX == nil && errY == nil && string(x) == string(y)
}

// jobs lists the Jobs that were made, in order of the pipeline.
func (w *world) jobs() []string {
	ids := slices.SortedFunc(maps.Keys(w.created), func(a, b pipeline.AttemptID) int {
		return slices.Index(v1alpha1.Stages, a.Stage)*100 + int(a.Number) - slices.Index(v1alpha1.Stages, b.Stage)*100 - int(b.Number)
	})
	var names []string
	for _, id := range ids {
		names = append(names, fmt.Sprintf("%s-%d", id.Stage, id.Number))
	}
	return names
}
