package experience

import (
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/repoexpert/operator/api/v1alpha1"
	"github.com/repoexpert/operator/internal/artifact"
	"github.com/repoexpert/operator/internal/contract"
	"github.com/repoexpert/operator/internal/language/conformance"
	"github.com/repoexpert/operator/internal/snapshot"
	"github.com/repoexpert/operator/internal/stage"
	planstage "github.com/repoexpert/operator/internal/stage/plan"
	"github.com/repoexpert/operator/internal/task"
)

// tree is the repository that the tests learn: the adapter's own small library,
// or the folder that REPOEXPERT_TEST_TREE names.
func tree() string {
	if named := os.Getenv("REPOEXPERT_TEST_TREE"); named != "" {
		return named
	}
	return "../../language/python/testdata/library"
}

func recipe() v1alpha1.Recipe {
	return v1alpha1.Recipe{
		Environment: v1alpha1.Environment{Test: v1alpha1.Test{Framework: v1alpha1.TestPytest}},
		Experience: v1alpha1.Experience{
			Units: []v1alpha1.Unit{
				{Name: v1alpha1.UnitContextualImplementation, Samples: 20},
				{Name: v1alpha1.UnitSoftwareDesign, Samples: 20},
				{Name: v1alpha1.UnitRepositoryRecall, Samples: 20},
			},
			MinSamples: 4, Seed: 1, Shards: 2,
			TestTimeout: metav1.Duration{Duration: 2 * time.Minute},
		},
		Evaluation: v1alpha1.Evaluation{
			Holdout: v1alpha1.HoldoutTasks, HoldoutPercent: 20,
			Kinds: []v1alpha1.EvaluationKind{{Name: v1alpha1.KindCodebaseQA, Tasks: 20}},
		},
	}
}

// planned is an artifact volume with a snapshot and a plan of it, both made as
// the stages make them, and the environment of the stage Experience.
func planned(t *testing.T, root string) stage.Env {
	t.Helper()
	site := os.Getenv("REPOEXPERT_TEST_PYTHONPATH")
	if site == "" {
		t.Fatal("REPOEXPERT_TEST_PYTHONPATH must name a folder with pytest and coverage; run make test")
	}
	t.Setenv("PYTHONPATH", site)
	store, err := artifact.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	keys := contract.Keys{
		Snapshot: strings.Repeat("a", 64), Plan: strings.Repeat("b", 64), Experience: strings.Repeat("c", 64),
	}
	draft, err := store.Begin(keys.Output(v1alpha1.StageFetch))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(draft.Path(), snapshot.TreeFile), conformance.Tar(t, os.DirFS(root)), 0o600); err != nil {
		t.Fatal(err)
	}
	digest, err := draft.Seal(artifact.Manifest{Stage: string(v1alpha1.StageFetch), Key: keys.Snapshot})
	if err != nil {
		t.Fatal(err)
	}
	env := stage.Env{
		Spec: contract.StageSpec{
			Stage: v1alpha1.StagePlan, Commit: strings.Repeat("d", 40), Recipe: recipe(), Keys: keys, Shards: 2,
			Inputs: map[string]string{keys.Output(v1alpha1.StageFetch): digest},
		},
		Store: store, Agent: conformance.StartBox(t), Grader: conformance.StartBox(t),
		Log: slog.New(slog.DiscardHandler), Progress: func(contract.Progress) {},
	}
	result, err := planstage.Run(t.Context(), env)
	if err != nil {
		t.Fatal(err)
	}
	env.Spec.Stage = v1alpha1.StageExperience
	env.Spec.Inputs = map[string]string{keys.Output(v1alpha1.StageFetch): digest, keys.Output(v1alpha1.StagePlan): result.ManifestDigest}
	return env
}

// shard is what one sealed shard holds.
func shard(t *testing.T, env stage.Env) ([]task.Sample, []task.Rejection) {
	t.Helper()
	folder, err := env.Store.Path(stage.ShardFolder(env.Spec.Keys.Output(v1alpha1.StageExperience), env.Index))
	if err != nil {
		t.Fatal(err)
	}
	samples, err := task.ReadFile[task.Sample](filepath.Join(folder, SamplesFile))
	if err != nil {
		t.Fatal(err)
	}
	rejections, err := task.ReadFile[task.Rejection](filepath.Join(folder, RejectionsFile))
	if err != nil {
		t.Fatal(err)
	}
	return samples, rejections
}
