// Package proctree reads and ends trees of processes.
package proctree

import (
	"bytes"
	"os"
	"strconv"
	"syscall"
)

// KillRounds bounds the hunt for processes that fork while they are hunted.
const KillRounds = 50

// Process is one line of /proc.
type Process struct {
	PID, Parent, Session int
	// Stopped by a signal.
	Stopped bool
}

// List reads all processes that this one can see.
func List() []Process {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil
	}
	var all []Process
	for _, entry := range entries {
		pid, err := strconv.Atoi(entry.Name())
		if err != nil {
			continue
		}
		if p, ok := Read(pid); ok {
			all = append(all, p)
		}
	}
	return all
}

// Read parses /proc/<pid>/stat; a command's name, in parentheses, may
// hold anything, so fields count from the last one.
func Read(pid int) (Process, bool) {
	raw, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return Process{}, false
	}
	return parseStat(pid, raw)
}

func parseStat(pid int, raw []byte) (Process, bool) {
	_, after, found := cutLast(raw, ')')
	// state, parent, process group, session
	fields := bytes.Fields(after)
	if !found || len(fields) < 4 {
		return Process{}, false
	}
	parent, err := strconv.Atoi(string(fields[1]))
	session, err2 := strconv.Atoi(string(fields[3]))
	return Process{PID: pid, Parent: parent, Session: session, Stopped: fields[0][0] == 'T'}, err == nil && err2 == nil
}

func cutLast(raw []byte, sep byte) (before, after []byte, found bool) {
	i := bytes.LastIndexByte(raw, sep)
	if i < 0 {
		return raw, nil, false
	}
	return raw[:i], raw[i+1:], true
}

// Descendants returns the processes below some, without these.
func Descendants(all []Process, of ...int) []int {
	children := map[int][]int{}
	for _, p := range all {
		children[p.Parent] = append(children[p.Parent], p.PID)
	}
	var found []int
	queue := append([]int(nil), of...)
	seen := map[int]bool{}
	for len(queue) > 0 {
		next := children[queue[0]]
		queue = queue[1:]
		for _, pid := range next {
			if !seen[pid] {
				seen[pid] = true
				found = append(found, pid)
				queue = append(queue, pid)
			}
		}
	}
	return found
}

// ResidentPages sums the memory of processes; pages that they share count for
// each.
func ResidentPages(pids []int) int64 {
	var total int64
	for _, pid := range pids {
		raw, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/statm")
		if err != nil {
			continue
		}
		if fields := bytes.Fields(raw); len(fields) > 1 {
			pages, err := strconv.ParseInt(string(fields[1]), 10, 64)
			if err == nil {
				total += pages
			}
		}
	}
	return total
}

// KillAll kills the processes that find returns. They are stopped first, round
// by round: a stopped process does not fork and still takes a place under the
// limit of processes, so a fork bomb runs out of them.
func KillAll(find func() []int) {
	stopped := map[int]bool{}
	for range KillRounds {
		fresh := false
		for _, pid := range find() {
			if !stopped[pid] {
				fresh, stopped[pid] = true, true
				// A process that is gone is what we want.
				_ = syscall.Kill(pid, syscall.SIGSTOP)
			}
		}
		if !fresh {
			break
		}
	}
	for _, pid := range find() {
		_ = syscall.Kill(pid, syscall.SIGKILL)
	}
}
