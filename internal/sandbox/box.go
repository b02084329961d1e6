package sandbox

import (
	"context"
	"io"
	"time"
)

// TreeFolder is where the tree lies, below the root of its box, that the commands
// of a task run in. It is the same in all boxes and stages: compilers write paths
// into what they make, and what was compiled in one place is not used in another.
const TreeFolder = "repository"

// Command is one process to run, in a process group of its own that is killed
// as a whole when it ends or times out.
type Command struct {
	// Args is the program and its arguments; no shell is involved.
	Args []string `json:"args"`
	// Dir is the working directory, below the box's root.
	Dir string `json:"dir"`
	// Env is added to the sidecar's small fixed environment, as NAME=value.
	Env []string `json:"env,omitempty"`
	// Stdin is given to the process.
	Stdin string `json:"stdin,omitempty"`
	// Timeout kills the process group. Required.
	Timeout time.Duration `json:"timeout"`
	// OutputLimit is the most bytes of output that are kept: half from the
	// start, half from the end. Default 64 KiB.
	OutputLimit int `json:"outputLimit,omitempty"`
}

// Result is how a command ended.
type Result struct {
	// ExitCode of the process; 128+n for a signal n.
	ExitCode int `json:"exitCode"`
	// Output is stdout and stderr as they came, bounded.
	Output string `json:"output"`
	// Truncated says that output was dropped from the middle.
	Truncated bool `json:"truncated,omitempty"`
	// OutputBytes is the size before it was bounded.
	OutputBytes int64 `json:"outputBytes"`
	// TimedOut says that the process group was killed for time.
	TimedOut bool `json:"timedOut,omitempty"`
	// Elapsed is wall time, CPU user and system time of the process group.
	Elapsed time.Duration `json:"elapsed"`
	CPU     time.Duration `json:"cpu"`
}

// Box is a place where untrusted commands run. Directories are slash paths
// relative to Root, without "..".
type Box interface {
	// Root is the absolute path of the workspace as commands inside see it.
	Root() string
	// PutTree makes a directory hold exactly what a tar stream does, whatever lies
	// there; files that are the same stay, so that to put a tree again is cheaper
	// than to remove it before. With no other tree in the box and no command running,
	// everything else in the workspace and the scratch folders is removed.
	PutTree(ctx context.Context, dir string, tree io.Reader) error
	// PutEnvironment unpacks Setup's sealed result into /environment.
	PutEnvironment(ctx context.Context, tree io.Reader) error
	// GetEnvironment streams /environment out as a tar.
	GetEnvironment(ctx context.Context, w io.Writer) error
	// WriteFiles writes files below dir, replacing what is there.
	WriteFiles(ctx context.Context, dir string, files map[string][]byte) error
	// ReadFiles reads regular files below dir; a missing file is absent from the
	// result. More than maxBytes in all is an error.
	ReadFiles(ctx context.Context, dir string, paths []string, maxBytes int64) (map[string][]byte, error)
	// Copy makes a fresh directory from another one.
	Copy(ctx context.Context, from, to string) error
	// Remove deletes a directory and kills what still runs in the box.
	Remove(ctx context.Context, dir string) error
	// Run runs one command. An error means that the box failed, not the command.
	Run(ctx context.Context, command Command) (Result, error)
}
