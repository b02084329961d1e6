package cluster

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"syscall"

	"github.com/repoexpert/operator/hack/devcluster/internal/host"
	"github.com/repoexpert/operator/hack/devcluster/internal/node"
	"github.com/repoexpert/operator/hack/devcluster/internal/state"
)

// NodeCommand is the hidden command by which the program starts itself again as
// process 1 of a node. Its argument is the cluster's name.
const NodeCommand = "node"

// start starts process 1 in its namespaces, connects it to the host and lets it
// go on. Until then it waits on a pipe, whose other end closes if this process
// dies, so that no half-made node is left behind.
func (m *Manager) start(ctx context.Context, record state.Record, spec node.Spec) (state.Record, error) {
	gate, opener, err := os.Pipe()
	if err != nil {
		return record, fmt.Errorf("start the node: %w", err)
	}
	defer gate.Close()
	defer opener.Close()
	cmd, err := nodeCommand(spec, gate)
	if err != nil {
		return record, err
	}
	if err := cmd.Start(); err != nil {
		return record, fmt.Errorf("start the node: %w", err)
	}
	record.PID = cmd.Process.Pid
	if record.StartTicks, err = state.StartTicks(record.PID); err != nil {
		return record, err
	}
	if err := m.Store.Save(record); err != nil {
		return record, err
	}
	// Away from the caller's control group: it may be a login session or a build
	// job, which is killed as a whole when it ends.
	if err := m.Cgroups.Join(spec.Cluster.CgroupName(), record.PID); err != nil {
		return record, err
	}
	if err := spec.ConnectHost(ctx, record.PID); err != nil {
		return record, err
	}
	if _, err := opener.Write([]byte{1}); err != nil {
		return record, fmt.Errorf("start the node: %w", err)
	}
	m.say("process 1 of the node is %d, its address %s", record.PID, spec.Cluster.NodeIP())
	return record, cmd.Process.Release()
}

func nodeCommand(spec node.Spec, gate *os.File) (*exec.Cmd, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("start the node: %w", err)
	}
	output, err := os.OpenFile(spec.Paths.Log("node"), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		return nil, fmt.Errorf("start the node: %w", err)
	}
	cmd := exec.Command(self, NodeCommand, spec.Cluster.Name())
	cmd.Stdin, cmd.Stdout, cmd.Stderr = gate, output, output
	cmd.Dir = "/"
	// A session of its own: the terminal's hang-up is not for the cluster.
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: host.NamespaceFlags, Setsid: true}
	return cmd, nil
}

// RunNode is process 1 of a node: what nodeCommand starts.
func (m *Manager) RunNode(ctx context.Context, name string) error {
	record, err := m.Store.Load(name)
	if err != nil {
		return err
	}
	cni, err := host.CNIFolder()
	if err != nil {
		return err
	}
	spec, err := m.spec(record, cni)
	if err != nil {
		return err
	}
	return node.Run(ctx, spec, os.Stdin)
}
