package cluster

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"time"

	"github.com/repoexpert/operator/hack/devcluster/internal/apiclient"
	"github.com/repoexpert/operator/hack/devcluster/internal/command"
	"github.com/repoexpert/operator/hack/devcluster/internal/layout"
	"github.com/repoexpert/operator/hack/devcluster/internal/state"
)

const (
	// removeTimeout is for the kernel to take down namespaces and their processes.
	removeTimeout = 30 * time.Second
	removePoll    = 50 * time.Millisecond
)

// Down removes a cluster and all that belongs to it. It succeeds when there is
// nothing, and whatever state the cluster is in.
func (m *Manager) Down(ctx context.Context, name string) error {
	if err := layout.ValidateName(name); err != nil {
		return err
	}
	if !m.exists(name) {
		return nil
	}
	unlock, err := m.Store.Lock(ctx, m.waiting)
	if err != nil {
		return err
	}
	defer unlock()
	return m.remove(ctx, name)
}

// exists looks for anything that a cluster of this name may have left. Where there
// is nothing, there is nothing to lock either: a lock needs a folder, and Down
// would leave one on a machine that never had a cluster.
func (m *Manager) exists(name string) bool {
	places := []string{m.Store.Paths(name).Dir}
	for _, mount := range m.Cgroups.Mounts {
		places = append(places, filepath.Join(mount, layout.CgroupName(name)))
	}
	return slices.ContainsFunc(places, func(path string) bool {
		_, err := os.Stat(path)
		return !errors.Is(err, fs.ErrNotExist)
	})
}

// remove takes the parts away in the order in which they hold each other: the
// process, then what it ran in, then what it wrote.
func (m *Manager) remove(ctx context.Context, name string) error {
	ctx, cancel := context.WithTimeout(ctx, removeTimeout)
	defer cancel()
	record, err := m.Store.Load(name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		// `up` ended before it wrote a record; the name still tells the rest.
	case err != nil:
		return err
	default:
		if err := m.kill(ctx, record); err != nil {
			return err
		}
	}
	if err := m.Cgroups.Remove(ctx, layout.CgroupName(name)); err != nil {
		return err
	}
	if record.PID != 0 {
		if err := m.removeLink(ctx, record); err != nil {
			return err
		}
	}
	return m.Store.Remove(name)
}

// kill ends process 1, and by that every process of its PID namespace: the kernel
// does not let it disappear before the last of them has.
func (m *Manager) kill(ctx context.Context, record state.Record) error {
	alive, err := record.Alive()
	if err != nil || !alive {
		return err
	}
	if err := syscall.Kill(record.PID, syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
		return fmt.Errorf("kill process %d: %w", record.PID, err)
	}
	return apiclient.Poll(ctx, removePoll, func(context.Context) error {
		alive, err := record.Alive()
		if err != nil {
			return err
		}
		if alive {
			return fmt.Errorf("process %d does not end", record.PID)
		}
		return nil
	})
}

// removeLink deletes the host's end of the link, which takes the other end and
// the routes with it. The kernel would do that when it takes down the network
// namespace; but connections that were open when their process was killed keep
// the namespace for a minute and more, and an `up` that follows would find the
// name in use.
func (m *Manager) removeLink(ctx context.Context, record state.Record) error {
	spec, err := m.spec(record, "")
	if err != nil {
		return err
	}
	return apiclient.Poll(ctx, removePoll, func(ctx context.Context) error {
		if owned, err := spec.OwnsHostLink(); err != nil || !owned {
			return err
		}
		// The kernel may be faster: the next look tells.
		return command.Run(ctx, "ip", "link", "delete", "dev", spec.Cluster.HostLink())
	})
}
