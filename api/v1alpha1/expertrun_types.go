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
// +kubebuilder:resource:shortName=erun,categories=repo-expert
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

	// conditions of the run: Ready, Reconciling, Stalled, GatePowered.
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

	// plan of the evaluation, fixed before its first Job.
	// +optional
	Plan *EvaluationPlan `json:"plan,omitempty"`

	// looks lists the looks at results that decided nothing, oldest first.
	// +optional
	// +listType=map
	// +listMapKey=number
	// +kubebuilder:validation:MaxItems=8
	Looks []LookStatus `json:"looks,omitempty"`

	// evaluation is the record that the gate decides from: that of the newest look.
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
