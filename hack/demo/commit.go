package main

import (
	"context"
	"errors"
	"fmt"

	"k8s.io/apimachinery/pkg/types"

	"github.com/repoexpert/operator/api/v1alpha1"
	"github.com/repoexpert/operator/hack/local"
)

// commit pushes the next release and follows the roll to it, with a prober
// asking all the while.
func (d *demo) commit(ctx context.Context) error {
	cluster, err := d.site.Find(ctx)
	if err != nil {
		return fmt.Errorf("run `make demo` first: %w", err)
	}
	var expert v1alpha1.RepoExpert
	if err := cluster.Client.Get(ctx, types.NamespacedName{Namespace: namespace, Name: expertName}, &expert); err != nil {
		return fmt.Errorf("run `make demo` first: %w", err)
	}
	if expert.Status.Served == nil || expert.Status.Endpoint == nil {
		return errors.New("nothing is served yet: run `make demo` first")
	}
	before := expert.Status.Served.Commit
	prober, err := cluster.StartProber(ctx, namespace, *expert.Status.Endpoint)
	if err != nil {
		return err
	}
	result, followErr := d.rollToNextRelease(ctx, cluster, before)
	probes, err := prober.Stop(context.WithoutCancel(ctx))
	if err := errors.Join(followErr, err); err != nil {
		return err
	}
	d.display.event("endpoint: %s", probes)
	if result.expert.Status.Served.Commit != result.expert.Status.Latest.Commit {
		return fmt.Errorf("served commit %s is not the head %s", result.expert.Status.Served.ShortCommit, result.expert.Status.Latest.ShortCommit)
	}
	if probes.Failed() > 0 || probes.Answered == 0 {
		return fmt.Errorf("the roll was not without interruption: %s", probes)
	}
	return d.summarize(ctx, cluster, result)
}

func (d *demo) rollToNextRelease(ctx context.Context, cluster *local.Cluster, before string) (outcome, error) {
	tenancy, err := cluster.Tenancy(namespace)
	if err != nil {
		return outcome{}, err
	}
	if err := cluster.NextRelease(ctx, tenancy); err != nil {
		return outcome{}, err
	}
	d.display.event("pushed the next release; served so far: %.8s", before)
	return d.followExpert(ctx, cluster, awaited{before: before})
}
