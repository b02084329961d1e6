package resources_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
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

func teacherProxy(pods v1alpha1.Pods, mode v1alpha1.AccessMode, change func(*v1alpha1.Teacher)) resources.TeacherProxy {
	run := makeRun(pods)
	run.Spec.Recipe.Teacher = builder.MakeTeacher()
	if change != nil {
		change(run.Spec.Recipe.Teacher)
	}
	return resources.TeacherProxy{Run: run, WorkerImage: workerImage, AccessMode: mode}
}

func teacherDeployment(t *testing.T, p resources.TeacherProxy) *appsv1.Deployment {
	t.Helper()
	d, err := p.Deployment()
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestTeacherPodsPassRestricted(t *testing.T) {
	evaluator, err := policy.NewEvaluator(policy.DefaultChecks(), nil)
	if err != nil {
		t.Fatal(err)
	}
	restricted := psa.LevelVersion{Level: psa.LevelRestricted, Version: psa.LatestVersion()}
	for name, pods := range map[string]v1alpha1.Pods{"plain": {}, "shaped": fullPods()} {
		for _, mode := range []v1alpha1.AccessMode{v1alpha1.ReadWriteMany, v1alpha1.ReadWriteOnce} {
			t.Run(fmt.Sprintf("%s/%s", name, mode), func(t *testing.T) {
				template := teacherDeployment(t, teacherProxy(pods, mode, nil)).Spec.Template
				result := policy.AggregateCheckResults(evaluator.EvaluatePod(restricted, &template.ObjectMeta, &template.Spec))
				if !result.Allowed {
					t.Errorf("restricted refuses it: %s: %s", result.ForbiddenReason(), result.ForbiddenDetail())
				}
				if *template.Spec.AutomountServiceAccountToken || *template.Spec.EnableServiceLinks {
					t.Error("the pod has a token or service links")
				}
				if affine := template.Spec.Affinity != nil && template.Spec.Affinity.PodAffinity != nil; affine != (mode == v1alpha1.ReadWriteOnce) {
					t.Errorf("affinity %+v", template.Spec.Affinity)
				}
			})
		}
	}
}

// The proxy has the key as a file, its account's folder, and nothing else of
// what a run has. The key is in no variable and no argument.
func TestWhatTheTeacherProxySees(t *testing.T) {
	p := teacherProxy(fullPods(), v1alpha1.ReadWriteMany, nil)
	d := teacherDeployment(t, p)
	pod := d.Spec.Template.Spec
	if len(pod.Containers) != 1 || len(pod.InitContainers) != 0 {
		t.Fatalf("containers %v", containers(pod))
	}
	c := pod.Containers[0]
	mounts := map[string]string{}
	for _, m := range c.VolumeMounts {
		mounts[m.MountPath] = m.Name + ":" + m.SubPath + fmt.Sprintf(":%t", m.ReadOnly)
	}
	want := map[string]string{
		contract.TeacherAccountPath: "artifacts:teachers/" + p.Run.Name + ":false",
		contract.TeacherSecretPath:  "key::true", "/tmp": "tmp::false", "/opt/venv": "teacher-venv::true",
	}
	if diff := cmp.Diff(want, mounts); diff != "" {
		t.Errorf("mounts (-want +got):\n%s", diff)
	}
	i := slices.IndexFunc(pod.Volumes, func(v corev1.Volume) bool { return v.Secret != nil })
	if secret := pod.Volumes[i].Secret; secret.SecretName != "teacher-key" || *secret.DefaultMode != 0o440 || len(secret.Items) != 1 || secret.Items[0].Key != "apiKey" {
		t.Errorf("Secret volume %+v", secret)
	}
	var told v1alpha1.Teacher
	if err := json.Unmarshal([]byte(value(c.Env, contract.TeacherVariable)), &told); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(*p.Run.Spec.Recipe.Teacher, told); diff != "" {
		t.Errorf("teacher (-want +got):\n%s", diff)
	}
	if c.Image != workerImage || !slices.Equal(c.Args, []string{"teacher"}) || c.ReadinessProbe.HTTPGet.Path != "/healthz" {
		t.Errorf("container %+v", c)
	}
	if *d.Spec.Replicas != 1 || d.Spec.Strategy.Type != appsv1.RecreateDeploymentStrategyType {
		t.Errorf("two proxies at once would keep two accounts: %+v", d.Spec)
	}

	keyless := teacherDeployment(t, teacherProxy(v1alpha1.Pods{}, v1alpha1.ReadWriteMany, func(t *v1alpha1.Teacher) { t.SecretRef = nil }))
	for _, v := range keyless.Spec.Template.Spec.Volumes {
		if v.Secret != nil {
			t.Errorf("a teacher without a Secret mounts %+v", v.Secret)
		}
	}
}

func TestTeacherService(t *testing.T) {
	p := teacherProxy(fullPods(), v1alpha1.ReadWriteMany, nil)
	service, template := p.Service(), teacherDeployment(t, p).Spec.Template
	got := labels.Set(template.Labels)
	if !labels.SelectorFromSet(service.Spec.Selector).Matches(got) || got["kueue.x-k8s.io/queue-name"] != "experts" {
		t.Errorf("the Service selects %v, pods have %v", service.Spec.Selector, got)
	}
	if got[v1alpha1.RunLabel] != p.Run.Name {
		t.Errorf("a shape replaced our label: %v", got)
	}
	if labels.SelectorFromSet(resources.ServingLabels("click")).Matches(got) {
		t.Error("the expert's Service selects the teacher's proxy")
	}
	for address, want := range map[string]string{
		"10.96.0.7": "http://10.96.0.7:8090/v1", "fd00::7": "http://[fd00::7]:8090/v1", "": "", "None": "",
	} {
		service.Spec.ClusterIP = address
		if got := resources.TeacherURL(service); got != want {
			t.Errorf("address %q: %q; want %q", address, got, want)
		}
	}
}

// TestTeacherNetworkPolicies: the run's shards reach the proxy and nothing else
// of it; the proxy answers nobody but them.
func TestTeacherNetworkPolicies(t *testing.T) {
	p := teacherProxy(fullPods(), v1alpha1.ReadWriteMany, nil)
	policies := p.NetworkPolicies()
	pods := map[string]labels.Set{
		"proxy":       teacherDeployment(t, p).Spec.Template.Labels,
		"serving":     resources.ServingLabels("click"),
		"another run": resources.StageLabels("click", "click-00000000", v1alpha1.StageExperience, 1),
	}
	for _, stage := range v1alpha1.Stages {
		pods[string(stage)] = resources.StageLabels("click", p.Run.Name, stage, 1)
	}
	proxy, client := policies[0], policies[1]
	covered := map[string]string{}
	for name, set := range pods {
		for _, one := range policies {
			if matches(t, &one.Spec.PodSelector, set) {
				covered[name] += one.Name
			}
		}
	}
	if diff := cmp.Diff(map[string]string{"proxy": p.Run.Name + "-teacher", "Experience": p.Run.Name + "-teacher-client"}, covered); diff != "" {
		t.Errorf("covered (-want +got):\n%s", diff)
	}
	for name, set := range pods {
		in, out := proxy.Spec.Ingress[0], client.Spec.Egress[0]
		if got := matches(t, in.From[0].PodSelector, set); got != (name == "Experience") {
			t.Errorf("%s may reach the proxy: %t", name, got)
		}
		if got := matches(t, out.To[0].PodSelector, set); got != (name == "proxy") {
			t.Errorf("shards may reach %s: %t", name, got)
		}
		if in.Ports[0].Port.IntValue() != contract.TeacherPort || out.Ports[0].Port.IntValue() != contract.TeacherPort {
			t.Errorf("ports %v and %v", in.Ports, out.Ports)
		}
	}
	if len(proxy.Spec.PolicyTypes) != 2 || len(proxy.Spec.Ingress) != 1 || len(proxy.Spec.Ingress[0].From) != 1 || len(client.Spec.Egress) != 1 || len(client.Spec.Ingress) != 0 {
		t.Errorf("policies %+v, %+v", proxy.Spec, client.Spec)
	}
	for _, peer := range proxy.Spec.Egress[1].To {
		if block := peer.IPBlock; block != nil && len(block.Except) != 1 {
			t.Errorf("link-local addresses are open: %+v", block)
		}
	}
	for address, want := range map[string]int{
		"https://api.example/v1": 443, "http://vllm.models.svc": 80, "http://vllm.models.svc:8000/v1": 8000, "https://10.0.0.1:8443": 8443,
	} {
		other := teacherProxy(v1alpha1.Pods{}, v1alpha1.ReadWriteMany, func(t *v1alpha1.Teacher) { t.URL = address })
		egress := other.NetworkPolicies()[0].Spec.Egress
		if len(egress) != 2 || len(egress[1].Ports) != 1 || egress[1].Ports[0].Port.IntValue() != want {
			t.Errorf("%s: egress %+v; want names and port %d", address, egress, want)
		}
	}
}

func matches(t *testing.T, selector *metav1.LabelSelector, set labels.Set) bool {
	t.Helper()
	s, err := metav1.LabelSelectorAsSelector(selector)
	if err != nil {
		t.Fatal(err)
	}
	return s.Matches(set)
}

// Names are made of an expert's name of at most 35 characters and stay labels.
func TestTeacherNames(t *testing.T) {
	run := strings.Repeat("a", 35) + "-0123abcd"
	for _, name := range []string{resources.TeacherName(run), resources.TeacherClientName(run)} {
		if len(name) > 63 {
			t.Errorf("%s has %d characters", name, len(name))
		}
	}
	if ptr.Deref(teacherDeployment(t, teacherProxy(v1alpha1.Pods{}, v1alpha1.ReadWriteMany, nil)).Spec.RevisionHistoryLimit, 9) != 0 {
		t.Error("old revisions are kept")
	}
}
