package expertrun

import (
	"strconv"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"

	"github.com/repoexpert/operator/internal/contract"
	"github.com/repoexpert/operator/internal/pipeline"
)

// podFacts reduces a pod to what a decision reads.
func podFacts(pod *corev1.Pod) pipeline.Pod {
	facts := pipeline.Pod{
		Created: pod.CreationTimestamp.Time,
		Over:    podOver(pod),
		Reason:  pod.Status.Reason,
		Message: pod.Status.Message,
	}
	if index, err := strconv.ParseInt(pod.Annotations[batchv1.JobCompletionIndexAnnotation], 10, 32); err == nil {
		facts.Index = int32(index)
	}
	for _, c := range pod.Status.Conditions {
		switch {
		case c.Type == corev1.PodScheduled && c.Status == corev1.ConditionTrue:
			facts.Scheduled = c.LastTransitionTime.Time
		case c.Type == corev1.PodScheduled && c.Reason == corev1.PodReasonUnschedulable:
			facts.Waiting = &pipeline.Waiting{Reason: c.Reason, Message: c.Message}
		case c.Type == corev1.DisruptionTarget && c.Status == corev1.ConditionTrue:
			facts.Disrupted = true
		}
	}
	// A pod that is deleted directly carries no DisruptionTarget.
	facts.Disrupted = facts.Disrupted || !pod.DeletionTimestamp.IsZero()
	for _, status := range pod.Status.InitContainerStatuses {
		readInit(&facts, status)
	}
	for _, status := range pod.Status.ContainerStatuses {
		if status.Name == contract.ContainerWorker {
			facts.Running = status.State.Running != nil
			facts.Worker = containerEnd(status)
		}
		readWaiting(&facts, status)
	}
	return facts
}

func podOver(pod *corev1.Pod) bool {
	return pod.Status.Phase == corev1.PodSucceeded || pod.Status.Phase == corev1.PodFailed
}

// readInit looks at init containers. A native sidecar restarts, so its end is
// no failure of the pod; it never counts.
func readInit(facts *pipeline.Pod, status corev1.ContainerStatus) {
	switch status.Name {
	case contract.ContainerAgent, contract.ContainerGrader, contract.ContainerEngine:
	default:
		if end := containerEnd(status); end != nil && end.ExitCode != 0 {
			facts.Install = end
		}
	}
	readWaiting(facts, status)
}

func containerEnd(status corev1.ContainerStatus) *pipeline.ContainerEnd {
	t := status.State.Terminated
	if t == nil {
		return nil
	}
	return &pipeline.ContainerEnd{ExitCode: t.ExitCode, Reason: t.Reason, Message: t.Message, Time: t.FinishedAt.Time}
}

// readWaiting notes why a container cannot start. The kubelet's two words for
// a failed pull alternate with every try and become one.
func readWaiting(facts *pipeline.Pod, status corev1.ContainerStatus) {
	if status.State.Waiting == nil || facts.Waiting != nil {
		return
	}
	reason := status.State.Waiting.Reason
	switch reason {
	case "", "ContainerCreating", "PodInitializing":
		return
	case "ErrImagePull":
		reason = "ImagePullBackOff"
	}
	facts.Waiting = &pipeline.Waiting{Reason: reason, Container: status.Name, Image: status.Image}
}
