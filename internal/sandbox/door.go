package sandbox

import (
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"sync"

	"golang.org/x/sys/unix"

	"github.com/repoexpert/operator/internal/sandbox/proctree"
)

// door is the listener on the server's socket. Commands run as the server's own
// user and can do to the socket's file what they like, but not speak through it:
// a connection from a process below the server is refused, so that no command
// can order another one that would outlive it.
type door struct {
	path string
	log  *slog.Logger

	mu       sync.Mutex
	listener *net.UnixListener
	// device and inode are the socket's own, by which it is told from another in
	// its place.
	device, inode uint64
	closed        bool
	// refused counts connections since the last time that the door was mended.
	refused int
}

func openDoor(path string, log *slog.Logger) (*door, error) {
	d := &door{path: path, log: log}
	return d, d.listen()
}

// listen makes the socket anew; whatever lies in its place goes, such as the
// socket of a container that was restarted in place.
func (d *door) listen() error {
	dir, err := os.OpenRoot(filepath.Dir(d.path))
	if err != nil {
		return fmt.Errorf("folder of the socket: %w", err)
	}
	defer dir.Close()
	if err := removeTree(dir, filepath.Base(d.path)); err != nil {
		return fmt.Errorf("remove the old socket: %w", err)
	}
	listener, err := net.ListenUnix("unix", &net.UnixAddr{Name: d.path, Net: "unix"})
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	// The old one would remove the new one's file.
	listener.SetUnlinkOnClose(false)
	var made unix.Stat_t
	err = os.Chmod(d.path, socketMode)
	if err == nil {
		err = unix.Lstat(d.path, &made)
	}
	if err != nil {
		_ = listener.Close()
		return fmt.Errorf("socket: %w", err)
	}
	d.listener, d.device, d.inode = listener, made.Dev, made.Ino
	return nil
}

// mend puts the socket back where a command has removed, replaced or locked it:
// the next connection would meet nobody, or somebody else.
func (d *door) mend() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.refused > 0 {
		d.log.Warn("commands tried to speak to the server", "times", d.refused)
		d.refused = 0
	}
	var at unix.Stat_t
	err := unix.Lstat(d.path, &at)
	if d.closed || err == nil && at.Dev == d.device && at.Ino == d.inode && at.Mode == unix.S_IFSOCK|socketMode {
		return
	}
	d.log.Warn("a command changed the socket, it is made anew")
	old := d.listener
	if err := d.listen(); err != nil {
		d.log.Error("the socket cannot be made anew", "error", err.Error())
		return
	}
	_ = old.Close() // nobody can reach it any more
}

// Accept implements net.Listener.
func (d *door) Accept() (net.Conn, error) {
	for {
		d.mu.Lock()
		listener := d.listener
		d.mu.Unlock()
		conn, err := listener.AcceptUnix()
		switch {
		case err != nil && d.replaced(listener):
		case err != nil:
			return nil, err
		case welcome(conn):
			return conn, nil
		default:
			d.refuse()
			_ = conn.Close() // it gets no answer
		}
	}
}

func (d *door) refuse() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.refused++
}

func (d *door) replaced(listener *net.UnixListener) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.listener != listener
}

// Close implements net.Listener. The socket's file stays: the next server
// removes it.
func (d *door) Close() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed {
		return nil
	}
	d.closed = true
	return d.listener.Close()
}

// Addr implements net.Listener.
func (d *door) Addr() net.Addr { return &net.UnixAddr{Name: d.path, Net: "unix"} }

// welcome says whether a peer is no command. The kernel names the process that
// connected: 0 for one in another container, whose process ids do not exist
// here. A process that is gone could only be a command that handed its
// connection on.
func welcome(conn *net.UnixConn) bool {
	raw, err := conn.SyscallConn()
	if err != nil {
		return false
	}
	var peer *unix.Ucred
	var peerErr error
	err = raw.Control(func(fd uintptr) { peer, peerErr = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED) })
	if err != nil || peerErr != nil {
		return false
	}
	return peer.Pid == 0 || outsider(proctree.List(), int(peer.Pid), os.Getpid())
}

// outsider says whether a process is known and no descendant of another.
func outsider(all []proctree.Process, pid, of int) bool {
	if pid == of {
		return true
	}
	parents := make(map[int]int, len(all))
	for _, p := range all {
		parents[p.PID] = p.Parent
	}
	if _, known := parents[pid]; !known {
		return false
	}
	for range len(all) {
		if pid = parents[pid]; pid == of {
			return false
		}
	}
	return true
}
