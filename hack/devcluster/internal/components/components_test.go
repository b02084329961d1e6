package components

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// source makes a folder that looks like the components' module.
func source(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "hack", "devcluster", "components")
	if err := os.MkdirAll(filepath.Join(dir, "pause"), 0o755); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, "go.mod"), "module github.com/repoexpert/operator/hack/devcluster/components\n")
	write(t, filepath.Join(dir, "go.sum"), "sums\n")
	write(t, filepath.Join(dir, "pause", "main.go"), "package main\n")
	return dir
}

func write(t *testing.T, path, content string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), 0o755); err != nil {
		t.Fatal(err)
	}
}

func TestSourceKey(t *testing.T) {
	dir := source(t)
	key := func(words ...string) string {
		t.Helper()
		k, err := sourceKey(dir, words...)
		if err != nil {
			t.Fatal(err)
		}
		return k
	}
	base := key("go1.26")
	if base != key("go1.26") {
		t.Error("the same sources have two keys")
	}
	if base == key("go1.27") {
		t.Error("another compiler has the same key")
	}
	write(t, filepath.Join(dir, "README.md"), "text")
	if base != key("go1.26") {
		t.Error("a text changes the key")
	}
	write(t, filepath.Join(dir, "go.sum"), "other sums\n")
	if base == key("go1.26") {
		t.Error("other pins have the same key")
	}
	if _, err := sourceKey(t.TempDir()); err == nil {
		t.Error("a folder without sources was accepted")
	}
}

func TestFindSource(t *testing.T) {
	dir := source(t)
	repository := filepath.Join(dir, "..", "..", "..")
	for title, start := range map[string]string{
		"repository": repository, "program in hack/devcluster": filepath.Join(dir, ".."), "below": filepath.Join(dir, "pause"),
	} {
		if got, ok := findUpwards(start); !ok || filepath.Clean(got) != dir {
			t.Errorf("from the %s: %q, %v", title, got, ok)
		}
	}
	t.Setenv(sourceVariable, dir)
	if got, err := FindSource(); err != nil || got != dir {
		t.Errorf("FindSource = %q, %v", got, err)
	}
	t.Setenv(sourceVariable, t.TempDir())
	if _, err := FindSource(); err == nil {
		t.Error("a wrong folder in the environment was accepted")
	}
}

func TestVersionFlags(t *testing.T) {
	for _, want := range []string{"component-base/version.gitVersion=v1.37.2", "version.gitMajor=1 ", "version.gitMinor=37 ", "client-go/pkg/version.gitVersion=v1.37.2"} {
		if !strings.Contains(Kubernetes.flags, want) {
			t.Errorf("no %q in %q", want, Kubernetes.flags)
		}
	}
	if got := envtestVersions(); got != "1.37.x" {
		t.Errorf("envtest versions %q", got)
	}
}

// The pinned Kubernetes and the version that is stamped on it must not part.
func TestVersionIsThePinnedOne(t *testing.T) {
	b, err := os.ReadFile("../../components/go.mod")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(b), "\tk8s.io/kubernetes "+KubernetesVersion+"\n") {
		t.Errorf("components/go.mod does not pin k8s.io/kubernetes %s", KubernetesVersion)
	}
}

func TestFollowKeepsErrors(t *testing.T) {
	const output = `go: downloading k8s.io/kubernetes v1.37.2
k8s.io/api/core/v1
k8s.io/kubernetes/cmd/kubelet/app
# github.com/repoexpert/operator/hack/devcluster/components/pause
pause/main.go:3:1: syntax error
`
	var progress bytes.Buffer
	b := Builder{Progress: &progress}
	got := b.follow(Kubernetes, strings.NewReader(output), time.Now())
	if want := "# github.com/repoexpert/operator/hack/devcluster/components/pause\npause/main.go:3:1: syntax error"; got != want {
		t.Errorf("follow = %q", got)
	}
}

func TestBuildIsCached(t *testing.T) {
	b := Builder{Cache: t.TempDir(), Progress: &bytes.Buffer{}, source: source(t)}
	b.dir = filepath.Join(b.Cache, "components", "key")
	pause := Target{Name: "pause", links: []string{"other-name"}}
	write(t, filepath.Join(b.source, "pause", "main.go"), "package main\n\nfunc main() {}\n")
	if err := b.Build(t.Context(), pause); err != nil {
		t.Fatal(err)
	}
	if target, err := os.Readlink(filepath.Join(b.dir, "other-name")); err != nil || target != "pause" {
		t.Errorf("link to %q, %v", target, err)
	}
	write(t, filepath.Join(b.source, "pause", "main.go"), "not Go any more\n")
	if err := b.Build(t.Context(), pause); err != nil {
		t.Errorf("a built program was built again: %v", err)
	}
	if err := os.Remove(filepath.Join(b.dir, "pause")); err != nil {
		t.Fatal(err)
	}
	if err := b.Build(t.Context(), pause); err == nil || !strings.Contains(err.Error(), "main.go:1") {
		t.Errorf("a program that does not compile: %v", err)
	}
}

func TestAssetsFromTheCache(t *testing.T) {
	b := Builder{Cache: t.TempDir(), Progress: &bytes.Buffer{}}
	b.dir = filepath.Join(b.Cache, "components", "key")
	downloaded := t.TempDir()
	for _, program := range assetPrograms {
		write(t, filepath.Join(downloaded, program), "")
	}
	if err := os.MkdirAll(filepath.Join(b.Cache, "envtest"), 0o755); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(b.Cache, "envtest", "path-1.37.x"), downloaded)
	if got, err := b.Assets(t.Context()); err != nil || got != downloaded {
		t.Errorf("Assets = %q, %v, want the download", got, err)
	}
	if err := os.MkdirAll(b.dir, 0o755); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(b.dir, Kubernetes.Name), "")
	if got, err := b.Assets(t.Context()); err != nil || got != b.dir {
		t.Errorf("Assets = %q, %v, want the build", got, err)
	}
}

func TestReachable(t *testing.T) {
	server := httptest.NewServer(http.NotFoundHandler())
	if err := reachable(t.Context(), server.URL); err == nil || !strings.Contains(err.Error(), "404") {
		t.Errorf("not found: %v", err)
	}
	server.Close()
	if err := reachable(t.Context(), server.URL); err == nil {
		t.Error("a closed server was reachable")
	}
}
