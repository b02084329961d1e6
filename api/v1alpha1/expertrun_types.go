package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// ExpertRun is one pass of the pipeline for one commit. Only the operator
// writes it; its spec never changes.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:shortName=erun,categories=repoexpert
// +kubebuilder:printcolumn:name="Expert",type=string,JSONPath=`.spec.expertName`
// +kubebuilder:printcolumn:name="Commit",type=string,JSONPath=`.spec.shortCommit`
// +kubebuilder:printcolumn:name="Stage",type=string,JSONPath=`.status.stage`
// +kubebuilder:printcolumn:name="Progress",type=string,JSONPath=`.status.progress`
// +kubebuilder:printcolumn:name="Verdict",type=string,JSONPath=`.status.verdict.decision`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
type ExpertRun struct {
	metav1.TypeMeta `json:",inline"`
	// metadata is the standard object metadata.
	// +optional
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// spec is the commit and the resolved recipe. Immutable.
	// +required
	// +kubebuilder:validation:XValidation:rule="self == oldSelf",message="an ExpertRun's spec is immutable: ask for a new run with the annotation repoexpert.dev/requested-run on the RepoExpert"
	Spec ExpertRunSpec `json:"spec"`

	// status is the ledger of the run.
	// +optional
	Status ExpertRunStatus `json:"status,omitzero"`
}

// ExpertRunList is a list of ExpertRuns.
//
// +kubebuilder:object:root=true
type ExpertRunList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []ExpertRun `json:"items"`
}

// ExpertRunSpec is the commit and the resolved recipe.
type ExpertRunSpec struct {
	// expertName is the RepoExpert that the run belongs to.
	// +required
	// +kubebuilder:validation:MaxLength=63
	ExpertName string `json:"expertName"`

	// expertUID is its UID: an expert deleted and made anew has other runs.
	// +required
	ExpertUID types.UID `json:"expertUID"`

	// key is the full hash of expert UID, commit, recipe and token; the run's
	// name holds its first 8 digits.
	// +required
	// +kubebuilder:validation:Pattern=`^[0-9a-f]{64}$`
	Key string `json:"key"`

	// commit to learn.
	// +required
	// +kubebuilder:validation:Pattern=`^[0-9a-f]{40}$`
	Commit string `json:"commit"`

	// shortCommit is its first 8 digits.
	// +required
	// +kubebuilder:validation:MaxLength=8
	ShortCommit string `json:"shortCommit"`

	// token is the value of the requested-run annotation that asked for the run;
	// empty for a run that a commit started.
	// +optional
	// +kubebuilder:validation:MaxLength=256
	Token string `json:"token,omitempty"`

	// className is the class that the recipe was resolved from.
	// +required
	// +kubebuilder:validation:MaxLength=63
	ClassName string `json:"className"`

	// recipe is all that the stages read: the class's and the expert's values,
	// merged when the run was made.
	// +required
	Recipe Recipe `json:"recipe"`
}

// Recipe is all that the stages read. Gate, serving and retrain policy are not
// part of it.
type Recipe struct {
	// repository that is learned.
	// +required
	Repository Repository `json:"repository"`

	// environment where its code and tests run.
	// +required
	Environment Environment `json:"environment"`

	// baseModel that the expert starts from.
	// +required
	BaseModel BaseModel `json:"baseModel"`

	// images of the stages' own containers.
	// +optional
	Images Images `json:"images,omitzero"`

	// experience to generate.
	// +required
	Experience Experience `json:"experience"`

	// teacher whose trajectories are learned from; none means that they are
	// scripted.
	// +optional
	Teacher *Teacher `json:"teacher,omitempty"`

	// training recipe.
	// +required
	Training Training `json:"training"`

	// evaluation protocol.
	// +required
	Evaluation Evaluation `json:"evaluation"`

	// engine that answers in Evaluate: the one that serves.
	// +required
	Engine Engine `json:"engine"`

	// engineDevice is where it runs.
	// +optional
	EngineDevice Device `json:"engineDevice,omitempty"`

	// probeQuestions that Evaluate records for the serving pods.
	// +optional
	ProbeQuestions int32 `json:"probeQuestions,omitempty"`

	// pods shapes the pods by role; not part of any stage's key.
	// +optional
	Pods Pods `json:"pods,omitzero"`

	// networkIsolation that the class demands; not part of any stage's key.
	// +optional
	NetworkIsolation NetworkIsolation `json:"networkIsolation,omitempty"`
}

// StageName is a stage of the pipeline, in order.
// +kubebuilder:validation:Enum=Fetch;Setup;Plan;Experience;Curate;Train;Evaluate
type StageName string

// Stages.
const (
	StageFetch      StageName = "Fetch"
	StageSetup      StageName = "Setup"
	StagePlan       StageName = "Plan"
	StageExperience StageName = "Experience"
	StageCurate     StageName = "Curate"
	StageTrain      StageName = "Train"
	StageEvaluate   StageName = "Evaluate"
)

// Stages lists the stages in the order in which they run.
var Stages = []StageName{StageFetch, StageSetup, StagePlan, StageExperience, StageCurate, StageTrain, StageEvaluate}

// ExpertRunStatus is the ledger of the run: what happened is what is written
// here, never what children exist.
type ExpertRunStatus struct {
	// observedGeneration is the generation that was really handled last.
	// +optional
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`

	// conditions of the run: Ready, Reconciling, Stalled.
	// +optional
	// +listType=map
	// +listMapKey=type
	// +kubebuilder:validation:MaxItems=8
	Conditions []metav1.Condition `json:"conditions,omitempty"`

	// stage under way, or the last one.
	// +optional
	Stage StageName `json:"stage,omitempty"`

	// progress of that stage in a few words, such as "step 120/200, loss 0.31, ETA 2m10s".
	// +optional
	// +kubebuilder:validation:MaxLength=256
	Progress string `json:"progress,omitempty"`

	// stages is the state of each stage.
	// +optional
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MaxItems=7
	Stages []StageStatus `json:"stages,omitempty"`

	// evaluation is the record that the gate decides from.
	// +optional
	Evaluation *EvaluationRecord `json:"evaluation,omitempty"`

	// verdict of the gate.
	// +optional
	Verdict *Verdict `json:"verdict,omitempty"`

	// completionTime is when the run ended, whatever its end.
	// +optional
	CompletionTime *metav1.Time `json:"completionTime,omitempty"`
}

// StageState is where a stage stands.
// +kubebuilder:validation:Enum=Pending;Running;Succeeded;Skipped;Failed;Cancelled
type StageState string

// Stage states.
const (
	// StagePending waits for the stages before it.
	StagePending StageState = "Pending"
	// StageRunning has an attempt under way.
	StageRunning StageState = "Running"
	// StageSucceeded has a sealed output.
	StageSucceeded StageState = "Succeeded"
	// StageSkipped had nothing to do.
	StageSkipped StageState = "Skipped"
	// StageFailed has no attempts left.
	StageFailed StageState = "Failed"
	// StageCancelled was ended by a newer commit, a suspension or a deletion.
	StageCancelled StageState = "Cancelled"
)

// StageStatus is the ledger of one stage.
type StageStatus struct {
	// name of the stage.
	// +required
	Name StageName `json:"name"`

	// state of the stage.
	// +required
	State StageState `json:"state"`

	// key of the stage's output on the artifact volume.
	// +optional
	// +kubebuilder:validation:MaxLength=64
	Key string `json:"key,omitempty"`

	// startTime of the first attempt.
	// +optional
	StartTime *metav1.Time `json:"startTime,omitempty"`

	// completionTime of the last attempt.
	// +optional
	CompletionTime *metav1.Time `json:"completionTime,omitempty"`

	// attempts lists the newest attempts, oldest first, at most 5.
	// +optional
	// +listType=map
	// +listMapKey=number
	// +kubebuilder:validation:MaxItems=5
	Attempts []Attempt `json:"attempts,omitempty"`

	// failures counts attempts that ended by the stage's own fault.
	// +optional
	Failures int32 `json:"failures,omitempty"`

	// disruptions counts attempts that the cluster ended: eviction, preemption,
	// node loss.
	// +optional
	Disruptions int32 `json:"disruptions,omitempty"`

	// manifestDigest is the digest of the sealed output.
	// +optional
	// +kubebuilder:validation:MaxLength=71
	ManifestDigest string `json:"manifestDigest,omitempty"`

	// baseModelDigest is the digest of Fetch's second output, the verified copy
	// of the base model.
	// +optional
	// +kubebuilder:validation:MaxLength=71
	BaseModelDigest string `json:"baseModelDigest,omitempty"`

	// reused says that the output of an earlier run with the same inputs was
	// found, sealed and whole.
	// +optional
	Reused bool `json:"reused,omitempty"`

	// counts are the stage's own figures, such as candidates or samples.
	// +optional
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MaxItems=32
	Counts []Count `json:"counts,omitempty"`

	// message says in a sentence how the stage stands or ended.
	// +optional
	// +kubebuilder:validation:MaxLength=1024
	Message string `json:"message,omitempty"`
}

// Count is a named figure.
type Count struct {
	// name of the figure.
	// +required
	// +kubebuilder:validation:MaxLength=63
	Name string `json:"name"`

	// value of the figure.
	// +required
	Value int64 `json:"value"`
}

// Attempt is one Job of a stage. It is recorded before the Job exists.
type Attempt struct {
	// number of the attempt, from 1.
	// +required
	// +kubebuilder:validation:Minimum=1
	Number int32 `json:"number"`

	// startTime is when the attempt was recorded.
	// +required
	StartTime metav1.Time `json:"startTime"`

	// completionTime is when its end was read.
	// +optional
	CompletionTime *metav1.Time `json:"completionTime,omitempty"`

	// outcome of the attempt; empty while it runs.
	// +optional
	Outcome FailureClass `json:"outcome,omitempty"`

	// message says in a sentence how it ended.
	// +optional
	// +kubebuilder:validation:MaxLength=512
	Message string `json:"message,omitempty"`
}

// FailureClass says how an attempt ended and thereby what happens next.
// +kubebuilder:validation:Enum=Succeeded;Configuration;Source;Data;RepositoryCode;External;Integrity;Deadline;OutOfMemory;Disrupted;Infrastructure;Cancelled;Unknown
type FailureClass string

// Failure classes; see the operations guide for the retry budget of each.
const (
	// Succeeded: the output is sealed.
	Succeeded FailureClass = "Succeeded"
	// FailureConfiguration: a field must change. Never retried.
	FailureConfiguration FailureClass = "Configuration"
	// FailureSource: the git host refuses or the reference is gone.
	FailureSource FailureClass = "Source"
	// FailureData: the repository cannot give what the recipe wants. Never retried.
	FailureData FailureClass = "Data"
	// FailureRepositoryCode: setup or baseline tests fail. Never retried.
	FailureRepositoryCode FailureClass = "RepositoryCode"
	// FailureExternal: a service answered with an error that passes.
	FailureExternal FailureClass = "External"
	// FailureIntegrity: an input's digest does not match. Retried once.
	FailureIntegrity FailureClass = "Integrity"
	// FailureDeadline: the stage ran out of its own time.
	FailureDeadline FailureClass = "Deadline"
	// FailureOutOfMemory: killed for memory. Retried once.
	FailureOutOfMemory FailureClass = "OutOfMemory"
	// FailureDisrupted: the cluster ended the pod. Own large budget.
	FailureDisrupted FailureClass = "Disrupted"
	// FailureInfrastructure: the pod cannot start. Waits under its own limit.
	FailureInfrastructure FailureClass = "Infrastructure"
	// FailureCancelled: ended on purpose; not counted.
	FailureCancelled FailureClass = "Cancelled"
	// FailureUnknown: no readable result. Retried once.
	FailureUnknown FailureClass = "Unknown"
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
