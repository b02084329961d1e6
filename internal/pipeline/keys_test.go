package pipeline_test

import (
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"pgregory.net/rapid"

	"github.com/repoexpert/operator/api/v1alpha1"
	"github.com/repoexpert/operator/internal/contract"
	"github.com/repoexpert/operator/internal/pipeline"
	"github.com/repoexpert/operator/test/builder"
)

func recipe() v1alpha1.Recipe {
	expert := builder.MakeRepoExpert().Setup("pip install .").Obj()
	expert.Spec.Repository.Include = []string{"src", "lib"}
	return builder.MakeExpertRun(expert, builder.MakeExpertClass().Obj()).Obj().Spec.Recipe
}

// outputs names the keys in which two sets differ.
func outputs(a, b contract.Keys) string {
	var names []string
	for _, k := range []struct{ name, a, b string }{
		{"snapshot", a.Snapshot, b.Snapshot}, {"baseModel", a.BaseModel, b.BaseModel},
		{"environment", a.Environment, b.Environment}, {"plan", a.Plan, b.Plan},
		{"experience", a.Experience, b.Experience}, {"dataset", a.Dataset, b.Dataset},
		{"model", a.Model, b.Model}, {"evaluation", a.Evaluation, b.Evaluation},
	} {
		if k.a != k.b {
			names = append(names, k.name)
		}
	}
	return strings.Join(names, " ")
}

// TestKeysFollowWhatStagesRead: each change makes exactly these outputs anew.
func TestKeysFollowWhatStagesRead(t *testing.T) {
	const (
		fromPlan       = "plan experience dataset model evaluation"
		fromExperience = "experience dataset model evaluation"
		fromDataset    = "dataset model evaluation"
		fromModel      = "model evaluation"
	)
	tests := map[string]struct {
		change func(*v1alpha1.Recipe)
		want   string
	}{
		"repository.url (a mirror)": {func(r *v1alpha1.Recipe) { r.Repository.URL = "https://mirror.example/click.git" }, ""},
		"repository.ref":            {func(r *v1alpha1.Recipe) { r.Repository.Ref.Branch = "next" }, ""},
		"repository.secretRef":      {func(r *v1alpha1.Recipe) { r.Repository.SecretRef = &v1alpha1.LocalSecretReference{Name: "s"} }, ""},
		"repository.include":        {func(r *v1alpha1.Recipe) { r.Repository.Include = []string{"src"} }, fromPlan},
		"include in another order":  {func(r *v1alpha1.Recipe) { slices.Reverse(r.Repository.Include) }, ""},
		"repository.exclude":        {func(r *v1alpha1.Recipe) { r.Repository.Exclude = []string{"docs"} }, fromPlan},
		"environment.image":         {func(r *v1alpha1.Recipe) { r.Environment.Image = "registry.example/click-env:2" }, "environment " + fromPlan},
		"environment.setup":         {func(r *v1alpha1.Recipe) { r.Environment.Setup[0] = "pip install -e ." }, "environment " + fromPlan},
		"environment.test":          {func(r *v1alpha1.Recipe) { r.Environment.Test.Paths = []string{"tests"} }, fromPlan},
		"baseModel.revision":        {func(r *v1alpha1.Recipe) { r.BaseModel.Revision = "2" }, "baseModel " + fromDataset},
		"baseModel.claim":           {func(r *v1alpha1.Recipe) { r.BaseModel.Claim.Path = "other" }, "baseModel " + fromDataset},
		"images.worker":             {func(r *v1alpha1.Recipe) { r.Images.Worker = "registry.example/worker:9" }, ""},
		"images.trainer":            {func(r *v1alpha1.Recipe) { r.Images.Trainer = "registry.example/trainer:2" }, fromDataset},
		"images.engine":             {func(r *v1alpha1.Recipe) { r.Images.Engine = "registry.example/engine:2" }, "evaluation"},
		"experience.shards":         {func(r *v1alpha1.Recipe) { r.Experience.Shards = 3 }, fromExperience},
		"experience.units":          {func(r *v1alpha1.Recipe) { r.Experience.Units[0].Samples = 51 }, fromPlan},
		"experience.seed":           {func(r *v1alpha1.Recipe) { r.Experience.Seed = 2 }, fromPlan},
		"experience.minSamples":     {func(r *v1alpha1.Recipe) { r.Experience.MinSamples = 17 }, fromDataset},
		"experience.testTimeout":    {func(r *v1alpha1.Recipe) { r.Experience.TestTimeout = metav1.Duration{Duration: time.Hour} }, fromPlan},
		"training.epochs":           {func(r *v1alpha1.Recipe) { r.Training.Epochs = 3 }, fromModel},
		"training.seed":             {func(r *v1alpha1.Recipe) { r.Training.Seed = 3 }, fromModel},
		"training.maxLength":        {func(r *v1alpha1.Recipe) { r.Training.MaxLength = 128 }, fromDataset},
		"training.answers":          {func(r *v1alpha1.Recipe) { r.Training.Answers = v1alpha1.AnswersShuffled }, fromDataset},
		"evaluation.holdoutPercent": {func(r *v1alpha1.Recipe) { r.Evaluation.HoldoutPercent = 21 }, fromPlan},
		"evaluation.kinds":          {func(r *v1alpha1.Recipe) { r.Evaluation.Kinds[0].Tasks = 51 }, fromPlan},
		"evaluation.holdout Frontier": {func(r *v1alpha1.Recipe) {
			r.Evaluation.Holdout, r.Evaluation.HoldoutCommits = v1alpha1.HoldoutFrontier, 60
		}, "snapshot environment " + fromPlan},
		"evaluation.holdout Prequential": {func(r *v1alpha1.Recipe) {
			r.Evaluation.Holdout, r.Evaluation.HoldoutCommits = v1alpha1.HoldoutPrequential, 60
		}, "evaluation"},
		"evaluation.agent": {func(r *v1alpha1.Recipe) { r.Evaluation.Agent.MaxSteps = 9 }, fromExperience},
		"engine":           {func(r *v1alpha1.Recipe) { r.Engine = v1alpha1.EngineVLLM }, fromModel},
		"engineDevice":     {func(r *v1alpha1.Recipe) { r.EngineDevice = v1alpha1.DeviceGPU }, "evaluation"},
		"probeQuestions":   {func(r *v1alpha1.Recipe) { r.ProbeQuestions = 9 }, "evaluation"},
		"networkIsolation": {func(r *v1alpha1.Recipe) { r.NetworkIsolation = v1alpha1.NetworkIsolationNotEnforced }, ""},
		"pods": {func(r *v1alpha1.Recipe) {
			r.Pods.Trainer = v1alpha1.PodShape{NodeSelector: map[string]string{"gpu": "a100"}, Env: []v1alpha1.EnvVar{{Name: "A", Value: "b"}}}
		}, ""},
	}
	before := pipeline.KeysFor(recipe(), builder.Commit, pipeline.Comparison{})
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			r := recipe()
			test.change(&r)
			if diff := cmp.Diff(test.want, outputs(before, pipeline.KeysFor(r, builder.Commit, pipeline.Comparison{}))); diff != "" {
				t.Errorf("changed outputs (-want +got):\n%s", diff)
			}
		})
	}
}

// What parts the commits that are trained on from those that are not makes another
// snapshot; with other protocols it plays no part in it.
func TestKeysFollowTheFrontier(t *testing.T) {
	const all = "snapshot environment plan experience dataset model evaluation"
	tests := map[string]struct {
		change                func(*v1alpha1.Recipe)
		frontier, prequential string
	}{
		"holdoutCommits": {func(r *v1alpha1.Recipe) { r.Evaluation.HoldoutCommits++ }, all, "evaluation"},
		"include":        {func(r *v1alpha1.Recipe) { r.Repository.Include = []string{"src"} }, all, "plan experience dataset model evaluation"},
		"another order":  {func(r *v1alpha1.Recipe) { slices.Reverse(r.Repository.Include) }, "", ""},
		"framework":      {func(r *v1alpha1.Recipe) { r.Environment.Test.Framework = v1alpha1.TestGo }, all, "environment plan experience dataset model evaluation"},
		"kinds":          {func(r *v1alpha1.Recipe) { r.Evaluation.Kinds[0].Tasks++ }, "plan experience dataset model evaluation", "plan experience dataset model evaluation"},
	}
	for name, test := range tests {
		for holdout, want := range map[v1alpha1.Holdout]string{v1alpha1.HoldoutFrontier: test.frontier, v1alpha1.HoldoutPrequential: test.prequential} {
			t.Run(name+" with "+string(holdout), func(t *testing.T) {
				r := recipe()
				r.Evaluation.Holdout, r.Evaluation.HoldoutCommits = holdout, 60
				before := pipeline.KeysFor(r, builder.Commit, pipeline.Comparison{})
				test.change(&r)
				if diff := cmp.Diff(want, outputs(before, pipeline.KeysFor(r, builder.Commit, pipeline.Comparison{}))); diff != "" {
					t.Errorf("changed outputs (-want +got):\n%s", diff)
				}
			})
		}
	}
}

// A teacher enters the key of its samples with what changes them: not with
// where it is reached, how fast, by which key, or how much may be spent.
func TestKeysFollowTheTeacher(t *testing.T) {
	const fromExperience = "experience dataset model evaluation"
	tests := map[string]struct {
		change func(*v1alpha1.Teacher)
		want   string
	}{
		"url":              {func(t *v1alpha1.Teacher) { t.URL = "https://other.example/v1" }, ""},
		"secretRef":        {func(t *v1alpha1.Teacher) { t.SecretRef = nil }, ""},
		"concurrency":      {func(t *v1alpha1.Teacher) { t.Concurrency = 1 }, ""},
		"requestTimeout":   {func(t *v1alpha1.Teacher) { t.RequestTimeout.Duration = time.Minute }, ""},
		"budget":           {func(t *v1alpha1.Teacher) { t.Budget.Tokens *= 2 }, ""},
		"model":            {func(t *v1alpha1.Teacher) { t.Model = "bigger" }, fromExperience},
		"sampling":         {func(t *v1alpha1.Teacher) { t.Sampling.Temperature = "0.5" }, fromExperience},
		"no sampling":      {func(t *v1alpha1.Teacher) { t.Sampling = nil }, fromExperience},
		"maxTokensPerTurn": {func(t *v1alpha1.Teacher) { t.MaxTokensPerTurn++ }, fromExperience},
		"contextTokens":    {func(t *v1alpha1.Teacher) { t.ContextTokens++ }, fromExperience},
		"attemptsPerTask":  {func(t *v1alpha1.Teacher) { t.AttemptsPerTask++ }, fromExperience},
	}
	taught := recipe()
	taught.Teacher = builder.MakeTeacher()
	before := pipeline.KeysFor(taught, builder.Commit, pipeline.Comparison{})
	if got := outputs(pipeline.KeysFor(recipe(), builder.Commit, pipeline.Comparison{}), before); got != fromExperience {
		t.Errorf("a teacher changes %q, want %q", got, fromExperience)
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			r := recipe()
			r.Teacher = builder.MakeTeacher()
			test.change(r.Teacher)
			if diff := cmp.Diff(test.want, outputs(before, pipeline.KeysFor(r, builder.Commit, pipeline.Comparison{}))); diff != "" {
				t.Errorf("changed outputs (-want +got):\n%s", diff)
			}
		})
	}
}

func TestKeysFollowCommitAndServedModel(t *testing.T) {
	before := pipeline.KeysFor(recipe(), builder.Commit, pipeline.Comparison{})
	other := pipeline.KeysFor(recipe(), strings.Repeat("a", 40), pipeline.Comparison{})
	if got, want := outputs(before, other), "snapshot environment plan experience dataset model evaluation"; got != want {
		t.Errorf("another commit changes %q, want %q", got, want)
	}
	served := pipeline.KeysFor(recipe(), builder.Commit, pipeline.Comparison{Models: pipeline.Models{Served: &contract.ServedModel{ModelKey: "k", ModelDigest: "d"}}})
	if got, want := outputs(before, served), "evaluation"; got != want {
		t.Errorf("another served model changes %q, want %q", got, want)
	}
	seen := map[string]bool{before.Evaluation: true, served.Evaluation: true}
	for name, c := range map[string]pipeline.Comparison{
		"another anchor": {Models: pipeline.Models{Anchor: &contract.ServedModel{ModelKey: "k", ModelDigest: "d"}}},
		"more rollouts":  {Look: 1, Rollouts: 2},
		"the next look":  {Look: 2, Rollouts: 4},
	} {
		keys := pipeline.KeysFor(recipe(), builder.Commit, c)
		if got, want := outputs(before, keys), "evaluation"; got != want || seen[keys.Evaluation] {
			t.Errorf("%s changes %q, want %q of its own", name, got, want)
		}
		seen[keys.Evaluation] = true
	}
	if one := pipeline.KeysFor(recipe(), builder.Commit, pipeline.Comparison{Look: 1, Rollouts: 1}); one != before {
		t.Error("one look at one rollout is what an evaluation without a plan was")
	}
}

// Without commands there is a set-up only where dependencies are compiled.
func TestKeyOfASkippedStageIsEmpty(t *testing.T) {
	r := recipe()
	r.Environment.Setup, r.Environment.Test.Framework = nil, v1alpha1.TestGo
	if keys := pipeline.KeysFor(r, builder.Commit, pipeline.Comparison{}); keys.Output(v1alpha1.StageSetup) == "" {
		t.Error("dependencies of Go are not compiled")
	}
	r.Environment.Test.Framework = v1alpha1.TestPytest
	keys := pipeline.KeysFor(r, builder.Commit, pipeline.Comparison{})
	if keys.Environment != "" || keys.Output(v1alpha1.StageSetup) != "" {
		t.Errorf("environment key = %q, want none", keys.Environment)
	}
}

// Keys are stored on volumes and in status: a change of how they are made
// retrains every expert and must be meant. The evaluation's key depends on all
// the others. (A changed default of the test's builders changes it too.)
func TestKeysAreStable(t *testing.T) {
	const want = "4d5b8fbce33c654b19120020c591159bd342d56f210729e5f9fb217471293712"
	if got := pipeline.KeysFor(recipe(), builder.Commit, pipeline.Comparison{}).Evaluation; got != want {
		t.Errorf("evaluation key = %s, want %s", got, want)
	}
}

func TestKeysAreDistinctHashes(t *testing.T) {
	hex := regexp.MustCompile(`^[0-9a-f]{64}$`)
	rapid.Check(t, func(t *rapid.T) {
		r := recipe()
		r.Experience.Seed = rapid.Int64().Draw(t, "seed")
		r.Repository.Exclude = rapid.SliceOf(rapid.String()).Draw(t, "exclude")
		k := pipeline.KeysFor(r, rapid.String().Draw(t, "commit"), pipeline.Comparison{})
		all := []string{k.Snapshot, k.BaseModel, k.Environment, k.Plan, k.Experience, k.Dataset, k.Model, k.Evaluation}
		for _, key := range all {
			if !hex.MatchString(key) {
				t.Fatalf("key %q", key)
			}
		}
		slices.Sort(all)
		if len(slices.Compact(all)) != 8 {
			t.Fatalf("two outputs share a key: %+v", k)
		}
		if again := pipeline.KeysFor(*r.DeepCopy(), "", pipeline.Comparison{}); again.BaseModel != k.BaseModel {
			t.Fatal("a copy of the recipe has another key")
		}
	})
}

func TestRunKey(t *testing.T) {
	r := recipe()
	base := pipeline.RunKey("uid", builder.Commit, r, "")
	shaped := recipe()
	shaped.Pods.Worker.Resources.Requests = corev1.ResourceList{}
	shaped.Pods.Worker.PriorityClassName = "high"
	seeded := recipe()
	seeded.Training.Seed++
	tests := map[string]struct {
		key  string
		same bool
	}{
		"the same again":  {pipeline.RunKey("uid", builder.Commit, recipe(), ""), true},
		"shapes of pods":  {pipeline.RunKey("uid", builder.Commit, shaped, ""), true},
		"another expert":  {pipeline.RunKey("uid2", builder.Commit, r, ""), false},
		"another commit":  {pipeline.RunKey("uid", strings.Repeat("a", 40), r, ""), false},
		"another recipe":  {pipeline.RunKey("uid", builder.Commit, seeded, ""), false},
		"asked for again": {pipeline.RunKey("uid", builder.Commit, r, "again"), false},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if (test.key == base) != test.same {
				t.Errorf("same = %v, want %v", test.key == base, test.same)
			}
		})
	}
}

// Names derive from an expert's name of at most 35 characters. Indexed Jobs add
// the index to their pods' host names, which are DNS labels too.
func TestNamesAreLabels(t *testing.T) {
	label := regexp.MustCompile(`^[a-z]([-a-z0-9]*[a-z0-9])?$`)
	rapid.Check(t, func(t *rapid.T) {
		expert := rapid.StringMatching(`[a-z]([-a-z0-9]{0,33}[a-z0-9])?`).Draw(t, "expert")
		key := pipeline.RunKey("uid", rapid.String().Draw(t, "commit"), recipe(), "")
		run := pipeline.RunName(expert, key)
		stage := rapid.SampledFrom(v1alpha1.Stages).Draw(t, "stage")
		attempt := rapid.Int32Range(1, 999).Draw(t, "attempt")
		name := pipeline.JobName(run, stage, attempt)
		if !label.MatchString(run) || !label.MatchString(name) || len(name+"-255") > 63 {
			t.Fatalf("run %q, Job %q (%d characters with an index)", run, name, len(name)+4)
		}
	})
}
