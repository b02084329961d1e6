package sandbox

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/repoexpert/operator/internal/sandbox/proctree"
)

// podVariable tells this test binary to be a sidecar instead.
const podVariable = "SANDBOX_TEST_SIDECAR"

// podUser is the user of the sidecar and its commands.
const podUser = 65532

// podProcesses is the sidecar's limit of processes, for its user on the whole
// machine: a bomb shall not take the machine down that runs the test.
const podProcesses = 150

// podFiles is its limit of open files, fewer than a deep tree has folders.
const podFiles = 1024

func TestMain(m *testing.M) {
	if document := os.Getenv(podVariable); document != "" {
		if err := beSidecar(document); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

type sidecar struct {
	Options Options
	Socket  string
}

func beSidecar(document string) error {
	var s sidecar
	if err := json.Unmarshal([]byte(document), &s); err != nil {
		return err
	}
	// Its input ends with the test, however that ends.
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		os.Exit(0)
	}()
	s.Options.Log = slog.New(slog.NewTextHandler(os.Stderr, nil))
	server, err := NewServer(s.Options)
	if err != nil {
		return err
	}
	ctx, stop := server.Signals(context.Background())
	defer stop()
	return errors.Join(server.Listen(ctx, s.Socket), server.Close())
}

// pod is a box whose server runs as in a pod: the first process of its own
// namespace of processes, as a user without any privilege, with a client in
// another.
type pod struct {
	box
	// dir holds the pod's folders; root, scratch and socket are among them.
	dir, scratch string
	// parent is the process that made the namespaces.
	parent int
	log    *logFile
}

// startPod returns false where the machine cannot give a process its own
// namespaces: as another user than root.
func startPod(t testing.TB) (pod, bool) {
	t.Helper()
	for _, program := range []string{"unshare", "setpriv", "prlimit"} {
		if _, err := exec.LookPath(program); err != nil || os.Getuid() != 0 {
			t.Log("as root only: a pod's user and namespaces cannot be had")
			return pod{}, false
		}
	}
	p := pod{dir: reachableDir(t)}
	for _, name := range []string{"workspace", "environment", "scratch", "socket"} {
		dir := filepath.Join(p.dir, name)
		// As an emptyDir: everybody may write, and nobody of the pod owns it.
		if err := errors.Join(os.Mkdir(dir, 0o700), os.Chmod(dir, 0o777)); err != nil {
			t.Fatal(err)
		}
	}
	p.scratch, p.socket = filepath.Join(p.dir, "scratch"), filepath.Join(p.dir, "socket", "exec.sock")
	options := Options{
		Root: filepath.Join(p.dir, "workspace"), EnvironmentDir: filepath.Join(p.dir, "environment"), Scratch: []string{p.scratch},
	}
	p.start(t, options)
	p.Client = Dial(p.socket)
	t.Cleanup(p.Close)
	if err := p.Ready(t.Context()); err != nil {
		t.Fatalf("%v\n%s", err, p.log)
	}
	return p, true
}

func (p *pod) start(t testing.TB, options Options) {
	t.Helper()
	binary := filepath.Join(p.dir, "worker")
	copyBinary(t, binary)
	document, err := json.Marshal(sidecar{Options: options, Socket: p.socket})
	if err != nil {
		t.Fatal(err)
	}
	user := strconv.Itoa(podUser)
	cmd := exec.Command("unshare", "--pid", "--fork", "--mount-proc", "--ipc",
		"prlimit", fmt.Sprintf("--nproc=%d:%d", podProcesses, podProcesses), fmt.Sprintf("--nofile=%d:%d", podFiles, podFiles),
		"setpriv", "--reuid="+user, "--regid="+user, "--clear-groups", "--no-new-privs", "--bounding-set=-all", binary)
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + p.scratch, "TMPDIR=" + p.scratch, podVariable + "=" + string(document)}
	if coverage := os.Getenv("GOCOVERDIR"); coverage != "" {
		cmd.Env = append(cmd.Env, "GOCOVERDIR="+coverage)
	}
	p.log = openLog(t)
	cmd.Stdout, cmd.Stderr = p.log.File, p.log.File
	input, err := cmd.StdinPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	p.parent = cmd.Process.Pid
	t.Cleanup(func() {
		// The first process of a namespace takes the others along.
		_ = input.Close()
		_ = cmd.Wait()
		if t.Failed() {
			t.Logf("sidecar:\n%s", p.log)
		}
	})
}

// reachableDir is a folder that another user can enter.
func reachableDir(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("/tmp", "pod")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	return dir
}

func copyBinary(t testing.TB, to string) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	in, err := os.Open(self)
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_CREATE|os.O_WRONLY|os.O_EXCL, 0o755)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(out, in); err != nil {
		t.Fatal(err)
	}
	if err := out.Close(); err != nil {
		t.Fatal(err)
	}
}

type logFile struct{ *os.File }

func openLog(t testing.TB) *logFile {
	t.Helper()
	file, err := os.CreateTemp(t.TempDir(), "log")
	if err != nil {
		t.Fatal(err)
	}
	return &logFile{file}
}

func (l *logFile) String() string {
	raw, err := os.ReadFile(l.Name())
	if err != nil {
		return err.Error()
	}
	return strings.TrimSpace(string(raw))
}

// first is the server's process as this machine counts.
func (p *pod) first(t testing.TB) int {
	t.Helper()
	for _, found := range proctree.List() {
		if found.Parent != p.parent {
			continue
		}
		return found.PID
	}
	t.Fatal("the server is gone")
	return 0
}

func TestTheKubeletEndsTheServerAndCommandsDoNot(t *testing.T) {
	p, ok := startPod(t)
	if !ok {
		return
	}
	started := filepath.Join(p.scratch, "started")
	ended := make(chan Result, 1)
	go func() {
		ended <- p.shell(t, "kill -TERM 1; touch "+started+"; sleep 1000", func(c *Command) { c.Timeout = 3 * time.Second })
	}()
	await(t, "a command to run", func() bool { _, err := os.Stat(started); return err == nil })
	server := p.first(t)
	if err := syscall.Kill(server, syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if result := <-ended; !result.TimedOut {
		t.Errorf("the command ended with %d, %q", result.ExitCode, result.Output)
	}
	if got := p.shell(t, "echo still").Output; got != "still\n" {
		t.Errorf("the server does not answer: %q", got)
	}
	if err := syscall.Kill(server, syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	await(t, "the server to end", func() bool { return len(running(t, filepath.Join(p.dir, "worker"))) == 0 })
}
