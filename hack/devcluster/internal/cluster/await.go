package cluster

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"time"

	"github.com/repoexpert/operator/hack/devcluster/internal/apiclient"
	"github.com/repoexpert/operator/hack/devcluster/internal/command"
	"github.com/repoexpert/operator/hack/devcluster/internal/layout"
	"github.com/repoexpert/operator/hack/devcluster/internal/state"
)

const (
	readyPoll = 100 * time.Millisecond
	// resolveTimeout is short: a question asked before Services are set up is lost,
	// and the next one is answered.
	resolveTimeout = 500 * time.Millisecond
)

// errDied ends the waiting at once: nothing will come any more.
var errDied = errors.New("the node's process 1 has ended")

// await returns when pods can be made and run, and names resolve.
func (m *Manager) await(ctx context.Context, record state.Record) error {
	c, err := record.Cluster()
	if err != nil {
		return err
	}
	client, err := m.client(c)
	if err != nil {
		return err
	}
	addons := m.Store.Paths(c.Name()).Config("addons.yaml")
	kubectl := filepath.Join(record.Components, "kubectl")
	for _, step := range []struct {
		what string
		ask  func(context.Context) error
	}{
		{"API server answers", client.Healthy},
		{"cluster DNS is declared", func(ctx context.Context) error {
			return command.Run(ctx, kubectl, "--kubeconfig", m.Store.Paths(c.Name()).Kubeconfig(), "apply", "--filename", addons)
		}},
		{"node is Ready", func(ctx context.Context) error { return client.NodeReady(ctx, c.NodeName()) }},
		{"default ServiceAccount exists", func(ctx context.Context) error { return client.ServiceAccountExists(ctx, "default") }},
		{"names resolve", func(ctx context.Context) error { return resolves(ctx, c) }},
	} {
		if err := m.awaitStep(ctx, record, step.ask); err != nil {
			return fmt.Errorf("waiting until %s: %w", step.what, err)
		}
		m.say("%s", step.what)
	}
	return nil
}

// awaitStep polls, but gives up when the node has died: no answer will come.
func (m *Manager) awaitStep(ctx context.Context, record state.Record, ask func(context.Context) error) error {
	ctx, giveUp := context.WithCancelCause(ctx)
	defer giveUp(nil)
	err := apiclient.Poll(ctx, readyPoll, func(ctx context.Context) error {
		alive, err := record.Alive()
		if err != nil {
			return err
		}
		if !alive {
			giveUp(errDied)
			return errDied
		}
		return ask(ctx)
	})
	if errors.Is(context.Cause(ctx), errDied) {
		return errDied
	}
	return err
}

// resolves asks the cluster's DNS through its Service. An answer shows three
// things at once: CoreDNS runs, kube-proxy has set up Services, and the host's
// route to them works.
func resolves(ctx context.Context, c layout.Cluster) error {
	resolver := &net.Resolver{
		PreferGo: true,
		Dial: func(ctx context.Context, network, _ string) (net.Conn, error) {
			var d net.Dialer
			return d.DialContext(ctx, network, net.JoinHostPort(c.DNSServiceIP().String(), "53"))
		},
	}
	ctx, cancel := context.WithTimeout(ctx, resolveTimeout)
	defer cancel()
	const name = "kubernetes.default.svc." + layout.ClusterDomain + "."
	addresses, err := resolver.LookupHost(ctx, name)
	if err != nil {
		return err
	}
	if len(addresses) != 1 || addresses[0] != c.APIServiceIP().String() {
		return fmt.Errorf("%s is %v, want %s", name, addresses, c.APIServiceIP())
	}
	return nil
}

// explain adds where to read on. The half-made cluster is left for that.
func (m *Manager) explain(name string, err error) error {
	paths := m.Store.Paths(name)
	tail := ""
	if b, readErr := os.ReadFile(paths.Log("node")); readErr == nil {
		tail = command.Tail(string(b), 400)
	}
	return fmt.Errorf("%w; logs are in %s, `devcluster down --name %s` removes what there is; node.log ends: %s",
		err, filepath.Dir(paths.Log("node")), name, tail)
}
