package local

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
)

// Tenancy is a namespace that is ready for experts of the demo's classes: the
// claims that they need, and a git server with the demo's repository.
type Tenancy struct {
	Namespace string
	// Repositories is the folder of the bare repositories on this machine.
	Repositories string
}

// Folders of the cache, with one folder a cluster.
const (
	volumesFolder      = "volumes"
	repositoriesFolder = "repositories"
)

// DemoRepository is the name of the demo's bare repository.
const DemoRepository = "boltons.git"

// Tenancy returns a namespace that PrepareTenancy made ready before.
func (c *Cluster) Tenancy(namespace string) (Tenancy, error) {
	cache, err := CacheDir()
	if err != nil {
		return Tenancy{}, err
	}
	return Tenancy{Namespace: namespace, Repositories: filepath.Join(cache, repositoriesFolder, c.Name, namespace)}, nil
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
	if err := c.releases(ctx, "import", t, "--count", strconv.Itoa(releases)); err != nil {
		return Tenancy{}, err
	}
	if err := c.Namespace(ctx, namespace); err != nil {
		return Tenancy{}, err
	}
	if err := c.site.provide(ctx, c, namespace, tools); err != nil {
		return Tenancy{}, err
	}
	return t, c.serveRepositories(ctx, t, images.Tool)
}

// Namespace makes a namespace that enforces Pod Security "restricted".
func (c *Cluster) Namespace(ctx context.Context, name string) error {
	namespace := object("v1", "Namespace", name)
	namespace.SetLabels(map[string]string{
		"pod-security.kubernetes.io/enforce": "restricted", "pod-security.kubernetes.io/enforce-version": "v1.37",
	})
	return c.Apply(ctx, namespace)
}

// NextRelease pushes the next release to the tenancy's repository.
func (c *Cluster) NextRelease(ctx context.Context, t Tenancy) error {
	image, err := c.deploymentImage(ctx, t.Namespace, gitServerName)
	if err != nil {
		return err
	}
	if err := c.releases(ctx, "next", t); err != nil {
		return err
	}
	return c.serveRepositories(ctx, t, image)
}

// releases runs a command on the demo's repository of the tenancy.
func (c *Cluster) releases(ctx context.Context, command string, t Tenancy, args ...string) error {
	repository := filepath.Join(t.Repositories, DemoRepository)
	_, err := c.output(ctx, nil, "python3", append([]string{c.root.Path("hack", "demo", "releases.py"), command, "--repository", repository}, args...)...)
	return err
}

// serveRepositories serves the tenancy's bare repositories over smart HTTP from a
// pod. tool is the image with podtool.
func (c *Cluster) serveRepositories(ctx context.Context, t Tenancy, tool string) error {
	server, err := c.site.gitServer(ctx, c, t, tool)
	if err != nil {
		return err
	}
	manifest, err := server.Manifest()
	if err != nil {
		return err
	}
	if err := c.ApplyManifests(ctx, manifest); err != nil {
		return err
	}
	return c.AwaitDeployment(ctx, t.Namespace, gitServerName, deploymentLimit)
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
	if err := c.site.provideArtifacts(ctx, c, expert.Namespace, expert.Name); err != nil {
		return err
	}
	manifest, err := expert.Manifest()
	if err != nil {
		return err
	}
	return c.ApplyManifests(ctx, manifest)
}
