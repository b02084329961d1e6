//go:build e2e

package e2e

import (
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/repoexpert/operator/api/v1alpha1"
)

func TestRollToTheNextCommit(t *testing.T) {
	ctx := shared.ctx
	var before v1alpha1.RepoExpert
	if err := shared.cluster.Client.Get(ctx, types.NamespacedName{Namespace: mainNamespace, Name: mainExpert}, &before); err != nil {
		t.Fatalf("the story goes on from TestCoreMainJob: %v", err)
	}
	prober, err := shared.cluster.StartProber(ctx, mainNamespace, *before.Status.Endpoint)
	if err != nil {
		t.Fatal(err)
	}
	tenancy, err := shared.cluster.Tenancy(mainNamespace)
	if err != nil {
		t.Fatal(err)
	}
	if err := shared.cluster.NextRelease(ctx, tenancy); err != nil {
		t.Fatal(err)
	}
	old := before.Status.Served.Commit
	expert, run := await(ctx, t, mainNamespace, mainExpert, 35*time.Minute, func(expert v1alpha1.RepoExpert, run v1alpha1.ExpertRun) (bool, string) {
		if run.Spec.Commit == old {
			return false, "no run for the new commit"
		}
		return serves(expert, run)
	})
	probes, err := prober.Stop(ctx)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%s; verdict: %s", probes, run.Status.Verdict.Reason)
	if probes.Failed() != 0 || probes.Answered == 0 {
		t.Errorf("the roll was not without interruption: %s", probes)
	}
	if expert.Status.Served.Commit == old || len(expert.Status.History) < 2 {
		t.Errorf("served %s, history %v", expert.Status.Served.ShortCommit, expert.Status.History)
	}
}
