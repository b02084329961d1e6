package sandbox

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"

	"golang.org/x/sys/unix"
)

// adoptOrphans makes this process the parent of descendants whose own parent
// ended, so that a daemon of the repository cannot hide from killDescendants.
func adoptOrphans() error {
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		return fmt.Errorf("become the parent of orphans: %w", err)
	}
	return nil
}

// killDescendants kills every process below this one and reaps those that it
// adopted. It looks again until none is left, because a fork can win the race
// against one look; after the given number of looks it reports an error.
func killDescendants(looks int) error {
	for range looks {
		parents, err := parentsOfAll()
		if err != nil {
			return err
		}
		below := descendants(os.Getpid(), parents)
		if len(below) == 0 {
			return nil
		}
		// Stopping all first keeps a fork bomb from outrunning the kills.
		for _, signal := range []unix.Signal{unix.SIGSTOP, unix.SIGKILL} {
			for _, pid := range below {
				if err := unix.Kill(pid, signal); err != nil && !errors.Is(err, unix.ESRCH) {
					return fmt.Errorf("kill process %d: %w", pid, err)
				}
			}
		}
		for _, pid := range below {
			if _, err := unix.Wait4(pid, nil, 0, nil); err != nil && !errors.Is(err, unix.ECHILD) && !errors.Is(err, unix.EINTR) {
				return fmt.Errorf("reap process %d: %w", pid, err)
			}
		}
	}
	return fmt.Errorf("processes are left after %d looks", looks)
}

// parentsOfAll maps every process to its parent.
func parentsOfAll() (map[int]int, error) {
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		return nil, err
	}
	parents := make(map[int]int, len(stats))
	for _, name := range stats {
		raw, err := os.ReadFile(name)
		if err != nil {
			continue // it ended meanwhile
		}
		pid, parent, ok := parseStat(raw)
		if ok {
			parents[pid] = parent
		}
	}
	return parents, nil
}

// parseStat reads process and parent id from /proc/<pid>/stat (proc(5)). The
// command's name is in parentheses and may hold anything, so the fields are
// counted from the last parenthesis.
func parseStat(raw []byte) (pid, parent int, ok bool) {
	open, closing := bytes.IndexByte(raw, '('), bytes.LastIndexByte(raw, ')')
	if open < 1 || closing < open {
		return 0, 0, false
	}
	pid, err := strconv.Atoi(string(bytes.TrimSpace(raw[:open])))
	if err != nil {
		return 0, 0, false
	}
	fields := bytes.Fields(raw[closing+1:])
	if len(fields) < 2 {
		return 0, 0, false
	}
	parent, err = strconv.Atoi(string(fields[1]))
	return pid, parent, err == nil
}

// descendants lists all processes below one, parents before children.
func descendants(of int, parents map[int]int) []int {
	children := map[int][]int{}
	for pid, parent := range parents {
		children[parent] = append(children[parent], pid)
	}
	var below []int
	queue := []int{of}
	for len(queue) > 0 {
		next := children[queue[0]]
		queue = append(queue[1:], next...)
		below = append(below, next...)
	}
	return below
}
