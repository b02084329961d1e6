// Package localgit runs the git program on repositories that lie on this
// machine's disk: without network, configuration of a user or the machine, hooks,
// replaced objects and the attributes that a repository carries. What git writes
// is bounded or streamed, never taken whole as it comes.
package localgit

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"time"
)

const (
	// emptyTree is git's name of the tree without files, where it then finds no
	// attributes.
	emptyTree = "4b825dc642cb6eb9a060e54bf8d69288fbee4904"
	// maxErrors bounds what is kept of standard error, in bytes.
	maxErrors = 4 << 10
	// drain is how long the output of an ended process may still be held open. On a
	// busy machine, reading what it wrote last was seen to take more than a second.
	drain = 20 * time.Second
)

// ErrOutput says that git wrote more than was asked for.
var ErrOutput = errors.New("git's output is longer than the limit")

// Command returns git with its arguments, to be run with nothing of the
// surroundings but PATH.
func Command(ctx context.Context, args ...string) *exec.Cmd {
	settings := []string{"-c", "core.hooksPath=/dev/null", "-c", "core.symlinks=false", "-c", "core.attributesFile=/dev/null"}
	cmd := exec.CommandContext(ctx, "git", append(settings, args...)...)
	cmd.Env = []string{
		"PATH=" + os.Getenv("PATH"), "HOME=/nonexistent", "LC_ALL=C", "GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL=/dev/null",
		"GIT_TERMINAL_PROMPT=0", "GIT_ALLOW_PROTOCOL=none", "GIT_NO_LAZY_FETCH=1", "GIT_NO_REPLACE_OBJECTS=1",
		"GIT_OPTIONAL_LOCKS=0", "GIT_ATTR_NOSYSTEM=1", "GIT_ATTR_SOURCE=" + emptyTree,
	}
	cmd.WaitDelay = drain
	return cmd
}

// Output runs git and returns what it writes, at most limit bytes; more is
// ErrOutput.
func Output(ctx context.Context, limit int64, args ...string) ([]byte, error) {
	process, err := Start(ctx, args...)
	if err != nil {
		return nil, err
	}
	defer process.Stop()
	if err := process.In.Close(); err != nil {
		return nil, fmt.Errorf("%s: %w", process.name, err)
	}
	output, err := io.ReadAll(io.LimitReader(process.Out, limit+1))
	if err == nil && int64(len(output)) > limit {
		return nil, fmt.Errorf("%s: %w of %d bytes", process.name, ErrOutput, limit)
	}
	if err := errors.Join(err, process.Wait()); err != nil {
		return nil, err
	}
	return output, nil
}

// Process is a git that is written to and read from while it runs. It has one
// user at a time.
type Process struct {
	In  io.WriteCloser
	Out *bufio.Reader

	name   string
	cmd    *exec.Cmd
	cancel context.CancelFunc
	errors *start
	ended  bool
	err    error
}

// Start starts git. It ends with the context; Stop it in all cases.
func Start(ctx context.Context, args ...string) (*Process, error) {
	ctx, cancel := context.WithCancel(ctx)
	p := &Process{name: "git " + strings.Join(args, " "), cmd: Command(ctx, args...), cancel: cancel, errors: &start{}}
	p.cmd.Stderr = p.errors
	in, err := p.cmd.StdinPipe()
	if err == nil {
		var out io.ReadCloser
		if out, err = p.cmd.StdoutPipe(); err == nil {
			p.In, p.Out = in, bufio.NewReaderSize(out, 64<<10)
			err = p.cmd.Start()
		}
	}
	if err != nil {
		cancel()
		return nil, fmt.Errorf("%s: %w", p.name, err)
	}
	return p, nil
}

// Wait closes the input and waits for the end, once the output has been read to
// its end. The error says what git wrote of it.
func (p *Process) Wait() error {
	if p.ended {
		return p.err
	}
	p.ended = true
	_ = p.In.Close() // git may have ended first
	if err := p.cmd.Wait(); err != nil {
		p.err = fmt.Errorf("%s: %w: %.300s", p.name, err, p.errors.content)
	}
	p.cancel()
	return p.err
}

// Kill ends the process at once, from any goroutine: its user meets the end of
// the output.
func (p *Process) Kill() { p.cancel() }

// Stop ends the process, wherever it is, and waits for it.
func (p *Process) Stop() {
	p.Kill()
	_ = p.Wait() // killed: how it ended says nothing
}

// start keeps the start of what is written to it.
type start struct{ content []byte }

// Write implements io.Writer.
func (s *start) Write(p []byte) (int, error) {
	s.content = append(s.content, p[:min(len(p), maxErrors-len(s.content))]...)
	return len(p), nil
}
