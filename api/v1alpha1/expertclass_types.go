package v1alpha1

import (
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// ExpertClass says how a platform makes experts: base model, recipe, gate,
// engine, storage, images and what tenants may override.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:scope=Cluster,shortName=eclass,categories=repo-expert
// +kubebuilder:printcolumn:name="Default",type=string,JSONPath=`.metadata.annotations.repoexpert\.dev/is-default-class`
// +kubebuilder:printcolumn:name="Base",type=string,JSONPath=`.spec.baseModel.name`
// +kubebuilder:printcolumn:name="Engine",type=string,JSONPath=`.spec.serving.engine`
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
// +kubebuilder:validation:XValidation:rule="size(self.metadata.name) <= 63",message="metadata.name must be at most 63 characters"
type ExpertClass struct {
	metav1.TypeMeta `json:",inline"`
	// metadata is the standard object metadata.
	// +optional
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// spec says how experts of this class are made.
	// +required
	Spec ExpertClassSpec `json:"spec"`

	// status says whether experts can use the class.
	// +optional
	Status ExpertClassStatus `json:"status,omitzero"`
}

// ExpertClassList is a list of ExpertClasses.
//
// +kubebuilder:object:root=true
type ExpertClassList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []ExpertClass `json:"items"`
}

// ExpertClassStatus says whether experts can use the class.
type ExpertClassStatus struct {
	// observedGeneration is the generation that was really handled last.
	// +optional
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`

	// conditions of the class: Ready, Stalled.
	// +optional
	// +listType=map
	// +listMapKey=type
	// +kubebuilder:validation:MaxItems=8
	Conditions []metav1.Condition `json:"conditions,omitempty"`
}

// ExpertClassSpec is what the platform decides. Changes apply to an expert at
// its next commit or requested run, except gate, serving and retrain, which
// apply at once.
type ExpertClassSpec struct {
	// baseModel is the model that experts start from.
	// +required
	BaseModel BaseModel `json:"baseModel"`

	// images are the images of the stages' own containers.
	// +optional
	Images Images `json:"images,omitzero"`

	// experience says how much experience a run generates.
	// +optional
	Experience Experience `json:"experience,omitzero"`

	// teacher is a larger model whose trajectories experts learn from. Without it
	// trajectories are scripted.
	// +optional
	Teacher *Teacher `json:"teacher,omitempty"`

	// training is the recipe.
	// +required
	Training Training `json:"training"`

	// evaluation says what is held out and how it is asked.
	// +optional
	Evaluation Evaluation `json:"evaluation,omitzero"`

	// gate is what a model must pass to be served. It is not part of a run: an
	// edit decides the newest finished run again, from its record.
	// +optional
	Gate Gate `json:"gate,omitzero"`

	// serving says how a promoted model is served.
	// +required
	Serving Serving `json:"serving"`

	// storage is the claim of an expert's artifact volume.
	// +required
	Storage Storage `json:"storage"`

	// pods shapes the pods by role.
	// +optional
	Pods Pods `json:"pods,omitzero"`

	// networkIsolation says whether the cluster enforces NetworkPolicy. Enforced
	// (default): a sandbox that can reach the API server, the metadata address or
	// DNS refuses to run repository code. NotEnforced: it runs nevertheless and
	// every expert says so in its condition NetworkIsolated.
	// +optional
	// +kubebuilder:default=Enforced
	NetworkIsolation NetworkIsolation `json:"networkIsolation,omitempty"`

	// retrain says when a new commit starts a run.
	// +optional
	Retrain Retrain `json:"retrain,omitzero"`

	// allowedOverrides lists what experts may set in spec.overrides.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=8
	AllowedOverrides []OverrideName `json:"allowedOverrides,omitempty"`
}

// OverrideName is a field of RepoExpert's spec.overrides.
// +kubebuilder:validation:Enum=shards;replicas;seed
type OverrideName string

// Override names.
const (
	OverrideShards   OverrideName = "shards"
	OverrideReplicas OverrideName = "replicas"
	OverrideSeed     OverrideName = "seed"
)

// NetworkIsolation says whether the cluster enforces NetworkPolicy.
// +kubebuilder:validation:Enum=Enforced;NotEnforced
type NetworkIsolation string

// Values of networkIsolation.
const (
	NetworkIsolationEnforced    NetworkIsolation = "Enforced"
	NetworkIsolationNotEnforced NetworkIsolation = "NotEnforced"
)

// BaseModel is the model that experts start from.
type BaseModel struct {
	// name is the model's public name, for reports and the endpoint's metadata.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=128
	// +kubebuilder:validation:Pattern=`^[A-Za-z0-9][A-Za-z0-9._/-]*$`
	Name string `json:"name"`

	// claim holds the weights: safetensors, config and tokenizer with a chat
	// template. The claim of this name must exist in every namespace with an
	// expert of this class; it is mounted read-only in the Fetch stage only.
	// +required
	Claim ClaimPath `json:"claim"`

	// revision tells versions of the weights under one path apart; a change
	// retrains at the next commit.
	// +optional
	// +kubebuilder:validation:MaxLength=128
	Revision string `json:"revision,omitempty"`
}

// ClaimPath is a folder of a PersistentVolumeClaim.
type ClaimPath struct {
	// claimName is the PersistentVolumeClaim in the expert's namespace.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	ClaimName string `json:"claimName"`

	// path is the folder inside the volume; empty means its root.
	// +optional
	// +kubebuilder:validation:MaxLength=256
	// +kubebuilder:validation:Pattern=`^[A-Za-z0-9_.][A-Za-z0-9_./-]*$`
	// +kubebuilder:validation:XValidation:rule="!self.contains('..')",message="claim.path must not leave the volume: remove '..'"
	Path string `json:"path,omitempty"`
}

// Images are the images of the stages' own containers. Name them by digest in
// production.
type Images struct {
	// worker replaces the operator's own worker image.
	// +optional
	// +kubebuilder:validation:MaxLength=512
	Worker string `json:"worker,omitempty"`

	// trainer runs Curate (the model's own tokenizer) and Train. It needs Python
	// 3.10 or newer and what the recipe names; the worker binary is copied in.
	// +optional
	// +kubebuilder:validation:MaxLength=512
	Trainer string `json:"trainer,omitempty"`

	// engine serves models, in Evaluate and behind the endpoint.
	// +optional
	// +kubebuilder:validation:MaxLength=512
	Engine string `json:"engine,omitempty"`
}

// Experience says how much experience a run generates.
type Experience struct {
	// shards is the number of sandbox pods that generate experience. Default 2.
	// +optional
	// +kubebuilder:default=2
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=256
	Shards int32 `json:"shards,omitempty"`

	// units lists what is generated. A unit that is not listed is not generated.
	// +optional
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MaxItems=8
	Units []Unit `json:"units,omitempty"`

	// minSamples is the number of training samples below which a run fails with
	// class Data instead of training. Default 16.
	// +optional
	// +kubebuilder:default=16
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=1000000
	MinSamples int32 `json:"minSamples,omitempty"`

	// seed of sampling. Default 1.
	// +optional
	// +kubebuilder:default=1
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=2147483647
	Seed int64 `json:"seed,omitempty"`

	// commandTimeout bounds one command in the sandbox. Default 60s.
	// +optional
	// +kubebuilder:default="60s"
	CommandTimeout metav1.Duration `json:"commandTimeout,omitempty"`

	// testTimeout bounds one run of the repository's whole suite. Default 10m.
	// +optional
	// +kubebuilder:default="10m"
	TestTimeout metav1.Duration `json:"testTimeout,omitempty"`
}

// UnitName is a unit of repository-centric experience.
// +kubebuilder:validation:Enum=SoftwareDesign;ContextualImplementation;EvolutionaryReplay;SemanticRuntimeAlignment;RepositoryRecall
type UnitName string

// Units of experience. The first four are the method's; RepositoryRecall is
// this project's own and counted apart.
const (
	// UnitSoftwareDesign explores one component and ends in a report whose cited
	// files and symbols resolve.
	UnitSoftwareDesign UnitName = "SoftwareDesign"
	// UnitContextualImplementation finds the context of a masked function and
	// writes its body; the covering tests fail before and pass after.
	UnitContextualImplementation UnitName = "ContextualImplementation"
	// UnitEvolutionaryReplay repairs a bug of the repository's history, or a
	// procedural one, that was put back into a tree; the tests that fail for it pass
	// after, others go on passing.
	UnitEvolutionaryReplay UnitName = "EvolutionaryReplay"
	// UnitSemanticRuntimeAlignment writes a test for such a bug, which fails with it
	// and passes without.
	UnitSemanticRuntimeAlignment UnitName = "SemanticRuntimeAlignment"
	// UnitRepositoryRecall asks closed questions whose answers are computed.
	UnitRepositoryRecall UnitName = "RepositoryRecall"
)

// Units lists all units of experience, in the order in which people read of them.
var Units = []UnitName{UnitSoftwareDesign, UnitContextualImplementation, UnitEvolutionaryReplay, UnitSemanticRuntimeAlignment, UnitRepositoryRecall}

// Unit is how much of one unit is generated.
type Unit struct {
	// name of the unit.
	// +required
	Name UnitName `json:"name"`

	// samples is the most that are kept: trajectories, or for RepositoryRecall
	// facts (each asked in several wordings).
	// +required
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=100000
	Samples int32 `json:"samples"`
}

// Serving says how a promoted model is served.
type Serving struct {
	// engine is the model server: Transformers or VLLM.
	// +required
	Engine Engine `json:"engine"`

	// device is GPU (default) or CPU.
	// +optional
	// +kubebuilder:default=GPU
	Device Device `json:"device,omitempty"`

	// replicas is the number of serving pods. Default 1.
	// +optional
	// +kubebuilder:default=1
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=64
	Replicas int32 `json:"replicas,omitempty"`

	// strategy is Surge (default; the new pod is ready before the old one goes)
	// or Recreate (where there is no room for two).
	// +optional
	// +kubebuilder:default=Surge
	Strategy ServingStrategy `json:"strategy,omitempty"`

	// contextTokens is the served context length. Default 48000.
	// +optional
	// +kubebuilder:default=48000
	// +kubebuilder:validation:Minimum=256
	// +kubebuilder:validation:Maximum=1048576
	ContextTokens int32 `json:"contextTokens,omitempty"`

	// probeQuestions is the number of questions that a new pod must answer as
	// recorded at evaluation before it gets traffic. Default 3.
	// +optional
	// +kubebuilder:default=3
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=16
	ProbeQuestions int32 `json:"probeQuestions,omitempty"`

	// probeAgreement is how many of them must agree. Default 2.
	// +optional
	// +kubebuilder:default=2
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=16
	ProbeAgreement int32 `json:"probeAgreement,omitempty"`

	// rollDeadline after which a roll that is not ready goes back to the last
	// good run. Default 20m.
	// +optional
	// +kubebuilder:default="20m"
	RollDeadline metav1.Duration `json:"rollDeadline,omitempty"`
}

// Engine is a model server.
// +kubebuilder:validation:Enum=Transformers;VLLM
type Engine string

// Engines.
const (
	EngineTransformers Engine = "Transformers"
	EngineVLLM         Engine = "VLLM"
)

// ServingStrategy says how a Deployment rolls.
// +kubebuilder:validation:Enum=Surge;Recreate
type ServingStrategy string

// Serving strategies.
const (
	StrategySurge    ServingStrategy = "Surge"
	StrategyRecreate ServingStrategy = "Recreate"
)

// Storage is the claim of an expert's artifact volume.
type Storage struct {
	// size of the claim.
	// +required
	Size resource.Quantity `json:"size"`

	// accessMode is ReadWriteMany (default) or ReadWriteOnce (all stages and the
	// endpoint then share a node).
	// +optional
	// +kubebuilder:default=ReadWriteMany
	AccessMode AccessMode `json:"accessMode,omitempty"`

	// storageClassName of the claim. Default: the cluster's.
	// +optional
	// +kubebuilder:validation:MaxLength=253
	StorageClassName *string `json:"storageClassName,omitempty"`
}

// AccessMode of an artifact volume.
// +kubebuilder:validation:Enum=ReadWriteMany;ReadWriteOnce
type AccessMode string

// Access modes.
const (
	ReadWriteMany AccessMode = "ReadWriteMany"
	ReadWriteOnce AccessMode = "ReadWriteOnce"
)

// Retrain says when a new commit starts a run.
type Retrain struct {
	// pollInterval between two looks at the reference. Default 1m.
	// +optional
	// +kubebuilder:default="1m"
	PollInterval metav1.Duration `json:"pollInterval,omitempty"`

	// minInterval between the starts of two runs of one expert. Default 0s.
	// +optional
	// +kubebuilder:default="0s"
	MinInterval metav1.Duration `json:"minInterval,omitempty"`
}
