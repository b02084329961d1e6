package local

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/repoexpert/operator/internal/contract"
	"github.com/repoexpert/operator/internal/sandbox"
)

// Notice is what everybody who starts a command with a sandbox must know.
const Notice = "The sandbox here is processes of your user, with your files and your network: " +
	"nothing is isolated. Run it only on code that you trust."

// boxes are the sidecars of a pod with a sandbox.
var boxes = []string{contract.ContainerAgent, contract.ContainerGrader}

// Sandbox serves the boxes of a worker from this process. Its folder has the same
// path every time, because outputs show paths and equal runs must give equal
// samples; so only one sandbox of a user runs at a time.
type Sandbox struct {
	dir     string
	lock    *os.File
	stop    context.CancelFunc
	servers []*sandbox.Server
	ended   chan error
	cpu     atomic.Int64
}

// StartSandbox starts both boxes. pythonPath are absolute folders that commands
// import from. Close the result.
func StartSandbox(ctx context.Context, pythonPath []string, log *slog.Logger) (*Sandbox, error) {
	dir := filepath.Join(os.TempDir(), fmt.Sprintf("repoexpert-%d", os.Getuid()))
	lock, err := claim(dir)
	if err != nil {
		return nil, fmt.Errorf("sandbox: %w", err)
	}
	ctx, stop := context.WithCancel(context.WithoutCancel(ctx))
	s := &Sandbox{dir: dir, lock: lock, stop: stop, ended: make(chan error, len(boxes))}
	for _, name := range boxes {
		if err := s.serve(ctx, name, pythonPath, log); err != nil {
			return nil, errors.Join(fmt.Errorf("sandbox: %w", err), s.Close())
		}
	}
	if err := s.clear(ctx); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// claim makes the sandbox's folder, or takes over the one of an earlier sandbox.
// In a shared folder for temporary files anybody may have made it.
func claim(dir string) (*os.File, error) {
	if err := os.Mkdir(dir, 0o700); err != nil && !errors.Is(err, os.ErrExist) {
		return nil, err
	}
	info, err := os.Lstat(dir)
	if err != nil {
		return nil, err
	}
	owner, ok := info.Sys().(*syscall.Stat_t)
	if !info.IsDir() || !ok || int(owner.Uid) != os.Getuid() || info.Mode().Perm()&0o077 != 0 {
		return nil, fmt.Errorf("%s is not a private folder of yours: remove it, or set TMPDIR to another folder", dir)
	}
	lock, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(lock.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		err = fmt.Errorf("another worker of yours uses %s: wait for its end, or set TMPDIR to another folder: %w", dir, err)
		return nil, errors.Join(err, lock.Close())
	}
	return lock, nil
}

// Sockets is the folder of the boxes' sockets, as stage.Runner wants it.
func (s *Sandbox) Sockets() string { return filepath.Join(s.dir, "sockets") }

func (s *Sandbox) root(box string) string { return filepath.Join(s.dir, box) }

// temp is where the commands of a box put temporary files: beside the workspace,
// which the box empties of all but its tree.
func (s *Sandbox) temp(box string) string { return s.root(box) + ".tmp" }

// CPU is the processor time of all commands that ended so far.
func (s *Sandbox) CPU() time.Duration { return time.Duration(s.cpu.Load()) }

// Box connects to a box by the name of its container.
func (s *Sandbox) Box(ctx context.Context, name string) (*sandbox.Client, error) {
	client := sandbox.Dial(filepath.Join(s.Sockets(), name, contract.SocketName))
	return client, client.Ready(ctx)
}

func (s *Sandbox) serve(ctx context.Context, name string, pythonPath []string, log *slog.Logger) error {
	options := sandbox.Options{
		Root: s.root(name), EnvironmentDir: s.root(name) + ".environment", Log: log,
		Environ: environ(pythonPath, s.temp(name)), Scratch: []string{s.temp(name)},
		Ran: func(result sandbox.Result) { s.cpu.Add(int64(result.CPU)) },
	}
	socket := filepath.Join(s.Sockets(), name, contract.SocketName)
	for _, folder := range []string{options.Root, options.EnvironmentDir, s.temp(name), filepath.Dir(socket)} {
		if err := os.MkdirAll(folder, 0o700); err != nil {
			return err
		}
	}
	server, err := sandbox.NewServer(options)
	if err != nil {
		return err
	}
	s.servers = append(s.servers, server)
	go func() { s.ended <- server.Listen(ctx, socket) }()
	return nil
}

// clear removes what commands left, those of an earlier sandbox that was killed
// among them.
func (s *Sandbox) clear(ctx context.Context) error {
	for _, name := range boxes {
		if err := s.clearBox(ctx, name); err != nil {
			return fmt.Errorf("sandbox: clearing %s: %w", s.root(name), err)
		}
	}
	return nil
}

// clearBox lets the box remove what is in it: it knows how to remove what
// repository code has locked.
func (s *Sandbox) clearBox(ctx context.Context, name string) error {
	box, err := s.Box(ctx, name)
	if err != nil {
		return err
	}
	defer box.Close()
	entries, err := os.ReadDir(s.root(name))
	if err != nil {
		return err
	}
	for _, entry := range entries {
		if err := box.Remove(ctx, entry.Name()); err != nil {
			return err
		}
	}
	left, err := os.ReadDir(s.temp(name))
	for _, entry := range left {
		err = errors.Join(err, os.RemoveAll(filepath.Join(s.temp(name), entry.Name())))
	}
	return err
}

// Close ends the boxes with all that runs in them, and removes the trees.
func (s *Sandbox) Close() error {
	var err error
	if len(s.servers) == len(boxes) {
		err = s.clear(context.Background())
	}
	s.stop()
	for _, server := range s.servers {
		err = errors.Join(err, <-s.ended, server.Close())
	}
	return errors.Join(err, s.lock.Close())
}

// inherited are the variables that commands get from the user: what programs
// need to be found and to find their own files. Everything else differs between
// people and terminals, or is a secret.
var inherited = []string{"PATH", "HOME", "USER", "LOGNAME", "VIRTUAL_ENV", "CONDA_PREFIX", "PYENV_ROOT", "PYENV_VERSION", "LD_LIBRARY_PATH", "TZ"}

// inheritedPrefix begins the variables of the Go tools.
const inheritedPrefix = "GO"

// environ is what commands inherit.
func environ(pythonPath []string, temp string) []string {
	kept := []string{"TMPDIR=" + temp}
	for _, v := range os.Environ() {
		name, _, _ := strings.Cut(v, "=")
		if slices.Contains(inherited, name) || strings.HasPrefix(name, inheritedPrefix) {
			kept = append(kept, v)
		}
	}
	if len(pythonPath) > 0 {
		kept = append(kept, "PYTHONPATH="+strings.Join(pythonPath, string(os.PathListSeparator)))
	}
	return kept
}
