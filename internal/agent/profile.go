package agent

import (
	"fmt"
	"time"

	"github.com/repoexpert/operator/api/v1alpha1"
)

// Profile bounds an episode. Its name is recorded beside everything that was
// made with it.
type Profile struct {
	Name string `json:"name"`
	// MaxSteps is the number of assistant turns.
	MaxSteps int `json:"maxSteps"`
	// MaxTokensPerTurn and ContextTokens bound the model.
	MaxTokensPerTurn int `json:"maxTokensPerTurn"`
	ContextTokens    int `json:"contextTokens"`
	// CommandTimeout kills a command.
	CommandTimeout time.Duration `json:"commandTimeout"`
}

// The limits of the paper's own setting, in tokens but for the steps.
const (
	paperSteps   = 64
	paperTokens  = 4096
	paperContext = 48_000
	paperTimeout = 60 * time.Second
)

// Paper returns the profile of the method's paper.
func Paper() Profile {
	return Profile{Name: "mini-swe-1/paper", MaxSteps: paperSteps, MaxTokensPerTurn: paperTokens, ContextTokens: paperContext, CommandTimeout: paperTimeout}
}

// NewProfile returns the profile of a class. Other limits than the paper's have
// another name, because figures made with them cannot be compared.
func NewProfile(limits v1alpha1.AgentProfile, commandTimeout time.Duration) Profile {
	paper := Paper()
	profile := Profile{
		MaxSteps:         positive(int(limits.MaxSteps), paper.MaxSteps),
		MaxTokensPerTurn: positive(int(limits.MaxTokensPerTurn), paper.MaxTokensPerTurn),
		ContextTokens:    positive(int(limits.ContextTokens), paper.ContextTokens),
		CommandTimeout:   positive(commandTimeout, paper.CommandTimeout),
	}
	profile.Name = paper.Name
	if profile != paper {
		profile.Name = fmt.Sprintf("mini-swe-1/%dx%d", profile.MaxSteps, profile.MaxTokensPerTurn)
	}
	return profile
}

func positive[T int | time.Duration](value, otherwise T) T {
	if value > 0 {
		return value
	}
	return otherwise
}
