package resources

import (
	"fmt"
	"maps"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/repoexpert/operator/api/v1alpha1"
	"github.com/repoexpert/operator/internal/contract"
)

// KeyAnnotation on a Job is the key of the output that it makes.
const KeyAnnotation = "repoexpert.dev/output-key"

// podGrace is how much later than the stage's own deadline the pod's is: room
// for pulling images, which the pod's deadline counts, and for reporting.
const podGrace = 15 * time.Minute

// Retries of one shard inside Experience's Job; other stages are retried by
// the manager alone.
const shardRetries = 2

// StageJob is all that an attempt's Job is built from.
type StageJob struct {
	// Run that owns the Job.
	Run *v1alpha1.ExpertRun
	// Name of the Job.
	Name string
	// Key of the output.
	Key string
	// Spec is what the stage is told.
	Spec contract.StageSpec
	// WorkerImage is the operator's own image; the recipe may replace it.
	WorkerImage string
	// AccessMode of the artifact volume.
	AccessMode v1alpha1.AccessMode
}

// Job returns an attempt's Job. It is created once and never applied again:
// templates are immutable, and a queue may change what it likes.
func (j StageJob) Job() (*batchv1.Job, error) {
	spec, err := contract.EncodeSpec(j.Spec)
	if err != nil {
		return nil, err
	}
	job := &batchv1.Job{
		ObjectMeta: metav1.ObjectMeta{
			Name:            j.Name,
			Namespace:       j.Run.Namespace,
			Labels:          j.labels(),
			Annotations:     map[string]string{KeyAnnotation: j.Key},
			OwnerReferences: []metav1.OwnerReference{*metav1.NewControllerRef(j.Run, v1alpha1.GroupVersion.WithKind("ExpertRun"))},
		},
		Spec: batchv1.JobSpec{
			BackoffLimit:         ptr.To[int32](0),
			PodReplacementPolicy: ptr.To(batchv1.Failed),
			PodFailurePolicy:     failurePolicy(batchv1.PodFailurePolicyActionFailJob, contract.ExitConfiguration, contract.ExitSource, contract.ExitData, contract.ExitRepositoryCode, contract.ExitExternal, contract.ExitIntegrity, contract.ExitDeadline),
			Template: corev1.PodTemplateSpec{
				ObjectMeta: metav1.ObjectMeta{Labels: j.labels()},
				Spec:       j.pod(spec),
			},
		},
	}
	if j.Spec.Stage == v1alpha1.StageExperience {
		index(&job.Spec, j.Spec.Shards)
	}
	return job, nil
}

// index makes a Job of shards. A shard that cannot succeed ends the Job: what
// the other shards have sealed is found by the next attempt.
func index(spec *batchv1.JobSpec, shards int32) {
	spec.CompletionMode = ptr.To(batchv1.IndexedCompletion)
	spec.Completions = ptr.To(shards)
	spec.Parallelism = ptr.To(shards)
	spec.BackoffLimit = nil
	spec.BackoffLimitPerIndex = ptr.To[int32](shardRetries)
	spec.MaxFailedIndexes = ptr.To[int32](0)
	spec.PodFailurePolicy = failurePolicy(batchv1.PodFailurePolicyActionFailIndex,
		contract.ExitConfiguration, contract.ExitSource, contract.ExitData, contract.ExitRepositoryCode)
}

// failurePolicy speaks about the worker alone: how a sidecar ends says nothing.
// There is no Ignore rule, so a disruption ends the Job and the manager counts it.
func failurePolicy(action batchv1.PodFailurePolicyAction, codes ...int32) *batchv1.PodFailurePolicy {
	return &batchv1.PodFailurePolicy{Rules: []batchv1.PodFailurePolicyRule{{
		Action: action,
		OnExitCodes: &batchv1.PodFailurePolicyOnExitCodesRequirement{
			ContainerName: ptr.To(contract.ContainerWorker),
			Operator:      batchv1.PodFailurePolicyOnExitCodesOpIn,
			Values:        codes,
		},
	}}}
}

// labels of Job and pod: the shape's, then ours, which nobody may replace.
func (j StageJob) labels() map[string]string {
	labels := maps.Clone(j.shape().Labels)
	if labels == nil {
		labels = map[string]string{}
	}
	maps.Copy(labels, StageLabels(j.Run.Spec.ExpertName, j.Run.Name, j.Spec.Stage, j.Spec.Attempt))
	return labels
}

// StageLabels returns the labels of a stage's Job and pods.
func StageLabels(expert, run string, stage v1alpha1.StageName, attempt int32) map[string]string {
	return map[string]string{
		v1alpha1.ExpertLabel:  expert,
		v1alpha1.RunLabel:     run,
		v1alpha1.StageLabel:   string(stage),
		v1alpha1.AttemptLabel: fmt.Sprint(attempt),
	}
}
