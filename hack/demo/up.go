package main

import (
	"context"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

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
	var token string
	if err := d.timed("repository and class", func() (err error) {
		token, err = d.prepare(ctx, cluster, images, tools)
		return err
	}); err != nil {
		return err
	}
	result, err := d.followExpert(ctx, cluster, awaited{token: token})
	if err != nil {
		return err
	}
	return d.summarize(ctx, cluster, result)
}

// prepare applies the namespace, the volumes, the git server, the class and the
// expert. The token is that of the run that it asks for; empty where the expert asks
// for one by itself, as a new one does.
func (d *demo) prepare(ctx context.Context, cluster *local.Cluster, images local.Images, tools local.Toolchain) (token string, err error) {
	tenancy, err := cluster.PrepareTenancy(ctx, namespace, images, tools, firstReleases)
	if err != nil {
		return "", err
	}
	class := cluster.DemoClass(images, tools)
	class.Seed = d.seed
	if d.full {
		class = class.AllUnits().AllKinds()
	}
	before, err := generation(ctx, cluster, class.Name)
	if err != nil {
		return "", err
	}
	if err := cluster.ApplyClass(ctx, class); err != nil {
		return "", err
	}
	after, err := generation(ctx, cluster, class.Name)
	if err != nil {
		return "", err
	}
	expert := local.Expert{
		Name: expertName, Namespace: namespace, ClassName: class.Name,
		URL: tenancy.RepositoryURL(local.DemoRepository), EnvironmentImage: images.Environment, Framework: v1alpha1.TestPytest,
	}
	manifest, err := expert.Manifest()
	if err != nil {
		return "", err
	}
	d.display.plain("\n" + manifest)
	if err := cluster.ApplyExpert(ctx, expert); err != nil || before == 0 || before == after {
		return "", err
	}
	// A changed class alone starts no run, as no commit is new.
	token = fmt.Sprintf("class-generation-%d", after)
	d.display.event("the class has changed: asking for a run of it (annotation %s)", v1alpha1.RequestedRunAnnotation)
	return token, d.requestRun(ctx, cluster, token)
}

// generation of a class; 0 where it does not exist.
func generation(ctx context.Context, cluster *local.Cluster, name string) (int64, error) {
	var class v1alpha1.ExpertClass
	err := cluster.Client.Get(ctx, types.NamespacedName{Name: name}, &class)
	return class.Generation, client.IgnoreNotFound(err)
}

// requestRun asks the expert for one more run.
func (d *demo) requestRun(ctx context.Context, cluster *local.Cluster, token string) error {
	var expert v1alpha1.RepoExpert
	if err := cluster.Client.Get(ctx, types.NamespacedName{Namespace: namespace, Name: expertName}, &expert); err != nil {
		return err
	}
	patched := expert.DeepCopy()
	metav1.SetMetaDataAnnotation(&patched.ObjectMeta, v1alpha1.RequestedRunAnnotation, token)
	return cluster.Client.Patch(ctx, patched, client.MergeFrom(&expert))
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
