package sandbox

import (
	"bufio"
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// What a container may use is limited by its pod, and above the limit the pod's
// end is the whole container's: the kernel kills every process of a memory group,
// and the kubelet evicts a pod that fills its scratch space. Both lose the server
// and, time and again, the shard. The guard ends the command before.
const (
	memoryPause = 20 * time.Millisecond
	diskPause   = time.Second

	// memoryPercent of the container's limit is what cannot be reclaimed at most. The
	// rest is what a process can allocate between two looks.
	memoryPercent = 90

	// maxFolderBytes and maxFolderEntries are below the pod's limit of a scratch
	// folder (16 GiB) and above the largest environment (EnvironmentLimits).
	maxFolderBytes   = 14 << 30
	maxFolderEntries = 2_000_000
	// maxFolderDepth is beyond any tree that a program needs.
	maxFolderDepth = 256
	// suspectBytes and suspectEntries are by how much the file system's free space
	// must fall before a folder is measured.
	suspectBytes   = 1 << 30
	suspectEntries = 200_000
	// leastFree is what a disk that is not full has. The tests of a tree of middling
	// size write less.
	leastFree = 256 << 20

	memoryCgroup = "/sys/fs/cgroup"
)

// What a command's output says in the end.
const (
	killedForMemory = "killed: out of memory\n"
	killedForDisk   = "killed: out of disk space\n"
	// maxEnding is the longest of them, after a line that was not ended.
	maxEnding = 1 + len(killedForDisk)
)

// guard watches what the commands use together.
type guard struct {
	children *children
	memory   *memory
	folders  []*folder
}

func (s *Server) newGuard() *guard {
	g := &guard{children: &s.children, memory: openMemory(memoryCgroup)}
	for _, path := range append([]string{s.options.Root, s.options.EnvironmentDir}, s.options.Scratch...) {
		g.folders = append(g.folders, &folder{path: path, maxBytes: maxFolderBytes, maxEntries: maxFolderEntries})
	}
	return g
}

// run watches until the context ends.
func (g *guard) run(ctx context.Context) {
	memoryTick, diskTick := time.NewTicker(memoryPause), time.NewTicker(diskPause)
	defer memoryTick.Stop()
	defer diskTick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-memoryTick.C:
			if !g.children.none() && g.memory.usedUp() {
				g.children.endLargest(killedForMemory)
			}
		case <-diskTick.C:
			if !g.children.none() && g.diskUsedUp() {
				g.children.endAll(killedForDisk)
			}
			g.children.endStopped()
		}
	}
}

func (g *guard) diskUsedUp() bool {
	for _, f := range g.folders {
		if f.usedUp() {
			return true
		}
	}
	return false
}

// memory reads the container's memory control group, version 2.
type memory struct {
	dir string
	// allowed is how many bytes that cannot be reclaimed the commands may use; 0
	// where no limit is set or can be read.
	allowed int64
}

func openMemory(dir string) *memory {
	raw, err := os.ReadFile(filepath.Join(dir, "memory.max"))
	if err != nil {
		return &memory{}
	}
	limit, err := strconv.ParseInt(strings.TrimSpace(string(raw)), 10, 64)
	if err != nil || limit <= 0 {
		return &memory{}
	}
	return &memory{dir: dir, allowed: limit / 100 * memoryPercent}
}

// usedUp looks closer only when the whole, with what can be reclaimed, is near
// the limit.
func (m *memory) usedUp() bool {
	if m.allowed == 0 {
		return false
	}
	raw, err := os.ReadFile(filepath.Join(m.dir, "memory.current"))
	if err != nil {
		return false
	}
	current, err := strconv.ParseInt(strings.TrimSpace(string(raw)), 10, 64)
	if err != nil || current < m.allowed {
		return false
	}
	raw, err = os.ReadFile(filepath.Join(m.dir, "memory.stat"))
	return err == nil && current-reclaimable(raw) >= m.allowed
}

// reclaimable sums what the kernel can take back: the page cache but for shared
// memory, and caches of its own.
func reclaimable(stat []byte) int64 {
	var total int64
	lines := bufio.NewScanner(bytes.NewReader(stat))
	for lines.Scan() {
		name, text, _ := strings.Cut(lines.Text(), " ")
		value, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			continue
		}
		switch name {
		case "active_file", "inactive_file", "slab_reclaimable":
			total += value
		}
	}
	return total
}

// folder is one place that commands can fill.
type folder struct {
	path       string
	maxBytes   int64
	maxEntries int
	// free is what the file system had when the folder was last measured.
	free struct{ bytes, entries int64 }
}

// usedUp measures the folder when its file system lost much since the last time.
func (f *folder) usedUp() bool {
	var at unix.Statfs_t
	if err := unix.Statfs(f.path, &at); err != nil {
		return false
	}
	bytes, entries := int64(at.Bavail)*at.Bsize, int64(at.Ffree)
	if f.free.bytes-bytes < suspectBytes && f.free.entries-entries < suspectEntries {
		f.free.bytes, f.free.entries = max(f.free.bytes, bytes), max(f.free.entries, entries)
		return false
	}
	f.free.bytes, f.free.entries = bytes, entries
	return f.above()
}

// above says whether the folder holds more than it may.
func (f *folder) above() bool {
	fd, err := unix.Open(f.path, unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return false
	}
	m := measure{folder: f}
	return m.add(os.NewFile(uintptr(fd), f.path), 0)
}

type measure struct {
	folder  *folder
	bytes   int64
	entries int
}

// add counts a folder, which it closes, and what is below it, and says whether
// that is too much. Commands may change it meanwhile.
func (m *measure) add(dir *os.File, depth int) bool {
	defer dir.Close()
	for {
		names, err := dir.Readdirnames(readAtOnce)
		for _, name := range names {
			if m.entry(int(dir.Fd()), name, depth) {
				return true
			}
		}
		if err != nil {
			return false
		}
	}
}

func (m *measure) entry(dir int, name string, depth int) bool {
	var at unix.Stat_t
	if err := unix.Fstatat(dir, name, &at, unix.AT_SYMLINK_NOFOLLOW); err != nil {
		return false
	}
	m.entries++
	m.bytes += at.Blocks * 512
	if m.bytes > m.folder.maxBytes || m.entries > m.folder.maxEntries || depth > maxFolderDepth {
		return true
	}
	if at.Mode&unix.S_IFMT != unix.S_IFDIR {
		return false
	}
	fd, err := unix.Openat(dir, name, unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	return err == nil && m.add(os.NewFile(uintptr(fd), name), depth+1)
}
