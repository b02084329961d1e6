package sandbox

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// maxTimeout bounds any command.
	maxTimeout = 6 * time.Hour
	// pipeDelay is how long output of processes that outlived the command is
	// still read before they are killed.
	pipeDelay = 200 * time.Millisecond
	// killLooks bounds the search for processes that outlived a command.
	killLooks = 200
	// maxFileBytes bounds a single file that a command writes.
	maxFileBytes = 8 << 30
)

// execute runs one command in a session of its own and kills whatever is left
// of it afterwards.
func execute(ctx context.Context, dir string, command Command) (Result, error) {
	if len(command.Args) == 0 || command.Timeout <= 0 || command.Timeout > maxTimeout {
		return Result{}, fmt.Errorf("a command needs arguments and a time-out of at most %s", maxTimeout)
	}
	ctx, cancel := context.WithTimeout(ctx, command.Timeout)
	defer cancel()
	out := newOutput(command.OutputLimit)
	cmd := exec.CommandContext(ctx, command.Args[0], command.Args[1:]...)
	cmd.Dir = dir
	cmd.Env = append(environment(), command.Env...)
	cmd.Stdin = strings.NewReader(command.Stdin)
	cmd.Stdout, cmd.Stderr = out, out
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	cmd.Cancel = func() error { return unix.Kill(-cmd.Process.Pid, unix.SIGKILL) }
	cmd.WaitDelay = pipeDelay
	start := time.Now()
	err := cmd.Run()
	elapsed := time.Since(start)
	if killErr := killDescendants(killLooks); killErr != nil {
		return Result{}, killErr
	}
	result := Result{Elapsed: elapsed, OutputBytes: out.total, TimedOut: errors.Is(ctx.Err(), context.DeadlineExceeded)}
	result.Output, result.Truncated = out.text()
	result.Output = strings.ToValidUTF8(result.Output, "\uFFFD")
	if cmd.ProcessState != nil {
		result.CPU = cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
		result.ExitCode = exitCode(cmd.ProcessState)
		return result, nil
	}
	// The program could not be started: what a shell would say, as a result.
	result.ExitCode = 127
	result.Output = fmt.Sprintf("%s: %v\n", command.Args[0], err)
	return result, nil
}

func exitCode(state *os.ProcessState) int {
	if status, ok := state.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		return 128 + int(status.Signal())
	}
	return state.ExitCode()
}

// environment is what every command sees: the image's own variables without
// those that the cluster adds, and settings that keep tools quiet.
func environment() []string {
	var env []string
	for _, variable := range os.Environ() {
		name, _, _ := strings.Cut(variable, "=")
		if !strings.HasPrefix(name, "KUBERNETES_") && !strings.HasPrefix(name, "REPOEXPERT_") {
			env = append(env, variable)
		}
	}
	return append(env,
		"LANG=C.UTF-8", "LC_ALL=C.UTF-8", "PAGER=cat", "MANPAGER=cat", "GIT_PAGER=cat", "TERM=dumb",
		"TQDM_DISABLE=1", "PIP_PROGRESS_BAR=off", "PIP_DISABLE_PIP_VERSION_CHECK=1",
		"PYTHONDONTWRITEBYTECODE=1", "GIT_TERMINAL_PROMPT=0", "GIT_CONFIG_NOSYSTEM=1",
	)
}

// limitFiles keeps one command from filling the disk with a single file, and
// core files out.
func limitFiles() error {
	for resource, limit := range map[int]uint64{unix.RLIMIT_FSIZE: maxFileBytes, unix.RLIMIT_CORE: 0} {
		if err := unix.Setrlimit(resource, &unix.Rlimit{Cur: limit, Max: limit}); err != nil {
			return fmt.Errorf("limit files: %w", err)
		}
	}
	return nil
}

// absolute returns the path of a checked directory below a root.
func absolute(root, dir string) string { return filepath.Join(root, filepath.FromSlash(dir)) }
