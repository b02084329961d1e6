// Package process runs one child process under supervision: in a process group
// of its own, so that what it starts ends with it; with its output read line by
// line and the end of it kept, bounded; stopped by SIGTERM first and SIGKILL
// after a grace period.
package process

import (
	"errors"
	"fmt"
	"io"
	"os/exec"
	"syscall"
	"time"
)

const (
	// maxLine bounds one line of output; what is longer is cut.
	maxLine = 64 << 10
	// tailBytes is how much of the end of the output is kept.
	tailBytes = 8 << 10
	// drain is how long the output of a group that outlives its leader is read.
	drain = 5 * time.Second
)

// Command is what to run.
type Command struct {
	// Args is the program, found in PATH, and its arguments; no shell is involved.
	Args []string
	// Dir is the working directory.
	Dir string
	// Env is the whole environment, as NAME=value.
	Env []string
	// Stdout gets each line of standard output, without its end; nil treats it
	// like standard error. It is called from one goroutine.
	Stdout func(line string)
	// Log gets standard error as it comes. It may be nil.
	Log io.Writer
}

// Process is a running or ended child.
type Process struct {
	command *exec.Cmd
	tail    *tail
	done    chan struct{}
	code    int
}

// Start starts the command. An error means that it could not be started, as when
// the program does not exist.
func Start(command Command) (*Process, error) {
	if len(command.Args) == 0 {
		return nil, errors.New("no program to run")
	}
	cmd := exec.Command(command.Args[0], command.Args[1:]...)
	cmd.Dir, cmd.Env = command.Dir, command.Env
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.WaitDelay = drain
	p := &Process{command: cmd, tail: &tail{limit: tailBytes}, done: make(chan struct{})}
	kept := io.Writer(p.tail)
	if command.Log != nil {
		kept = io.MultiWriter(p.tail, command.Log)
	}
	cmd.Stderr, cmd.Stdout = kept, kept
	var lines *lineWriter
	if command.Stdout != nil {
		lines = &lineWriter{emit: command.Stdout}
		cmd.Stdout = lines
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", command.Args[0], err)
	}
	go p.wait(lines)
	return p, nil
}

// wait reaps the child and then kills what is left of its group.
func (p *Process) wait(lines *lineWriter) {
	defer close(p.done)
	// The error says no more than the state does.
	_ = p.command.Wait()
	p.signal(syscall.SIGKILL)
	if lines != nil {
		lines.flush()
	}
	p.code = exitCode(p.command)
}

func exitCode(cmd *exec.Cmd) int {
	status, ok := cmd.ProcessState.Sys().(syscall.WaitStatus)
	switch {
	case !ok:
		return -1
	case status.Signaled():
		return 128 + int(status.Signal())
	default:
		return status.ExitStatus()
	}
}

// Done is closed when the process has ended.
func (p *Process) Done() <-chan struct{} { return p.done }

// ExitCode is the exit code of an ended process, 128+n for signal n.
func (p *Process) ExitCode() int {
	<-p.done
	return p.code
}

// Tail is the end of standard error (and of standard output where no function
// reads it), at most 8 KiB.
func (p *Process) Tail() string { return p.tail.String() }

// Stop sends SIGTERM to the group, waits up to grace for the process to end, and
// then kills the group. It returns when the process has ended.
func (p *Process) Stop(grace time.Duration) {
	p.signal(syscall.SIGTERM)
	timer := time.NewTimer(grace)
	defer timer.Stop()
	select {
	case <-p.done:
	case <-timer.C:
		p.signal(syscall.SIGKILL)
		<-p.done
	}
}

// signal reaches the whole group; a group that is gone is no error.
func (p *Process) signal(s syscall.Signal) {
	_ = syscall.Kill(-p.command.Process.Pid, s)
}
