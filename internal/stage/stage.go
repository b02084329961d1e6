// Package stage is what all stages of the worker share: the environment that a
// stage runs in and the errors by which it ends.
package stage

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"github.com/repoexpert/operator/api/v1alpha1"
	"github.com/repoexpert/operator/internal/artifact"
	"github.com/repoexpert/operator/internal/contract"
	"github.com/repoexpert/operator/internal/sandbox"
	"github.com/repoexpert/operator/internal/snapshot"
)

// Env is what a stage runs with. Boxes are nil in stages without a sandbox.
type Env struct {
	Spec  contract.StageSpec
	Store *artifact.Store
	// Agent runs the agent's commands, Grader grading tests in a fresh tree.
	Agent  sandbox.Box
	Grader sandbox.Box
	// Index is the shard of Experience, from 0.
	Index int32
	Log   *slog.Logger
	// Progress reports how far a long stage is.
	Progress func(contract.Progress)
}

// Trained is the commit whose tree is learned: the run's, or an earlier one where
// the newest commits are kept from training.
func (e Env) Trained() (string, error) {
	place, err := e.Store.Path(e.Spec.Keys.Output(v1alpha1.StageFetch))
	if err != nil {
		return "", err
	}
	frontier, parted, err := snapshot.ReadFrontier(place)
	if err != nil || !parted {
		return e.Spec.Commit, err
	}
	return frontier.Trained, nil
}

// Func is a stage. It returns a result with the class Succeeded and a manifest
// digest, or an error; an *Error says how the manager must take it.
type Func func(ctx context.Context, env Env) (contract.StageResult, error)

// Error is a stage's end that the manager can act on.
type Error struct {
	Class v1alpha1.FailureClass
	// Message names the field or file, its value and the remedy, in a sentence
	// that is the same every time: it lands in a condition.
	Message string
	// Cause is logged, not reported.
	Cause error
}

// Error implements error.
func (e *Error) Error() string {
	if e.Cause != nil {
		return fmt.Sprintf("%s: %v", e.Message, e.Cause)
	}
	return e.Message
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Cause }

// Fail returns an Error of a class with a formatted message.
func Fail(class v1alpha1.FailureClass, cause error, format string, args ...any) error {
	return &Error{Class: class, Message: fmt.Sprintf(format, args...), Cause: cause}
}

// ClassOf returns the class of an error: that of the first Error in its chain,
// Deadline for an exceeded context, else Unknown.
func ClassOf(err error) v1alpha1.FailureClass {
	var e *Error
	switch {
	case errors.As(err, &e):
		return e.Class
	case errors.Is(err, context.DeadlineExceeded):
		return v1alpha1.FailureDeadline
	default:
		return v1alpha1.FailureUnknown
	}
}
