package cluster

import (
	"fmt"
	"io"
	"time"

	"github.com/repoexpert/operator/hack/devcluster/internal/apiclient"
	"github.com/repoexpert/operator/hack/devcluster/internal/host"
	"github.com/repoexpert/operator/hack/devcluster/internal/layout"
	"github.com/repoexpert/operator/hack/devcluster/internal/node"
	"github.com/repoexpert/operator/hack/devcluster/internal/state"
)

// Manager works on the clusters of one store.
type Manager struct {
	Store    state.Store
	Cgroups  host.Cgroups
	Progress io.Writer

	began time.Time
}

// NewManager looks at the machine. It changes nothing.
func NewManager(progress io.Writer) (*Manager, error) {
	store, err := state.Default()
	if err != nil {
		return nil, err
	}
	cgroups, err := host.FindCgroups()
	if err != nil {
		return nil, err
	}
	return &Manager{Store: store, Cgroups: cgroups, Progress: progress, began: time.Now()}, nil
}

// say writes a line of progress with the time since the command began.
func (m *Manager) say(format string, args ...any) {
	fmt.Fprintf(m.Progress, "%6.1fs  %s\n", time.Since(m.began).Seconds(), fmt.Sprintf(format, args...))
}

func (m *Manager) waiting() { m.say("waiting for another devcluster command") }

// spec derives a node from its record.
func (m *Manager) spec(r state.Record, cniFolder string) (node.Spec, error) {
	c, err := r.Cluster()
	if err != nil {
		return node.Spec{}, err
	}
	return node.Spec{Cluster: c, Paths: m.Store.Paths(r.Name), Components: r.Components, CNIFolder: cniFolder}, nil
}

func (m *Manager) client(c layout.Cluster) (*apiclient.Client, error) {
	return apiclient.New(c.Server(), m.Store.Paths(c.Name()).PKI())
}
