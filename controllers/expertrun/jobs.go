package expertrun

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/repoexpert/operator/api/v1alpha1"
	"github.com/repoexpert/operator/internal/pipeline"
	"github.com/repoexpert/operator/internal/resources"
)

// gatherJobs reads the run's Jobs with their pods.
func (r *Reconciler) gatherJobs(ctx context.Context, s *scope, _ *v1alpha1.RepoExpert) error {
	var jobs batchv1.JobList
	err := r.client.List(ctx, &jobs, client.InNamespace(s.run.Namespace),
		client.MatchingLabels{v1alpha1.RunLabel: s.run.Name})
	if err != nil {
		return fmt.Errorf("list the run's Jobs: %w", err)
	}
	byAttempt := podsByAttempt(s.pods, s.run.Name)
	for i := range jobs.Items {
		job := &jobs.Items[i]
		id, ok := attemptOf(job.Labels)
		if !ok || !metav1.IsControlledBy(job, s.run) {
			continue
		}
		pods, err := r.settledPods(ctx, s, id, job, byAttempt[id])
		if err != nil {
			return err
		}
		s.jobs[id] = job
		s.input.Jobs[id] = jobFacts(job, pods)
	}
	for id, pods := range byAttempt {
		if s.jobs[id] == nil && slices.ContainsFunc(pods, func(p corev1.Pod) bool { return !podOver(&p) }) {
			s.input.Alive = append(s.input.Alive, id)
		}
	}
	return r.gatherConflict(ctx, s)
}

func podsByAttempt(pods []corev1.Pod, run string) map[pipeline.AttemptID][]corev1.Pod {
	byAttempt := map[pipeline.AttemptID][]corev1.Pod{}
	for _, p := range pods {
		if id, ok := attemptOf(p.Labels); ok && p.Labels[v1alpha1.RunLabel] == run {
			byAttempt[id] = append(byAttempt[id], p)
		}
	}
	return byAttempt
}

// settledPods reads the pods of the attempt under way past the cache when its
// Job has ended but the cache does not show that its pods have.
func (r *Reconciler) settledPods(ctx context.Context, s *scope, id pipeline.AttemptID, job *batchv1.Job, cached []corev1.Pod) ([]corev1.Pod, error) {
	cached = slices.DeleteFunc(cached, func(p corev1.Pod) bool { return !metav1.IsControlledBy(&p, job) })
	current := s.current()
	if jobEnd(job) == nil || current != id {
		return cached, nil
	}
	if len(cached) > 0 && !slices.ContainsFunc(cached, func(p corev1.Pod) bool { return !podOver(&p) }) {
		return cached, nil
	}
	var live corev1.PodList
	err := r.live.List(ctx, &live, client.InNamespace(job.Namespace), client.MatchingLabels{
		v1alpha1.RunLabel:     s.run.Name,
		v1alpha1.StageLabel:   string(id.Stage),
		v1alpha1.AttemptLabel: strconv.Itoa(int(id.Number)),
	})
	if err != nil {
		return nil, fmt.Errorf("list the pods of Job %s: %w", job.Name, err)
	}
	return slices.DeleteFunc(live.Items, func(p corev1.Pod) bool { return !metav1.IsControlledBy(&p, job) }), nil
}

// gatherConflict brings back what kept the attempt's Job from being made. A
// foreign object is looked for past the cache, which holds only what carries
// our labels.
func (r *Reconciler) gatherConflict(ctx context.Context, s *scope) error {
	id := s.current()
	if no := r.refusals.of(nameOf(s.run), id); no != nil {
		s.refused(id, no)
	}
	stalled := meta.FindStatusCondition(s.run.Status.Conditions, v1alpha1.ConditionStalled)
	if s.jobs[id] != nil || stalled == nil || stalled.Reason != v1alpha1.ReasonNameConflict {
		return nil
	}
	foreign, err := r.foreign(ctx, s.run, id)
	if err != nil {
		return err
	}
	if foreign {
		s.input.Jobs[id] = pipeline.Job{Foreign: true}
	}
	return nil
}

// foreign says whether an attempt's name is taken by a Job that is not the
// run's.
func (r *Reconciler) foreign(ctx context.Context, run *v1alpha1.ExpertRun, id pipeline.AttemptID) (bool, error) {
	job := &batchv1.Job{}
	name := pipeline.JobName(run.Name, id.Stage, id.Number)
	err := r.live.Get(ctx, types.NamespacedName{Namespace: run.Namespace, Name: name}, job)
	if apierrors.IsNotFound(err) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("get Job %s: %w", name, err)
	}
	return !metav1.IsControlledBy(job, run), nil
}

// current returns the attempt under way, zero when there is none.
func (s *scope) current() pipeline.AttemptID {
	stage := pipeline.Active(&s.run.Status)
	if attempt := pipeline.CurrentAttempt(stage); attempt != nil {
		return pipeline.AttemptID{Stage: stage.Name, Number: attempt.Number}
	}
	return pipeline.AttemptID{}
}

func jobFacts(job *batchv1.Job, pods []corev1.Pod) pipeline.Job {
	facts := pipeline.Job{
		Key:      job.Annotations[resources.KeyAnnotation],
		Deleting: !job.DeletionTimestamp.IsZero(),
		Queued:   job.Spec.Suspend != nil && *job.Spec.Suspend,
		Started:  job.CreationTimestamp.Time,
		End:      jobEnd(job),
		TTL:      job.Spec.TTLSecondsAfterFinished != nil,
	}
	if job.Status.StartTime != nil {
		facts.Started = job.Status.StartTime.Time
	}
	for i := range pods {
		facts.Pods = append(facts.Pods, podFacts(&pods[i]))
	}
	return facts
}

// jobEnd reads the terminal condition, which the Job controller sets once all
// pods have ended.
func jobEnd(job *batchv1.Job) *pipeline.JobEnd {
	for _, c := range job.Status.Conditions {
		if c.Status != corev1.ConditionTrue || (c.Type != batchv1.JobComplete && c.Type != batchv1.JobFailed) {
			continue
		}
		end := &pipeline.JobEnd{Complete: c.Type == batchv1.JobComplete, Time: c.LastTransitionTime.Time}
		if job.Status.FailedIndexes != nil {
			end.FailedIndexes = indexes(*job.Status.FailedIndexes)
		}
		return end
	}
	return nil
}

// maxIndexes bounds what is read of a list of indexes: more shards cannot be.
const maxIndexes = 256

// indexes reads a list as the Job controller writes it: "1,3-5".
func indexes(text string) []int32 {
	var list []int32
	for part := range strings.SplitSeq(text, ",") {
		first, last, isRange := strings.Cut(part, "-")
		if !isRange {
			last = first
		}
		from, err := strconv.ParseInt(first, 10, 32)
		to, errTo := strconv.ParseInt(last, 10, 32)
		if err != nil || errTo != nil {
			continue
		}
		for i := from; i <= to && len(list) < maxIndexes; i++ {
			list = append(list, int32(i))
		}
	}
	return list
}
