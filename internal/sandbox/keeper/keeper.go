// Package keeper is the process between a sandbox's server and one command.
//
// The binary of the server starts itself once for each command. Packages are
// initialized in the order of their paths, each as soon as its imports are (The Go
// Programming Language Specification, Program initialization). This one imports
// little, so that a keeper runs before most others have cost anything: neither a
// logger nor runtime/debug.
package keeper

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/repoexpert/operator/internal/sandbox/proctree"
)

// Name is the name under which the binary starts itself as a keeper.
const Name = "repoexpert-keeper"

// controlFile is the keeper's end of the connection to the server.
const controlFile = 3

// Limits of what a command may use; the container's own limits come first.
const (
	maxFileSize  = 8 << 30
	maxProcesses = 8192
)

// commandNice is a command's priority below that of its keeper, as nice counts it:
// a ninth of the weight. Other containers are not concerned: each has its share.
const commandNice = 10

// KillPause is between two rounds of killing.
const KillPause = 5 * time.Millisecond

// Exit codes of a shell, for a program that cannot be started.
const (
	exitNotFound      = 127
	exitNotExecutable = 126
	// ExitSignal is the first of those of programs that a signal ended.
	ExitSignal = 128
)

// Order is what a keeper is told.
type Order struct {
	Args    []string      `json:"args"`
	Stdin   string        `json:"stdin"`
	Timeout time.Duration `json:"timeout"`
}

// Outcome is what it answers.
type Outcome struct {
	ExitCode int           `json:"exitCode"`
	TimedOut bool          `json:"timedOut"`
	CPU      time.Duration `json:"cpu"`
	// Failed says why the keeper could not do its work.
	Failed string `json:"failed,omitempty"`
}

// A keeper is a process between the server and one command. As a subreaper it
// is the parent of all that outlives the command, however often that forked or
// changed its session, so that commands side by side are told apart and none
// leaves anything behind. The binary starts itself, and this runs before main:
// no program that embeds a server, a test among them, can forget it.
func init() {
	if len(os.Args) == 1 && os.Args[0] == Name {
		keep()
		// Not os.Exit: there is nothing to flush, and a binary with the race
		// detector would linger for a second.
		syscall.Exit(0)
	}
}

func keep() {
	syscall.CloseOnExec(controlFile)
	control := os.NewFile(controlFile, "control")
	result, err := keepCommand(control)
	if err != nil {
		result.Failed = err.Error()
	}
	// A server that is gone needs no answer.
	_ = json.NewEncoder(control).Encode(result)
}

func keepCommand(control *os.File) (Outcome, error) {
	decoder := json.NewDecoder(control)
	var o Order
	if err := decoder.Decode(&o); err != nil {
		return Outcome{}, fmt.Errorf("read the order: %w", err)
	}
	if err := confine(); err != nil {
		return Outcome{}, err
	}
	leader, code, err := startLeader(o)
	if err != nil {
		return Outcome{}, err
	}
	if leader == 0 {
		return Outcome{ExitCode: code}, nil
	}
	k := keeper{}
	timer := time.AfterFunc(o.Timeout, func() {
		k.timedOut.Store(true)
		k.killUntilEnd()
	})
	defer timer.Stop()
	go func() {
		// The server says nothing more: whatever comes is its end.
		_, _ = io.Copy(io.Discard, io.MultiReader(decoder.Buffered(), control))
		k.killUntilEnd()
	}()
	return k.reap(leader)
}

// confine makes the keeper the reaper of its descendants, closed to ptrace, and
// limits what they may use.
func confine() error {
	// Where the kernel has to choose a process to kill for memory, it shall be one
	// of a command's. Not being allowed to say so takes nothing else away.
	_ = os.WriteFile("/proc/self/oom_score_adj", []byte("1000"), 0)
	err := errors.Join(
		unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0),
		unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0),
	)
	if err != nil {
		return fmt.Errorf("prctl: %w", err)
	}
	for resource, limit := range map[int]uint64{unix.RLIMIT_CORE: 0, unix.RLIMIT_FSIZE: maxFileSize, unix.RLIMIT_NPROC: maxProcesses} {
		var now unix.Rlimit
		if err := unix.Getrlimit(resource, &now); err != nil {
			return fmt.Errorf("getrlimit: %w", err)
		}
		now.Max = min(now.Max, limit)
		now.Cur = min(now.Cur, now.Max)
		if err := unix.Setrlimit(resource, &now); err != nil {
			return fmt.Errorf("setrlimit: %w", err)
		}
	}
	return nil
}

// startLeader starts the command in a session of its own. Without a process it
// returns the exit code that a shell would give.
func startLeader(o Order) (pid, code int, err error) {
	program, err := exec.LookPath(o.Args[0])
	switch {
	case errors.Is(err, exec.ErrDot):
		// The working directory is not searched; a path with a slash is not either.
		return 0, cannotStart(o.Args[0], exitNotFound), nil
	case errors.Is(err, os.ErrPermission), errors.Is(err, syscall.EISDIR):
		return 0, cannotStart(o.Args[0], exitNotExecutable), nil
	case err != nil:
		return 0, cannotStart(o.Args[0], exitNotFound), nil
	}
	stdin, err := stdinOf(o.Stdin)
	if err != nil {
		return 0, 0, err
	}
	defer stdin.Close()
	pid, err = syscall.ForkExec(program, o.Args, &syscall.ProcAttr{
		Env:   os.Environ(),
		Files: []uintptr{stdin.Fd(), 1, 2},
		Sys:   &syscall.SysProcAttr{Setsid: true},
	})
	if err != nil {
		return 0, cannotStart(o.Args[0], exitNotExecutable), nil
	}
	// Thousands of processes of a command must not leave the keeper that kills them
	// without its turn. A command that has ended needs no priority.
	_ = unix.Setpriority(unix.PRIO_PROCESS, pid, commandNice)
	return pid, 0, nil
}

// cannotStart tells as a shell does.
func cannotStart(program string, code int) int {
	why := "command not found"
	if code == exitNotExecutable {
		why = "cannot execute"
	}
	// Nobody reads it if this fails.
	_, _ = fmt.Fprintf(os.Stderr, "%s: %s\n", strings.ToValidUTF8(program, "?"), why)
	return code
}

// stdinOf returns a file to read from: a pipe that a goroutine fills.
func stdinOf(text string) (*os.File, error) {
	if text == "" {
		return os.Open(os.DevNull)
	}
	r, w, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("pipe: %w", err)
	}
	go func() {
		// A command may end without having read all.
		_, _ = io.WriteString(w, text)
		_ = w.Close()
	}()
	return r, nil
}

type keeper struct {
	timedOut atomic.Bool
}

func (k *keeper) kill() {
	self := os.Getpid()
	proctree.KillAll(func() []int { return proctree.Descendants(proctree.List(), self) })
}

// killUntilEnd goes on until reap has seen the last descendant and the process
// exits: /proc is read entry by entry, and what changes its parent meanwhile
// may be missed once.
func (k *keeper) killUntilEnd() {
	pause := time.NewTicker(KillPause)
	defer pause.Stop()
	for {
		k.kill()
		<-pause.C
	}
}

// reap waits for the leader, kills what outlived it, and returns when no
// descendant is left.
func (k *keeper) reap(leader int) (Outcome, error) {
	var result Outcome
	ended := false
	pause := time.NewTicker(KillPause)
	defer pause.Stop()
	for {
		var status syscall.WaitStatus
		var usage syscall.Rusage
		flags := 0
		if ended {
			flags = syscall.WNOHANG
		}
		pid, err := syscall.Wait4(-1, &status, flags, &usage)
		switch {
		case errors.Is(err, syscall.EINTR):
			continue
		case errors.Is(err, syscall.ECHILD):
			return result, nil
		case err != nil:
			return result, fmt.Errorf("wait: %w", err)
		case pid == 0:
			k.kill()
			<-pause.C
			continue
		}
		result.CPU += cpuOf(usage)
		if pid == leader && (status.Exited() || status.Signaled()) {
			ended, result.ExitCode, result.TimedOut = true, codeOf(status), k.timedOut.Load()
		}
	}
}

func cpuOf(usage syscall.Rusage) time.Duration {
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

func codeOf(status syscall.WaitStatus) int {
	if status.Signaled() {
		return ExitSignal + int(status.Signal())
	}
	return status.ExitStatus()
}
