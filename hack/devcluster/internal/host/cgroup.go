package host

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

const (
	cgroupRoot = "/sys/fs/cgroup"
	// DaemonsCgroup is the folder, within the cluster's own, of etcd, containerd,
	// the kubelet and so on; the kubelet makes one for the pods beside it.
	DaemonsCgroup = "daemons"
	cgroupPoll    = 50 * time.Millisecond
)

// Cgroups are the mounted control group hierarchies: one for each controller with
// version 1, a single one with version 2.
type Cgroups struct {
	Mounts []string
	V2     bool
}

// FindCgroups reads what is mounted on this machine.
func FindCgroups() (Cgroups, error) {
	f, err := os.Open("/proc/self/mountinfo")
	if err != nil {
		return Cgroups{}, fmt.Errorf("find control groups: %w", err)
	}
	defer f.Close()
	return parseCgroups(f)
}

// parseCgroups picks the control group mounts out of a mountinfo table. Mounts
// elsewhere than /sys/fs/cgroup are other containers' views of the same trees.
func parseCgroups(mountinfo io.Reader) (Cgroups, error) {
	const mountPoint = 4
	var found Cgroups
	lines := bufio.NewScanner(mountinfo)
	for lines.Scan() {
		before, after, ok := strings.Cut(lines.Text(), " - ")
		fields := strings.Fields(before)
		if !ok || len(fields) <= mountPoint {
			continue
		}
		kind, _, _ := strings.Cut(after, " ")
		path := fields[mountPoint]
		under := path == cgroupRoot || strings.HasPrefix(path, cgroupRoot+"/")
		if !under || (kind != "cgroup" && kind != "cgroup2") || slices.Contains(found.Mounts, path) {
			continue
		}
		found.Mounts = append(found.Mounts, path)
		// Systemd's "hybrid" layout has an empty version 2 tree below the root.
		found.V2 = found.V2 || (kind == "cgroup2" && path == cgroupRoot)
	}
	return found, lines.Err()
}

// Check says which controller that a node cannot do without is missing.
func (c Cgroups) Check() error {
	needed := []string{"cpu", "cpuset", "memory", "pids"}
	var have []string
	if c.V2 {
		b, err := os.ReadFile(filepath.Join(cgroupRoot, "cgroup.controllers"))
		if err != nil {
			return fmt.Errorf("control groups: %w", err)
		}
		have = strings.Fields(string(b))
	} else {
		for _, m := range c.Mounts {
			have = append(have, strings.Split(filepath.Base(m), ",")...)
		}
	}
	for _, name := range needed {
		if !slices.Contains(have, name) {
			return fmt.Errorf("control groups: no %q controller is mounted under %s", name, cgroupRoot)
		}
	}
	return nil
}

// Create makes the cluster's folder, and the one for its daemons, in each
// hierarchy.
func (c Cgroups) Create(name string) error {
	for _, mount := range c.Mounts {
		for _, dir := range []string{filepath.Join(mount, name), filepath.Join(mount, name, DaemonsCgroup)} {
			if err := os.Mkdir(dir, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
				return fmt.Errorf("control group: %w", err)
			}
			if err := c.prepare(dir); err != nil {
				return err
			}
		}
	}
	return nil
}

// prepare makes a new folder usable. A version 1 cpuset is born empty, and no
// process can join it then ("no space left on device"); in version 2 a folder's
// children have only the controllers that it hands down, and a folder that holds
// processes (daemons) may hand down none.
func (c Cgroups) prepare(dir string) error {
	if c.V2 {
		if filepath.Base(dir) == DaemonsCgroup {
			return nil
		}
		return handDown(dir)
	}
	for _, file := range []string{"cpuset.cpus", "cpuset.mems"} {
		inherited, err := os.ReadFile(filepath.Join(filepath.Dir(dir), file))
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("control group: %w", err)
		}
		if err := os.WriteFile(filepath.Join(dir, file), inherited, 0o644); err != nil {
			return fmt.Errorf("control group: %w", err)
		}
	}
	return nil
}

func handDown(dir string) error {
	b, err := os.ReadFile(filepath.Join(filepath.Dir(dir), "cgroup.controllers"))
	if err != nil {
		return fmt.Errorf("control group: %w", err)
	}
	enable := "+" + strings.Join(strings.Fields(string(b)), " +")
	for _, d := range []string{filepath.Dir(dir), dir} {
		if err := os.WriteFile(filepath.Join(d, "cgroup.subtree_control"), []byte(enable), 0o644); err != nil {
			return fmt.Errorf("control group: %w", err)
		}
	}
	return nil
}

// Join moves a process, and what it will start, into the daemons' folder.
func (c Cgroups) Join(name string, pid int) error {
	for _, mount := range c.Mounts {
		file := filepath.Join(mount, name, DaemonsCgroup, "cgroup.procs")
		if err := os.WriteFile(file, []byte(strconv.Itoa(pid)), 0o644); err != nil {
			return fmt.Errorf("control group: %w", err)
		}
	}
	return nil
}

// MemoryBytes is what the processes of the cluster, pods included, use.
func (c Cgroups) MemoryBytes(name string) (uint64, error) {
	file := filepath.Join(cgroupRoot, "memory", name, "memory.usage_in_bytes")
	if c.V2 {
		file = filepath.Join(cgroupRoot, name, "memory.current")
	}
	b, err := os.ReadFile(file)
	if err != nil {
		return 0, fmt.Errorf("control group: %w", err)
	}
	n, err := strconv.ParseUint(strings.TrimSpace(string(b)), 10, 64)
	if err != nil {
		return 0, fmt.Errorf("control group: %s: %w", file, err)
	}
	return n, nil
}

// Remove kills what is left in the cluster's folders and removes them, deepest
// first. It succeeds at once when there are none, and otherwise goes on until ctx
// ends: the kernel needs a moment to let go of a folder whose last process died.
func (c Cgroups) Remove(ctx context.Context, name string) error {
	for {
		var last error
		for _, mount := range c.Mounts {
			if err := removeTree(filepath.Join(mount, name)); err != nil {
				last = err
			}
		}
		if last == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("control group: %w", last)
		case <-time.After(cgroupPoll):
		}
	}
}

func removeTree(root string) error {
	var dirs []string
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			dirs = append(dirs, path)
		}
		return nil
	})
	// A folder may vanish while it is walked: the kubelet's last act, say.
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	slices.Reverse(dirs)
	for _, dir := range dirs {
		killMembers(dir)
		if err := syscall.Rmdir(dir); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return &fs.PathError{Op: "rmdir", Path: dir, Err: err}
		}
	}
	return nil
}

// killMembers kills the processes of one folder. Errors are not looked at: a
// process may be gone already, and rmdir tells whether one is left.
func killMembers(dir string) {
	b, err := os.ReadFile(filepath.Join(dir, "cgroup.procs"))
	if err != nil {
		return
	}
	for _, line := range strings.Fields(string(b)) {
		// 0 stands for a process of another PID namespace, and kill(0) is us.
		if pid, err := strconv.Atoi(line); err == nil && pid > 1 && pid != os.Getpid() {
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
	}
}
