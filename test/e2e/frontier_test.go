//go:build e2e

package e2e

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/repoexpert/operator/api/v1alpha1"
	"github.com/repoexpert/operator/hack/local"
)

const frontierNamespace = "frontier"

// A Go module becomes an expert whose newest releases are kept from training: its
// model, which is asked to write what two of them added, serves.
func TestFrontierOfAGoModule(t *testing.T) {
	ctx := shared.ctx
	tenancy := tenancy(ctx, t, frontierNamespace, 2)
	importModule(ctx, t, filepath.Join(tenancy.Repositories, moduleRepository))
	environment, err := shared.cluster.GoEnvironment(ctx)
	if err != nil {
		t.Fatal(err)
	}
	class := shared.cluster.DemoClass(shared.images, shared.tools)
	class.Name, class.HoldoutCommits = "frontier", 3
	class.Kinds = []v1alpha1.EvaluationKind{{Name: v1alpha1.KindFeatureImplementation, Tasks: 2, MinimumTasks: 2}}
	applyClass(ctx, t, class)
	if err := shared.cluster.ApplyExpert(ctx, local.Expert{
		Name: "pflag", Namespace: frontierNamespace, ClassName: class.Name, Framework: v1alpha1.TestGo,
		URL: tenancy.RepositoryURL(moduleRepository), EnvironmentImage: environment,
	}); err != nil {
		t.Fatal(err)
	}
	expert, run := await(ctx, t, frontierNamespace, "pflag", 30*time.Minute, serves)
	if answer := ask(ctx, t, expert, "Hello"); answer == "" {
		t.Error("the expert does not answer")
	}
	deleteExpert(ctx, t, frontierNamespace, "pflag")

	t.Logf("%s", describe(run))
	record := run.Status.Evaluation
	if record == nil || !strings.HasPrefix(record.Protocol, string(v1alpha1.HoldoutFrontier)) || len(record.Kinds) != 2 {
		t.Fatalf("record %+v, want two kinds with protocol Frontier", record)
	}
	features, solved := record.Kinds[1], map[v1alpha1.ArmName]string{}
	for _, arm := range features.Arms {
		t.Logf("%s %s: %s", features.Name, arm.Name, arm.Successes)
		solved[arm.Name] = arm.Successes
	}
	if solved[v1alpha1.ArmGold] != "11" || solved[v1alpha1.ArmNoop] != "00" {
		t.Errorf("known answers solve %q and none %q, want 11 and 00", solved[v1alpha1.ArmGold], solved[v1alpha1.ArmNoop])
	}
	if features.Name != v1alpha1.KindFeatureImplementation || features.Protocol != v1alpha1.HoldoutFrontier || len(features.Arms) < 4 {
		t.Errorf("kind %+v, want features of later commits and at least four arms", features)
	}
	if later := countOf(run, v1alpha1.StagePlan, "laterChanges"); later != 3 {
		t.Errorf("%d later changes, want 3", later)
	}
}
