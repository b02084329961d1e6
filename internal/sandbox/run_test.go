package sandbox

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/repoexpert/operator/internal/sandbox/proctree"
)

func TestRunReportsHowACommandEnds(t *testing.T) {
	b := startBox(t)
	tests := map[string]struct {
		command Command
		code    int
		output  string
	}{
		"output of both streams in order": {command: Command{Args: []string{"sh", "-c", "echo a; echo b >&2; echo c"}}, output: "a\nb\nc\n"},
		"exit code":                       {command: Command{Args: []string{"sh", "-c", "exit 7"}}, code: 7},
		"signal":                          {command: Command{Args: []string{"sh", "-c", "kill -SEGV $$"}}, code: 139},
		"no shell is involved":            {command: Command{Args: []string{"echo", "$HOME; exit 3"}}, output: "$HOME; exit 3\n"},
		"standard input":                  {command: Command{Args: []string{"cat"}, Stdin: "in"}, output: "in"},
		"no standard input":               {command: Command{Args: []string{"cat"}}},
		"unread standard input":           {command: Command{Args: []string{"true"}, Stdin: strings.Repeat("x", 1<<20)}},
		"environment wins over fixed":     {command: Command{Args: []string{"sh", "-c", "echo $PAGER $OWN"}, Env: []string{"PAGER=more", "OWN=1"}}, output: "more 1\n"},
		"program not found":               {command: Command{Args: []string{"no-such-program"}}, code: 127, output: "no-such-program: command not found\n"},
		"program by a missing path":       {command: Command{Args: []string{"./no/such"}}, code: 127, output: "./no/such: command not found\n"},
		"directory as program":            {command: Command{Args: []string{"/tmp"}}, code: 126, output: "/tmp: cannot execute\n"},
		"invalid UTF-8":                   {command: Command{Args: []string{"printf", `a\377b`}}, output: "a\uFFFDb"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			test.command.Dir, test.command.Timeout = ".", time.Minute
			result, err := b.Run(t.Context(), test.command)
			if err != nil {
				t.Fatal(err)
			}
			if result.ExitCode != test.code || result.Output != test.output || result.TimedOut {
				t.Errorf("got %+v, want code %d, output %q", result, test.code, test.output)
			}
		})
	}
}

func TestRunRefusesWhatIsNoCommand(t *testing.T) {
	b := startBox(t)
	good := Command{Args: []string{"true"}, Dir: ".", Timeout: time.Second}
	tests := map[string]func(*Command){
		"no program":        func(c *Command) { c.Args = nil },
		"empty program":     func(c *Command) { c.Args = []string{""} },
		"no time-out":       func(c *Command) { c.Timeout = 0 },
		"endless time-out":  func(c *Command) { c.Timeout = MaxTimeout + 1 },
		"missing directory": func(c *Command) { c.Dir = "missing" },
		"parent directory":  func(c *Command) { c.Dir = ".." },
		"absolute":          func(c *Command) { c.Dir = "/tmp" },
		"NUL":               func(c *Command) { c.Dir = "a\x00b" },
	}
	for name, change := range tests {
		t.Run(name, func(t *testing.T) {
			command := good
			change(&command)
			var refused *RequestError
			if _, err := b.Run(t.Context(), command); !errors.As(err, &refused) {
				t.Errorf("got %v, want a RequestError", err)
			}
		})
	}
}

func TestCommandsSeeNeitherKubernetesNorOurs(t *testing.T) {
	t.Setenv("KUBERNETES_SERVICE_HOST", "10.0.0.1")
	t.Setenv("REPOEXPERT_STAGE_SPEC", "secret")
	b := startBox(t)
	result := b.shell(t, "env")
	for _, name := range []string{"KUBERNETES_", "REPOEXPERT_"} {
		if strings.Contains(result.Output, name) {
			t.Errorf("the command sees %s:\n%s", name, result.Output)
		}
	}
	if open := b.shell(t, "ls /proc/self/fd").Output; strings.Fields(open)[len(strings.Fields(open))-1] > "3" {
		t.Errorf("the command inherits files: %s", open)
	}
}

func TestEndlessOutputIsBoundedInMemory(t *testing.T) {
	b := startBox(t)
	result := b.shell(t, "echo first; yes | head -c 50000000; echo last", func(c *Command) { c.OutputLimit = 1000 })
	if !result.Truncated || result.OutputBytes != 50000000+6+5 || len(result.Output) != 1000 {
		t.Errorf("truncated %v, bytes %d, kept %d", result.Truncated, result.OutputBytes, len(result.Output))
	}
	if !strings.HasPrefix(result.Output, "first\ny\n") || !strings.HasSuffix(result.Output, "y\nlast\n") {
		t.Errorf("the ends are not kept: %.20q ... %q", result.Output, result.Output[len(result.Output)-20:])
	}
	result = b.shell(t, "yes", func(c *Command) { c.Timeout = time.Second })
	if !result.TimedOut || result.ExitCode != 137 {
		t.Errorf("endless output did not end by time: %+v", result.ExitCode)
	}
}

// daemons leave the command in every way that a process can.
var daemons = map[string]string{
	"background":            "MARK &",
	"closed streams":        "MARK >/dev/null 2>&1 </dev/null &",
	"nohup":                 "nohup MARK >/dev/null 2>&1 &",
	"new session":           "setsid MARK >/dev/null 2>&1 &",
	"new session, two deep": "setsid sh -c 'setsid MARK >/dev/null 2>&1 & exit 0'; true",
	"ignores SIGTERM":       "(trap '' TERM HUP INT; MARK; MARK) >/dev/null 2>&1 &",
	"stopped":               "MARK >/dev/null 2>&1 & kill -STOP $!",
	"and the leader hangs":  "setsid MARK >/dev/null 2>&1 & exec MARK",
}

func TestNothingOutlivesItsCommand(t *testing.T) {
	for name, script := range daemons {
		t.Run(name, func(t *testing.T) {
			b := startBox(t)
			mark := marker(t)
			timeout := time.Minute
			if name == "and the leader hangs" {
				timeout = time.Second
			}
			b.shell(t, strings.ReplaceAll(script, "MARK", mark), func(c *Command) { c.Timeout = timeout })
			if left := running(t, mark); len(left) > 0 {
				t.Errorf("still running: %v", left)
			}
		})
	}
}

func TestACommandThatKillsItsKeeperLeavesNothing(t *testing.T) {
	b := startBox(t)
	mark := marker(t)
	result := b.shell(t, "setsid "+mark+" >/dev/null 2>&1 & kill -9 $PPID; exec "+mark)
	if result.ExitCode != 137 {
		t.Errorf("exit code %d, want that of a killed command", result.ExitCode)
	}
	if left := running(t, mark); len(left) > 0 {
		t.Errorf("still running: %v", left)
	}
	if got := b.shell(t, "echo alive").Output; got != "alive\n" {
		t.Errorf("the box is of no use any more: %q", got)
	}
}

func TestAForkBombEnds(t *testing.T) {
	if _, err := exec.LookPath("setpriv"); err != nil || os.Getuid() != 0 {
		t.Log("as root only: the limit of processes does not hold for root, so the bomb runs as another user")
		return
	}
	b := startBox(t)
	if err := os.Chmod(b.server.options.Root, 0o755); err != nil {
		t.Fatal(err)
	}
	begin := time.Now()
	// prlimit keeps the machine usable for what else runs on it.
	result := b.shell(t, `prlimit --nproc=300:300 setpriv --reuid=65533 --regid=65533 --clear-groups sh -c 'f() { f | f & }; f; sleep 1000'`,
		func(c *Command) { c.Timeout = 3 * time.Second })
	if !result.TimedOut {
		t.Errorf("the bomb ended by itself: %+v", result)
	}
	if took := time.Since(begin); took > 3*time.Second+killGrace {
		t.Errorf("it took %s to end it", took)
	}
	if left := ofUser(t, 65533); len(left) > 0 {
		t.Errorf("%d processes are left", len(left))
	}
}

func TestCommandsSideBySideDoNotKillEachOther(t *testing.T) {
	b := startBox(t)
	var wait sync.WaitGroup
	for i := range 8 {
		wait.Go(func() {
			// Each has a daemon of its own that must live as long as its command.
			script := `setsid sh -c 'while :; do echo x; done' >/dev/null 2>&1 & p=$!; i=0; while [ $i -lt 20 ]; do true | true; i=$((i+1)); done; kill -0 $p && echo ok`
			if got := b.shell(t, script).Output; got != "ok\n" {
				t.Errorf("command %d: %q", i, got)
			}
		})
	}
	wait.Wait()
}

func TestACallerWhoGoesAwayEndsTheCommand(t *testing.T) {
	b := startBox(t)
	mark := marker(t)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		_, err := b.Run(ctx, Command{Args: []string{mark}, Dir: ".", Timeout: time.Minute})
		ended <- err
	}()
	await(t, "the command to start", func() bool { return len(running(t, mark)) > 0 })
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want the caller's own end", err)
	}
	await(t, "the command to be killed", func() bool { return len(running(t, mark)) == 0 })
}

func TestCPUTimeIsThatOfAllProcesses(t *testing.T) {
	b := startBox(t)
	result := b.shell(t, `for i in 1 2; do sh -c 'i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done' & done; wait`)
	if result.CPU < 20*time.Millisecond || result.Elapsed <= 0 {
		t.Errorf("CPU %s, elapsed %s", result.CPU, result.Elapsed)
	}
}

// marker makes a program that sleeps and whose path nothing else has.
func marker(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "mark")
	sleep, err := exec.LookPath("sleep")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+sleep+" 1000\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	return path
}

// running lists the processes with a word in their command line, zombies apart.
func running(t testing.TB, word string) []int {
	t.Helper()
	var found []int
	for _, p := range proctree.List() {
		line, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", p.PID))
		if err == nil && bytes.Contains(line, []byte(word)) {
			found = append(found, p.PID)
		}
	}
	return found
}

func ofUser(t testing.TB, user uint32) []int {
	t.Helper()
	var found []int
	for _, p := range proctree.List() {
		info, err := os.Stat("/proc/" + strconv.Itoa(p.PID))
		if err != nil {
			continue
		}
		if owner, ok := info.Sys().(*syscall.Stat_t); ok && owner.Uid == user {
			found = append(found, p.PID)
		}
	}
	return found
}

func await(t testing.TB, what string, done func() bool) {
	t.Helper()
	deadline := time.After(20 * time.Second)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !done() {
		select {
		case <-deadline:
			t.Fatalf("waited in vain for %s", what)
		case <-tick.C:
		}
	}
}

func BenchmarkRun(b *testing.B) {
	box := startBox(b)
	b.Run("sandbox", func(b *testing.B) {
		for b.Loop() {
			if _, err := box.Run(b.Context(), Command{Args: []string{"true"}, Dir: ".", Timeout: time.Minute}); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("directly", func(b *testing.B) {
		for b.Loop() {
			if err := exec.Command("true").Run(); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// Commands inherit what the options say, their results are told, and the keeper
// is out of the way of signals to the server's process group: a terminal's
// interrupt must not look as if the command had been killed.
func TestRunByOptions(t *testing.T) {
	var mu sync.Mutex
	var told []Result
	b := startBox(t, func(o *Options) {
		o.Environ = []string{"PATH=" + os.Getenv("PATH"), "OWN=1"}
		o.Ran = func(result Result) {
			mu.Lock()
			defer mu.Unlock()
			told = append(told, result)
		}
	})
	t.Setenv("NOT_INHERITED", "x")
	result, err := b.Run(t.Context(), Command{
		Args: []string{"sh", "-c", `echo "$OWN$NOT_INHERITED" && cut -d' ' -f5 /proc/$PPID/stat`}, Dir: ".", Timeout: time.Minute,
	})
	if err != nil {
		t.Fatal(err)
	}
	own, group, _ := strings.Cut(strings.TrimSpace(result.Output), "\n")
	if own != "1" {
		t.Errorf("the command inherits %q", own)
	}
	if number, err := strconv.Atoi(group); err != nil || number == syscall.Getpgrp() {
		t.Errorf("the keeper is in process group %q, which is the server's %d", group, syscall.Getpgrp())
	}
	mu.Lock()
	defer mu.Unlock()
	if len(told) != 1 || told[0].Output != result.Output {
		t.Errorf("told %+v", told)
	}
}
