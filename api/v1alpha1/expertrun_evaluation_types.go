package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// EvaluationRecord is what the gate decides from: one character a task and arm. A
// record of a later look holds the rollouts of the looks before it too.
type EvaluationRecord struct {
	// fingerprint identifies tasks, protocol, engine and sampling: only records
	// with the same fingerprint compare.
	// +required
	// +kubebuilder:validation:MaxLength=64
	Fingerprint string `json:"fingerprint"`

	// protocol names the hold-out and what the score means.
	// +required
	// +kubebuilder:validation:MaxLength=128
	Protocol string `json:"protocol"`

	// candidateDigest is the manifest digest of the model under evaluation.
	// +required
	// +kubebuilder:validation:MaxLength=71
	CandidateDigest string `json:"candidateDigest"`

	// servedDigest is the manifest digest of the served model that it was
	// compared with; empty when nothing was served.
	// +optional
	// +kubebuilder:validation:MaxLength=71
	ServedDigest string `json:"servedDigest,omitempty"`

	// anchorDigest is the manifest digest of the anchor that it was compared with;
	// empty where there is none, or it is the served model or the candidate.
	// +optional
	// +kubebuilder:validation:MaxLength=71
	AnchorDigest string `json:"anchorDigest,omitempty"`

	// look is the number of the look at results, from 1. Absent: 1.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=8
	Look int32 `json:"look,omitempty"`

	// kinds lists the results by kind.
	// +optional
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MaxItems=8
	Kinds []KindRecord `json:"kinds,omitempty"`

	// prequential lists, with the protocol Prequential, what base and served model
	// made of tasks of the commits after the one that the served model was trained
	// on. The gate does not read it.
	// +optional
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MaxItems=8
	Prequential []KindRecord `json:"prequential,omitempty"`

	// recordDigest is the digest of the log line that carried the record.
	// +optional
	// +kubebuilder:validation:MaxLength=71
	RecordDigest string `json:"recordDigest,omitempty"`
}

// KindRecord is the result of one kind.
type KindRecord struct {
	// name of the kind.
	// +required
	Name KindName `json:"name"`

	// protocol that the kind's tasks come from, where no model that is asked was
	// trained on their commits or on later ones: Frontier or Prequential. Absent for
	// functions that were held out at the commit that was trained on, and for facts.
	// +optional
	Protocol Holdout `json:"protocol,omitempty"`

	// groups is the sub-kind of each task, one letter a task ("A" is groups[0]'s
	// name in groupNames); scores are macro averages over groups.
	// +optional
	// +kubebuilder:validation:MaxLength=10000
	Groups string `json:"groups,omitempty"`

	// groupNames are the sub-kinds, such as the fact kinds of CodebaseQA.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=26
	// +kubebuilder:validation:items:MaxLength=63
	GroupNames []string `json:"groupNames,omitempty"`

	// clusters numbers each task's cluster of the hold-out, one number a task:
	// tasks of one cluster stand or fall together and count as one. Absent: each
	// task is a cluster of its own.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=10000
	// +kubebuilder:validation:items:Minimum=0
	// +kubebuilder:validation:items:Maximum=1000000
	Clusters []int32 `json:"clusters,omitempty"`

	// fresh has one character a task: 1 where the task, or the fact that it asks
	// for, changed since the commit of the served model, else 0. Absent: none did.
	// +optional
	// +kubebuilder:validation:MaxLength=10000
	// +kubebuilder:validation:Pattern=`^[01]*$`
	Fresh string `json:"fresh,omitempty"`

	// arms lists the results by arm: base, candidate, served, anchor, gold, noop.
	// +optional
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MaxItems=8
	Arms []ArmRecord `json:"arms,omitempty"`

	// guessPermille is the chance of a random answer among the kind's answers,
	// macro over groups, in thousandths.
	// +optional
	GuessPermille int32 `json:"guessPermille,omitempty"`

	// majorityPermille is the score of always giving the group's commonest
	// answer, macro over groups, in thousandths.
	// +optional
	MajorityPermille int32 `json:"majorityPermille,omitempty"`
}

// ArmRecord is one model's results on one kind.
type ArmRecord struct {
	// name of the arm.
	// +required
	Name ArmName `json:"name"`

	// successes has one character a task: the number of rollouts that solved it,
	// x where it did not run.
	// +optional
	// +kubebuilder:validation:MaxLength=10000
	// +kubebuilder:validation:Pattern=`^[0-9x]*$`
	Successes string `json:"successes,omitempty"`

	// rollouts is the number of tries at each task. Absent: 1.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=9
	Rollouts int32 `json:"rollouts,omitempty"`

	// usage is what all rollouts together took; absent for controls and for closed
	// questions.
	// +optional
	Usage *UsageRecord `json:"usage,omitempty"`
}

// UsageRecord is what the rollouts of one arm took.
type UsageRecord struct {
	// episodes is the number of rollouts.
	// +optional
	// +kubebuilder:validation:Minimum=0
	Episodes int64 `json:"episodes,omitempty"`

	// turns of the model.
	// +optional
	// +kubebuilder:validation:Minimum=0
	Turns int64 `json:"turns,omitempty"`

	// formatErrors are turns without exactly one readable action.
	// +optional
	// +kubebuilder:validation:Minimum=0
	FormatErrors int64 `json:"formatErrors,omitempty"`

	// tokens that the model read and wrote.
	// +optional
	// +kubebuilder:validation:Minimum=0
	Tokens int64 `json:"tokens,omitempty"`
}

// ArmName is a model, or a control, under evaluation.
// +kubebuilder:validation:Enum=base;candidate;served;anchor;gold;noop
type ArmName string

// Arms.
const (
	ArmBase      ArmName = "base"
	ArmCandidate ArmName = "candidate"
	ArmServed    ArmName = "served"
	// ArmAnchor is the last version that beat the anchor before it, or that a person
	// chose.
	ArmAnchor ArmName = "anchor"
	// ArmGold submits the known answer; it must solve every task.
	ArmGold ArmName = "gold"
	// ArmNoop submits nothing; it must solve none.
	ArmNoop ArmName = "noop"
)

// ArmNames lists all arms.
var ArmNames = []ArmName{ArmBase, ArmCandidate, ArmServed, ArmAnchor, ArmGold, ArmNoop}

// EvaluationPlan is what was fixed before a run's first evaluation Job.
type EvaluationPlan struct {
	// gateDigest identifies the gate's settings and algorithm. What another gate
	// makes of the results waits for a person.
	// +required
	// +kubebuilder:validation:MaxLength=71
	GateDigest string `json:"gateDigest"`

	// rollouts of each task, in total, by look.
	// +required
	// +listType=atomic
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=8
	Rollouts []int32 `json:"rollouts"`

	// retry counts the earlier runs of the same commit and recipe that were
	// evaluated. Each halves the level of the gate's bounds.
	// +optional
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=60
	Retry int32 `json:"retry,omitempty"`
}

// LookStatus is a look that decided nothing. The next one goes on from its
// results.
type LookStatus struct {
	// number of the look, from 1.
	// +required
	// +kubebuilder:validation:Minimum=1
	Number int32 `json:"number"`

	// key of its output on the artifact volume.
	// +required
	// +kubebuilder:validation:MaxLength=64
	Key string `json:"key"`

	// manifestDigest is the digest of its sealed output.
	// +required
	// +kubebuilder:validation:MaxLength=71
	ManifestDigest string `json:"manifestDigest"`

	// reason says in a line what is undecided.
	// +required
	// +kubebuilder:validation:MaxLength=1024
	Reason string `json:"reason"`
}

// Decision of the gate.
// +kubebuilder:validation:Enum=Promote;Reject
type Decision string

// Decisions.
const (
	DecisionPromote Decision = "Promote"
	DecisionReject  Decision = "Reject"
)

// Verdict is what the gate decided and why.
type Verdict struct {
	// decision is Promote or Reject.
	// +required
	Decision Decision `json:"decision"`

	// reason is one readable line.
	// +required
	// +kubebuilder:validation:MaxLength=1024
	Reason string `json:"reason"`

	// look that decided, from 1.
	// +optional
	Look int32 `json:"look,omitempty"`

	// hold says why a promotion waits for a person; empty where it need not.
	// +optional
	// +kubebuilder:validation:MaxLength=512
	Hold string `json:"hold,omitempty"`

	// anchor says what a promotion does to the anchor: Replaced, or empty where it
	// stays.
	// +optional
	Anchor AnchorChange `json:"anchor,omitempty"`

	// step is the loss to the served model; absent when nothing else was served.
	// +optional
	Step *LossStep `json:"step,omitempty"`

	// score is the candidate's score on the primary kind in percent, "93.3".
	// +optional
	// +kubebuilder:validation:MaxLength=16
	Score string `json:"score,omitempty"`

	// baseScore is the base model's.
	// +optional
	// +kubebuilder:validation:MaxLength=16
	BaseScore string `json:"baseScore,omitempty"`

	// servedScore is the served model's; empty when nothing was served.
	// +optional
	// +kubebuilder:validation:MaxLength=16
	ServedScore string `json:"servedScore,omitempty"`

	// gateDigest identifies the gate's settings and algorithm.
	// +required
	// +kubebuilder:validation:MaxLength=71
	GateDigest string `json:"gateDigest"`

	// digest identifies this verdict: record, gate and decision.
	// +required
	// +kubebuilder:validation:MaxLength=71
	Digest string `json:"digest"`

	// decidedTime is when it was decided.
	// +required
	DecidedTime metav1.Time `json:"decidedTime"`
}

// AnchorChange says what a promotion does to the anchor.
// +kubebuilder:validation:Enum=Replaced
type AnchorChange string

// AnchorReplaced says that the candidate is better than the anchor at the look's
// level, or that there was none.
const AnchorReplaced AnchorChange = "Replaced"

// LossStep is a loss to the served model on the primary kind, in millionths of the
// whole score: 10000 is one percentage point.
type LossStep struct {
	// loss of the candidate; negative for a gain.
	// +required
	Loss int64 `json:"loss"`

	// standardError of the loss.
	// +required
	// +kubebuilder:validation:Minimum=0
	StandardError int64 `json:"standardError"`
}
