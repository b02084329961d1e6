package expertrun_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/repoexpert/operator/api/v1alpha1"
	"github.com/repoexpert/operator/internal/pipeline"
	"github.com/repoexpert/operator/internal/resources"
)

func inNamespace(c *cluster) client.ListOption { return client.InNamespace(c.name) }

func (c *cluster) jobs() []batchv1.Job {
	c.t.Helper()
	var jobs batchv1.JobList
	if err := server.List(c.ctx, &jobs, inNamespace(c)); err != nil {
		c.t.Fatal(err)
	}
	return jobs.Items
}

func (c *cluster) kill(o client.Object) {
	c.t.Helper()
	if err := server.Delete(c.ctx, o, client.GracePeriodSeconds(0)); client.IgnoreNotFound(err) != nil {
		c.t.Fatal(err)
	}
}

// whole plays a run to its end.
func (c *cluster) whole() {
	c.t.Helper()
	c.until(v1alpha1.StageEvaluate)
	c.succeed()
	c.settle()
}

func TestWholeRun(t *testing.T) {
	c := newCluster(t)
	// An attempt is in the API server before its Job is created.
	c.writes.before = func(what string) error {
		if what == "create Job" {
			c.checkRecorded()
		}
		return nil
	}
	c.whole()
	run := c.get(c.run)
	if run.Status.Verdict == nil || run.Status.Verdict.Decision != v1alpha1.DecisionPromote || run.Status.CompletionTime == nil {
		t.Fatalf("status = %+v", run.Status)
	}
	if got := c.condition(v1alpha1.ConditionReady); got.Status != metav1.ConditionTrue || got.Reason != v1alpha1.ReasonPromotable {
		t.Errorf("Ready = %+v", got)
	}
	// 6 stages: one write to open the ledger and one to end each, one Job each,
	// one release each. Nothing else.
	want := map[string]int{"status ExpertRun": 7, "create Job": 6, "patch Job": 6}
	if diff := cmp.Diff(want, c.writes.count()); diff != "" {
		t.Errorf("writes (-want +got):\n%s", diff)
	}
	for range 3 {
		c.settle()
	}
	if diff := cmp.Diff(want, c.writes.count()); diff != "" {
		t.Errorf("an idle run is written to (-want +got):\n%s", diff)
	}
	for _, job := range c.jobs() {
		if job.Spec.TTLSecondsAfterFinished == nil {
			t.Errorf("Job %s is not released", job.Name)
		}
	}
}

// checkRecorded looks at the API server for the attempt that is about to start.
func (c *cluster) checkRecorded() {
	c.t.Helper()
	run := c.get(c.run)
	stage := pipeline.Active(&run.Status)
	attempt := pipeline.CurrentAttempt(stage)
	if attempt == nil {
		c.t.Errorf("a Job is created without a recorded attempt: %+v", run.Status.Stages)
		return
	}
	for _, job := range c.jobs() {
		if job.Name == pipeline.JobName(run.Name, stage.Name, attempt.Number) {
			c.t.Errorf("Job %s is created again", job.Name)
		}
	}
}

// ledger is a status without times, for comparison.
func ledger(status v1alpha1.ExpertRunStatus) v1alpha1.ExpertRunStatus {
	s := *status.DeepCopy()
	s.CompletionTime = nil
	for i := range s.Stages {
		stage := &s.Stages[i]
		stage.StartTime, stage.CompletionTime = nil, nil
		for j := range stage.Attempts {
			stage.Attempts[j].StartTime, stage.Attempts[j].CompletionTime = metav1.Time{}, nil
		}
	}
	for i := range s.Conditions {
		s.Conditions[i].LastTransitionTime = metav1.Time{}
	}
	if s.Verdict != nil {
		s.Verdict.DecidedTime = metav1.Time{}
	}
	return s
}

var errBroken = errors.New("the connection broke")

// TestCrashAtEachWrite breaks every write of a whole run, once before it
// reaches the API server and once after, with a manager that starts anew and
// remembers nothing. The end must be that of an undisturbed run, with no Job
// more.
func TestCrashAtEachWrite(t *testing.T) {
	crashAtEachWrite(t, func(t *testing.T) *cluster { return newCluster(t) }, func(string) bool { return true }, func(t *testing.T, c *cluster) {
		if got := c.writes.count()["create Job"]; got != 6 {
			t.Errorf("%d Jobs were created, want 6", got)
		}
	})
}

// crashAtEachWrite plays a whole run once undisturbed, and then once for each write
// of it that broken chooses and each side on which it can break. The end must be the
// same each time, and check holds.
func crashAtEachWrite(t *testing.T, made func(*testing.T) *cluster, broken func(what string) bool, check func(*testing.T, *cluster)) {
	reference := made(t)
	reference.wholeDespite(nil)
	want := ledger(reference.get(reference.run).Status)
	for _, when := range []string{"before", "after"} {
		for i, what := range reference.writes.list {
			if !broken(what) {
				continue
			}
			t.Run(fmt.Sprintf("%s write %d, %s", when, i+1, what), func(t *testing.T) {
				t.Parallel()
				c := made(t)
				c.breakWrite(when, i+1)
				c.wholeDespite(errBroken)
				if diff := cmp.Diff(want, ledger(c.get(c.run).Status), ignoreNames(reference, c)); diff != "" {
					t.Errorf("end (-undisturbed +disturbed):\n%s", diff)
				}
				check(t, c)
			})
		}
	}
}

// breakWrite breaks one write, counted from 1, before or after it reaches the API
// server.
func (c *cluster) breakWrite(when string, number int) {
	n := 0
	broken := func(string) error {
		if n++; n == number {
			return errBroken
		}
		return nil
	}
	if when == "before" {
		c.writes.before = broken
	} else {
		c.writes.after = broken
	}
}

// ignoreNames makes two clusters comparable: keys and names hold their UIDs.
func ignoreNames(a, b *cluster) cmp.Option {
	return cmp.Transformer("names", func(s string) string {
		return strings.ReplaceAll(strings.ReplaceAll(s, a.run.Name, "run"), b.run.Name, "run")
	})
}

// wholeDespite plays a run to its rest, starting a new manager after each broken
// write.
func (c *cluster) wholeDespite(broken error) {
	c.t.Helper()
	for range 300 {
		before := len(c.writes.list)
		_, err := c.reconcile(c.run)
		switch {
		case err != nil && !errors.Is(err, broken):
			c.t.Fatal(err)
		case err != nil:
			c.restart()
		case len(c.writes.list) != before || c.startProxy():
		case c.get(c.run).Status.CompletionTime != nil:
			return
		default:
			c.succeed()
		}
	}
	c.t.Fatal("the run did not end")
}

// TestOldReads gives the controller a ledger from before its last writes, as a
// cache that lags does: nothing may start twice, nothing may be lost.
func TestOldReads(t *testing.T) {
	c := newCluster(t)
	c.until(v1alpha1.StagePlan)
	old := c.get(c.run)
	c.succeed()
	c.settle()
	_, job := c.under()
	c.kill(job) // Experience's Job is gone, and the old ledger knows nothing of Experience.
	stale := c.options
	stale.Client = staleClient{Client: c.client, old: old}
	c.options = stale
	c.restart()
	before := len(c.writes.list)
	for range 3 {
		if _, err := c.reconcile(c.run); err != nil {
			t.Fatal(err)
		}
	}
	if got := c.writes.list[before:]; len(got) != 0 {
		t.Errorf("acting on an old ledger wrote %v", got)
	}
}

// staleClient reads an old version of the run.
type staleClient struct {
	client.Client
	old *v1alpha1.ExpertRun
}

func (s staleClient) Get(ctx context.Context, key client.ObjectKey, o client.Object, options ...client.GetOption) error {
	if run, ok := o.(*v1alpha1.ExpertRun); ok {
		s.old.DeepCopyInto(run)
		return nil
	}
	return s.Client.Get(ctx, key, o, options...)
}

func TestNameConflict(t *testing.T) {
	c := newCluster(t)
	foreign := &batchv1.Job{
		ObjectMeta: metav1.ObjectMeta{Namespace: c.name, Name: pipeline.JobName(c.run.Name, v1alpha1.StageFetch, 1)},
		Spec: batchv1.JobSpec{Template: corev1.PodTemplateSpec{Spec: corev1.PodSpec{
			RestartPolicy: corev1.RestartPolicyNever, Containers: []corev1.Container{{Name: "x", Image: "x"}},
		}}},
	}
	c.create(foreign)
	if result := c.settle(); result.RequeueAfter == 0 {
		t.Error("nobody looks again: the removal of a foreign object is no event")
	}
	if got := c.condition(v1alpha1.ConditionStalled); got.Reason != v1alpha1.ReasonNameConflict || !strings.Contains(got.Message, foreign.Name) {
		t.Errorf("Stalled = %+v", got)
	}
	c.restart()
	c.settle()
	if got := c.condition(v1alpha1.ConditionStalled); got.Reason != v1alpha1.ReasonNameConflict {
		t.Errorf("after a restart: Stalled = %+v", got)
	}
	if err := server.Delete(c.ctx, foreign, client.PropagationPolicy(metav1.DeletePropagationBackground)); err != nil {
		t.Fatal(err)
	}
	c.settle()
	if id, job := c.under(); !metav1.IsControlledBy(job, c.get(c.run)) {
		t.Errorf("%v has the Job of someone else", id)
	}
}

func TestClassDeletedMidRun(t *testing.T) {
	c := newCluster(t)
	c.until(v1alpha1.StagePlan)
	if err := server.Delete(c.ctx, c.class); err != nil {
		t.Fatal(err)
	}
	c.settle()
	if got := c.condition(v1alpha1.ConditionReconciling); got.Reason != v1alpha1.ReasonStageRunning {
		t.Errorf("the Job under way must go on: %+v", got)
	}
	c.succeed()
	c.settle()
	got := c.condition(v1alpha1.ConditionReconciling)
	if got.Reason != v1alpha1.ReasonWaiting || !strings.Contains(got.Message, "restore it, or set spec.className") {
		t.Errorf("Reconciling = %+v", got)
	}
	if n := len(c.jobs()); n != 2 {
		t.Errorf("%d Jobs, want no new one", n)
	}
	c.class.ResourceVersion = ""
	c.create(c.class)
	c.settle()
	if id, _ := c.under(); id.Stage != v1alpha1.StageExperience {
		t.Errorf("%v is under way, want Experience", id)
	}
}

func TestSuspendAndGoOn(t *testing.T) {
	c := newCluster(t)
	c.until(v1alpha1.StagePlan)
	_, job := c.under()
	pod := c.pod(job, 0, corev1.PodStatus{Phase: corev1.PodRunning})
	c.suspend(true)
	c.settle()
	if got := c.condition(v1alpha1.ConditionStalled); got.Reason != v1alpha1.ReasonSuspended {
		t.Errorf("Stalled = %+v", got)
	}
	c.suspend(false)
	c.settle()
	if n := len(c.jobs()); n != 2 {
		t.Errorf("%d Jobs while a pod of the cancelled attempt lives, want 2", n)
	}
	c.collect()
	c.settle()
	if id, _ := c.under(); id != (pipeline.AttemptID{Stage: v1alpha1.StagePlan, Number: 2}) {
		t.Errorf("%v is under way, want the second attempt of Plan (pod %s)", id, pod.Name)
	}
	stage := pipeline.Stage(&c.get(c.run).Status, v1alpha1.StagePlan)
	if stage.Failures != 0 || stage.Attempts[0].Outcome != v1alpha1.FailureCancelled {
		t.Errorf("stage = %+v, want a cancelled attempt that counts nowhere", stage)
	}
}

func (c *cluster) suspend(suspend bool) {
	c.t.Helper()
	patch := client.MergeFrom(c.expert.DeepCopy())
	c.expert.Spec.Suspend = suspend
	if err := server.Patch(c.ctx, c.expert, patch); err != nil {
		c.t.Fatal(err)
	}
}

func TestExpertDeleted(t *testing.T) {
	c := newCluster(t)
	c.until(v1alpha1.StagePlan)
	if err := server.Delete(c.ctx, c.expert); err != nil {
		t.Fatal(err)
	}
	c.settle()
	if got := c.condition(v1alpha1.ConditionStalled); got.Reason != v1alpha1.ReasonCancelled {
		t.Errorf("Stalled = %+v", got)
	}
	if _, err := c.reconcile(client.ObjectKey{Namespace: c.name, Name: "gone"}); err != nil {
		t.Errorf("a run that is gone: %v", err)
	}
	if !slices.Contains(c.writes.list, "delete Job") {
		t.Errorf("the Job goes on: %v", c.writes.list)
	}
}

func TestNewerRunTakesOver(t *testing.T) {
	c := newCluster(t)
	c.until(v1alpha1.StagePlan)
	_, job := c.under()
	c.pod(job, 0, corev1.PodStatus{Phase: corev1.PodRunning})
	newer := c.addRun(strings.Repeat("b", 40))
	// Both were made in one second: the expert's status says which is the newer.
	c.expert.Status.ActiveRun = &v1alpha1.ActiveRun{Name: newer.Name, Commit: strings.Repeat("b", 40)}
	if err := server.Status().Update(c.ctx, c.expert); err != nil {
		t.Fatal(err)
	}
	c.settleRun(newer)
	if n := len(c.jobs()); n != 2 {
		t.Errorf("%d Jobs, want none of the newer run while the older one works", n)
	}
	c.settle()
	if got := c.get(c.run).Status; got.CompletionTime == nil || got.Verdict != nil {
		t.Errorf("the older run: %+v", got)
	}
	c.settleRun(newer)
	if n := len(c.jobs()); n != 2 {
		t.Errorf("%d Jobs, want none of the newer run while a pod of the older one lives", n)
	}
	c.collect()
	c.settleRun(newer)
	created := slices.ContainsFunc(c.jobs(), func(j batchv1.Job) bool { return j.Labels[v1alpha1.RunLabel] == newer.Name })
	if !created {
		t.Error("the newer run did not start")
	}
}

// What the worker says of bad input reaches the condition with the remedy, after
// as many attempts as the class has.
func TestFailureStalls(t *testing.T) {
	tests := map[string]struct {
		stage    v1alpha1.StageName
		class    v1alpha1.FailureClass
		says     string
		attempts int
		want     string
	}{
		"the base model's path is wrong": {
			v1alpha1.StageFetch, v1alpha1.FailureConfiguration, `baseModel.claim.path "x" has no config.json: name the model's folder`, 1,
			`Fetch failed: baseModel.claim.path "x" has no config.json: name the model's folder`,
		},
		"baseline tests fail": {
			v1alpha1.StagePlan, v1alpha1.FailureRepositoryCode, "9 of 10 tests fail; fix them, or install what they need in environment.image", 1,
			"Plan failed: 9 of 10 tests fail; fix them, or install what they need in environment.image",
		},
		"too few samples": {
			v1alpha1.StageCurate, v1alpha1.FailureData, "12 samples, 16 needed: lower experience.minSamples", 1,
			"Curate failed: 12 samples, 16 needed: lower experience.minSamples",
		},
		"the trainer leaves no weights": {
			v1alpha1.StageTrain, v1alpha1.FailureUnknown, "the trainer ended with exit code 0 but wrote no usable weights", 2,
			"Train failed after 2 attempts: the trainer ended with exit code 0 but wrote no usable weights",
		},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			c := newCluster(t)
			c.until(tc.stage)
			for range tc.attempts {
				c.fail(tc.class, tc.says)
				c.settle()
				c.clock.SetTime(c.clock.Now().Add(time.Minute))
				c.settle()
			}
			got := c.condition(v1alpha1.ConditionStalled)
			if got.Reason != string(tc.class) || got.Message != tc.want {
				t.Errorf("Stalled = %+v, want %s: %s", got, tc.class, tc.want)
			}
			if run := c.get(c.run); run.Status.CompletionTime == nil || len(pipeline.Stage(&run.Status, tc.stage).Attempts) != tc.attempts {
				t.Errorf("status = %+v, want the end after %d attempts", run.Status, tc.attempts)
			}
		})
	}
}

func TestLostNode(t *testing.T) {
	c := newCluster(t)
	c.until(v1alpha1.StageTrain)
	_, job := c.under()
	status := corev1.PodStatus{Phase: corev1.PodFailed, Conditions: []corev1.PodCondition{{
		Type: corev1.DisruptionTarget, Status: corev1.ConditionTrue, Reason: "DeletionByPodGC",
	}}}
	c.pod(job, 0, status)
	c.finish(job, false)
	c.settle()
	stage := pipeline.Stage(&c.get(c.run).Status, v1alpha1.StageTrain)
	if stage.Disruptions != 1 || stage.Failures != 0 || len(stage.Attempts) != 2 {
		t.Errorf("stage = %+v, want one disruption and a second attempt", stage)
	}
	c.clock.SetTime(c.clock.Now().Add(time.Minute))
	c.settle()
	if id, _ := c.under(); id.Number != 2 {
		t.Errorf("%v is under way, want attempt 2", id)
	}
}

func TestWaitingIsShown(t *testing.T) {
	tests := map[string]struct {
		status corev1.PodStatus
		want   string
	}{
		"an image that cannot be pulled": {
			corev1.PodStatus{Phase: corev1.PodPending, ContainerStatuses: []corev1.ContainerStatus{{
				Name: "worker", Image: "registry.example/trainer:1",
				State: corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: "ErrImagePull", Message: "random text"}},
			}}},
			`image "registry.example/trainer:1" of container worker cannot be pulled (ImagePullBackOff): check its name and the node's access to the registry`,
		},
		"a claim without a volume": {
			corev1.PodStatus{Phase: corev1.PodPending, Conditions: []corev1.PodCondition{{
				Type: corev1.PodScheduled, Status: corev1.ConditionFalse, Reason: corev1.PodReasonUnschedulable,
				Message: "0/1 nodes are available: pod has unbound immediate PersistentVolumeClaims.",
			}}},
			"no node takes the pod: 0/1 nodes are available: pod has unbound immediate PersistentVolumeClaims.",
		},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			c := newCluster(t)
			c.until(v1alpha1.StageTrain)
			_, job := c.under()
			c.pod(job, 0, tc.status)
			c.clock.SetTime(c.clock.Now().Add(time.Minute))
			c.settle()
			got := c.condition(v1alpha1.ConditionReconciling)
			if want := "Train, attempt 1: " + tc.want; got.Reason != v1alpha1.ReasonWaiting || got.Message != want {
				t.Errorf("Reconciling = %+v, want %q", got, want)
			}
		})
	}
}

func TestProgressIsReadNowAndThen(t *testing.T) {
	c := newCluster(t)
	c.until(v1alpha1.StageTrain)
	_, job := c.under()
	pod := c.pod(job, 0, corev1.PodStatus{Phase: corev1.PodRunning, ContainerStatuses: []corev1.ContainerStatus{{
		Name: "worker", State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{}},
	}}})
	c.logs.text[pod.Name] = "REPOEXPERT-PROGRESS {\"step\":5,\"total\":10,\"eta\":60}\nnoise\n"
	if result := c.settle(); result.RequeueAfter != pipeline.ProgressInterval {
		t.Errorf("next look after %s", result.RequeueAfter)
	}
	c.settle()
	if got := c.get(c.run).Status.Progress; got != "step 5/10, ETA 1m0s" || c.logs.read != 1 {
		t.Errorf("progress %q after %d reads of the log, want 1", got, c.logs.read)
	}
	c.clock.SetTime(c.clock.Now().Add(pipeline.ProgressInterval))
	c.logs.err = errBroken
	c.settle()
	if got := c.get(c.run).Status.Progress; got == "" || c.logs.read != 2 {
		t.Errorf("a log that cannot be read took the progress away: %q, %d reads", got, c.logs.read)
	}
}

func TestRecordThatCannotBeRead(t *testing.T) {
	c := newCluster(t)
	c.until(v1alpha1.StageEvaluate)
	c.logs.err = errBroken
	c.succeed()
	if result := c.settle(); result.RequeueAfter == 0 {
		t.Error("nobody asks for the record again")
	}
	c.logs.err = nil
	c.settle()
	if v := c.get(c.run).Status.Verdict; v == nil {
		t.Error("no verdict although the record can be read")
	}
}

// What the served model made of later commits is stored with the record, of which the
// gate reads nothing.
func TestTasksOfLaterCommitsAreStored(t *testing.T) {
	c := newCluster(t, func(s *v1alpha1.ExpertClassSpec) {
		s.Evaluation.Holdout, s.Evaluation.HoldoutCommits = v1alpha1.HoldoutPrequential, 40
		s.Evaluation.Kinds = append(s.Evaluation.Kinds, v1alpha1.EvaluationKind{Name: v1alpha1.KindIssueResolution, Tasks: 5})
	})
	want := []v1alpha1.KindRecord{{
		Name: v1alpha1.KindIssueResolution, Protocol: v1alpha1.HoldoutPrequential,
		Arms: []v1alpha1.ArmRecord{{Name: v1alpha1.ArmBase, Successes: "00"}, {Name: v1alpha1.ArmServed, Successes: "10"}},
	}}
	c.record = func(r *v1alpha1.EvaluationRecord) { r.Prequential = want }
	c.until(v1alpha1.StageEvaluate)
	c.succeed()
	c.settle()
	run := c.get(c.run)
	if run.Status.Verdict == nil || run.Status.Evaluation == nil {
		t.Fatalf("status %+v", run.Status)
	}
	if diff := cmp.Diff(want, run.Status.Evaluation.Prequential); diff != "" || run.Spec.Recipe.Evaluation.HoldoutCommits != 40 {
		t.Errorf("recipe %+v (-want +got):\n%s", run.Spec.Recipe.Evaluation, diff)
	}
}

func TestRefusedJobs(t *testing.T) {
	resource := schema.GroupResource{Group: "batch", Resource: "jobs"}
	t.Run("for now", func(t *testing.T) {
		c := newCluster(t)
		c.writes.before = func(what string) error {
			if what == "create Job" {
				return apierrors.NewForbidden(resource, "x", errors.New("exceeded quota"))
			}
			return nil
		}
		if result := c.settle(); result.RequeueAfter == 0 {
			t.Error("nobody tries again")
		}
		if got := c.condition(v1alpha1.ConditionReconciling); !strings.Contains(got.Message, "exceeded quota") {
			t.Errorf("Reconciling = %+v", got)
		}
		c.writes.before = nil
		c.settle()
		if got := c.condition(v1alpha1.ConditionReconciling); got.Reason != v1alpha1.ReasonStageRunning {
			t.Errorf("Reconciling = %+v", got)
		}
	})
	t.Run("for ever", func(t *testing.T) {
		c := newCluster(t)
		c.writes.before = func(what string) error {
			if what == "create Job" {
				return apierrors.NewInvalid(schema.GroupKind{Group: "batch", Kind: "Job"}, "x", nil)
			}
			return nil
		}
		c.settle()
		if got := c.condition(v1alpha1.ConditionStalled); got.Reason != "Configuration" {
			t.Errorf("Stalled = %+v", got)
		}
	})
}

func TestEditedGateDecidesAgain(t *testing.T) {
	c := newCluster(t)
	c.whole()
	before := len(c.writes.list)
	c.class.Spec.Gate.MinGainPoints++
	if err := server.Update(c.ctx, c.class); err != nil {
		t.Fatal(err)
	}
	c.settle()
	if diff := cmp.Diff([]string{"status ExpertRun"}, c.writes.list[before:]); diff != "" {
		t.Errorf("writes (-want +got):\n%s", diff)
	}
	if got := c.get(c.run).Status.Verdict.GateDigest; got != fmt.Sprint(c.class.Spec.Gate.MinGainPoints) {
		t.Errorf("verdict of gate %s", got)
	}
}

// TestShapedJobsAreAccepted: the API server takes the Job of each stage with all
// that a class may say of pods.
func TestShapedJobsAreAccepted(t *testing.T) {
	c := newCluster(t)
	run := c.get(c.run)
	shape := v1alpha1.PodShape{
		NodeSelector:      map[string]string{"pool": "experts"},
		Tolerations:       []corev1.Toleration{{Key: "gpu", Operator: corev1.TolerationOpExists}},
		PriorityClassName: "high",
		RuntimeClassName:  ptr.To("gvisor"),
		Labels:            map[string]string{"kueue.x-k8s.io/queue-name": "experts"},
		Env:               []v1alpha1.EnvVar{{Name: "A", Value: "b"}},
		ToolVolumes:       []v1alpha1.ToolVolume{{Name: "venv", ClaimName: "venv", MountPath: "/opt/venv"}},
	}
	run.Spec.Recipe.Pods = v1alpha1.Pods{Worker: shape, Sandbox: shape, Trainer: shape, Engine: shape}
	run.Spec.Recipe.Repository.SecretRef = &v1alpha1.LocalSecretReference{Name: "git"}
	for _, stage := range v1alpha1.Stages {
		t.Run(string(stage), func(t *testing.T) {
			id := pipeline.AttemptID{Stage: stage, Number: 1}
			job, err := resources.StageJob{
				Run: run, Name: pipeline.JobName(run.Name, stage, 1), Key: "key", Spec: pipeline.SpecFor(run, id, pipeline.Models{}),
				WorkerImage: "registry.example/worker:1", AccessMode: v1alpha1.ReadWriteOnce,
			}.Job()
			if err != nil {
				t.Fatal(err)
			}
			if err := server.Create(t.Context(), job, client.DryRunAll); err != nil {
				t.Error(err)
			}
		})
	}
}
