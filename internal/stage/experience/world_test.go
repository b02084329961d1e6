package experience

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"io/fs"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/repoexpert/operator/api/v1alpha1"
	"github.com/repoexpert/operator/internal/artifact"
	"github.com/repoexpert/operator/internal/contract"
	"github.com/repoexpert/operator/internal/language"
	"github.com/repoexpert/operator/internal/language/conformance"
	"github.com/repoexpert/operator/internal/language/python"
	"github.com/repoexpert/operator/internal/stage"
	planstage "github.com/repoexpert/operator/internal/stage/plan"
	"github.com/repoexpert/operator/internal/task"
)

const library = "../../language/python/testdata/library"

func recipe() v1alpha1.Recipe {
	return v1alpha1.Recipe{
		Environment: v1alpha1.Environment{Test: v1alpha1.Test{Framework: v1alpha1.TestPytest}},
		Experience: v1alpha1.Experience{
			Units: []v1alpha1.Unit{
				{Name: v1alpha1.UnitContextualImplementation, Samples: 20},
				{Name: v1alpha1.UnitSoftwareDesign, Samples: 20},
				{Name: v1alpha1.UnitRepositoryRecall, Samples: 20},
				{Name: v1alpha1.UnitEvolutionaryReplay, Samples: 12},
				{Name: v1alpha1.UnitSemanticRuntimeAlignment, Samples: 12},
			},
			MinSamples: 4, Seed: 1, Shards: 2,
			TestTimeout: metav1.Duration{Duration: 2 * time.Minute},
		},
		Evaluation: v1alpha1.Evaluation{
			Holdout: v1alpha1.HoldoutTasks, HoldoutPercent: 30,
			Kinds: []v1alpha1.EvaluationKind{{Name: v1alpha1.KindContextualImplementation, Tasks: 20}},
		},
	}
}

// usePytest puts pytest and coverage on the path of the interpreter, as an
// environment image has them in its own site-packages.
func usePytest(t *testing.T) {
	t.Helper()
	site := os.Getenv("REPOEXPERT_TEST_PYTHONPATH")
	if site == "" {
		t.Fatal("REPOEXPERT_TEST_PYTHONPATH must name a folder with pytest and coverage; run make test")
	}
	t.Setenv("PYTHONPATH", site)
}

// mark is a name that is in the body of one function of a marked tree and
// nowhere else in the world.
func mark(path, name string) string {
	sum := sha256.Sum256([]byte(path + "::" + name))
	return "mark_" + hex.EncodeToString(sum[:6])
}

// marked is the library with a mark in every body that can be masked.
func marked(t *testing.T) fs.FS {
	t.Helper()
	box, adapter := conformance.StartBox(t), python.New()
	conformance.PutTree(t, box, "tree", os.DirFS(library))
	inventory, err := adapter.Inspect(t.Context(), box, "tree")
	if err != nil {
		t.Fatal(err)
	}
	tree := fstest.MapFS{}
	err = fs.WalkDir(os.DirFS(library), ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		content, err := fs.ReadFile(os.DirFS(library), name)
		tree[name] = &fstest.MapFile{Data: content}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, module := range inventory.Modules {
		if !module.IsTest {
			tree[module.Path].Data = markModule(tree[module.Path].Data, module)
		}
	}
	return tree
}

func markModule(source []byte, module language.Module) []byte {
	lines := language.Lines(source)
	for _, definition := range slices.Backward(module.Definitions) {
		if _, err := python.New().MaskBody(source, definition); err != nil || definition.Nested() {
			continue
		}
		first := lines[definition.BodyStartLine-1]
		indent := first[:len(first)-len(bytes.TrimLeft(first, " \t"))]
		planted := append(slices.Clone(indent), mark(module.Path, definition.Name)+" = 1\n"...)
		lines = slices.Insert(lines, definition.BodyStartLine-1, planted)
	}
	return bytes.Join(lines, nil)
}

// historyOf is a history that ends with a tree: before its last commit a
// function was wrong and no test noticed. Two files were often changed together.
func historyOf(t *testing.T, tree fs.FS) []conformance.Commit {
	t.Helper()
	before := fstest.MapFS{}
	err := fs.WalkDir(tree, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		content, err := fs.ReadFile(tree, name)
		before[name] = &fstest.MapFile{Data: content}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	undo := func(file, now, then string) {
		if !strings.Contains(string(before[file].Data), now) {
			t.Fatalf("%s does not hold %q", file, now)
		}
		before[file].Data = []byte(strings.Replace(string(before[file].Data), now, then, 1))
	}
	undo("src/bookshop/prices.py", "return net + tax", "return net")
	undo("tests/unit/test_prices.py", `[([], 0), ([100], 107), ([100, 200], 321)]`, `[([], 0)]`)
	var commits []conformance.Commit
	for _, note := range []string{"# one\n", "# two\n", "# three\n"} {
		earlier := maps.Clone(before)
		for _, file := range []string{"src/bookshop/prices.py", "src/bookshop/stock.py"} {
			earlier[file] = &fstest.MapFile{Data: append([]byte(note), before[file].Data...)}
		}
		commits = append(commits, conformance.Commit{Message: "Note " + note, Tree: earlier})
	}
	return append(commits,
		conformance.Commit{Message: "Prices", Tree: before},
		conformance.Commit{Message: "Fix the sum of a basket\n\nCustomers paid no tax when they bought several books at once (#12).", Tree: tree})
}

// planned is an artifact volume with a snapshot and a plan of it, both as the
// stages before make them, and the environment of the stage Experience.
func planned(t *testing.T, tree fs.FS) stage.Env {
	t.Helper()
	usePytest(t)
	store, err := artifact.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	keys := contract.Keys{Snapshot: strings.Repeat("a", 64), Plan: strings.Repeat("b", 64), Experience: strings.Repeat("c", 64)}
	draft, err := store.Begin(keys.Output(v1alpha1.StageFetch))
	if err != nil {
		t.Fatal(err)
	}
	conformance.Snapshot(t, draft.Path(), historyOf(t, tree)...)
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

// fromPlan reads one of the plan's files.
func fromPlan[T any](t *testing.T, env stage.Env, name string) []T {
	t.Helper()
	folder, err := env.Store.Path(env.Spec.Keys.Output(v1alpha1.StagePlan))
	if err != nil {
		t.Fatal(err)
	}
	values, err := task.ReadFile[T](filepath.Join(folder, name))
	if err != nil {
		t.Fatal(err)
	}
	return values
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
