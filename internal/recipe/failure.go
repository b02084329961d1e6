package recipe

import (
	"strings"

	"github.com/repoexpert/operator/api/v1alpha1"
)

// Failure is why a trainer ended, as the run reports it.
type Failure struct {
	Class v1alpha1.FailureClass
	// Remedy is a sentence for the user; empty where the trainer's own last line
	// says more.
	Remedy string
}

// patterns are texts of trainers and their libraries, in the order in which they
// decide: what is said first is the cause of what is said later. A process that
// was killed for memory often takes its parent down with exit code 1.
var patterns = []struct {
	texts []string
	Failure
}{
	{[]string{"no space left on device", "disk quota exceeded"},
		Failure{v1alpha1.FailureInfrastructure, "the volume is full: raise storage.size"}},
	{[]string{"torch.outofmemoryerror", "out of memory", "can't allocate memory", "cannot allocate memory", "memoryerror"},
		Failure{v1alpha1.FailureOutOfMemory, "the training needs more memory: lower training.batchSize or training.maxLength, or raise pods.trainer.resources"}},
	{[]string{"the loss is nan", "the loss is inf", "the loss is -inf", "loss is not finite"},
		Failure{v1alpha1.FailureData, "the training diverged: lower training.learningRate"}},
	{[]string{"repository not found", "401 client error", "403 client error", "offline mode is enabled", "localentrynotfounderror"},
		Failure{v1alpha1.FailureConfiguration, "the trainer looked for a file on a model hub: baseModel.claim must hold weights, configuration and tokenizer"}},
	{[]string{"modulenotfounderror", "no module named"},
		Failure{v1alpha1.FailureConfiguration, "images.trainer, or its tool volume, lacks a Python package"}},
	{[]string{"no cuda gpus are available", "found no nvidia driver", "cuda driver version is insufficient"},
		Failure{v1alpha1.FailureConfiguration, "training.device is GPU but the pod has none: set pods.trainer.resources or training.device"}},
	{[]string{"nccl error", "nccl watchdog"},
		Failure{v1alpha1.FailureInfrastructure, "the GPUs of the pod could not talk to each other"}},
}

// Exit codes by which our own scripts tell a class, besides those of the
// contract between worker and manager.
const (
	exitConfiguration = 40
	exitData          = 42
	exitIntegrity     = 45
	exitKilled        = 137
)

// Classify tells the class of a trainer's end from its exit code and the end of
// its output. What it printed decides first: a wrapper's exit code often hides
// the cause.
func Classify(exitCode int, output string) Failure {
	lower := strings.ToLower(output)
	for _, pattern := range patterns {
		for _, text := range pattern.texts {
			if strings.Contains(lower, text) {
				return pattern.Failure
			}
		}
	}
	switch exitCode {
	case exitConfiguration:
		return Failure{Class: v1alpha1.FailureConfiguration}
	case exitData:
		return Failure{Class: v1alpha1.FailureData}
	case exitIntegrity:
		return Failure{Class: v1alpha1.FailureIntegrity}
	case exitKilled:
		return Failure{v1alpha1.FailureOutOfMemory, "the trainer was killed, most likely for memory: lower training.batchSize or training.maxLength, or raise pods.trainer.resources"}
	default:
		return Failure{Class: v1alpha1.FailureUnknown}
	}
}
