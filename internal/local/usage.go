package local

import (
	"fmt"
	"time"

	"golang.org/x/sys/unix"
)

// Usage is what a stage cost on this machine, in nanoseconds.
type Usage struct {
	Wall time.Duration `json:"wall"`
	// CPU of this process and all that it started and waited for.
	CPU time.Duration `json:"cpu"`
	// Sandbox is the part of CPU that commands in the boxes used: tests, agents'
	// commands, and making trees for them.
	Sandbox time.Duration `json:"sandbox"`
	// Tasks is the part of Sandbox that Experience counts as the cost of its tasks.
	Tasks time.Duration `json:"tasks"`
}

// Own is the part of CPU that is neither the repository's code nor an agent's
// command: this process, its git and its keepers.
func (u Usage) Own() time.Duration { return u.CPU - u.Sandbox }

func (u Usage) plus(other Usage) Usage {
	return Usage{Wall: u.Wall + other.Wall, CPU: u.CPU + other.CPU, Sandbox: u.Sandbox + other.Sandbox, Tasks: u.Tasks + other.Tasks}
}

// meter reads the clocks of this process and its sandbox.
type meter struct {
	sandbox *Sandbox
	now     func() time.Time
	start   time.Time
	cpu     time.Duration
	inside  time.Duration
}

func (m *meter) begin() error {
	cpu, err := processCPU()
	m.start, m.cpu, m.inside = m.now(), cpu, m.sandbox.CPU()
	return err
}

func (m *meter) end() (Usage, error) {
	cpu, err := processCPU()
	return Usage{Wall: m.now().Sub(m.start), CPU: cpu - m.cpu, Sandbox: m.sandbox.CPU() - m.inside}, err
}

// processCPU is the processor time of this process and its ended children.
func processCPU() (time.Duration, error) {
	var total time.Duration
	for _, who := range []int{unix.RUSAGE_SELF, unix.RUSAGE_CHILDREN} {
		var usage unix.Rusage
		if err := unix.Getrusage(who, &usage); err != nil {
			return 0, fmt.Errorf("getrusage: %w", err)
		}
		total += time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
	}
	return total, nil
}

// PeakMemory is the largest resident set of this process so far, in bytes.
func PeakMemory() (int64, error) {
	var usage unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &usage); err != nil {
		return 0, fmt.Errorf("getrusage: %w", err)
	}
	// Linux counts it in KiB, see getrusage(2).
	return usage.Maxrss << 10, nil
}
