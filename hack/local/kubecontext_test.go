package local

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"

	"github.com/repoexpert/operator/api/v1alpha1"
)

func TestCheckWantsARegistry(t *testing.T) {
	for registry, want := range map[string]string{
		"":                           "REGISTRY is empty",
		"https://registry.example/x": "without a scheme",
		"registry.example/x/":        "without a slash at the end",
		"registry.example/Demo":      "such as registry.example/path",
	} {
		err := CurrentContext("/src", registry, nil).Check(t.Context())
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "REGISTRY") {
			t.Errorf("registry %q: %v, want %q", registry, err, want)
		}
	}
	for _, registry := range []string{testRegistry, "10.89.0.1:5000/demo", "docker.io/somebody", "localhost:5000"} {
		if err := checkRegistry(registry); err != nil {
			t.Errorf("registry %q: %v", registry, err)
		}
	}
}

// stubTool puts a devcluster into a repository that prints its arguments to a
// file and, for rootfs, a path.
func stubTool(t *testing.T) (root Root, calls func() []string) {
	t.Helper()
	dir := t.TempDir()
	log := filepath.Join(dir, "calls")
	script := "#!/bin/sh\necho \"$@\" >>" + log + "\n[ \"$1\" != rootfs ] || echo /cache/base.tar.gz\n"
	if err := os.Mkdir(filepath.Join(dir, "bin"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "bin", "devcluster"), []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "bin", "podtool"), []byte("program"), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	return Root(dir), func() []string {
		raw, err := os.ReadFile(log)
		if err != nil {
			t.Fatal(err)
		}
		return strings.Split(strings.TrimSpace(string(raw)), "\n")[1:]
	}
}

func TestImagesArePushed(t *testing.T) {
	root, calls := stubTool(t)
	site := CurrentContext(root, testRegistry, t.Output())
	refs, err := site.deliver(t.Context(), podtoolImage(root), pythonImage())
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(refs[0], testRegistry+"/podtool:") || !strings.HasPrefix(refs[1], testRegistry+"/python:") {
		t.Errorf("references %q", refs)
	}
	want := []string{
		"image --rootfs /cache/base.tar.gz --user 10001:10001 --add " + root.Path("bin", "podtool") + ":/usr/local/bin/podtool --entrypoint /usr/local/bin/podtool --push " + refs[0] + " --unless-pushed",
		"image --rootfs /cache/base.tar.gz --user 10001:10001 --push " + refs[1] + " --unless-pushed",
	}
	if got := calls(); strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("calls:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestImagesAreLoaded(t *testing.T) {
	root, calls := stubTool(t)
	refs, err := OneNode(root, "e2e", t.Output()).deliver(t.Context(), podtoolImage(root), pythonImage())
	if err != nil {
		t.Fatal(err)
	}
	got := calls()
	if len(got) != 3 || !strings.HasPrefix(got[2], "load-image --name e2e ") || strings.Count(got[2], ".tar") != 2 {
		t.Errorf("calls:\n%s", strings.Join(got, "\n"))
	}
	if !strings.HasPrefix(refs[0], "localhost/repoexpert/podtool:") || !strings.Contains(got[0], "--tag "+refs[0]) {
		t.Errorf("references %q", refs)
	}
}

func TestRepositoriesArePartOfTheImage(t *testing.T) {
	root, calls := stubTool(t)
	tenancy := Tenancy{Namespace: "demo", Repositories: t.TempDir()}
	if err := os.WriteFile(filepath.Join(tenancy.Repositories, "HEAD"), []byte("one"), 0o644); err != nil {
		t.Fatal(err)
	}
	site := CurrentContext(root, testRegistry, t.Output())
	first, err := site.gitServer(t.Context(), nil, tenancy, "unused")
	if err != nil {
		t.Fatal(err)
	}
	if got := calls(); !strings.Contains(got[0], tenancy.Repositories+":/repositories") || first.Claim != "" {
		t.Errorf("%+v after %q", first, got)
	}
	if err := os.WriteFile(filepath.Join(tenancy.Repositories, "HEAD"), []byte("two"), 0o644); err != nil {
		t.Fatal(err)
	}
	second, err := site.gitServer(t.Context(), nil, tenancy, "unused")
	if err != nil || second.Image == first.Image {
		t.Errorf("a new commit is served from %s, %v", second.Image, err)
	}
}

// fakeCluster has objects that somebody else made.
func fakeCluster(t *testing.T, objects ...client.Object) *Cluster {
	t.Helper()
	scheme, err := Scheme()
	if err != nil {
		t.Fatal(err)
	}
	scheme.AddKnownTypeWithName(schema.GroupVersionKind{Group: "apiextensions.k8s.io", Version: "v1", Kind: "CustomResourceDefinition"}, &unstructured.Unstructured{})
	c := fake.NewClientBuilder().WithScheme(scheme).WithObjects(objects...).WithReturnManagedFields().Build()
	return &Cluster{Client: c}
}

func TestForeignObjectsAreRefused(t *testing.T) {
	for name, tt := range map[string]struct {
		foreign *unstructured.Unstructured
		refused bool
	}{
		"none":                 {nil, false},
		"another namespace":    {object("v1", "Namespace", "team-a"), false},
		"a namespace demo":     {object("v1", "Namespace", DemoNamespace), true},
		"operator's namespace": {object("v1", "Namespace", OperatorNamespace), true},
		"the operator's kinds": {object("apiextensions.k8s.io/v1", "CustomResourceDefinition", "repoexperts.repoexpert.dev"), true},
	} {
		t.Run(name, func(t *testing.T) {
			c := fakeCluster(t)
			if tt.foreign != nil {
				if err := c.Client.Create(t.Context(), tt.foreign); err != nil {
					t.Fatal(err)
				}
			}
			err := c.refuseForeign(t.Context())
			if (err != nil) != tt.refused {
				t.Fatalf("refuseForeign = %v", err)
			}
			if tt.refused && !strings.Contains(err.Error(), tt.foreign.GetKind()+" "+tt.foreign.GetName()) {
				t.Errorf("the error does not name the object: %v", err)
			}
		})
	}
}

func TestOwnObjectsAreNotRefused(t *testing.T) {
	c := fakeCluster(t)
	if err := c.Namespace(t.Context(), DemoNamespace); err != nil {
		t.Fatal(err)
	}
	if err := c.refuseForeign(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestOtherExpertsAreNotRemoved(t *testing.T) {
	expert := func(namespace string) client.Object {
		e := &v1alpha1.RepoExpert{}
		e.Namespace, e.Name = namespace, "boltons"
		return e
	}
	if err := fakeCluster(t, expert(DemoNamespace)).refuseOtherExperts(t.Context()); err != nil {
		t.Error(err)
	}
	err := fakeCluster(t, expert(DemoNamespace), expert("team-a")).refuseOtherExperts(t.Context())
	if err == nil || !strings.Contains(err.Error(), "team-a/boltons") {
		t.Errorf("an expert elsewhere: %v", err)
	}
}

func TestRemove(t *testing.T) {
	namespace := &corev1.Namespace{}
	namespace.Name = DemoNamespace
	c := fakeCluster(t, namespace)
	absent := object("v1", "Namespace", "absent")
	unknown := object("unknown.example/v1", "Thing", "x")
	if err := c.remove(t.Context(), object("v1", "Namespace", DemoNamespace), absent, unknown); err != nil {
		t.Fatal(err)
	}
	if err := c.Client.Get(context.Background(), client.ObjectKey{Name: DemoNamespace}, namespace); client.IgnoreNotFound(err) != nil || err == nil {
		t.Errorf("the namespace is there: %v", err)
	}
}

func TestDefaultStorageClass(t *testing.T) {
	class := func(value string) *storagev1.StorageClass {
		s := &storagev1.StorageClass{}
		s.Name = "disk" + value
		s.Annotations = map[string]string{defaultClassAnnotation: value}
		return s
	}
	if err := fakeCluster(t, class("false")).requireDefaultStorageClass(t.Context()); err == nil || !strings.Contains(err.Error(), defaultClassAnnotation) {
		t.Errorf("no default class: %v", err)
	}
	if err := fakeCluster(t, class("false"), class("true")).requireDefaultStorageClass(t.Context()); err != nil {
		t.Error(err)
	}
}
