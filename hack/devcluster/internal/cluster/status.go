package cluster

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"text/tabwriter"
	"time"

	"github.com/repoexpert/operator/hack/devcluster/internal/apiclient"
	"github.com/repoexpert/operator/hack/devcluster/internal/layout"
	"github.com/repoexpert/operator/hack/devcluster/internal/node"
	"github.com/repoexpert/operator/hack/devcluster/internal/state"
)

// Status describes all clusters, or the one that is named. A cluster that is not
// there is an answer, not an error.
func (m *Manager) Status(ctx context.Context, out io.Writer, name string) error {
	records, err := m.Store.List()
	if err != nil {
		return err
	}
	if name != "" {
		if err := layout.ValidateName(name); err != nil {
			return err
		}
		records = slices.DeleteFunc(records, func(r state.Record) bool { return r.Name != name })
	}
	if len(records) == 0 {
		_, err := fmt.Fprintln(out, "no cluster is up")
		return err
	}
	for _, r := range records {
		if err := m.describe(ctx, out, r); err != nil {
			return err
		}
	}
	return nil
}

func (m *Manager) describe(ctx context.Context, out io.Writer, r state.Record) error {
	c, err := r.Cluster()
	if err != nil {
		return err
	}
	alive, err := r.Alive()
	if err != nil {
		return err
	}
	paths := m.Store.Paths(r.Name)
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "cluster:\t%s\n", r.Name)
	fmt.Fprintf(w, "state:\t%s\n", m.stateOf(ctx, c, alive))
	if alive {
		fmt.Fprintf(w, "process 1:\t%d, up %s\n", r.PID, time.Since(r.Created).Round(time.Second))
		if bytes, err := m.Cgroups.MemoryBytes(c.CgroupName()); err == nil {
			fmt.Fprintf(w, "memory:\t%d MiB with pods and page cache\n", bytes>>20)
		}
	}
	fmt.Fprintf(w, "kubeconfig:\t%s\n", paths.Kubeconfig())
	fmt.Fprintf(w, "API server:\t%s\n", c.Server())
	fmt.Fprintf(w, "pods, Services:\t%s, %s (routed from this machine over %s)\n", c.PodCIDR(), c.ServiceCIDR(), c.HostLink())
	fmt.Fprintf(w, "DNS:\t%s\n", c.DNSServiceIP())
	fmt.Fprintf(w, "registry:\t%s without TLS, if this machine runs one there\n", c.Registry())
	fmt.Fprintf(w, "logs:\t%s\n", paths.Log("*"))
	fmt.Fprintf(w, "network policy:\tNOT enforced: NetworkPolicy objects are stored and have no effect\n")
	fmt.Fprintf(w, "Internet:\tpods reach this machine (%s) and nothing beyond it\n", c.HostAddress().Addr())
	if alive {
		describeProcesses(w, paths)
	}
	return w.Flush()
}

// stateOf asks the API server, for a moment.
func (m *Manager) stateOf(ctx context.Context, c layout.Cluster, alive bool) string {
	if !alive {
		return "dead (`devcluster down` removes what is left)"
	}
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	client, err := m.client(c)
	if err == nil {
		err = ready(ctx, client, c)
	}
	if err != nil {
		return "running, not ready: " + err.Error()
	}
	return "ready"
}

func ready(ctx context.Context, client *apiclient.Client, c layout.Cluster) error {
	if err := client.Healthy(ctx); err != nil {
		return err
	}
	if err := client.NodeReady(ctx, c.NodeName()); err != nil {
		return err
	}
	return resolves(ctx, c)
}

// describeProcesses shows the table that process 1 keeps, if it is there already.
func describeProcesses(w io.Writer, paths layout.Paths) {
	b, err := os.ReadFile(paths.Processes())
	if err != nil {
		return
	}
	var table map[string]node.ProcessState
	if err := json.Unmarshal(b, &table); err != nil {
		return
	}
	for _, name := range slices.Sorted(maps.Keys(table)) {
		fmt.Fprintf(w, "  %s\tpid %d in the node, restarted %d times\n", name, table[name].PID, table[name].Restarts)
	}
}
