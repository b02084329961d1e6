package v1alpha1

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
