package main

import (
	"context"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/repoexpert/operator/api/v1alpha1"
	"github.com/repoexpert/operator/hack/local"
)

// demo is one command's work.
type demo struct {
	root    local.Root
	site    local.Site
	display *display
	seed    int
	full    bool
	idle    time.Duration
	phases  []phase
}

// phase is a named time, for the summary.
type phase struct {
	name    string
	elapsed time.Duration
}

// timed runs a step and notes how long it took.
func (d *demo) timed(name string, step func() error) error {
	d.display.event("%s …", name)
	start := time.Now()
	if err := step(); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	elapsed := time.Since(start)
	d.display.mu.Lock()
	d.phases = append(d.phases, phase{name, elapsed})
	d.display.mu.Unlock()
	d.display.event("%s: done in %s", name, elapsed.Round(time.Second))
	return nil
}

func (d *demo) up(ctx context.Context) error {
	var (
		cluster *local.Cluster
		images  local.Images
		tools   local.Toolchain
	)
	if err := d.site.Check(ctx); err != nil {
		return err
	}
	// The cluster's programs are compiled, the tools downloaded and the root file
	// system unpacked: different resources, so they overlap.
	group, groupContext := errgroup.WithContext(ctx)
	group.Go(func() error {
		return d.timed("trainer and engine", func() (err error) {
			tools, err = local.EnsureToolchain(groupContext, d.root, d.display.writer("tools: "), false)
			return err
		})
	})
	group.Go(func() error {
		err := d.timed("cluster", func() (err error) {
			if cluster, err = d.site.Up(groupContext); err == nil {
				d.display.event("the API server is %s", cluster.Config.Host)
			}
			return err
		})
		if err != nil {
			return err
		}
		return d.timed("programs", func() error {
			return local.Build(groupContext, d.root, d.display.writer("programs: "))
		})
	})
	if err := group.Wait(); err != nil {
		return err
	}
	if err := d.timed("images", func() (err error) {
		images, err = cluster.Images(ctx, tools)
		return err
	}); err != nil {
		return err
	}
	if err := d.timed("operator", func() error { return cluster.Install(ctx, images) }); err != nil {
		return err
	}
	if err := d.timed("repository and class", func() error { return d.prepare(ctx, cluster, images, tools) }); err != nil {
		return err
	}
	result, err := d.followExpert(ctx, cluster, "")
	if err != nil {
		return err
	}
	return d.summarize(ctx, cluster, result)
}

// prepare applies the namespace, the volumes, the git server, the class and the
// expert.
func (d *demo) prepare(ctx context.Context, cluster *local.Cluster, images local.Images, tools local.Toolchain) error {
	tenancy, err := cluster.PrepareTenancy(ctx, namespace, images, tools, firstReleases)
	if err != nil {
		return err
	}
	class := cluster.DemoClass(images, tools)
	class.Seed = d.seed
	if d.full {
		class = class.AllUnits().AllKinds()
	}
	if err := cluster.ApplyClass(ctx, class); err != nil {
		return err
	}
	expert := local.Expert{
		Name: expertName, Namespace: namespace, ClassName: class.Name,
		URL: tenancy.RepositoryURL(local.DemoRepository), EnvironmentImage: images.Environment, Framework: v1alpha1.TestPytest,
	}
	manifest, err := expert.Manifest()
	if err != nil {
		return err
	}
	d.display.plain("\n" + manifest)
	return cluster.ApplyExpert(ctx, expert)
}

// down removes the demo from its site.
func (d *demo) down(ctx context.Context) error {
	if err := d.site.Down(ctx); err != nil {
		return err
	}
	cache, err := local.CacheDir()
	if err == nil {
		d.display.event("the demo is removed; downloads and built programs stay in %s", cache)
	}
	return err
}
