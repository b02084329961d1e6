package local

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
)

// Tenancy is a namespace that is ready for experts of the demo's classes: the
// claims that they need, and a git server with the demo's repository.
type Tenancy struct {
	Namespace string
	// Repositories is the folder of the bare repositories on this machine.
	Repositories string
}

// DemoRepository is the name of the demo's bare repository.
const DemoRepository = "boltons.git"

// Tenancy returns a namespace that PrepareTenancy made ready before.
func (c *Cluster) Tenancy(namespace string) (Tenancy, error) {
	cache, err := CacheDir()
	if err != nil {
		return Tenancy{}, err
	}
	return Tenancy{Namespace: namespace, Repositories: filepath.Join(cache, "repositories", c.Name, namespace)}, nil
}

// PrepareTenancy makes a namespace ready. The repository starts with the first
// releases releases.
func (c *Cluster) PrepareTenancy(ctx context.Context, namespace string, images Images, tools Toolchain, releases int) (Tenancy, error) {
	t, err := c.Tenancy(namespace)
	if err != nil {
		return Tenancy{}, err
	}
	if err := os.MkdirAll(t.Repositories, 0o755); err != nil {
		return Tenancy{}, err
	}
	if err := ImportReleases(ctx, c.root, c.Progress, filepath.Join(t.Repositories, DemoRepository), releases); err != nil {
		return Tenancy{}, err
	}
	if err := c.Namespace(ctx, namespace); err != nil {
		return Tenancy{}, err
	}
	if err := c.ReadOnlyVolume(ctx, namespace, "tools", tools.Tools); err != nil {
		return Tenancy{}, err
	}
	if err := c.ReadOnlyVolume(ctx, namespace, "base-models", tools.Models); err != nil {
		return Tenancy{}, err
	}
	return t, c.GitServer(ctx, namespace, images, t.Repositories)
}

// NextRelease pushes the next release to the tenancy's repository.
func (c *Cluster) NextRelease(ctx context.Context, t Tenancy) error {
	return NextRelease(ctx, c.root, c.Progress, filepath.Join(t.Repositories, DemoRepository))
}

// RepositoryURL is where the cluster reaches a repository of the tenancy.
func (t Tenancy) RepositoryURL(name string) string {
	return fmt.Sprintf("http://git.%s.svc.cluster.local/%s", t.Namespace, name)
}

// ApplyClass applies one of the demo's classes.
func (c *Cluster) ApplyClass(ctx context.Context, class Class) error {
	manifest, err := class.Manifest()
	if err != nil {
		return err
	}
	return c.ApplyManifests(ctx, manifest)
}

// ApplyExpert gives an expert its volume and applies it.
func (c *Cluster) ApplyExpert(ctx context.Context, expert Expert) error {
	folder, err := c.ArtifactsFolder(expert.Namespace, expert.Name)
	if err != nil {
		return err
	}
	if err := c.WritableVolume(ctx, expert.Namespace, expert.Name+"-artifacts", folder); err != nil {
		return err
	}
	manifest, err := expert.Manifest()
	if err != nil {
		return err
	}
	return c.ApplyManifests(ctx, manifest)
}
