package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// EvaluationRecord is what the gate decides from: one character a task and arm.
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

	// kinds lists the results by kind.
	// +optional
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MaxItems=8
	Kinds []KindRecord `json:"kinds,omitempty"`

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

	// arms lists the results by arm: base, candidate, served, gold, noop.
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

	// successes has one character a task: 1 solved, 0 not, x not run.
	// +optional
	// +kubebuilder:validation:MaxLength=10000
	// +kubebuilder:validation:Pattern=`^[01x]*$`
	Successes string `json:"successes,omitempty"`
}

// ArmName is a model, or a control, under evaluation.
// +kubebuilder:validation:Enum=base;candidate;served;gold;noop
type ArmName string

// Arms.
const (
	ArmBase      ArmName = "base"
	ArmCandidate ArmName = "candidate"
	ArmServed    ArmName = "served"
	// ArmGold submits the known answer; it must solve every task.
	ArmGold ArmName = "gold"
	// ArmNoop submits nothing; it must solve none.
	ArmNoop ArmName = "noop"
)

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
