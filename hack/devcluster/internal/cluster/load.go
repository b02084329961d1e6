package cluster

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"

	"github.com/repoexpert/operator/hack/devcluster/internal/command"
	"github.com/repoexpert/operator/hack/devcluster/internal/layout"
	"github.com/repoexpert/operator/hack/devcluster/internal/node"
	"github.com/repoexpert/operator/hack/devcluster/internal/state"
)

// ErrNotUp is for commands that need a running cluster.
var ErrNotUp = errors.New("is not up; start it with `devcluster up`")

// running finds a cluster that must be up.
func (m *Manager) running(name string) (state.Record, error) {
	if err := layout.ValidateName(name); err != nil {
		return state.Record{}, err
	}
	record, alive, err := m.find(name)
	if err == nil && !alive {
		err = fmt.Errorf("cluster %q %w", name, ErrNotUp)
	}
	return record, err
}

// Kubeconfig is the path of a running cluster's kubeconfig.
func (m *Manager) Kubeconfig(name string) (string, error) {
	if _, err := m.running(name); err != nil {
		return "", err
	}
	return m.Store.Paths(name).Kubeconfig(), nil
}

// LoadImages puts the images of archives into the node's store.
func (m *Manager) LoadImages(ctx context.Context, name string, archives []string) error {
	record, err := m.running(name)
	if err != nil {
		return err
	}
	for _, archive := range archives {
		imported, err := importImage(ctx, record.PID, archive)
		if err != nil {
			return fmt.Errorf("load %s: %w", archive, err)
		}
		m.say("%s", strings.TrimSpace(imported))
	}
	return nil
}

// importImage runs containerd's client inside the node, where its socket is. The
// archive goes in by standard input: the node may have another folder in place of
// the one in which it lies.
func importImage(ctx context.Context, pid int, archive string) (string, error) {
	f, err := os.Open(archive)
	if err != nil {
		return "", err
	}
	defer f.Close()
	args := append([]string{"--target", strconv.Itoa(pid), "--mount", "ctr"}, node.CtrArgs()...)
	cmd := exec.CommandContext(ctx, "nsenter", append(args, "images", "import", "-")...)
	cmd.Stdin = f
	return command.Capture(cmd)
}
