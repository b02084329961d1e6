package node

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"os/signal"
	"sync"
	"syscall"
	"time"

	"github.com/repoexpert/operator/hack/devcluster/internal/layout"
)

// restartDelay keeps a component that cannot start from using the whole machine.
const restartDelay = time.Second

// supervisor starts processes and, being process 1, takes in every process of the
// namespace that lost its parent (containerd's shims do, by design).
//
// Nobody else may wait for a child: whoever asks first gets the exit status, and
// a reaper that asks for any child would take it from exec.Cmd.Wait.
type supervisor struct {
	paths       layout.Paths
	environment []string

	mu       sync.Mutex
	waiting  map[int]chan syscall.WaitStatus
	restarts map[string]int
	pids     map[string]int
}

func newSupervisor(paths layout.Paths, environment []string) *supervisor {
	return &supervisor{
		paths: paths, environment: environment,
		waiting: map[int]chan syscall.WaitStatus{}, restarts: map[string]int{}, pids: map[string]int{},
	}
}

// reap hands each ended child's status to who started it, until ctx ends.
func (s *supervisor) reap(ctx context.Context) {
	ended := make(chan os.Signal, 1)
	signal.Notify(ended, syscall.SIGCHLD)
	defer signal.Stop(ended)
	for {
		select {
		case <-ctx.Done():
			return
		case <-ended:
			s.reapAll()
		}
	}
}

// reapAll takes every ended child: one signal may stand for several.
func (s *supervisor) reapAll() {
	for {
		var status syscall.WaitStatus
		pid, err := syscall.Wait4(-1, &status, syscall.WNOHANG, nil)
		if pid <= 0 || err != nil {
			return
		}
		s.mu.Lock()
		if waiter, ok := s.waiting[pid]; ok {
			delete(s.waiting, pid)
			waiter <- status
		}
		s.mu.Unlock()
	}
}

// start starts a process whose output goes to its log. The lock is held from
// before the start, so that a process that ends at once is not reaped before it
// is known.
func (s *supervisor) start(p Process) (int, <-chan syscall.WaitStatus, error) {
	output, err := os.OpenFile(s.paths.Log(p.Name), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return 0, nil, fmt.Errorf("start %s: %w", p.Name, err)
	}
	defer output.Close()
	cmd := exec.Command(p.Path, p.Args...)
	cmd.Env, cmd.Stdout, cmd.Stderr = s.environment, output, output
	// Each its own session: a signal to one component is for that one alone.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := cmd.Start(); err != nil {
		return 0, nil, fmt.Errorf("start %s: %w", p.Name, err)
	}
	pid := cmd.Process.Pid
	exited := make(chan syscall.WaitStatus, 1)
	s.waiting[pid] = exited
	if err := cmd.Process.Release(); err != nil {
		return 0, nil, fmt.Errorf("start %s: %w", p.Name, err)
	}
	return pid, exited, nil
}

// run runs a process to its end.
func (s *supervisor) run(ctx context.Context, p Process) error {
	_, exited, err := s.start(p)
	if err != nil {
		return err
	}
	select {
	case <-ctx.Done():
		return fmt.Errorf("%s: %w", p.Name, ctx.Err())
	case status := <-exited:
		if status.ExitStatus() != 0 {
			return fmt.Errorf("%s: %s, see %s", p.Name, describe(status), s.paths.Log(p.Name))
		}
		return nil
	}
}

// keep starts a process, and starts it again whenever it ends, until ctx ends.
func (s *supervisor) keep(ctx context.Context, p Process) {
	for {
		pid, exited, err := s.start(p)
		if err != nil {
			slog.Error("component did not start", "name", p.Name, "error", err)
		} else {
			s.note(p.Name, pid)
			slog.Info("component started", "name", p.Name, "pid", pid)
			select {
			case <-ctx.Done():
				return
			case status := <-exited:
				slog.Error("component ended", "name", p.Name, "pid", pid, "how", describe(status))
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(restartDelay):
		}
	}
}

// ProcessState is what `status` shows of a component.
type ProcessState struct {
	// PID is the number inside the node.
	PID      int `json:"pid"`
	Restarts int `json:"restarts"`
}

// note writes the table of components for `status`. A table that cannot be
// written is no reason to stop a cluster.
func (s *supervisor) note(name string, pid int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, again := s.pids[name]; again {
		s.restarts[name]++
	}
	s.pids[name] = pid
	table := map[string]ProcessState{}
	for n, p := range s.pids {
		table[n] = ProcessState{PID: p, Restarts: s.restarts[n]}
	}
	b, err := json.Marshal(table)
	if err == nil {
		err = os.WriteFile(s.paths.Processes(), b, 0o644)
	}
	if err != nil {
		slog.Error("table of components not written", "error", err)
	}
}

func describe(status syscall.WaitStatus) string {
	if status.Signaled() {
		return "killed by " + status.Signal().String()
	}
	return fmt.Sprintf("exit status %d", status.ExitStatus())
}
