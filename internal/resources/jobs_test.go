package resources_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	psa "k8s.io/pod-security-admission/api"
	"k8s.io/pod-security-admission/policy"
	"k8s.io/utils/ptr"

	"github.com/repoexpert/operator/api/v1alpha1"
	"github.com/repoexpert/operator/internal/contract"
	"github.com/repoexpert/operator/internal/pipeline"
	"github.com/repoexpert/operator/internal/resources"
	"github.com/repoexpert/operator/test/builder"
)

const workerImage = "registry.example/worker:1"

// shape sets everything that a class may say of a pod.
func shape(role string) v1alpha1.PodShape {
	return v1alpha1.PodShape{
		Resources: corev1.ResourceRequirements{Limits: corev1.ResourceList{
			corev1.ResourceCPU: resource.MustParse("1500m"), corev1.ResourceMemory: resource.MustParse("3Gi"),
			"nvidia.com/gpu": resource.MustParse("1"),
		}},
		NodeSelector: map[string]string{"role": role},
		Tolerations:  []corev1.Toleration{{Key: "gpu", Operator: corev1.TolerationOpExists}},
		NodeAffinity: &corev1.NodeAffinity{PreferredDuringSchedulingIgnoredDuringExecution: []corev1.PreferredSchedulingTerm{{
			Weight: 1, Preference: corev1.NodeSelectorTerm{MatchExpressions: []corev1.NodeSelectorRequirement{{Key: "zone", Operator: corev1.NodeSelectorOpExists}}},
		}}},
		PriorityClassName: "high",
		RuntimeClassName:  ptr.To(role),
		Labels:            map[string]string{"kueue.x-k8s.io/queue-name": "experts", v1alpha1.RunLabel: "forged"},
		Env:               []v1alpha1.EnvVar{{Name: "HF_HOME", Value: "/tools/hf"}, {Name: contract.StageSpecVariable, Value: "{}"}},
		ToolVolumes:       []v1alpha1.ToolVolume{{Name: "venv", ClaimName: "venv-" + role, MountPath: "/opt/venv"}},
	}
}

func fullPods() v1alpha1.Pods {
	return v1alpha1.Pods{Worker: shape("worker"), Sandbox: shape("sandbox"), Trainer: shape("trainer"), Engine: shape("engine")}
}

func makeRun(pods v1alpha1.Pods) *v1alpha1.ExpertRun {
	expert := builder.MakeRepoExpert().UID("expert-uid").Secret("git-credentials").Setup("pip install .").Obj()
	return builder.MakeExpertRun(expert, builder.MakeExpertClass().Pods(pods).Obj()).UID("run-uid").Obj()
}

func makeJob(t *testing.T, run *v1alpha1.ExpertRun, stage v1alpha1.StageName, mode v1alpha1.AccessMode) *batchv1.Job {
	t.Helper()
	id := pipeline.AttemptID{Stage: stage, Number: 2}
	spec := pipeline.SpecFor(run, id, pipeline.Models{})
	job, err := resources.StageJob{
		Run: run, Name: pipeline.JobName(run.Name, stage, 2), Key: "key", Spec: spec, WorkerImage: workerImage, AccessMode: mode,
	}.Job()
	if err != nil {
		t.Fatal(err)
	}
	return job
}

// eachJob builds every template that the builders can give.
func eachJob(t *testing.T, check func(t *testing.T, stage v1alpha1.StageName, job *batchv1.Job)) {
	t.Helper()
	for shapes, pods := range map[string]v1alpha1.Pods{"plain": {}, "shaped": fullPods()} {
		for _, mode := range []v1alpha1.AccessMode{v1alpha1.ReadWriteMany, v1alpha1.ReadWriteOnce} {
			for _, stage := range v1alpha1.Stages {
				t.Run(fmt.Sprintf("%s/%s/%s", stage, shapes, mode), func(t *testing.T) {
					check(t, stage, makeJob(t, makeRun(pods), stage, mode))
				})
			}
		}
	}
}

func containers(pod corev1.PodSpec) map[string]corev1.Container {
	all := map[string]corev1.Container{}
	for _, c := range slices.Concat(pod.InitContainers, pod.Containers) {
		all[c.Name] = c
	}
	return all
}

func TestPodsPassRestricted(t *testing.T) {
	evaluator, err := policy.NewEvaluator(policy.DefaultChecks(), nil)
	if err != nil {
		t.Fatal(err)
	}
	restricted := psa.LevelVersion{Level: psa.LevelRestricted, Version: psa.LatestVersion()}
	eachJob(t, func(t *testing.T, _ v1alpha1.StageName, job *batchv1.Job) {
		template := job.Spec.Template
		result := policy.AggregateCheckResults(evaluator.EvaluatePod(restricted, &template.ObjectMeta, &template.Spec))
		if !result.Allowed {
			t.Errorf("restricted refuses it: %s: %s", result.ForbiddenReason(), result.ForbiddenDetail())
		}
		for name, c := range containers(template.Spec) {
			s := c.SecurityContext
			if !ptr.Deref(s.ReadOnlyRootFilesystem, false) || *s.RunAsUser != contract.UserID {
				t.Errorf("%s: root file system or user: %+v", name, s)
			}
			if _, ok := c.Resources.Limits[corev1.ResourceMemory]; !ok {
				t.Errorf("%s has no memory limit", name)
			}
			if cpu := c.Resources.Requests[corev1.ResourceCPU]; cpu.Cmp(resource.MustParse("100m")) != 0 {
				t.Errorf("%s requests %s CPU, want 100m", name, cpu.String())
			}
		}
	})
}

// TestWhoSeesWhat: what is mounted where, and who has a network or a Secret.
func TestWhoSeesWhat(t *testing.T) {
	eachJob(t, func(t *testing.T, stage v1alpha1.StageName, job *batchv1.Job) {
		pod := job.Spec.Template.Spec
		if *pod.AutomountServiceAccountToken || *pod.EnableServiceLinks {
			t.Error("the pod has a token or service links")
		}
		if isolated := pod.DNSPolicy == corev1.DNSNone && len(pod.DNSConfig.Nameservers) == 1; isolated == (stage == v1alpha1.StageFetch) {
			t.Errorf("DNS policy %q, config %+v", pod.DNSPolicy, pod.DNSConfig)
		}
		sources := map[string]corev1.VolumeSource{}
		for _, v := range pod.Volumes {
			if _, again := sources[v.Name]; again {
				t.Errorf("volume %s twice", v.Name)
			}
			sources[v.Name] = v.VolumeSource
		}
		mounted := map[string][]string{}
		for name, c := range containers(pod) {
			for _, m := range c.VolumeMounts {
				mounted[m.Name] = append(mounted[m.Name], name)
				checkMount(t, stage, name, m, sources[m.Name])
			}
		}
		for volume, by := range mounted {
			slices.Sort(by)
			checkSharing(t, volume, by, sources[volume])
		}
		for volume := range sources {
			if mounted[volume] == nil {
				t.Errorf("volume %s is mounted by nobody", volume)
			}
		}
	})
}

func checkMount(t *testing.T, stage v1alpha1.StageName, container string, m corev1.VolumeMount, source corev1.VolumeSource) {
	t.Helper()
	sandboxed := container == contract.ContainerAgent || container == contract.ContainerGrader
	claim := source.PersistentVolumeClaim
	switch {
	case source.Secret != nil && (stage != v1alpha1.StageFetch || container != contract.ContainerWorker):
		t.Errorf("%s of %s sees a Secret", container, stage)
	case claim == nil:
	case strings.HasPrefix(claim.ClaimName, "venv-"):
		if !m.ReadOnly || !claim.ReadOnly {
			t.Errorf("%s may write to tool volume %s", container, m.Name)
		}
	case sandboxed:
		t.Errorf("%s sees claim %s beside repository code", container, claim.ClaimName)
	case container == contract.ContainerEngine && !m.ReadOnly:
		t.Errorf("the engine may write to %s", m.Name)
	case m.Name == "base-model" && (stage != v1alpha1.StageFetch || !m.ReadOnly):
		t.Errorf("%s of %s sees the platform's base model, read-only = %v", container, stage, m.ReadOnly)
	}
}

// checkSharing: scratch space is private, but for the worker's binary and the
// sockets, each of which one sidecar and the worker share.
func checkSharing(t *testing.T, volume string, by []string, source corev1.VolumeSource) {
	t.Helper()
	if source.EmptyDir == nil || volume == "binary" || len(by) == 1 {
		return
	}
	sidecar, isSocket := strings.CutPrefix(volume, "socket-")
	if !isSocket || !slices.Equal(by, slices.Sorted(slices.Values([]string{sidecar, contract.ContainerWorker}))) {
		t.Errorf("scratch space %s is shared by %v", volume, by)
	}
}

func TestContainersOfStages(t *testing.T) {
	sandbox := "install agent* grader* | worker"
	tests := map[v1alpha1.StageName]struct{ containers, workerImage string }{
		v1alpha1.StageFetch:      {"| worker", workerImage},
		v1alpha1.StageSetup:      {"install agent* | worker", workerImage},
		v1alpha1.StagePlan:       {sandbox, workerImage},
		v1alpha1.StageExperience: {sandbox, workerImage},
		v1alpha1.StageCurate:     {"install | worker", "registry.example/trainer:1"},
		v1alpha1.StageTrain:      {"install | worker", "registry.example/trainer:1"},
		v1alpha1.StageEvaluate:   {"install agent* grader* engine* | worker", workerImage},
	}
	for stage, test := range tests {
		t.Run(string(stage), func(t *testing.T) {
			pod := makeJob(t, makeRun(v1alpha1.Pods{}), stage, v1alpha1.ReadWriteMany).Spec.Template.Spec
			var names []string
			for _, c := range pod.InitContainers {
				if c.RestartPolicy != nil {
					c.Name += "*"
				}
				names = append(names, c.Name)
			}
			names = append(names, "|", pod.Containers[0].Name)
			if diff := cmp.Diff(test.containers, strings.Join(names, " ")); diff != "" {
				t.Errorf("containers, * a native sidecar (-want +got):\n%s", diff)
			}
			if got := pod.Containers[0].Image; got != test.workerImage {
				t.Errorf("the worker's image is %s, want %s", got, test.workerImage)
			}
		})
	}
}

func TestJobsAreCreatedOnce(t *testing.T) {
	eachJob(t, func(t *testing.T, stage v1alpha1.StageName, job *batchv1.Job) {
		run := makeRun(v1alpha1.Pods{})
		want := map[string]string{
			v1alpha1.ExpertLabel: "click", v1alpha1.RunLabel: run.Name, v1alpha1.StageLabel: string(stage), v1alpha1.AttemptLabel: "2",
		}
		for _, labels := range []map[string]string{job.Labels, job.Spec.Template.Labels} {
			for name, value := range want {
				if labels[name] != value {
					t.Errorf("label %s = %q, want %q, whatever the class says", name, labels[name], value)
				}
			}
		}
		if !metav1.IsControlledBy(job, run) || job.Annotations[resources.KeyAnnotation] != "key" {
			t.Errorf("owner or key: %+v", job.ObjectMeta)
		}
		if job.Spec.TTLSecondsAfterFinished != nil || job.Spec.ActiveDeadlineSeconds != nil || job.Spec.Suspend != nil {
			t.Error("TTL, the Job's own deadline and suspend must be unset")
		}
		if *job.Spec.PodReplacementPolicy != batchv1.Failed || job.Spec.Template.Spec.RestartPolicy != corev1.RestartPolicyNever {
			t.Error("a pod may be replaced while the old one lives")
		}
		spec, err := contract.ParseSpec(value(job.Spec.Template.Spec.Containers[0].Env, contract.StageSpecVariable))
		if err != nil {
			t.Fatal(err)
		}
		if pod := *job.Spec.Template.Spec.ActiveDeadlineSeconds; pod <= spec.DeadlineSeconds {
			t.Errorf("the pod's deadline %d s is not later than the worker's %d s", pod, spec.DeadlineSeconds)
		}
		for _, rule := range job.Spec.PodFailurePolicy.Rules {
			if rule.Action == batchv1.PodFailurePolicyActionIgnore || *rule.OnExitCodes.ContainerName != contract.ContainerWorker {
				t.Errorf("failure rule %+v", rule)
			}
		}
	})
}

func TestExperienceIsIndexed(t *testing.T) {
	job := makeJob(t, makeRun(v1alpha1.Pods{}), v1alpha1.StageExperience, v1alpha1.ReadWriteMany)
	s := job.Spec
	if *s.CompletionMode != batchv1.IndexedCompletion || *s.Completions != 2 || *s.Parallelism != 2 ||
		*s.BackoffLimitPerIndex != 2 || *s.MaxFailedIndexes != 0 || s.BackoffLimit != nil {
		t.Errorf("Job %+v", s)
	}
	rule := s.PodFailurePolicy.Rules[0]
	if rule.Action != batchv1.PodFailurePolicyActionFailIndex || !slices.Equal(rule.OnExitCodes.Values, []int32{40, 41, 42, 43}) {
		t.Errorf("failure rule %+v", rule)
	}
	other := makeJob(t, makeRun(v1alpha1.Pods{}), v1alpha1.StageTrain, v1alpha1.ReadWriteMany)
	if *other.Spec.BackoffLimit != 0 || other.Spec.CompletionMode != nil {
		t.Errorf("Train's Job %+v", other.Spec)
	}
}

func TestShapes(t *testing.T) {
	tests := map[v1alpha1.StageName]struct{ role, runtimeClass string }{
		v1alpha1.StageFetch:      {"worker", "worker"},
		v1alpha1.StageSetup:      {"sandbox", "sandbox"},
		v1alpha1.StagePlan:       {"sandbox", "sandbox"},
		v1alpha1.StageExperience: {"sandbox", "sandbox"},
		v1alpha1.StageCurate:     {"trainer", "trainer"},
		v1alpha1.StageTrain:      {"trainer", "trainer"},
		v1alpha1.StageEvaluate:   {"engine", "sandbox"},
	}
	for stage, test := range tests {
		t.Run(string(stage), func(t *testing.T) {
			job := makeJob(t, makeRun(fullPods()), stage, v1alpha1.ReadWriteOnce)
			pod := job.Spec.Template.Spec
			if pod.NodeSelector["role"] != test.role || *pod.RuntimeClassName != test.runtimeClass || pod.PriorityClassName != "high" {
				t.Errorf("placed by %v, runtime %s, want role %s, runtime %s", pod.NodeSelector, *pod.RuntimeClassName, test.role, test.runtimeClass)
			}
			if job.Labels["kueue.x-k8s.io/queue-name"] != "experts" {
				t.Error("the queue's label is missing")
			}
			if pod.Affinity.NodeAffinity == nil || pod.Affinity.PodAffinity == nil {
				t.Error("a ReadWriteOnce volume wants all pods on one node")
			}
		})
	}
}

func TestEnvironmentOfTheTrainer(t *testing.T) {
	job := makeJob(t, makeRun(fullPods()), v1alpha1.StageTrain, v1alpha1.ReadWriteMany)
	env := job.Spec.Template.Spec.Containers[0].Env
	want := map[string]string{
		"HOME": "/tmp", "TMPDIR": "/tmp", "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "2",
		"PYTHONDONTWRITEBYTECODE": "1", "PYTHONUNBUFFERED": "1", "HF_HOME": "/tools/hf",
	}
	for name, v := range want {
		if got := value(env, name); got != v {
			t.Errorf("%s = %q, want %q", name, got, v)
		}
	}
	names := map[string]int{}
	for _, v := range env {
		names[v.Name]++
	}
	for name, n := range names {
		if n > 1 {
			t.Errorf("%s is set %d times", name, n)
		}
	}
}

func TestIsolationReachesTheSandbox(t *testing.T) {
	for _, isolation := range []v1alpha1.NetworkIsolation{v1alpha1.NetworkIsolationEnforced, v1alpha1.NetworkIsolationNotEnforced, ""} {
		run := makeRun(v1alpha1.Pods{})
		run.Spec.Recipe.NetworkIsolation = isolation
		pod := makeJob(t, run, v1alpha1.StagePlan, v1alpha1.ReadWriteMany).Spec.Template.Spec
		want := []string{"/repoexpert/bin/worker", "exec", "--socket", "/repoexpert/socket/exec.sock", "--root", "/workspace",
			"--scratch", "/tmp", "--scratch", "/dev/shm", "--cache", "go/build", "--sealed", "go/pkg/mod", "--isolation"}
		if isolation == "" {
			isolation = v1alpha1.NetworkIsolationEnforced
		}
		want = append(want, string(isolation))
		for _, name := range []string{contract.ContainerAgent, contract.ContainerGrader} {
			if diff := cmp.Diff(want, containers(pod)[name].Command); diff != "" {
				t.Errorf("%s (-want +got):\n%s", name, diff)
			}
		}
	}
}

func TestResources(t *testing.T) {
	list := func(pairs ...string) corev1.ResourceList {
		l := corev1.ResourceList{}
		for i := 0; i < len(pairs); i += 2 {
			l[corev1.ResourceName(pairs[i])] = resource.MustParse(pairs[i+1])
		}
		return l
	}
	tests := map[string]struct{ given, want corev1.ResourceRequirements }{
		"nothing": {want: corev1.ResourceRequirements{
			Requests: list("cpu", "100m", "memory", "128Mi"), Limits: list("memory", "2Gi")}},
		"a limit does not raise the request": {
			given: corev1.ResourceRequirements{Limits: list("cpu", "2", "memory", "6Gi")},
			want:  corev1.ResourceRequirements{Requests: list("cpu", "100m", "memory", "128Mi"), Limits: list("cpu", "2", "memory", "6Gi")}},
		"a small limit lowers it": {
			given: corev1.ResourceRequirements{Limits: list("cpu", "50m", "memory", "64Mi")},
			want:  corev1.ResourceRequirements{Requests: list("cpu", "50m", "memory", "64Mi"), Limits: list("cpu", "50m", "memory", "64Mi")}},
		"a large request raises the limit": {
			given: corev1.ResourceRequirements{Requests: list("memory", "8Gi")},
			want:  corev1.ResourceRequirements{Requests: list("cpu", "100m", "memory", "8Gi"), Limits: list("memory", "8Gi")}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got := resources.Resources(test.given, resource.MustParse("2Gi"))
			for _, kind := range []struct{ want, got corev1.ResourceList }{{test.want.Requests, got.Requests}, {test.want.Limits, got.Limits}} {
				if !maps.EqualFunc(kind.want, kind.got, func(a, b resource.Quantity) bool { return a.Cmp(b) == 0 }) {
					t.Errorf("got %v, want %v", kind.got, kind.want)
				}
			}
		})
	}
}

func value(env []corev1.EnvVar, name string) string {
	for _, v := range env {
		if v.Name == name {
			return v.Value
		}
	}
	return ""
}
