package class

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/repoexpert/operator/api/v1alpha1"
	"github.com/repoexpert/operator/test/builder"
)

func wantProblem(t *testing.T, err error, reason, message string) {
	t.Helper()
	var e *Error
	if !errors.As(err, &e) || e.Reason != reason || !strings.Contains(e.Message, message) {
		t.Fatalf("error %v; want %s with %q", err, reason, message)
	}
}

func TestResolve(t *testing.T) {
	going := builder.MakeExpertClass().Name("going").Default().Obj()
	going.DeletionTimestamp = &metav1.Time{}
	*going.DeletionTimestamp = metav1.Now()
	a, b := *builder.MakeExpertClass().Name("a").Default().Obj(), *builder.MakeExpertClass().Name("b").Default().Obj()
	plain := *builder.MakeExpertClass().Name("plain").Obj()
	tests := map[string]struct {
		name    string
		classes []v1alpha1.ExpertClass
		want    string
		reason  string
		message string
	}{
		"by name":                 {name: "plain", classes: []v1alpha1.ExpertClass{a, plain}, want: "plain"},
		"the default":             {classes: []v1alpha1.ExpertClass{plain, a}, want: "a"},
		"name beats two defaults": {name: "b", classes: []v1alpha1.ExpertClass{a, b}, want: "b"},
		"one default is going":    {classes: []v1alpha1.ExpertClass{*going, a}, want: "a"},
		"unknown name": {name: "x", classes: []v1alpha1.ExpertClass{plain, a}, reason: v1alpha1.ReasonClassNotFound,
			message: `spec.className: ExpertClass "x" does not exist: create it, or name one of a, plain`},
		"no class at all": {name: "x", reason: v1alpha1.ReasonClassNotFound, message: "(none exists)"},
		"no default": {classes: []v1alpha1.ExpertClass{plain}, reason: v1alpha1.ReasonClassNotFound,
			message: "no ExpertClass is the default: set spec.className to one of plain, or annotate one class with repoexpert.dev/is-default-class=true"},
		"two defaults": {classes: []v1alpha1.ExpertClass{b, plain, a}, reason: v1alpha1.ReasonMultipleDefaultClasses,
			message: "ExpertClasses a, b are all annotated"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := Resolve(tc.name, tc.classes)
			if tc.reason != "" {
				wantProblem(t, err, tc.reason, tc.message)
				return
			}
			if err != nil || got.Name != tc.want {
				t.Fatalf("Resolve = %v, %v; want %s", got, err, tc.want)
			}
		})
	}
}

func TestManyNamesAreBounded(t *testing.T) {
	var classes []v1alpha1.ExpertClass
	for c := 'a'; c <= 'z'; c++ {
		classes = append(classes, *builder.MakeExpertClass().Name(string(c)).Obj())
	}
	_, err := Resolve("none", classes)
	wantProblem(t, err, v1alpha1.ReasonClassNotFound, "a, b, c, d, e, f, g, h and 18 more")
}

func TestRecipe(t *testing.T) {
	class := builder.MakeExpertClass().With(func(s *v1alpha1.ExpertClassSpec) {
		s.AllowedOverrides = []v1alpha1.OverrideName{v1alpha1.OverrideShards, v1alpha1.OverrideSeed}
	}).Obj()
	expert := builder.MakeRepoExpert().Obj()
	expert.Spec.Overrides = &v1alpha1.Overrides{Shards: ptr.To[int32](7), Seed: ptr.To[int64](0)}
	got, err := Recipe(expert, class)
	if err != nil {
		t.Fatal(err)
	}
	if got.Experience.Shards != 7 || got.Experience.Seed != 0 || got.Training.Seed != 0 {
		t.Fatalf("shards %d, seeds %d and %d", got.Experience.Shards, got.Experience.Seed, got.Training.Seed)
	}
	if class.Spec.Experience.Shards != 2 {
		t.Fatal("the class was changed")
	}
	expert.Spec.Overrides.Replicas = ptr.To[int32](3)
	_, err = Recipe(expert, class)
	wantProblem(t, err, v1alpha1.ReasonOverrideNotAllowed, "spec.overrides.replicas is set, but ExpertClass \"small\" does not list replicas")
	class.Spec.AllowedOverrides = append(class.Spec.AllowedOverrides, v1alpha1.OverrideReplicas)
	serving, err := Serving(expert, class)
	if err != nil || serving.Replicas != 3 {
		t.Fatalf("replicas %d, %v", serving.Replicas, err)
	}
}

// The API server defaults nothing inside an object that is left out; the
// effective spec must be the same as with the object written as {}.
func TestLeftOutObjectsHaveTheSchemasDefaults(t *testing.T) {
	class := builder.MakeExpertClass().With(func(s *v1alpha1.ExpertClassSpec) {
		s.Experience = v1alpha1.Experience{Units: s.Experience.Units}
		s.Gate = v1alpha1.Gate{}
		s.Retrain = v1alpha1.Retrain{}
		s.NetworkIsolation = ""
		s.Evaluation = v1alpha1.Evaluation{Kinds: []v1alpha1.EvaluationKind{{Name: v1alpha1.KindContextualImplementation, Tasks: 60}}}
		s.Serving = v1alpha1.Serving{Engine: v1alpha1.EngineVLLM}
	}).Obj()
	got, err := Effective(class)
	if err != nil {
		t.Fatal(err)
	}
	type figures struct {
		Shards, MinSamples, HoldoutPercent, MaxSteps, Gain, Margin, Alpha, Replicas, Probes, Agreement, Context int32
		Seed                                                                                                    int64
		Command, Test, Roll, Poll                                                                               string
		Isolation                                                                                               v1alpha1.NetworkIsolation
		Strategy                                                                                                v1alpha1.ServingStrategy
	}
	want := figures{2, 16, 20, 64, 5, 10, 50, 1, 3, 2, 48000, 1, "1m0s", "10m0s", "20m0s", "1m0s", v1alpha1.NetworkIsolationEnforced, v1alpha1.StrategySurge}
	have := figures{
		got.Experience.Shards, got.Experience.MinSamples, got.Evaluation.HoldoutPercent, got.Evaluation.Agent.MaxSteps,
		got.Gate.MinGainPoints, got.Gate.MarginPoints, got.Gate.AlphaPerMille, got.Serving.Replicas, got.Serving.ProbeQuestions, got.Serving.ProbeAgreement, got.Serving.ContextTokens,
		got.Experience.Seed, got.Experience.CommandTimeout.Duration.String(), got.Experience.TestTimeout.Duration.String(), got.Serving.RollDeadline.Duration.String(), got.Retrain.PollInterval.Duration.String(),
		got.NetworkIsolation, got.Serving.Strategy,
	}
	if diff := cmp.Diff(want, have); diff != "" {
		t.Fatal(diff)
	}
}

// A teacher's fields that are left out are the method's, and a sampling that is
// given is taken as it is.
func TestTeacherHasTheMethodsDefaults(t *testing.T) {
	class := builder.MakeExpertClass().With(func(s *v1alpha1.ExpertClassSpec) {
		s.Teacher = &v1alpha1.Teacher{URL: "https://api.example/v1", Model: "m", Budget: v1alpha1.TeacherBudget{Tokens: 5000}}
	}).Obj()
	recipe, err := Recipe(builder.MakeRepoExpert().Obj(), class)
	if err != nil {
		t.Fatal(err)
	}
	want := &v1alpha1.Teacher{
		URL: "https://api.example/v1", Model: "m", Budget: v1alpha1.TeacherBudget{Tokens: 5000},
		Sampling:         &v1alpha1.TeacherSampling{Temperature: "1.0", TopP: "0.8", TopK: 20, RepetitionPenalty: "1.05"},
		MaxTokensPerTurn: 4096, ContextTokens: 48000, AttemptsPerTask: 2, Concurrency: 8,
		RequestTimeout: metav1.Duration{Duration: 10 * time.Minute},
	}
	if diff := cmp.Diff(want, recipe.Teacher); diff != "" {
		t.Errorf("teacher (-want +got):\n%s", diff)
	}
	if class.Spec.Teacher.Sampling != nil {
		t.Error("the class was changed")
	}
	class.Spec.Teacher.Sampling = &v1alpha1.TeacherSampling{Temperature: "0.7"}
	if recipe, err = Recipe(builder.MakeRepoExpert().Obj(), class); err != nil || *recipe.Teacher.Sampling != (v1alpha1.TeacherSampling{Temperature: "0.7"}) {
		t.Errorf("sampling %+v, %v", recipe.Teacher.Sampling, err)
	}
}

func TestValidate(t *testing.T) {
	quantity := func(s string) corev1.ResourceList {
		return corev1.ResourceList{corev1.ResourceMemory: resource.MustParse(s)}
	}
	engine := func(change func(*v1alpha1.PodShape)) func(*v1alpha1.ExpertClassSpec) {
		return func(s *v1alpha1.ExpertClassSpec) { change(&s.Pods.Engine) }
	}
	teacher := func(change func(*v1alpha1.Teacher)) func(*v1alpha1.ExpertClassSpec) {
		return func(s *v1alpha1.ExpertClassSpec) {
			s.Teacher = builder.MakeTeacher()
			change(s.Teacher)
		}
	}
	executable := func(s *v1alpha1.ExpertClassSpec, tasks int32) {
		s.Evaluation.Kinds = []v1alpha1.EvaluationKind{{Name: v1alpha1.KindIssueResolution, Tasks: tasks}}
		s.Gate = v1alpha1.Gate{PrimaryKind: v1alpha1.KindIssueResolution, MarginPoints: 10, Looks: v1alpha1.LooksThree}
	}
	tests := map[string]struct {
		change  func(*v1alpha1.ExpertClassSpec)
		message string
	}{
		"fine":       {change: func(*v1alpha1.ExpertClassSpec) {}},
		"no trainer": {func(s *v1alpha1.ExpertClassSpec) { s.Images.Trainer = "" }, "images.trainer is empty"},
		"no engine":  {func(s *v1alpha1.ExpertClassSpec) { s.Images.Engine = "" }, "images.engine is empty"},
		"no units":   {func(s *v1alpha1.ExpertClassSpec) { s.Experience.Units = nil }, "experience.units is empty"},
		"a teacher":  {change: teacher(func(*v1alpha1.Teacher) {})},
		"impatient": {teacher(func(t *v1alpha1.Teacher) { t.RequestTimeout.Duration = time.Millisecond }),
			"teacher.requestTimeout 1ms is not between 1s and 1h0m0s"},
		"too patient": {teacher(func(t *v1alpha1.Teacher) { t.RequestTimeout.Duration = 2 * time.Hour }),
			"teacher.requestTimeout 2h0m0s is not between"},
		"no probability": {teacher(func(t *v1alpha1.Teacher) { t.Sampling = &v1alpha1.TeacherSampling{TopP: "1.5"} }), "teacher.sampling.topP 1.5"},
		"no penalty":     {teacher(func(t *v1alpha1.Teacher) { t.Sampling = &v1alpha1.TeacherSampling{RepetitionPenalty: "0"} }), "teacher.sampling.repetitionPenalty 0"},
		"no money": {teacher(func(t *v1alpha1.Teacher) {
			t.Budget.Cost = &v1alpha1.TeacherCost{Limit: "0.0", PromptPrice: "1", CompletionPrice: "1"}
		}), "teacher.budget.cost.limit 0.0 allows no request"},
		"no prices": {teacher(func(t *v1alpha1.Teacher) {
			t.Budget.Cost = &v1alpha1.TeacherCost{Limit: "5", PromptPrice: "0", CompletionPrice: "0"}
		}), "teacher.budget.cost has no price above 0"},
		"rates crossed": {func(s *v1alpha1.ExpertClassSpec) { s.Training.MinLearningRate = "1e-3" }, "training.minLearningRate 1e-3 is above training.learningRate 1e-5"},
		"probes":        {func(s *v1alpha1.ExpertClassSpec) { s.Serving.ProbeQuestions, s.Serving.ProbeAgreement = 3, 4 }, "serving.probeAgreement 4 is above serving.probeQuestions 3"},
		"primary kind is not asked": {func(s *v1alpha1.ExpertClassSpec) { s.Gate.PrimaryKind = v1alpha1.KindContextualImplementation },
			"gate.primaryKind ContextualImplementation is not among evaluation.kinds"},
		"primary kind is general": {func(s *v1alpha1.ExpertClassSpec) {
			s.Gate.PrimaryKind, s.Evaluation.Kinds[0].Name = v1alpha1.KindGeneralQuestions, v1alpha1.KindGeneralQuestions
		}, "gate.primaryKind GeneralQuestions says nothing of what was learned"},
		"too few tasks for the margin": {func(s *v1alpha1.ExpertClassSpec) { s.Evaluation.Kinds[0].Tasks = 18 }, "evaluation.kinds[CodebaseQA].tasks 18 cannot support a promotion"},
		"looks at greedy answers":      {func(s *v1alpha1.ExpertClassSpec) { s.Gate.Looks = v1alpha1.LooksThree }, "answers of gate.primaryKind CodebaseQA are greedy: set gate.looks to One"},
		"looks at a greedy agent": {func(s *v1alpha1.ExpertClassSpec) {
			executable(s, 36)
			s.Evaluation.Agent.Sampling = v1alpha1.SamplingGreedy
		}, "evaluation.agent.sampling is Greedy: set it to Paper"},
		"three looks":                     {change: func(s *v1alpha1.ExpertClassSpec) { executable(s, 36) }},
		"too few tasks for the last look": {func(s *v1alpha1.ExpertClassSpec) { executable(s, 35) }, "ask at least 36, or widen the margin"},
		"just enough tasks":               {change: func(s *v1alpha1.ExpertClassSpec) { s.Evaluation.Kinds[0].Tasks = 19 }},
		"minimum above tasks":             {func(s *v1alpha1.ExpertClassSpec) { s.Evaluation.Kinds[0].MinimumTasks = 51 }, "minimumTasks 51 is above its tasks 50"},
		"floor of a kind that is not asked": {func(s *v1alpha1.ExpertClassSpec) {
			s.Gate.Floors = []v1alpha1.Floor{{Kind: v1alpha1.KindContextualImplementation, Points: 1}}
		}, "gate.floors[ContextualImplementation] is a floor for a kind that evaluation.kinds does not ask"},
		"no storage":    {func(s *v1alpha1.ExpertClassSpec) { s.Storage.Size = resource.MustParse("0") }, "storage.size 0 is not positive"},
		"restless":      {func(s *v1alpha1.ExpertClassSpec) { s.Retrain.PollInterval.Duration = 1 }, "retrain.pollInterval 1ns is below 1s"},
		"negative time": {func(s *v1alpha1.ExpertClassSpec) { s.Retrain.MinInterval.Duration = -1 }, "retrain.minInterval -1ns is below 0s"},
		"above limit": {engine(func(p *v1alpha1.PodShape) {
			p.Resources.Requests, p.Resources.Limits = quantity("2Gi"), quantity("1Gi")
		}), "pods.engine.resources.requests.memory 2Gi is above its limit 1Gi"},
		"our label":    {engine(func(p *v1alpha1.PodShape) { p.Labels = map[string]string{v1alpha1.ExpertLabel: "x"} }), "is a label that the operator keeps for itself"},
		"bad label":    {engine(func(p *v1alpha1.PodShape) { p.Labels = map[string]string{"a b": "c"} }), `pods.engine.labels[a b] with value "c" is not a valid label`},
		"our variable": {engine(func(p *v1alpha1.PodShape) { p.Env = []v1alpha1.EnvVar{{Name: "REPOEXPERT_STAGE_SPEC"}} }), "env[REPOEXPERT_STAGE_SPEC]"},
		"tools over ours": {engine(func(p *v1alpha1.PodShape) {
			p.ToolVolumes = []v1alpha1.ToolVolume{{Name: "t", ClaimName: "c", MountPath: "/artifacts/models"}}
		}), "pods.engine.toolVolumes[t].mountPath /artifacts/models is not free"},
		"tools by a detour": {engine(func(p *v1alpha1.PodShape) {
			p.ToolVolumes = []v1alpha1.ToolVolume{{Name: "t", ClaimName: "c", MountPath: "/opt/../tmp"}}
		}), "mountPath /opt/../tmp is not free"},
		"tools above all": {engine(func(p *v1alpha1.PodShape) {
			p.ToolVolumes = []v1alpha1.ToolVolume{{Name: "t", ClaimName: "c", MountPath: "/."}}
		}), "mountPath /. is not free"},
		"tools of their own": {change: engine(func(p *v1alpha1.PodShape) {
			p.ToolVolumes = []v1alpha1.ToolVolume{{Name: "t", ClaimName: "c", MountPath: "/opt/tools"}}
		})},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			err := Validate(builder.MakeExpertClass().With(tc.change).Obj())
			if tc.message == "" {
				if err != nil {
					t.Fatal(err)
				}
				return
			}
			wantProblem(t, err, v1alpha1.ReasonInvalidClass, tc.message)
		})
	}
}
