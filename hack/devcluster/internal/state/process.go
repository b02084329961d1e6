package state

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"strings"
)

// startTicksField is the position of a process's start time among the fields of
// /proc/PID/stat that follow its name.
const startTicksField = 19

// StartTicks says when a process started, in clock ticks since boot. Number and
// start together name a process for good: numbers alone are used again, and a
// `down` that trusted a number from before a reboot would kill a stranger.
func StartTicks(pid int) (uint64, error) {
	b, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return 0, fmt.Errorf("read the state of process %d: %w", pid, err)
	}
	return parseStat(string(b))
}

// parseStat reads the start time. The process's name, in parentheses, may hold
// spaces and parentheses itself, so the fields are counted from the last one. A
// zombie is reported as not existing: it holds nothing any more.
func parseStat(stat string) (uint64, error) {
	_, rest, ok := cutLast(stat, ") ")
	fields := strings.Fields(rest)
	if !ok || len(fields) <= startTicksField {
		return 0, fmt.Errorf("process state %q has too few fields", stat)
	}
	if fields[0] == "Z" || fields[0] == "X" {
		return 0, fs.ErrNotExist
	}
	ticks, err := strconv.ParseUint(fields[startTicksField], 10, 64)
	if err != nil {
		return 0, fmt.Errorf("start time of a process: %w", err)
	}
	return ticks, nil
}

func cutLast(s, sep string) (before, after string, found bool) {
	i := strings.LastIndex(s, sep)
	if i < 0 {
		return s, "", false
	}
	return s[:i], s[i+len(sep):], true
}

// Alive says whether the process 1 of the cluster runs.
func (r Record) Alive() (bool, error) {
	if r.PID == 0 {
		return false, nil
	}
	ticks, err := StartTicks(r.PID)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return false, nil
	case err != nil:
		return false, err
	default:
		return ticks == r.StartTicks, nil
	}
}
