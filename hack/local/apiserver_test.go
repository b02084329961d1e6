package local

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/envtest"

	"github.com/repoexpert/operator/api/v1alpha1"
)

// operatorDeployment stands for config/default, whose kinds are the true ones.
const operatorDeployment = `---
apiVersion: v1
kind: Namespace
metadata: {name: repo-expert-system, labels: {control-plane: controller-manager}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: repo-expert-controller-manager, namespace: repo-expert-system}
spec:
  selector: {matchLabels: {app: manager}}
  template:
    metadata: {labels: {app: manager}}
    spec: {containers: [{name: manager, image: registry.example/team/demo/manager:1}]}
`

// apiServer starts one, makes it the current kubeconfig context and returns a
// repository whose kustomize prints operatorDeployment and the CRDs.
func apiServer(t *testing.T) Root {
	t.Helper()
	if os.Getenv("KUBEBUILDER_ASSETS") == "" {
		t.Fatal("KUBEBUILDER_ASSETS is not set: run `make test`, or `make envtest-assets` and export `bin/devcluster assets`")
	}
	environment := &envtest.Environment{}
	if _, err := environment.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := environment.Stop(); err != nil {
			t.Error(err)
		}
	})
	root, _ := stubTool(t)
	crds, err := filepath.Abs("../../config/crd/bases")
	if err != nil {
		t.Fatal(err)
	}
	script := "#!/bin/sh\ncat " + crds + "/*.yaml\ncat <<'END'\n" + operatorDeployment + "END\n"
	if err := os.WriteFile(root.Path("bin", "kustomize"), []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	kubeconfig := filepath.Join(t.TempDir(), "kubeconfig")
	if err := os.WriteFile(kubeconfig, environment.KubeConfig, 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("KUBECONFIG", kubeconfig)
	return root
}

func TestCurrentContextGetsBackWhatItWas(t *testing.T) {
	root := apiServer(t)
	ctx := t.Context()
	site := CurrentContext(root, testRegistry, t.Output())
	if err := site.Check(ctx); err == nil || !strings.Contains(err.Error(), "StorageClass") {
		t.Errorf("without a default StorageClass: %v", err)
	}
	if err := site.Down(ctx); err != nil {
		t.Errorf("where nothing was applied: %v", err)
	}
	c, err := site.Up(ctx)
	if err != nil {
		t.Fatal(err)
	}
	disk := &storagev1.StorageClass{Provisioner: "disk.example"}
	disk.Name, disk.Annotations = "disk", map[string]string{defaultClassAnnotation: "true"}
	create(ctx, t, c, disk)

	applyDemo(ctx, t, c)
	if err := site.Check(ctx); err != nil {
		t.Errorf("a second time: %v", err)
	}
	later := CurrentContext(root, "", t.Output()).(*kubeContext)
	found, err := later.Find(ctx)
	if err != nil || later.registry != testRegistry || found.Name != c.Name {
		t.Errorf("found cluster %+v and registry %q, %v", found, later.registry, err)
	}

	elsewhere := object("repoexpert.dev/v1alpha1", "RepoExpert", "other")
	elsewhere.SetNamespace("default")
	elsewhere.Object["spec"] = map[string]any{
		"repository":  map[string]any{"url": "https://git.example/a.git", "ref": map[string]any{"branch": "main"}},
		"environment": map[string]any{"image": "i:1", "test": map[string]any{"framework": "Pytest"}},
	}
	create(ctx, t, c, elsewhere)
	if err := later.Down(ctx); err == nil || !strings.Contains(err.Error(), "default/other") {
		t.Errorf("with an expert elsewhere: %v", err)
	}
	if err := c.Client.Delete(ctx, elsewhere); err != nil {
		t.Fatal(err)
	}

	finalizeNamespaces(ctx, t, c)
	if err := later.Down(ctx); err != nil {
		t.Fatal(err)
	}
	if err := site.Check(ctx); err != nil {
		t.Errorf("after the removal: %v", err)
	}
	if crd := object("apiextensions.k8s.io/v1", "CustomResourceDefinition", "expertclasses.repoexpert.dev"); c.Client.Get(ctx, client.ObjectKeyFromObject(crd), crd) == nil {
		t.Error("the kinds are still there")
	}

	create(ctx, t, c, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: DemoNamespace}})
	for name, step := range map[string]func(context.Context) error{"Check": site.Check, "Down": site.Down} {
		if err := step(ctx); err == nil || !strings.Contains(err.Error(), "Namespace demo was not made by the demo") {
			t.Errorf("%s with a namespace of somebody else: %v", name, err)
		}
	}
}

func create(ctx context.Context, t *testing.T, c *Cluster, o client.Object) {
	t.Helper()
	if err := c.Client.Create(ctx, o); err != nil {
		t.Fatal(err)
	}
}

// applyDemo applies what Install and PrepareTenancy apply, as far as Down is
// concerned.
func applyDemo(ctx context.Context, t *testing.T, c *Cluster) {
	t.Helper()
	manifests, err := c.operatorManifests(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.ApplyManifests(ctx, manifests); err != nil {
		t.Fatal(err)
	}
	if err := c.awaitKinds(ctx); err != nil {
		t.Fatal(err)
	}
	if err := c.Namespace(ctx, DemoNamespace); err != nil {
		t.Fatal(err)
	}
	if err := c.ApplyClass(ctx, c.DemoClass(Images{Python: "i:1"}, testTools)); err != nil {
		t.Fatal(err)
	}
	expert := Expert{Name: "boltons", Namespace: DemoNamespace, ClassName: "demo", URL: "http://git.demo.svc.cluster.local/boltons.git", EnvironmentImage: "i:1", Framework: v1alpha1.TestPytest}
	if err := c.ApplyExpert(ctx, expert); err != nil {
		t.Fatal(err)
	}
}

// finalizeNamespaces does what the namespace controller does, for as long as the
// test runs: an API server alone keeps deleted namespaces.
func finalizeNamespaces(ctx context.Context, t *testing.T, c *Cluster) {
	t.Helper()
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	t.Cleanup(func() { cancel(); <-done })
	go func() {
		defer close(done)
		for ctx.Err() == nil {
			namespaces, err := c.Clientset.CoreV1().Namespaces().List(ctx, metav1.ListOptions{})
			if err != nil {
				return
			}
			for _, n := range namespaces.Items {
				if n.DeletionTimestamp != nil {
					n.Spec.Finalizers = nil
					_, _ = c.Clientset.CoreV1().Namespaces().Finalize(ctx, &n, metav1.UpdateOptions{})
				}
			}
			select {
			case <-ctx.Done():
			case <-time.After(100 * time.Millisecond):
			}
		}
	}()
}
