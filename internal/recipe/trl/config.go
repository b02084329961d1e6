package trl

import (
	"cmp"
	"encoding/json"
	"fmt"
	"strconv"

	"github.com/repoexpert/operator/api/v1alpha1"
	"github.com/repoexpert/operator/internal/recipe"
)

// config is TRL's configuration file, the part that we set. Every value is
// written, also where it is TRL's default: several of those are wrong for
// conversations (max_length 1024, loss on all turns).
type config struct {
	Model    string    `json:"model_name_or_path"`
	Datasets []dataset `json:"datasets"`
	Output   string    `json:"output_dir"`
	Template string    `json:"chat_template_path,omitempty"`

	AssistantOnlyLoss bool   `json:"assistant_only_loss"`
	MaxLength         int32  `json:"max_length"`
	Packing           bool   `json:"packing"`
	Sampling          string `json:"train_sampling_strategy"`

	UseCPU                bool   `json:"use_cpu"`
	DType                 string `json:"dtype"`
	BF16                  bool   `json:"bf16"`
	FP16                  bool   `json:"fp16"`
	GradientCheckpointing bool   `json:"gradient_checkpointing"`

	UsePEFT       bool     `json:"use_peft"`
	LoRARank      int32    `json:"lora_r,omitempty"`
	LoRAAlpha     int32    `json:"lora_alpha,omitempty"`
	LoRADropout   *float64 `json:"lora_dropout,omitempty"`
	TargetModules string   `json:"lora_target_modules,omitempty"`

	BatchSize    int32   `json:"per_device_train_batch_size"`
	Accumulation int32   `json:"gradient_accumulation_steps"`
	Epochs       int32   `json:"num_train_epochs"`
	LearningRate float64 `json:"learning_rate"`
	Scheduler    string  `json:"lr_scheduler_type"`
	// SchedulerArguments is JSON in a string: a YAML reader takes a nested 1e-06,
	// which has no point, for text.
	SchedulerArguments string  `json:"lr_scheduler_kwargs"`
	Warmup             float64 `json:"warmup_steps"`
	AdamBeta2          float64 `json:"adam_beta2"`
	WeightDecay        float64 `json:"weight_decay"`
	MaxGradNorm        float64 `json:"max_grad_norm"`
	Seed               int64   `json:"seed"`

	LoggingSteps  int    `json:"logging_steps"`
	SaveStrategy  string `json:"save_strategy"`
	JITCheckpoint bool   `json:"enable_jit_checkpoint"`
	ReportTo      string `json:"report_to"`
}

type dataset struct {
	Path  string `json:"path"`
	Files string `json:"data_files"`
	Split string `json:"split"`
}

// configOf translates the recipe. Unset values are the API's defaults.
func configOf(job recipe.Job, template string) (config, error) {
	t := job.Training
	c := config{
		Model:             job.BaseModel,
		Datasets:          []dataset{{Path: "json", Files: job.Dataset, Split: "train"}},
		Output:            job.Output,
		Template:          template,
		AssistantOnlyLoss: true,
		MaxLength:         cmp.Or(t.MaxLength, 4096),
		// The data set is written in the order in which it is to be learned.
		Sampling:              "sequential",
		UseCPU:                t.Device == v1alpha1.DeviceCPU,
		DType:                 dtype(t),
		BF16:                  t.Precision != v1alpha1.PrecisionFloat32,
		GradientCheckpointing: t.GradientCheckpointing != v1alpha1.Disabled,
		BatchSize:             cmp.Or(t.BatchSize, 1),
		Accumulation:          cmp.Or(t.GradientAccumulation, 1),
		Epochs:                cmp.Or(t.Epochs, 2),
		Scheduler:             "cosine_with_min_lr",
		// Below 1 it is a share of all steps.
		Warmup:       min(float64(t.WarmupPercent)/100, 0.99),
		Seed:         t.Seed,
		LoggingSteps: 1,
		SaveStrategy: "no",
		// A checkpoint at SIGTERM only: a disruption loses a step, not the training.
		JITCheckpoint: true,
		ReportTo:      "none",
	}
	if err := c.addDecimals(t); err != nil {
		return config{}, err
	}
	return c, c.addAdapter(t)
}

// dtype is the precision that weights are loaded in. Full fine-tuning keeps them
// in float32 and computes in bfloat16: an update of 1e-5 is lost in bfloat16
// weights. An adapter's base is frozen, and its own weights stay float32.
func dtype(t v1alpha1.Training) string {
	if t.Precision == v1alpha1.PrecisionFloat32 || t.Method == v1alpha1.MethodFull {
		return "float32"
	}
	return "bfloat16"
}

func (c *config) addDecimals(t v1alpha1.Training) error {
	var minimum float64
	for _, field := range []struct {
		name     string
		value    v1alpha1.Decimal
		fallback v1alpha1.Decimal
		target   *float64
	}{
		{"learningRate", t.LearningRate, "1e-5", &c.LearningRate},
		{"minLearningRate", t.MinLearningRate, "1e-6", &minimum},
		{"weightDecay", t.WeightDecay, "0.1", &c.WeightDecay},
		{"adamBeta2", t.AdamBeta2, "0.95", &c.AdamBeta2},
		{"maxGradNorm", t.MaxGradNorm, "1.0", &c.MaxGradNorm},
	} {
		value, err := decimal(cmp.Or(field.value, field.fallback))
		if err != nil {
			return fmt.Errorf("training.%s: %w", field.name, err)
		}
		*field.target = value
	}
	if minimum > c.LearningRate {
		return fmt.Errorf("training.minLearningRate %s is above training.learningRate %s", t.MinLearningRate, t.LearningRate)
	}
	// A map of one number always marshals.
	arguments, _ := json.Marshal(map[string]float64{"min_lr": minimum})
	c.SchedulerArguments = string(arguments)
	return nil
}

func (c *config) addAdapter(t v1alpha1.Training) error {
	if t.Method != v1alpha1.MethodLoRA {
		return nil
	}
	if t.LoRA == nil {
		return fmt.Errorf("training.lora is missing: method LoRA needs rank and alpha")
	}
	dropout, err := decimal(cmp.Or(t.LoRA.Dropout, "0"))
	if err != nil {
		return fmt.Errorf("training.lora.dropout: %w", err)
	}
	c.UsePEFT, c.LoRARank, c.LoRAAlpha = true, t.LoRA.Rank, t.LoRA.Alpha
	c.LoRADropout, c.TargetModules = &dropout, "all-linear"
	return nil
}

func decimal(d v1alpha1.Decimal) (float64, error) {
	value, err := strconv.ParseFloat(string(d), 64)
	if err != nil || value < 0 || value != value {
		return 0, fmt.Errorf("%q is no decimal number", string(d))
	}
	return value, nil
}
