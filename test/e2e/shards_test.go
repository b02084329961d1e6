//go:build e2e

package e2e

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"regexp"
	"testing"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/repoexpert/operator/api/v1alpha1"
	"github.com/repoexpert/operator/hack/local"
	"github.com/repoexpert/operator/internal/contract"
)

const shardsNamespace = "shards"

// A shard whose pod is killed in the middle goes on at its next task, and the
// experience is that of an undisturbed run; what it holds can be executed again.
func TestShardsSurviveAKill(t *testing.T) {
	ctx := shared.ctx
	tenancy := tenancy(ctx, t, shardsNamespace, 5)
	class := shared.cluster.DemoClass(shared.images, shared.tools).AllUnits()
	class.Name, class.Shards = "shards", 4
	applyClass(ctx, t, class)
	artifacts, err := shared.cluster.ArtifactsFolder(shardsNamespace, "boltons")
	if err != nil {
		t.Fatal(err)
	}

	disturbed, took := experience(ctx, t, tenancy, class.Name, artifacts, func() { killShard(ctx, t, artifacts) })
	t.Logf("4 shards, one killed: %d samples in %s", disturbed.Samples(), took)
	verifyDataset(ctx, t, artifacts)

	if err := os.RemoveAll(filepath.Join(artifacts, contract.ExperienceFolder)); err != nil {
		t.Fatal(err)
	}
	quiet, took := experience(ctx, t, tenancy, class.Name, artifacts, func() {})
	t.Logf("4 shards, none killed: %d samples in %s", quiet.Samples(), took)
	comparison := quiet.Compare(disturbed)
	t.Log(comparison)
	if !comparison.Same() {
		t.Errorf("with a kill the outcome is another one: %s", comparison)
	}
}

// experience runs an expert until its experience is made, then deletes it and
// returns what came out and how long the stage took. disturb is called when the
// stage runs.
func experience(ctx context.Context, t *testing.T, tenancy local.Tenancy, class, artifacts string, disturb func()) (local.Outcomes, time.Duration) {
	t.Helper()
	applyExpert(ctx, t, tenancy, "boltons", class, local.DemoRepository)
	await(ctx, t, shardsNamespace, "boltons", 5*time.Minute, inStage(v1alpha1.StageExperience))
	disturb()
	_, run := await(ctx, t, shardsNamespace, "boltons", 15*time.Minute, func(_ v1alpha1.RepoExpert, run v1alpha1.ExpertRun) (bool, string) {
		s := stageOf(run, v1alpha1.StageExperience)
		return s != nil && s.State == v1alpha1.StageSucceeded, "the experience is not made"
	})
	deleteExpert(ctx, t, shardsNamespace, "boltons")
	outcomes, err := local.ReadOutcomes(artifacts)
	if err != nil {
		t.Fatal(err)
	}
	s := stageOf(run, v1alpha1.StageExperience)
	return outcomes, s.CompletionTime.Sub(s.StartTime.Time)
}

// draftOfShard is the name of what a shard has made so far, with its index.
var draftOfShard = regexp.MustCompile(`shard-0*(\d+)-[0-9a-f]+$`)

// killShard kills the pod of a shard that has ended some of its tasks but not all.
func killShard(ctx context.Context, t *testing.T, artifacts string) {
	t.Helper()
	var index string
	err := wait.PollUntilContextTimeout(ctx, 200*time.Millisecond, 5*time.Minute, true, func(context.Context) (bool, error) {
		journals, err := filepath.Glob(filepath.Join(artifacts, contract.ExperienceFolder, "*", "*", "work.jsonl"))
		for _, journal := range journals {
			content, err := os.ReadFile(journal)
			draft := draftOfShard.FindStringSubmatch(filepath.Dir(journal))
			// A task has a line when it begins and one when it ends.
			if err == nil && draft != nil && bytes.Count(content, []byte(`"unit":"ContextualImplementation"`)) >= 4 {
				index = draft[1]
				return true, nil
			}
		}
		return false, err
	})
	if err != nil {
		t.Fatalf("no shard came to its second executed task: %v", err)
	}
	var pods corev1.PodList
	if err := shared.cluster.Client.List(ctx, &pods, client.InNamespace(shardsNamespace), client.MatchingLabels{
		batchv1.JobCompletionIndexAnnotation: index,
	}); err != nil {
		t.Fatal(err)
	}
	if len(pods.Items) != 1 {
		t.Fatalf("%d pods of shard %s, want 1", len(pods.Items), index)
	}
	if err := shared.cluster.Client.Delete(ctx, &pods.Items[0], client.GracePeriodSeconds(0)); err != nil {
		t.Fatal(err)
	}
	t.Logf("killed %s, shard %s", pods.Items[0].Name, index)
}

// verifyDataset executes one sample in twenty of the pods' output again on this
// machine.
func verifyDataset(ctx context.Context, t *testing.T, artifacts string) {
	t.Helper()
	verified := worker(ctx, t, "verify-dataset", "--in", artifacts, "--python-path", shared.root.Path("bin", "pytest-site"), "--percent", "5")
	t.Logf("verify-dataset: %s", lastLine(verified))
}
