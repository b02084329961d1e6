package cluster

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/repoexpert/operator/hack/devcluster/internal/components"
	"github.com/repoexpert/operator/hack/devcluster/internal/host"
	"github.com/repoexpert/operator/hack/devcluster/internal/image"
	"github.com/repoexpert/operator/hack/devcluster/internal/node"
)

// prepare makes the machine ready for any cluster: it checks the kernel, installs
// packages and builds the components. What needs no change comes first, so that a
// machine that cannot hold a cluster is left as it was.
func (m *Manager) prepare(ctx context.Context) (*components.Builder, error) {
	if err := node.CheckPath(m.Store.Root); err != nil {
		return nil, err
	}
	if err := host.CheckKernel(m.Store.Root); err != nil {
		return nil, err
	}
	builder, err := components.NewBuilder(ctx, m.Progress)
	if err != nil {
		return nil, err
	}
	if missing := host.MissingPackages(host.NodeNeeds, true); len(missing) > 0 {
		m.say("installing %s", strings.Join(missing, " "))
		if err := host.InstallPackages(ctx, missing); err != nil {
			return nil, err
		}
	}
	if err := host.CheckNetwork(ctx); err != nil {
		return nil, err
	}
	if err := builder.Build(ctx, components.Kubernetes, components.CoreDNS, components.Pause); err != nil {
		return nil, err
	}
	return builder, savePause(builder.Dir())
}

// savePause makes the pause image once for each build of the components.
func savePause(dir string) error {
	archive := filepath.Join(dir, node.PauseArchive)
	if _, err := os.Stat(archive); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	pause, err := image.Build(image.Options{
		Adds:       []image.Add{{Source: filepath.Join(dir, components.Pause.Name), Target: "/pause"}},
		Entrypoint: []string{"/pause"},
		// Nobody, as in Kubernetes's own pause image.
		User: "65535:65535",
	})
	if err != nil {
		return fmt.Errorf("pause image: %w", err)
	}
	if err := image.Save(pause, node.PauseImage, archive+".new"); err != nil {
		return fmt.Errorf("pause image: %w", err)
	}
	return os.Rename(archive+".new", archive)
}
