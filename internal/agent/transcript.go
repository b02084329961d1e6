package agent

import (
	"time"

	"github.com/repoexpert/operator/internal/task"
)

// Status is how an episode ended.
type Status string

// Statuses.
const (
	// Submitted: the model finished by itself.
	Submitted Status = "Submitted"
	// StepLimit: all turns were used.
	StepLimit Status = "StepLimit"
	// LoopAborted: the model said the same five times.
	LoopAborted Status = "LoopAborted"
	// FormatLimit: too many turns in a row without exactly one action.
	FormatLimit Status = "FormatLimit"
	// ContextLimit: the messages no longer fit the model's context.
	ContextLimit Status = "ContextLimit"
	// BoxLost: the sandbox failed, as when a command used up its memory.
	BoxLost Status = "BoxLost"
)

// Transcript is what happened in an episode.
type Transcript struct {
	Profile  string         `json:"profile"`
	Status   Status         `json:"status"`
	Messages []task.Message `json:"messages"`
	// Submission follows the marker; empty unless Status is Submitted.
	Submission string `json:"submission,omitempty"`
	// Steps is the number of assistant turns.
	Steps        int       `json:"steps"`
	FormatErrors int       `json:"formatErrors,omitempty"`
	Commands     []Command `json:"commands,omitempty"`
	Usage        Usage     `json:"usage"`
	// Lost says why the box failed.
	Lost string `json:"lost,omitempty"`
}

// Command is one executed action.
type Command struct {
	// Step is the number of the assistant turn, from 1.
	Step     int           `json:"step"`
	ExitCode int           `json:"exitCode"`
	TimedOut bool          `json:"timedOut,omitempty"`
	Elapsed  time.Duration `json:"elapsed"`
	CPU      time.Duration `json:"cpu"`
}

// CPU is the processor time of all commands.
func (t Transcript) CPU() time.Duration {
	var total time.Duration
	for _, command := range t.Commands {
		total += command.CPU
	}
	return total
}

// Usage is what a model's turns cost, in tokens. Prompt counts every turn's
// whole context again, as engines bill it.
type Usage struct {
	PromptTokens     int `json:"promptTokens"`
	CompletionTokens int `json:"completionTokens"`
}

func (u *Usage) add(other Usage) {
	u.PromptTokens += other.PromptTokens
	u.CompletionTokens += other.CompletionTokens
}
