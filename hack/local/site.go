package local

import "context"

// Site is where a cluster comes from and how its pods get images and files. All
// that differs between one cluster and another is here.
type Site interface {
	// Check fails on what Up or later steps would fail on, as far as that can be
	// told at once.
	Check(ctx context.Context) error
	// Up returns the cluster when pods can run on it.
	Up(ctx context.Context) (*Cluster, error)
	// Find connects to the cluster that Up made ready before.
	Find(ctx context.Context) (*Cluster, error)
	// Down removes all that was made on the site since Up, and the folders that
	// belong to it.
	Down(ctx context.Context) error

	// deliver packs images, makes them available to the nodes and returns their
	// references in the same order.
	deliver(ctx context.Context, specs ...imageSpec) ([]string, error)
	// pythonImage is the image of trainer and engine.
	pythonImage(tools Toolchain) imageSpec
	// volumes completes a class by the volumes that its pods find on the site.
	volumes(class Class) Class
	// provide makes the claims that the demo's classes name in a namespace.
	provide(ctx context.Context, c *Cluster, namespace string, tools Toolchain) error
	// provideArtifacts makes the volume for an expert's claim, unless the cluster
	// itself will.
	provideArtifacts(ctx context.Context, c *Cluster, namespace, expert string) error
	// gitServer says how a pod serves the repositories of a tenancy as they are
	// now. tool is the image with podtool.
	gitServer(ctx context.Context, c *Cluster, t Tenancy, tool string) (gitServer, error)
}
