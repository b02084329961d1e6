package sandbox

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/repoexpert/operator/internal/sandbox/keeper"
	"github.com/repoexpert/operator/internal/sandbox/proctree"
)

// fixedEnvironment is what every command gets: no pager, prompt, progress bar or
// colour, which would only fill observations; an identity for git, so that a
// commit works.
var fixedEnvironment = []string{
	"LANG=C.UTF-8", "TERM=dumb", "NO_COLOR=1", "PAGER=cat", "MANPAGER=cat", "LESS=-R",
	"GIT_PAGER=cat", "GIT_TERMINAL_PROMPT=0", "GIT_CONFIG_NOSYSTEM=1", "GIT_EDITOR=true",
	"GIT_AUTHOR_NAME=sandbox", "GIT_AUTHOR_EMAIL=sandbox@localhost",
	"GIT_COMMITTER_NAME=sandbox", "GIT_COMMITTER_EMAIL=sandbox@localhost",
	"PIP_PROGRESS_BAR=off", "PIP_DISABLE_PIP_VERSION_CHECK=1", "TQDM_DISABLE=1",
	"PYTHONDONTWRITEBYTECODE=1",
}

// defaultPath is what a shell searches in an image that sets no PATH.
const defaultPath = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// environ is the image's and the class's environment without what Kubernetes
// and we put there, then the fixed one, then the command's own; the last wins.
func environ(own []string, command []string) []string {
	env := []string{defaultPath}
	for _, v := range own {
		name, _, _ := strings.Cut(v, "=")
		if !strings.HasPrefix(name, "KUBERNETES_") && !strings.HasPrefix(name, "REPOEXPERT_") {
			env = append(env, v)
		}
	}
	return slices.Concat(env, fixedEnvironment, command)
}

func (s *Server) serveRun(r *http.Request) (any, error) {
	command, err := request[Command](r)
	if err != nil {
		return nil, err
	}
	dir, err := checkDir(command.Dir, true)
	switch {
	case err != nil:
		return nil, err
	case len(command.Args) == 0 || command.Args[0] == "":
		return nil, refuse("a command needs a program")
	case command.Timeout <= 0 || command.Timeout > MaxTimeout:
		return nil, refuse("a command's time-out must be above 0 and at most %s", MaxTimeout)
	}
	if command.OutputLimit <= 0 {
		command.OutputLimit = defaultOutputLimit
	}
	command.OutputLimit = min(command.OutputLimit, maxOutputLimit)
	if at, err := s.root.Stat(dir); err != nil || !at.IsDir() {
		return nil, refuse("the working directory %s is not there", dir)
	}
	command.Dir = filepath.Join(s.options.Root, filepath.FromSlash(dir))
	result, err := s.run(r.Context(), command)
	if door := s.door.Load(); door != nil {
		door.mend()
	}
	return result, err
}

// run starts a keeper, reads the command's output and waits for the outcome.
func (s *Server) run(ctx context.Context, command Command) (Result, error) {
	begin := time.Now()
	ours, theirs, err := socketPair()
	if err != nil {
		return Result{}, fmt.Errorf("socket pair: %w", err)
	}
	defer ours.Close()
	output := newOutput(command.OutputLimit)
	started, drained, err := s.startKeeper(command, theirs, &execution{control: ours, output: output})
	// The keeper has its own copy: ours would keep the connection open.
	if err := errors.Join(err, theirs.Close()); err != nil {
		return Result{}, fmt.Errorf("start a keeper: %w", err)
	}
	stop := context.AfterFunc(ctx, func() { _ = ours.Close() })
	defer stop()
	ended, err := converse(ours, command)
	s.endKeeper(started, ours, err != nil)
	<-drained
	if ctx.Err() != nil {
		return Result{}, ctx.Err()
	}
	if err != nil {
		// Something in the box killed the keeper: to the caller that is a command
		// that was killed.
		ended = keeper.Outcome{ExitCode: keeper.ExitSignal + int(syscall.SIGKILL), TimedOut: time.Since(begin) >= command.Timeout}
	}
	if ended.Failed != "" {
		return Result{}, errors.New(ended.Failed)
	}
	text, total, truncated := output.bounded()
	result := Result{
		ExitCode: ended.ExitCode, TimedOut: ended.TimedOut, CPU: ended.CPU,
		Output: text, OutputBytes: total, Truncated: truncated, Elapsed: time.Since(begin),
	}
	s.options.Ran(result)
	return result, nil
}

// converse orders a command and reads its outcome. A keeper that does not
// answer in time hangs in a process that cannot be killed.
func converse(control *os.File, command Command) (keeper.Outcome, error) {
	var ended keeper.Outcome
	if err := control.SetDeadline(time.Now().Add(command.Timeout + killGrace)); err != nil {
		return ended, err
	}
	err := json.NewEncoder(control).Encode(keeper.Order{Args: command.Args, Stdin: command.Stdin, Timeout: command.Timeout})
	if err != nil {
		return ended, err
	}
	return ended, json.NewDecoder(io.LimitReader(control, maxErrorBytes)).Decode(&ended)
}

// startKeeper returns the process and a channel that closes when its output is
// read to the end.
func (s *Server) startKeeper(command Command, control *os.File, run *execution) (*exec.Cmd, <-chan struct{}, error) {
	r, w, err := os.Pipe()
	if err != nil {
		return nil, nil, err
	}
	cmd := &exec.Cmd{
		Path: s.executable, Args: []string{keeper.Name}, Dir: command.Dir,
		Env: environ(s.inherited(), command.Env), Stdout: w, Stderr: w, ExtraFiles: []*os.File{control},
		// A terminal's interrupt goes to the foreground process group. A keeper must
		// not die of it: that would look as if the command had been killed.
		SysProcAttr: &syscall.SysProcAttr{Setpgid: true},
	}
	err = s.children.start(cmd, run)
	if err := errors.Join(err, w.Close()); err != nil {
		return nil, nil, errors.Join(err, r.Close())
	}
	drained := make(chan struct{})
	go func() {
		defer close(drained)
		// The pipe ends with the last process that holds it.
		_, _ = io.Copy(run.output, r)
		_ = r.Close()
	}()
	return cmd, drained, nil
}

// endKeeper waits for a keeper. One that was killed, or hangs, left its
// descendants to the server.
func (s *Server) endKeeper(cmd *exec.Cmd, control *os.File, broken bool) {
	if broken {
		// Closing lets a keeper that still lives kill its descendants; killing it
		// hands them over.
		_ = control.Close()
		_ = cmd.Process.Kill()
	}
	// The outcome said all that counts.
	_ = cmd.Wait()
	s.children.end(cmd.Process.Pid)
	if broken {
		s.children.sweep()
	}
}

func socketPair() (ours, theirs *os.File, err error) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return nil, nil, err
	}
	return os.NewFile(uintptr(fds[0]), "control"), os.NewFile(uintptr(fds[1]), "control"), nil
}

// children knows the keepers, so that every other child in another session is
// an orphan of a command whose keeper was killed.
type children struct {
	mu      sync.Mutex
	keepers map[int]*execution
}

// execution is a command that runs. Closing its control ends it.
type execution struct {
	control *os.File
	output  *output
}

func (c *children) start(cmd *exec.Cmd, command *execution) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := cmd.Start(); err != nil {
		return err
	}
	if c.keepers == nil {
		c.keepers = map[int]*execution{}
	}
	c.keepers[cmd.Process.Pid] = command
	return nil
}

// endAll ends all commands, endLargest the one that takes most memory, with a
// last line of output that says why.
func (c *children) endAll(why string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, command := range c.keepers {
		command.end(why)
	}
}

// endStopped ends the commands whose keepers are stopped: only a command does
// that, to outstay its time.
func (c *children) endStopped() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for pid, command := range c.keepers {
		if p, ok := proctree.Read(pid); ok && p.Stopped {
			command.end("")
		}
	}
}

func (c *children) endLargest(why string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	all := proctree.List()
	var largest *execution
	most := int64(-1)
	for pid, command := range c.keepers {
		if size := proctree.ResidentPages(proctree.Descendants(all, pid)); size > most {
			largest, most = command, size
		}
	}
	if largest != nil {
		largest.end(why)
	}
}

func (e *execution) end(why string) {
	e.output.finish(why)
	_ = e.control.Close() // it may have ended by itself
}

func (c *children) end(pid int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.keepers, pid)
}

// none says whether no command runs.
func (c *children) none() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.keepers) == 0
}

// sweep kills orphans until none is left, and reaps them.
func (c *children) sweep() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for range proctree.KillRounds {
		orphans := c.orphans(proctree.List())
		if len(orphans) == 0 {
			return
		}
		proctree.KillAll(func() []int {
			all := proctree.List()
			found := c.orphans(all)
			return append(found, proctree.Descendants(all, found...)...)
		})
		for _, pid := range orphans {
			// It was killed: the wait is short.
			_, _ = syscall.Wait4(pid, nil, 0, nil)
		}
	}
}

func (c *children) orphans(all []proctree.Process) []int {
	self := os.Getpid()
	session, err := unix.Getsid(0)
	if err != nil {
		return nil
	}
	var found []int
	for _, p := range all {
		if p.Parent == self && p.Session != session && c.keepers[p.PID] == nil {
			found = append(found, p.PID)
		}
	}
	return found
}

// inherited is what commands inherit.
func (s *Server) inherited() []string {
	if s.options.Environ == nil {
		return os.Environ()
	}
	return s.options.Environ
}
