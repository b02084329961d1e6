package local

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	psa "k8s.io/pod-security-admission/api"
	"k8s.io/pod-security-admission/policy"

	"github.com/repoexpert/operator/api/v1alpha1"
	"github.com/repoexpert/operator/internal/class"
)

const testRegistry = "registry.example/team/demo"

// sites are one of each kind, as far as they need no cluster.
func sites(root Root) map[string]Site {
	return map[string]Site{
		"one node": OneNode(root, "e2e", nil),
		"current":  CurrentContext(root, testRegistry, nil),
	}
}

var testTools = Toolchain{Tools: "/cache/tools", PythonPath: "/opt/tools/abc/site:/opt/tools/def/site", Models: "/cache/models"}

// parse converts the one object of a kind in a manifest, strictly.
func parse[T any](t *testing.T, manifest, kind string) *T {
	t.Helper()
	objects, err := parseManifests(manifest)
	if err != nil {
		t.Fatalf("%v in\n%s", err, manifest)
	}
	for _, o := range objects {
		if o.GetKind() != kind {
			continue
		}
		typed := new(T)
		if err := runtime.DefaultUnstructuredConverter.FromUnstructuredWithValidation(o.Object, typed, true); err != nil {
			t.Fatalf("%v in\n%s", err, manifest)
		}
		return typed
	}
	t.Fatalf("no %s in\n%s", kind, manifest)
	return nil
}

func demoClass(t *testing.T, site Site) v1alpha1.ExpertClass {
	t.Helper()
	c := &Cluster{site: site}
	manifest, err := c.DemoClass(Images{Python: "registry.example/python:1"}, testTools).Manifest()
	if err != nil {
		t.Fatal(err)
	}
	return *parse[v1alpha1.ExpertClass](t, manifest, "ExpertClass")
}

func TestClassOfAll(t *testing.T) {
	c := &Cluster{site: OneNode("/src", "e2e", nil)}
	manifest, err := c.DemoClass(Images{Python: "registry.example/python:1"}, testTools).AllUnits().AllKinds().Manifest()
	if err != nil {
		t.Fatal(err)
	}
	got := *parse[v1alpha1.ExpertClass](t, manifest, "ExpertClass")
	if err := class.Validate(&got); err != nil {
		t.Error(err)
	}
	for _, name := range v1alpha1.Units {
		if !slices.ContainsFunc(got.Spec.Experience.Units, func(u v1alpha1.Unit) bool { return u.Name == name }) {
			t.Errorf("no samples of %s in\n%s", name, manifest)
		}
	}
	for _, name := range v1alpha1.KindNames {
		if name != v1alpha1.KindFeatureImplementation && !slices.ContainsFunc(got.Spec.Evaluation.Kinds, func(k v1alpha1.EvaluationKind) bool { return k.Name == name }) {
			t.Errorf("no tasks of %s in\n%s", name, manifest)
		}
	}
}

func TestDemoClass(t *testing.T) {
	for name, site := range sites("/src") {
		t.Run(name, func(t *testing.T) {
			got := demoClass(t, site)
			if err := class.Validate(&got); err != nil {
				t.Error(err)
			}
			if c := got.Spec.BaseModel.Claim; c.ClaimName != "base-models" || c.Path != BaseModelName {
				t.Errorf("base model %+v", c)
			}
			if got.Spec.Storage.AccessMode != v1alpha1.ReadWriteOnce {
				t.Errorf("access mode %s", got.Spec.Storage.AccessMode)
			}
			for role, pods := range map[string]v1alpha1.PodShape{"trainer": got.Spec.Pods.Trainer, "engine": got.Spec.Pods.Engine} {
				if !slices.Contains(pods.Env, v1alpha1.EnvVar{Name: "PYTHONPATH", Value: testTools.PythonPath}) {
					t.Errorf("%s: environment %+v", role, pods.Env)
				}
			}
		})
	}
}

func TestDemoClassNamesTheVolumesOfItsSite(t *testing.T) {
	all := sites("/src")
	own, current := demoClass(t, all["one node"]).Spec, demoClass(t, all["current"]).Spec
	want := v1alpha1.ToolVolume{Name: "tools", ClaimName: "tools", MountPath: ToolsMount}
	if v := own.Pods.Trainer.ToolVolumes; len(v) != 1 || v[0] != want {
		t.Errorf("one node: tool volumes %+v", v)
	}
	if own.Storage.StorageClassName == nil || *own.Storage.StorageClassName != "" {
		t.Errorf("one node: storage %+v, want no class", own.Storage)
	}
	if v := append(current.Pods.Trainer.ToolVolumes, current.Pods.Engine.ToolVolumes...); len(v) != 0 {
		t.Errorf("current: tool volumes %+v", v)
	}
	if current.Storage.StorageClassName != nil {
		t.Errorf("current: storage %+v, want the default class", current.Storage)
	}
}

func TestPythonImage(t *testing.T) {
	all := sites("/src")
	if spec := all["one node"].pythonImage(testTools); len(spec.add) != 0 {
		t.Errorf("one node: the tools are on a volume and in the image: %v", spec.add)
	}
	spec := all["current"].pythonImage(testTools)
	want := "/cache/tools/abc/site:/opt/tools/abc/site /cache/tools/def/site:/opt/tools/def/site"
	if got := strings.Join(spec.add, " "); got != want || !spec.keepTimes {
		t.Errorf("current: %s, times kept %t; want %s", got, spec.keepTimes, want)
	}
}

func TestGitServerManifest(t *testing.T) {
	for name, server := range map[string]gitServer{
		"of a claim":   {Namespace: "ns", Image: "i:1", Claim: "repositories"},
		"of its image": {Namespace: "ns", Image: "i:1"},
	} {
		t.Run(name, func(t *testing.T) {
			manifest, err := server.Manifest()
			if err != nil {
				t.Fatal(err)
			}
			template := parse[appsv1.Deployment](t, manifest, "Deployment").Spec.Template
			checkRestricted(t, &template.ObjectMeta, &template.Spec)
			claims := 0
			for _, v := range template.Spec.Volumes {
				if v.PersistentVolumeClaim != nil {
					claims++
				}
			}
			if mounts := template.Spec.Containers[0].VolumeMounts; claims != len(mounts)-1 || (claims == 1) != (server.Claim != "") {
				t.Errorf("%d claims, mounts %+v", claims, mounts)
			}
			if service := parse[corev1.Service](t, manifest, "Service"); service.Name != "git" || service.Namespace != "ns" {
				t.Errorf("service %s/%s", service.Namespace, service.Name)
			}
		})
	}
}

func TestModelCopyManifest(t *testing.T) {
	copying := modelCopy{Namespace: "ns", Claim: "base-models", Image: "10.0.0.1:5000/x/base-models:0123abc", Folder: "/models"}
	manifest, err := copying.Manifest()
	if err != nil {
		t.Fatal(err)
	}
	job := parse[batchv1.Job](t, manifest, "Job")
	checkRestricted(t, &job.Spec.Template.ObjectMeta, &job.Spec.Template.Spec)
	if job.Name != "base-models-0123abc" || job.Name != copying.Name() {
		t.Errorf("the job of one image is %s", job.Name)
	}
	claim := parse[corev1.PersistentVolumeClaim](t, manifest, "PersistentVolumeClaim")
	if claim.Name != "base-models" || claim.Spec.StorageClassName != nil {
		t.Errorf("claim %s of class %v, want the default", claim.Name, claim.Spec.StorageClassName)
	}
}

func checkRestricted(t *testing.T, meta *metav1.ObjectMeta, spec *corev1.PodSpec) {
	t.Helper()
	evaluator, err := policy.NewEvaluator(policy.DefaultChecks(), nil)
	if err != nil {
		t.Fatal(err)
	}
	restricted := psa.LevelVersion{Level: psa.LevelRestricted, Version: psa.LatestVersion()}
	if result := policy.AggregateCheckResults(evaluator.EvaluatePod(restricted, meta, spec)); !result.Allowed {
		t.Errorf("restricted refuses it: %s: %s", result.ForbiddenReason(), result.ForbiddenDetail())
	}
}

func TestParseManifests(t *testing.T) {
	objects, err := parseManifests("---\nkind: A\n---\n---\nkind: B\n")
	if err != nil || len(objects) != 2 || objects[1].GetKind() != "B" {
		t.Errorf("parsed %v, %v", objects, err)
	}
	if _, err := parseManifests("a: b: c"); err == nil {
		t.Error("no error on what is no YAML")
	}
}

// What trains without a cluster trains as the demo's class does.
func TestDemoTraining(t *testing.T) {
	got, err := DemoTraining()
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(demoClass(t, sites("/src")["one node"]).Spec.Training, got); diff != "" || got.LoRA == nil || got.Device != v1alpha1.DeviceCPU {
		t.Errorf("%+v\n%s", got, diff)
	}
}

func TestHostPath(t *testing.T) {
	tools := Toolchain{Tools: "/home/me/tools", PythonPath: ToolsMount + "/a/site:" + ToolsMount + "/b/site"}
	if got := tools.HostPath(); got != "/home/me/tools/a/site:/home/me/tools/b/site" {
		t.Error(got)
	}
}
