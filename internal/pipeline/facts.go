package pipeline

import (
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/repoexpert/operator/api/v1alpha1"
	"github.com/repoexpert/operator/internal/contract"
)

// Input is all that a decision is made from. Decide changes none of it.
type Input struct {
	// Run as it is stored: its status is the ledger.
	Run *v1alpha1.ExpertRun
	// Now is the time of the decision.
	Now metav1.Time
	// Expert is what the run's RepoExpert wants.
	Expert Expert
	// Class that gates the run; nil while no class can be found.
	Class *v1alpha1.ExpertClass
	// Models are the one behind the endpoint and the anchor, to compare with.
	Models
	// Steps are the promotions since a person last chose, oldest first.
	Steps []v1alpha1.PromotionStep
	// Retry counts the earlier runs of the same commit and recipe that were
	// evaluated.
	Retry int
	// Predecessor names an older run of the same expert that is not over; empty
	// when there is none.
	Predecessor string
	// Newest says that no later run of the expert has ended with a record, so
	// that an edit of the gate decides this one again.
	Newest bool
	// Denied says that a failed roll took this run's model out of service.
	Denied bool
	// Jobs of this run, by stage and attempt.
	Jobs map[AttemptID]Job
	// Alive lists attempts of this run whose Job is gone but whose pods are not
	// over.
	Alive []AttemptID
	// Progress of the attempt under way; nil when it was not read.
	Progress *contract.Progress
	// Refusal is what the API server said to the attempt's Job; nil when it said
	// nothing.
	Refusal *Refusal
	// Record is the last line of Evaluate's log, when it was read.
	Record Record
	// Teacher is what stands before the run's teacher; empty for a recipe without
	// one.
	Teacher Teacher
}

// AttemptID identifies an attempt of a run.
type AttemptID struct {
	Stage  v1alpha1.StageName
	Number int32
}

// Expert is what a run's RepoExpert wants of it.
type Expert string

// What an expert wants of a run.
const (
	// ExpertActive wants the run's model.
	ExpertActive Expert = "Active"
	// ExpertSuspended wants nothing to run for now.
	ExpertSuspended Expert = "Suspended"
	// ExpertMovedOn has a newer run.
	ExpertMovedOn Expert = "MovedOn"
	// ExpertGone is deleted, being deleted, or another one of the same name.
	ExpertGone Expert = "Gone"
)

// Refusal is the API server's no to a Job.
type Refusal struct {
	// Final says that the same Job will never be accepted; a quota may be raised.
	Final bool
	// Message of the API server.
	Message string
}

// Record is what was read of Evaluate's log.
type Record struct {
	// Line is the last line.
	Line string
	// Err says why it could not be read, for the message.
	Err string
}

// Job is an attempt's Job as it was observed.
type Job struct {
	// Foreign says that an object of the attempt's name belongs to someone else.
	Foreign bool
	// Key is the output's key that the Job was made for.
	Key string
	// Deleting says that it is on its way out.
	Deleting bool
	// Queued says that a queue holds the Job back by spec.suspend.
	Queued bool
	// Started is when the Job controller took it up, or the Job's creation.
	Started time.Time
	// End is set once all pods have ended.
	End *JobEnd
	// TTL says that the Job is released for garbage collection.
	TTL bool
	// Pods of the Job.
	Pods []Pod
}

// JobEnd is how a Job ended.
type JobEnd struct {
	// Complete is true for condition Complete, false for Failed.
	Complete bool
	// Time of the condition.
	Time time.Time
	// FailedIndexes of an Indexed Job.
	FailedIndexes []int32
}

// Pod of a Job.
type Pod struct {
	// Index of an Indexed Job's pod, else 0.
	Index int32
	// Created is the pod's creation time.
	Created time.Time
	// Scheduled is when it got a node; zero before.
	Scheduled time.Time
	// Over says that no container of it runs any more.
	Over bool
	// Reason is the pod's own: Evicted, DeadlineExceeded, ...
	Reason string
	// Message goes with Reason.
	Message string
	// Disrupted says that the cluster ended it: condition DisruptionTarget.
	Disrupted bool
	// Running says that the worker container has started.
	Running bool
	// Worker is how the worker container ended.
	Worker *ContainerEnd
	// Install is how the init container ended, when it failed.
	Install *ContainerEnd
	// Waiting says why the pod cannot start.
	Waiting *Waiting
}

// ContainerEnd is how a container ended.
type ContainerEnd struct {
	ExitCode int32
	// Reason as the runtime gives it, such as OOMKilled.
	Reason string
	// Message is the raw termination message: untrusted.
	Message string
	Time    time.Time
}

// Waiting says why a pod cannot start.
type Waiting struct {
	// Reason in one word: ImagePullBackOff, Unschedulable, ...
	Reason string
	// Container that waits; empty for the whole pod.
	Container string
	// Image of that container.
	Image string
	// Message of the scheduler; empty where it changes all the time.
	Message string
}

// ActionKind is what a plan does to a Job.
type ActionKind string

// Actions.
const (
	// ActionNone leaves the Jobs alone.
	ActionNone ActionKind = ""
	// ActionCreate makes the attempt's Job, once.
	ActionCreate ActionKind = "Create"
	// ActionDelete ends an attempt that the ledger has already ended.
	ActionDelete ActionKind = "Delete"
	// ActionRelease sets the TTL of a Job whose result is in status.
	ActionRelease ActionKind = "Release"
	// ActionApplyTeacher makes what stands before the run's teacher as wanted.
	ActionApplyTeacher ActionKind = "ApplyTeacher"
	// ActionRemoveTeacher removes it.
	ActionRemoveTeacher ActionKind = "RemoveTeacher"
)

// Action on an attempt's Job, or on the run's teacher.
type Action struct {
	Kind ActionKind
	AttemptID
	// TTL of ActionRelease.
	TTL time.Duration
}

// Plan is what follows. When Status differs from the run's, it is written and
// Action is ActionNone.
type Plan struct {
	Status v1alpha1.ExpertRunStatus
	Action Action
	// RequeueAfter asks for another look without an event; 0 for none.
	RequeueAfter time.Duration
}
