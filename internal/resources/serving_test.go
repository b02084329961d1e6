package resources_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	psa "k8s.io/pod-security-admission/api"
	"k8s.io/pod-security-admission/policy"
	"k8s.io/utils/ptr"

	"github.com/repoexpert/operator/api/v1alpha1"
	"github.com/repoexpert/operator/internal/contract"
	"github.com/repoexpert/operator/internal/resources"
	"github.com/repoexpert/operator/test/builder"
)

var servedModel = v1alpha1.ServedModel{
	RunName: "click-01234567", Commit: builder.Commit, ShortCommit: builder.Commit[:8],
	ModelKey: "model-key", ModelDigest: "sha256:model", EvaluationKey: "evaluation-key", VerdictDigest: "sha256:verdict",
	Score: "93.3", PromotedTime: metav1.NewTime(time.Unix(1_700_000_000, 0).UTC()),
}

func servingPods(shape v1alpha1.PodShape, mode v1alpha1.AccessMode, strategy v1alpha1.ServingStrategy) resources.ServingPods {
	expert := builder.MakeRepoExpert().UID("expert-uid").Obj()
	run := builder.MakeExpertRun(expert, builder.MakeExpertClass().Obj()).Obj()
	return resources.ServingPods{
		Expert: expert, Served: servedModel, Recipe: run.Spec.Recipe, BaseModelFolder: "models/base/base-key",
		Serving: v1alpha1.Serving{
			Replicas: 2, Strategy: strategy, ContextTokens: 2048, ProbeQuestions: 3, ProbeAgreement: 2,
			RollDeadline: metav1.Duration{Duration: 5 * time.Minute},
		},
		Shape: shape, AccessMode: mode, WorkerImage: workerImage,
	}
}

func TestServingPods(t *testing.T) {
	evaluator, err := policy.NewEvaluator(policy.DefaultChecks(), nil)
	if err != nil {
		t.Fatal(err)
	}
	restricted := psa.LevelVersion{Level: psa.LevelRestricted, Version: psa.LatestVersion()}
	for shapes, shape := range map[string]v1alpha1.PodShape{"plain": {}, "shaped": shape("engine")} {
		for _, mode := range []v1alpha1.AccessMode{v1alpha1.ReadWriteMany, v1alpha1.ReadWriteOnce} {
			t.Run(shapes+"/"+string(mode), func(t *testing.T) {
				d := servingPods(shape, mode, v1alpha1.StrategySurge).Deployment()
				template := d.Spec.Template
				result := policy.AggregateCheckResults(evaluator.EvaluatePod(restricted, &template.ObjectMeta, &template.Spec))
				if !result.Allowed {
					t.Errorf("restricted refuses it: %s: %s", result.ForbiddenReason(), result.ForbiddenDetail())
				}
				if ptr.Deref(template.Spec.AutomountServiceAccountToken, true) || ptr.Deref(template.Spec.EnableServiceLinks, true) {
					t.Error("a token or service links are in the pod")
				}
				for name, c := range containers(template.Spec) {
					if !ptr.Deref(c.SecurityContext.ReadOnlyRootFilesystem, false) || *c.SecurityContext.RunAsUser != contract.UserID {
						t.Errorf("%s: %+v", name, c.SecurityContext)
					}
					for _, m := range c.VolumeMounts {
						if m.MountPath == contract.ArtifactsPath && !m.ReadOnly {
							t.Errorf("%s may write artifacts", name)
						}
					}
					for _, e := range c.Env {
						if e.ValueFrom != nil {
							t.Errorf("%s reads %s from elsewhere", name, e.Name)
						}
					}
				}
				for _, v := range template.Spec.Volumes {
					if v.EmptyDir == nil && v.PersistentVolumeClaim == nil {
						t.Errorf("volume %s is neither scratch nor a claim", v.Name)
					}
				}
				if pinned := template.Spec.Affinity != nil && template.Spec.Affinity.PodAffinity != nil; pinned != (mode == v1alpha1.ReadWriteOnce) {
					t.Errorf("kept on the volume's node: %t", pinned)
				}
			})
		}
	}
}

func TestServingContainers(t *testing.T) {
	d := servingPods(v1alpha1.PodShape{}, v1alpha1.ReadWriteMany, v1alpha1.StrategySurge).Deployment()
	pod := d.Spec.Template.Spec
	all := containers(pod)
	guard, engine := all[contract.ContainerGuard], all[contract.ContainerEngine]
	order := []string{pod.InitContainers[0].Name, pod.InitContainers[1].Name, pod.Containers[0].Name}
	if diff := cmp.Diff([]string{"install", "guard", "engine"}, order); diff != "" {
		t.Error(diff)
	}
	if *guard.RestartPolicy != corev1.ContainerRestartPolicyAlways || guard.Image != workerImage || guard.Command != nil {
		t.Errorf("guard %+v", guard)
	}
	want := "guard --listen :8080 --upstream http://127.0.0.1:8001 --model-folder models/model-key --model-digest sha256:model " +
		"--evaluation-folder evaluations/evaluation-key --agreement 2 --name click --versioned-name click@01234567"
	if diff := cmp.Diff(want, strings.Join(guard.Args, " ")); diff != "" {
		t.Error(diff)
	}
	want = "/repoexpert/bin/worker engine --serve --engine Transformers --model-folder /artifacts/models/model-key " +
		"--base-folder /artifacts/models/base/base-key --port 8001 --context-tokens 2048 --device CPU"
	if diff := cmp.Diff(want, strings.Join(engine.Command, " ")); diff != "" {
		t.Error(diff)
	}
	if guard.StartupProbe.HTTPGet.Path != "/startupz" || guard.ReadinessProbe.HTTPGet.Path != "/readyz" || guard.StartupProbe.FailureThreshold != 151 {
		t.Errorf("probes %+v, %+v", guard.StartupProbe, guard.ReadinessProbe)
	}
	if engine.Lifecycle.PreStop.Sleep.Seconds != 10 || *pod.TerminationGracePeriodSeconds != 60 {
		t.Error("a pod on its way out does not drain")
	}
	if value(engine.Env, "HF_HUB_OFFLINE") != "1" || value(engine.Env, "HOME") != "/tmp" {
		t.Errorf("engine environment %v", engine.Env)
	}
	if *d.Spec.ProgressDeadlineSeconds != 300 || *d.Spec.Replicas != 2 {
		t.Errorf("deadline %d, replicas %d", *d.Spec.ProgressDeadlineSeconds, *d.Spec.Replicas)
	}
	recreate := servingPods(v1alpha1.PodShape{}, v1alpha1.ReadWriteMany, v1alpha1.StrategyRecreate).Deployment()
	if recreate.Spec.Strategy.Type != appsv1.RecreateDeploymentStrategyType || recreate.Spec.Strategy.RollingUpdate != nil {
		t.Errorf("strategy %+v", recreate.Spec.Strategy)
	}
	if r := d.Spec.Strategy.RollingUpdate; r.MaxSurge.IntValue() != 1 || r.MaxUnavailable.IntValue() != 0 {
		t.Errorf("strategy %+v", r)
	}
}

func TestOurLabelsWin(t *testing.T) {
	s := servingPods(v1alpha1.PodShape{Labels: map[string]string{v1alpha1.ExpertLabel: "other", "team": "a"}}, v1alpha1.ReadWriteMany, v1alpha1.StrategySurge)
	d := s.Deployment()
	got := labels.Set(d.Spec.Template.Labels)
	if !labels.SelectorFromSet(d.Spec.Selector.MatchLabels).Matches(got) || got["team"] != "a" {
		t.Fatalf("pod labels %v, selector %v", got, d.Spec.Selector.MatchLabels)
	}
	if s.Shape.Labels[v1alpha1.ExpertLabel] != "other" {
		t.Fatal("the class's labels were changed")
	}
	service := resources.Service(s.Expert)
	if !labels.SelectorFromSet(service.Spec.Selector).Matches(got) {
		t.Fatalf("the Service selects %v", service.Spec.Selector)
	}
	port := service.Spec.Ports[0]
	if port.Port != 80 || port.Name != "http" || port.TargetPort.String() != containers(d.Spec.Template.Spec)["guard"].Ports[0].Name {
		t.Fatalf("port %+v", port)
	}
	stage := labels.Set(resources.StageLabels("click", "run", v1alpha1.StageEvaluate, 1))
	if labels.SelectorFromSet(service.Spec.Selector).Matches(stage) {
		t.Fatal("the Service selects a stage's pods")
	}
}

func TestServedByReadsWhatTheDeploymentSays(t *testing.T) {
	override := servedModel
	override.VerdictDigest, override.Score = "", ""
	for name, want := range map[string]v1alpha1.ServedModel{"promoted": servedModel, "override": override} {
		t.Run(name, func(t *testing.T) {
			s := servingPods(v1alpha1.PodShape{}, v1alpha1.ReadWriteMany, v1alpha1.StrategySurge)
			s.Served = want
			got, ok := resources.ServedBy(s.Deployment())
			if diff := cmp.Diff(want, got); !ok || diff != "" {
				t.Fatal(ok, diff)
			}
		})
	}
	if got, ok := resources.ServedBy(&appsv1.Deployment{}); ok {
		t.Fatalf("an empty Deployment serves %+v", got)
	}
}

func TestNetworkPolicies(t *testing.T) {
	policies := resources.NetworkPolicies(builder.MakeRepoExpert().Obj())
	// covered lists by policy which pods it cuts off from what.
	pods := map[string]labels.Set{"serving": resources.ServingLabels("click")}
	for _, stage := range v1alpha1.Stages {
		pods[string(stage)] = resources.StageLabels("click", "run", stage, 1)
	}
	want := map[string]string{
		"Fetch": "", "Setup": "click-sandbox", "Plan": "click-sandbox", "Experience": "click-sandbox", "Evaluate": "click-sandbox",
		"Curate": "click-training", "Train": "click-training", "serving": "click-serving",
	}
	for name, set := range pods {
		covered := ""
		for _, p := range policies {
			selector, err := metav1.LabelSelectorAsSelector(&p.Spec.PodSelector)
			if err != nil {
				t.Fatal(err)
			}
			if selector.Matches(set) {
				covered += p.Name
			}
			if len(p.Spec.PolicyTypes) != 2 || len(p.Spec.Egress) != 0 {
				t.Errorf("%s lets something out: %+v", p.Name, p.Spec)
			}
			if p.Name != "click-serving" && len(p.Spec.Ingress) != 0 {
				t.Errorf("%s lets something in", p.Name)
			}
		}
		if covered != want[name] {
			t.Errorf("%s is covered by %q; want %q", name, covered, want[name])
		}
	}
	from := policies[2].Spec.Ingress[0]
	if len(from.From) != 1 || from.From[0].NamespaceSelector != nil || from.From[0].IPBlock != nil || from.Ports[0].Port.IntValue() != contract.GuardPort {
		t.Errorf("serving pods answer %+v", from)
	}
}

func TestClaim(t *testing.T) {
	expert := builder.MakeRepoExpert().Obj()
	storage := func(size string, mode v1alpha1.AccessMode, class string) v1alpha1.Storage {
		return v1alpha1.Storage{Size: resource.MustParse(size), AccessMode: mode, StorageClassName: ptr.To(class)}
	}
	live := resources.Claim(expert, storage("10Gi", v1alpha1.ReadWriteOnce, "fast"), nil)
	tests := map[string]struct {
		storage v1alpha1.Storage
		live    *corev1.PersistentVolumeClaim
		size    string
		mode    corev1.PersistentVolumeAccessMode
		class   string
	}{
		"new":              {storage("10Gi", v1alpha1.ReadWriteMany, ""), nil, "10Gi", corev1.ReadWriteMany, ""},
		"grows":            {storage("20Gi", v1alpha1.ReadWriteOnce, "fast"), live, "20Gi", corev1.ReadWriteOnce, "fast"},
		"never shrinks":    {storage("5Gi", v1alpha1.ReadWriteOnce, "fast"), live, "10Gi", corev1.ReadWriteOnce, "fast"},
		"keeps what it is": {storage("10Gi", v1alpha1.ReadWriteMany, "slow"), live, "10Gi", corev1.ReadWriteOnce, "fast"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			got := resources.Claim(expert, tc.storage, tc.live).Spec
			size := got.Resources.Requests[corev1.ResourceStorage]
			if size.String() != tc.size || got.AccessModes[0] != tc.mode || *got.StorageClassName != tc.class {
				t.Fatalf("claim %+v", got)
			}
		})
	}
}
