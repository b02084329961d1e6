package sandbox

import (
	"errors"
	"fmt"
)

// Errors of a box. What a command does is a Result and never an error.
var (
	// ErrBoxLost: the sidecar is gone, restarts, or speaks something else than the
	// protocol, as when repository code used up its memory or replaced its socket.
	// What ran and what lay in the box is lost; a new tree may be put.
	ErrBoxLost = errors.New("the sandbox sidecar is lost")
	// ErrNotIsolated: the network answers from where repository code would run.
	ErrNotIsolated = errors.New("the sandbox is not isolated from the network")
	// ErrNoSpace: the disk is full of what is not the box's. Commands would fail for
	// a reason that is not theirs, so none is run.
	ErrNoSpace = errors.New("the disk below the sandbox is full")
	// ErrTooLarge: a tree or file is above the box's bounds.
	ErrTooLarge = errors.New("above the sandbox's bounds")
)

// RequestError is a request that the box refuses, such as a directory that is
// not there.
type RequestError struct {
	// Message is what the sidecar says, bounded and in printable characters. It
	// may have been written by repository code.
	Message string
}

// Error implements error.
func (e *RequestError) Error() string { return "the sandbox refuses: " + e.Message }

// refuse is a RequestError on the server's side.
func refuse(format string, args ...any) error {
	return &RequestError{Message: fmt.Sprintf(format, args...)}
}
