package pipeline

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/repoexpert/operator/api/v1alpha1"
	"github.com/repoexpert/operator/internal/conditions"
	"github.com/repoexpert/operator/internal/contract"
)

// waitingGrace is how long a pod may take to start before anybody is told: a
// pod that is scheduled a second later is not worth a write.
const waitingGrace = 15 * time.Second

// startGrace is the same for a pod that gives no reason.
const startGrace = 2 * time.Minute

// ProgressInterval between two looks at the log of a long stage.
const ProgressInterval = 30 * time.Second

const maxProgress = 256

// ReportsProgress says whether a stage's log is read while it runs.
func ReportsProgress(stage v1alpha1.StageName) bool {
	return stage == v1alpha1.StageTrain || stage == v1alpha1.StageEvaluate
}

// watch looks after an attempt whose Job has not ended.
func (p *planner) watch(s *v1alpha1.StageStatus, job Job) {
	if job.Queued {
		p.waiting(s, "its Job is suspended: the queue has not admitted it")
		return
	}
	if slices.ContainsFunc(job.Pods, func(pod Pod) bool { return pod.Running && pod.Worker == nil }) {
		p.running(s)
		p.progress(s)
		return
	}
	idle := p.in.Now.Sub(idleSince(job))
	if idle >= InfrastructureLimit {
		p.fail(s, outcome{class: v1alpha1.FailureInfrastructure,
			message: fmt.Sprintf("no pod could start for %s: %s", InfrastructureLimit, waitReason(job))})
		return
	}
	grace := startGrace
	if stuck(job) {
		grace = waitingGrace
	}
	if idle < grace {
		p.running(s)
		p.later(grace - idle)
		return
	}
	p.waiting(s, waitReason(job))
	p.later(InfrastructureLimit - idle)
}

// idleSince is the time since which no worker of the Job has run.
func idleSince(job Job) time.Time {
	since := job.Started
	for _, pod := range job.Pods {
		for _, step := range []time.Time{pod.Created, pod.Scheduled, endTime(pod)} {
			if step.After(since) {
				since = step
			}
		}
	}
	return since
}

func endTime(pod Pod) time.Time {
	if pod.Worker == nil {
		return time.Time{}
	}
	return pod.Worker.Time
}

func stuck(job Job) bool {
	return slices.ContainsFunc(job.Pods, func(pod Pod) bool { return pod.Waiting != nil })
}

// waitReason says why no pod of the Job runs: the first reason by index.
func waitReason(job Job) string {
	pods := slices.Clone(job.Pods)
	slices.SortStableFunc(pods, func(a, b Pod) int { return int(a.Index - b.Index) })
	for _, pod := range pods {
		if w := pod.Waiting; w != nil {
			return describe(*w)
		}
	}
	return "its pods do not start: see the events of its Job (quota, admission, volumes)"
}

func describe(w Waiting) string {
	switch w.Reason {
	case "ImagePullBackOff", "ErrImagePull", "InvalidImageName", "ErrImageNeverPull":
		return fmt.Sprintf("image %q of container %s cannot be pulled (%s): check its name and the node's access to the registry", w.Image, w.Container, w.Reason)
	case "Unschedulable":
		return "no node takes the pod: " + conditions.Bounded(w.Message, maxProgress)
	default:
		return fmt.Sprintf("container %s waits: %s", w.Container, w.Reason)
	}
}

// progress writes how far a long stage is and asks for the next look.
func (p *planner) progress(s *v1alpha1.StageStatus) {
	if !ReportsProgress(s.Name) {
		return
	}
	p.later(ProgressInterval)
	if p.in.Progress != nil {
		p.status.Progress = progressText(*p.in.Progress)
	}
}

func progressText(progress contract.Progress) string {
	var parts []string
	if progress.Total > 0 {
		parts = append(parts, fmt.Sprintf("step %d/%d", progress.Step, progress.Total))
	}
	if progress.Message != "" {
		parts = append(parts, progress.Message)
	}
	if progress.ETASeconds > 0 {
		parts = append(parts, "ETA "+(time.Duration(progress.ETASeconds)*time.Second).String())
	}
	return conditions.Bounded(strings.Join(parts, ", "), maxProgress)
}
