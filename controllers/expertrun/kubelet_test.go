package expertrun_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/repoexpert/operator/api/v1alpha1"
	"github.com/repoexpert/operator/internal/contract"
	"github.com/repoexpert/operator/internal/pipeline"
)

// This file plays the Job controller, the kubelet and the worker.

const digest = "sha256:0000000000000000000000000000000000000000000000000000000000000000"

// pod makes a pod of a Job with a status.
func (c *cluster) pod(job *batchv1.Job, index int, status corev1.PodStatus) *corev1.Pod {
	c.t.Helper()
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: c.name, Name: fmt.Sprintf("%s-%d", job.Name, index), Labels: job.Spec.Template.Labels,
			Annotations:     map[string]string{batchv1.JobCompletionIndexAnnotation: strconv.Itoa(index)},
			OwnerReferences: []metav1.OwnerReference{*metav1.NewControllerRef(job, batchv1.SchemeGroupVersion.WithKind("Job"))},
		},
		Spec: job.Spec.Template.Spec,
	}
	// The class's priority and runtime classes do not exist here.
	pod.Spec.PriorityClassName, pod.Spec.RuntimeClassName = "", nil
	c.create(pod)
	pod.Status = status
	if err := server.Status().Update(c.ctx, pod); err != nil {
		c.t.Fatal(err)
	}
	return pod
}

func ended(exitCode int32, message string) corev1.PodStatus {
	phase := corev1.PodSucceeded
	if exitCode != 0 {
		phase = corev1.PodFailed
	}
	return corev1.PodStatus{Phase: phase, ContainerStatuses: []corev1.ContainerStatus{{
		Name:  contract.ContainerWorker,
		State: corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{ExitCode: exitCode, Message: message, FinishedAt: metav1.Now()}},
	}}}
}

// finish ends a Job as the Job controller does.
func (c *cluster) finish(job *batchv1.Job, complete bool) {
	c.t.Helper()
	now := metav1.Now()
	job.Status.StartTime = &now
	before, after := batchv1.JobFailureTarget, batchv1.JobFailed
	if complete {
		before, after = batchv1.JobSuccessCriteriaMet, batchv1.JobComplete
		job.Status.CompletionTime = &now
		job.Status.Succeeded = ptr.Deref(job.Spec.Completions, 1)
		if job.Spec.CompletionMode != nil && *job.Spec.CompletionMode == batchv1.IndexedCompletion {
			job.Status.CompletedIndexes = fmt.Sprintf("0-%d", *job.Spec.Completions-1)
		}
	}
	for _, t := range []batchv1.JobConditionType{before, after} {
		job.Status.Conditions = append(job.Status.Conditions, batchv1.JobCondition{
			Type: t, Status: corev1.ConditionTrue, LastProbeTime: now, LastTransitionTime: now,
		})
	}
	if err := server.Status().Update(c.ctx, job); err != nil {
		c.t.Fatal(err)
	}
}

func (c *cluster) result(id pipeline.AttemptID) contract.StageResult {
	r := contract.StageResult{
		Version: contract.Version, Stage: id.Stage, Run: c.run.Name, Attempt: id.Number,
		Class: v1alpha1.Succeeded, ManifestDigest: digest,
	}
	if id.Stage == v1alpha1.StageFetch {
		r.BaseModelDigest = digest
	}
	return r
}

// succeed ends the attempt under way well.
func (c *cluster) succeed() {
	c.t.Helper()
	id, job := c.under()
	r := c.result(id)
	line := ""
	if id.Stage == v1alpha1.StageEvaluate {
		train := pipeline.Stage(&c.get(c.run).Status, v1alpha1.StageTrain).ManifestDigest
		var err error
		record := v1alpha1.EvaluationRecord{Fingerprint: "f", Protocol: "Tasks", CandidateDigest: train}
		if c.record != nil {
			c.record(&record)
		}
		line, r.RecordDigest, err = contract.EncodeRecord(record)
		if err != nil {
			c.t.Fatal(err)
		}
	}
	for i := range int(ptr.Deref(job.Spec.Completions, 1)) {
		pod := c.pod(job, i, ended(0, encode(r)))
		c.logs.text[pod.Name] = "something else\n" + line + "\n"
	}
	c.finish(job, true)
}

// fail ends the attempt under way with a class.
func (c *cluster) fail(class v1alpha1.FailureClass, message string) {
	c.t.Helper()
	id, job := c.under()
	r := c.result(id)
	r.Class, r.Message, r.ManifestDigest = class, message, ""
	c.pod(job, 0, ended(contract.ExitCode(class), encode(r)))
	c.finish(job, false)
}

// until succeeds stage after stage up to a stage whose Job is there.
func (c *cluster) until(stage v1alpha1.StageName) {
	c.t.Helper()
	for c.settle(); ; c.settle() {
		if id, _ := c.under(); id.Stage == stage {
			return
		}
		c.succeed()
	}
}

// collect plays the garbage collector: Jobs that are being deleted go, with
// their pods.
func (c *cluster) collect() {
	c.t.Helper()
	jobs := c.jobs()
	for i := range jobs {
		job := &jobs[i]
		if job.DeletionTimestamp.IsZero() {
			continue
		}
		var pods corev1.PodList
		if err := server.List(c.ctx, &pods, inNamespace(c)); err != nil {
			c.t.Fatal(err)
		}
		for j := range pods.Items {
			if metav1.IsControlledBy(&pods.Items[j], job) {
				c.kill(&pods.Items[j])
			}
		}
		job.Finalizers = slices.DeleteFunc(job.Finalizers, func(f string) bool { return f == metav1.FinalizerDeleteDependents })
		if err := server.Update(c.ctx, job); err != nil {
			c.t.Fatal(err)
		}
	}
}

func encode(r contract.StageResult) string {
	b, err := json.Marshal(r)
	if err != nil {
		return err.Error()
	}
	return string(b)
}
