// Package recipe is what trainers have in common: the words in which a stage
// orders a training and reads how it went. A trainer is a folder below this one
// and one line where the stage Train registers it.
package recipe

import (
	"github.com/repoexpert/operator/api/v1alpha1"
)

// Job is one training.
type Job struct {
	Training v1alpha1.Training
	// BaseModel is the absolute folder of the base model, Dataset the absolute
	// file of samples, one a line.
	BaseModel string
	Dataset   string
	// Work is an empty, writable folder for configuration, scripts and caches.
	Work string
	// Output is the folder that the weights go to, and checkpoints until then.
	Output string
	// Resume continues from the newest checkpoint in Output if there is one.
	Resume bool
}

// Command is a process. It runs in the job's work folder.
type Command struct {
	Args []string
	// Env is added to the process's environment and loses against it.
	Env map[string]string
}

// Step is how far a training is.
type Step struct {
	Step       int64
	MaxSteps   int64
	Loss       float64
	ETASeconds int64
}

// Result is what a trainer says of a training that finished. The stage believes
// none of it without looking at the weights.
type Result struct {
	Step     int64             `json:"step"`
	MaxSteps int64             `json:"max_steps"`
	Loss     float64           `json:"loss"`
	Seconds  float64           `json:"seconds"`
	Tokens   int64             `json:"tokens"`
	Adapter  bool              `json:"adapter"`
	Weights  []string          `json:"weights"`
	Versions map[string]string `json:"versions"`
}
