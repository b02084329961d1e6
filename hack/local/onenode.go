package local

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"

	"k8s.io/client-go/tools/clientcmd"

	"github.com/repoexpert/operator/internal/resources"
)

// Claims on a site whose node sees this machine's folders.
const (
	toolsClaim        = "tools"
	repositoriesClaim = "repositories"
)

// baseModelsClaim is what the demo's classes name, on each site.
const baseModelsClaim = "base-models"

// oneNode is a cluster of our own. Its node has images from archives, and sees
// the folders of this machine.
type oneNode struct {
	workbench
	name string
}

// OneNode is the site of a one-node cluster of our own on this machine.
func OneNode(root Root, name string, progress io.Writer) Site {
	return &oneNode{workbench: workbench{root, progress}, name: name}
}

// Check has nothing to say: `devcluster up` checks the machine before it does
// anything.
func (s *oneNode) Check(context.Context) error { return nil }

// Up starts the cluster, or waits until it is ready.
func (s *oneNode) Up(ctx context.Context) (*Cluster, error) { return s.connect(ctx, "up") }

// Find connects to the cluster if it is up.
func (s *oneNode) Find(ctx context.Context) (*Cluster, error) { return s.connect(ctx, "kubeconfig") }

func (s *oneNode) connect(ctx context.Context, command string) (*Cluster, error) {
	kubeconfig, err := s.devcluster(ctx, command, "--name", s.name)
	if err != nil {
		return nil, err
	}
	c, err := connect(s, s.workbench, &clientcmd.ClientConfigLoadingRules{ExplicitPath: kubeconfig})
	if err != nil {
		return nil, err
	}
	c.Name = s.name
	return c, nil
}

// Down removes the cluster and the folders that its volumes were.
func (s *oneNode) Down(ctx context.Context) error {
	if _, err := s.devcluster(ctx, "down", "--name", s.name); err != nil {
		return err
	}
	return removeFolders(s.name)
}

// removeFolders removes a cluster's folders from the cache.
func removeFolders(cluster string) error {
	cache, err := CacheDir()
	if err != nil {
		return err
	}
	return errors.Join(
		os.RemoveAll(filepath.Join(cache, volumesFolder, cluster)),
		os.RemoveAll(filepath.Join(cache, repositoriesFolder, cluster)),
	)
}

func (s *oneNode) deliver(ctx context.Context, specs ...imageSpec) ([]string, error) {
	rootfs, err := s.rootfs(ctx)
	if err != nil {
		return nil, err
	}
	refs := make([]string, len(specs))
	load := []string{"load-image", "--name", s.name}
	for i, spec := range specs {
		archive := ""
		if refs[i], archive, err = s.archive(ctx, rootfs, spec); err != nil {
			return nil, err
		}
		load = append(load, archive)
	}
	_, err = s.devcluster(ctx, load...)
	return refs, err
}

// archive packs an image into a file of the cache, unless it is there, in place
// of that of its last content.
func (s *oneNode) archive(ctx context.Context, rootfs string, spec imageSpec) (ref, file string, err error) {
	tag, err := contentTag(rootfs, spec)
	if err != nil {
		return "", "", err
	}
	cache, err := CacheDir()
	if err != nil {
		return "", "", err
	}
	dir := filepath.Join(cache, "images")
	ref = "localhost/repoexpert/" + spec.name + ":" + tag
	file = filepath.Join(dir, spec.name+"-"+tag+".tar")
	if _, err := os.Stat(file); err == nil {
		return ref, file, nil
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", "", err
	}
	old, err := filepath.Glob(filepath.Join(dir, spec.name+"-*.tar"))
	if err != nil {
		return "", "", err
	}
	for _, name := range old {
		if err := os.Remove(name); err != nil {
			return "", "", err
		}
	}
	_, err = s.devcluster(ctx, append(spec.arguments(rootfs), "--tag", ref, "--out", file)...)
	return ref, file, err
}

// pythonImage is bare: the tools are on a volume.
func (s *oneNode) pythonImage(Toolchain) imageSpec { return pythonImage() }

func (s *oneNode) volumes(class Class) Class {
	class.ToolsClaim, class.PreparedVolume = toolsClaim, true
	return class
}

func (s *oneNode) provide(ctx context.Context, c *Cluster, namespace string, tools Toolchain) error {
	if err := c.ReadOnlyVolume(ctx, namespace, toolsClaim, tools.Tools); err != nil {
		return err
	}
	return c.ReadOnlyVolume(ctx, namespace, baseModelsClaim, tools.Models)
}

func (s *oneNode) provideArtifacts(ctx context.Context, c *Cluster, namespace, expert string) error {
	folder, err := c.ArtifactsFolder(namespace, expert)
	if err != nil {
		return err
	}
	return c.WritableVolume(ctx, namespace, resources.ClaimName(expert), folder)
}

// gitServer serves the folder itself, so what changes there is served at once.
func (s *oneNode) gitServer(ctx context.Context, c *Cluster, t Tenancy, tool string) (gitServer, error) {
	server := gitServer{Namespace: t.Namespace, Image: tool, Claim: repositoriesClaim}
	return server, c.ReadOnlyVolume(ctx, t.Namespace, repositoriesClaim, t.Repositories)
}
