//go:build e2e

package e2e

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/repoexpert/operator/api/v1alpha1"
	"github.com/repoexpert/operator/hack/local"
	"github.com/repoexpert/operator/test/e2e/scripted"
)

const frontierNamespace = "frontier"

// A Go module whose newest releases are kept from training: an expert of the older
// ones is asked to write what they added, and serves as a model of its head.
//
// The engine is scripted, as in TestScriptedCandidates: it knows facts, and cannot
// write. What it is asked, and how that is graded, is real.
func TestFrontierOfAGoModule(t *testing.T) {
	ctx := shared.ctx
	tenancy := tenancy(ctx, t, frontierNamespace, 2)
	importModule(ctx, t, filepath.Join(tenancy.Repositories, moduleRepository))
	environment, err := shared.cluster.GoEnvironment(ctx)
	if err != nil {
		t.Fatal(err)
	}
	engine, err := shared.cluster.ScriptedEngine(ctx)
	if err != nil {
		t.Fatal(err)
	}
	class, err := scripted.Good.Class(shared.cluster.DemoClass(shared.images, shared.tools), engine)
	if err != nil {
		t.Fatal(err)
	}
	class.Name = frontierNamespace
	class.Spec.Evaluation.Holdout, class.Spec.Evaluation.HoldoutCommits = v1alpha1.HoldoutFrontier, 3
	class.Spec.Evaluation.Kinds = append(class.Spec.Evaluation.Kinds[:1], v1alpha1.EvaluationKind{Name: v1alpha1.KindFeatureImplementation, Tasks: 2, MinimumTasks: 2})
	if err := shared.cluster.Client.Create(ctx, class); err != nil {
		t.Fatal(err)
	}
	if err := shared.cluster.ApplyExpert(ctx, local.Expert{
		Name: "pflag", Namespace: frontierNamespace, ClassName: class.Name, Framework: v1alpha1.TestGo,
		URL: tenancy.RepositoryURL(moduleRepository), EnvironmentImage: environment,
	}); err != nil {
		t.Fatal(err)
	}
	_, run := await(ctx, t, frontierNamespace, "pflag", 20*time.Minute, serves)
	deleteExpert(ctx, t, frontierNamespace, "pflag")

	t.Logf("%s", describe(run))
	record := run.Status.Evaluation
	if record == nil || !strings.HasPrefix(record.Protocol, string(v1alpha1.HoldoutFrontier)) || len(record.Kinds) != 2 {
		t.Fatalf("record %+v, want two kinds with protocol Frontier", record)
	}
	features := record.Kinds[1]
	for _, arm := range features.Arms {
		want := "00"
		if arm.Name == v1alpha1.ArmGold {
			want = "11"
		}
		if arm.Successes != want {
			t.Errorf("%s of %s is %q, want %q", features.Name, arm.Name, arm.Successes, want)
		}
	}
	if features.Name != v1alpha1.KindFeatureImplementation || features.Protocol != v1alpha1.HoldoutFrontier || len(features.Arms) < 4 {
		t.Errorf("kind %+v, want features of later commits and at least four arms", features)
	}
	if later := countOf(run, v1alpha1.StagePlan, "laterChanges"); later != 3 {
		t.Errorf("%d later changes, want 3", later)
	}
}
