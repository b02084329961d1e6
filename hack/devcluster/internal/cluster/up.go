package cluster

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/repoexpert/operator/hack/devcluster/internal/host"
	"github.com/repoexpert/operator/hack/devcluster/internal/layout"
	"github.com/repoexpert/operator/hack/devcluster/internal/node"
	"github.com/repoexpert/operator/hack/devcluster/internal/pki"
	"github.com/repoexpert/operator/hack/devcluster/internal/state"
)

// Up makes a cluster, or finds it running, and waits until pods can be made, a
// node is ready for them and names resolve, at most as long as wait says. The time
// that a first build takes does not count. It returns the path of a kubeconfig.
func (m *Manager) Up(ctx context.Context, name string, wait time.Duration) (string, error) {
	if err := layout.ValidateName(name); err != nil {
		return "", err
	}
	builder, err := m.prepare(ctx)
	if err != nil {
		return "", err
	}
	unlock, err := m.Store.Lock(ctx, m.waiting)
	if err != nil {
		return "", err
	}
	defer unlock()
	record, running, err := m.find(name)
	if err != nil {
		return "", err
	}
	switch {
	case running && record.Components != builder.Dir():
		m.say("the cluster runs an earlier build; `devcluster down --name %s` first to replace it", name)
	case !running:
		if err := m.remove(ctx, name); err != nil {
			return "", err
		}
		if record, err = m.create(ctx, name, builder.Dir()); err != nil {
			return "", err
		}
	}
	waitCtx, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	if err := m.await(waitCtx, record); err != nil {
		return "", m.explain(name, err)
	}
	return m.Store.Paths(name).Kubeconfig(), nil
}

// find reads the record of a cluster, if any, and says whether it runs.
func (m *Manager) find(name string) (state.Record, bool, error) {
	record, err := m.Store.Load(name)
	if errors.Is(err, fs.ErrNotExist) {
		return state.Record{}, false, nil
	}
	if err != nil {
		return state.Record{}, false, err
	}
	alive, err := record.Alive()
	return record, alive, err
}

// create makes a cluster from nothing. The record is written as soon as there is
// something to remove, and again when there is a process to kill.
func (m *Manager) create(ctx context.Context, name, programs string) (state.Record, error) {
	index, err := m.freeIndex()
	if err != nil {
		return state.Record{}, err
	}
	record := state.Record{Name: name, Index: index, Created: time.Now().UTC(), Components: programs}
	if err := m.Store.Save(record); err != nil {
		return record, err
	}
	cni, err := host.CNIFolder()
	if err != nil {
		return record, err
	}
	spec, err := m.spec(record, cni)
	if err != nil {
		return record, err
	}
	if err := writeFiles(spec); err != nil {
		return record, err
	}
	if err := m.Cgroups.Create(spec.Cluster.CgroupName()); err != nil {
		return record, err
	}
	return m.start(ctx, record, spec)
}

func (m *Manager) freeIndex() (int, error) {
	records, err := m.Store.List()
	if err != nil {
		return 0, err
	}
	used := map[int]bool{}
	for _, r := range records {
		used[r.Index] = true
	}
	table, err := os.Open("/proc/net/route")
	if err != nil {
		return 0, fmt.Errorf("read the host's routes: %w", err)
	}
	defer table.Close()
	routes, err := layout.ParseRoutes(table)
	if err != nil {
		return 0, err
	}
	return layout.FreeIndex(used, routes)
}

func writeFiles(spec node.Spec) error {
	files, err := spec.ConfigFiles()
	if err != nil {
		return err
	}
	certificates, err := pki.Files(spec.Cluster)
	if err != nil {
		return err
	}
	for name, content := range certificates {
		files[filepath.Join(spec.Paths.PKI(), name)] = content
	}
	files[spec.Paths.Kubeconfig()], err = node.AdminKubeconfig(spec.Cluster,
		certificates["ca.crt"], certificates["admin.crt"], certificates["admin.key"])
	if err != nil {
		return err
	}
	// The first log makes the folder of all.
	files[spec.Paths.Log("node")] = nil
	for path, content := range files {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return fmt.Errorf("write the cluster's files: %w", err)
		}
		if err := os.WriteFile(path, content, 0o600); err != nil {
			return fmt.Errorf("write the cluster's files: %w", err)
		}
	}
	return nil
}
