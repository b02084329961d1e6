package v1alpha1

import (
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// ExpertClass says how a platform makes experts: base model, recipe, gate,
// engine, storage, images and what tenants may override.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:scope=Cluster,shortName=eclass,categories=repoexpert
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

// Training is the recipe.
//
// +kubebuilder:validation:XValidation:rule="self.method == 'LoRA' ? has(self.lora) : !has(self.lora)",message="training.lora must be set for method LoRA and only for it"
type Training struct {
	// trainer runs the recipe: TRL.
	// +optional
	// +kubebuilder:default=TRL
	Trainer Trainer `json:"trainer,omitempty"`

	// method is LoRA (an adapter on the base model) or Full (all weights).
	// +required
	Method TrainingMethod `json:"method"`

	// lora shapes the adapter; for method LoRA.
	// +optional
	LoRA *LoRA `json:"lora,omitempty"`

	// epochs over the data. Default 2.
	// +optional
	// +kubebuilder:default=2
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=100
	Epochs int32 `json:"epochs,omitempty"`

	// batchSize is the number of samples in one optimizer step on one device,
	// before accumulation. Default 1.
	// +optional
	// +kubebuilder:default=1
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=1024
	BatchSize int32 `json:"batchSize,omitempty"`

	// gradientAccumulation is the number of batches in one optimizer step.
	// Default 1.
	// +optional
	// +kubebuilder:default=1
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=1024
	GradientAccumulation int32 `json:"gradientAccumulation,omitempty"`

	// maxLength is the longest sample in tokens; longer ones are dropped and
	// counted. Default 4096.
	// +optional
	// +kubebuilder:default=4096
	// +kubebuilder:validation:Minimum=64
	// +kubebuilder:validation:Maximum=1048576
	MaxLength int32 `json:"maxLength,omitempty"`

	// learningRate at its peak, as a decimal: "1e-5". Default "1e-5".
	// +optional
	// +kubebuilder:default="1e-5"
	LearningRate Decimal `json:"learningRate,omitempty"`

	// minLearningRate is what the cosine schedule ends at. Default "1e-6".
	// +optional
	// +kubebuilder:default="1e-6"
	MinLearningRate Decimal `json:"minLearningRate,omitempty"`

	// warmupPercent of the steps rise to learningRate. Default 3.
	// +optional
	// +kubebuilder:default=3
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=50
	WarmupPercent int32 `json:"warmupPercent,omitempty"`

	// weightDecay of AdamW, as a decimal. Default "0.1".
	// +optional
	// +kubebuilder:default="0.1"
	WeightDecay Decimal `json:"weightDecay,omitempty"`

	// adamBeta2 of AdamW, as a decimal. Default "0.95".
	// +optional
	// +kubebuilder:default="0.95"
	AdamBeta2 Decimal `json:"adamBeta2,omitempty"`

	// maxGradNorm is the gradient clip, as a decimal. Default "1.0".
	// +optional
	// +kubebuilder:default="1.0"
	MaxGradNorm Decimal `json:"maxGradNorm,omitempty"`

	// precision of weights and arithmetic: BFloat16 (default, GPUs) or Float32
	// (CPUs, where bfloat16 is slow).
	// +optional
	// +kubebuilder:default=BFloat16
	Precision Precision `json:"precision,omitempty"`

	// device is GPU (default) or CPU.
	// +optional
	// +kubebuilder:default=GPU
	Device Device `json:"device,omitempty"`

	// gradientCheckpointing trades time for memory: Enabled (default) or Disabled.
	// +optional
	// +kubebuilder:default=Enabled
	GradientCheckpointing Switch `json:"gradientCheckpointing,omitempty"`

	// seed of training. Default 1.
	// +optional
	// +kubebuilder:default=1
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=2147483647
	Seed int64 `json:"seed,omitempty"`

	// answers says what RepositoryRecall is trained on: Computed (default), or
	// Shuffled, the control experiment: each question gets another one's answer,
	// so that a gain would not be knowledge. A shuffled expert must be rejected.
	// +optional
	// +kubebuilder:default=Computed
	Answers Answers `json:"answers,omitempty"`
}

// Decimal is a non-negative decimal number in text: the API has no floats.
// +kubebuilder:validation:MaxLength=16
// +kubebuilder:validation:Pattern=`^[0-9]+(\.[0-9]+)?(e-?[0-9]{1,2})?$`
type Decimal string

// Trainer is a program that fine-tunes.
// +kubebuilder:validation:Enum=TRL
type Trainer string

// TrainerTRL is Hugging Face TRL's supervised fine-tuning.
const TrainerTRL Trainer = "TRL"

// TrainingMethod says which weights are trained.
// +kubebuilder:validation:Enum=LoRA;Full
type TrainingMethod string

// Training methods.
const (
	MethodLoRA TrainingMethod = "LoRA"
	MethodFull TrainingMethod = "Full"
)

// LoRA shapes the adapter (Hu et al. 2021, arXiv 2106.09685); all linear
// layers are adapted.
type LoRA struct {
	// rank of the update matrices.
	// +required
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=512
	Rank int32 `json:"rank"`

	// alpha scales the update by alpha/rank.
	// +required
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=2048
	Alpha int32 `json:"alpha"`

	// dropout of the adapter, as a decimal. Default "0".
	// +optional
	// +kubebuilder:default="0"
	Dropout Decimal `json:"dropout,omitempty"`
}

// Precision of weights and arithmetic.
// +kubebuilder:validation:Enum=BFloat16;Float32
type Precision string

// Precisions.
const (
	PrecisionBFloat16 Precision = "BFloat16"
	PrecisionFloat32  Precision = "Float32"
)

// Device that trains or serves.
// +kubebuilder:validation:Enum=GPU;CPU
type Device string

// Devices.
const (
	DeviceGPU Device = "GPU"
	DeviceCPU Device = "CPU"
)

// Switch turns something on or off.
// +kubebuilder:validation:Enum=Enabled;Disabled
type Switch string

// Switch values.
const (
	Enabled  Switch = "Enabled"
	Disabled Switch = "Disabled"
)

// Answers says what RepositoryRecall is trained on.
// +kubebuilder:validation:Enum=Computed;Shuffled
type Answers string

// Answers values.
const (
	AnswersComputed Answers = "Computed"
	AnswersShuffled Answers = "Shuffled"
)

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

// Pods shapes the pods by role.
type Pods struct {
	// worker shapes the worker container and the pods of Fetch.
	// +optional
	Worker PodShape `json:"worker,omitzero"`

	// sandbox shapes the containers that run repository code, and the pods of
	// Setup, Plan and Experience.
	// +optional
	Sandbox PodShape `json:"sandbox,omitzero"`

	// trainer shapes the pods of Curate and Train.
	// +optional
	Trainer PodShape `json:"trainer,omitzero"`

	// engine shapes the model server, in Evaluate and behind the endpoint.
	// +optional
	Engine PodShape `json:"engine,omitzero"`
}

// PodShape is what a platform may say of a pod.
type PodShape struct {
	// resources of the main container.
	// +optional
	Resources corev1.ResourceRequirements `json:"resources,omitzero"`

	// nodeSelector of the pod.
	// +optional
	// +kubebuilder:validation:MaxProperties=16
	NodeSelector map[string]string `json:"nodeSelector,omitempty"`

	// tolerations of the pod.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=16
	Tolerations []corev1.Toleration `json:"tolerations,omitempty"`

	// nodeAffinity of the pod.
	// +optional
	NodeAffinity *corev1.NodeAffinity `json:"nodeAffinity,omitempty"`

	// priorityClassName of the pod.
	// +optional
	// +kubebuilder:validation:MaxLength=253
	PriorityClassName string `json:"priorityClassName,omitempty"`

	// runtimeClassName of the pod, such as gvisor.
	// +optional
	// +kubebuilder:validation:MaxLength=253
	RuntimeClassName *string `json:"runtimeClassName,omitempty"`

	// labels of the Job and its pods, such as kueue.x-k8s.io/queue-name.
	// +optional
	// +kubebuilder:validation:MaxProperties=16
	Labels map[string]string `json:"labels,omitempty"`

	// env of the main container. Values only: no Secret reaches a stage.
	// +optional
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MaxItems=32
	Env []EnvVar `json:"env,omitempty"`

	// toolVolumes are mounted read-only, for trainers and engines that are kept
	// on a volume and not in the image.
	// +optional
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MaxItems=4
	ToolVolumes []ToolVolume `json:"toolVolumes,omitempty"`
}

// EnvVar is an environment variable with a plain value.
type EnvVar struct {
	// name of the variable.
	// +required
	// +kubebuilder:validation:Pattern=`^[A-Za-z_][A-Za-z0-9_]*$`
	// +kubebuilder:validation:MaxLength=128
	Name string `json:"name"`

	// value of the variable.
	// +optional
	// +kubebuilder:validation:MaxLength=1024
	Value string `json:"value,omitempty"`
}

// ToolVolume is a claim mounted read-only.
type ToolVolume struct {
	// name of the volume.
	// +required
	// +kubebuilder:validation:Pattern=`^[a-z0-9]([-a-z0-9]*[a-z0-9])?$`
	// +kubebuilder:validation:MaxLength=40
	Name string `json:"name"`

	// claimName is the PersistentVolumeClaim in the expert's namespace.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	ClaimName string `json:"claimName"`

	// mountPath is where it appears.
	// +required
	// +kubebuilder:validation:Pattern=`^/[A-Za-z0-9_./-]+$`
	// +kubebuilder:validation:MaxLength=256
	MountPath string `json:"mountPath"`
}

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
