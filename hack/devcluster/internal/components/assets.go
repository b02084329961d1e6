package components

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/repoexpert/operator/hack/devcluster/internal/command"
)

const (
	// setupEnvtest is the tool that downloads control planes for tests.
	setupEnvtest = "sigs.k8s.io/controller-runtime/tools/setup-envtest@v0.25.1"
	// envtestIndex is what the tool reads first. Whether it answers decides, in
	// seconds, what the tool itself takes a compilation and a long time-out for.
	envtestIndex   = "https://raw.githubusercontent.com/kubernetes-sigs/controller-tools/HEAD/envtest-releases.yaml"
	indexTimeout   = 5 * time.Second
	envtestTimeout = 3 * time.Minute
)

// assetPrograms are what a test control plane consists of.
var assetPrograms = []string{"etcd", "kube-apiserver", "kubectl"}

// envtestVersions is what is asked of setup-envtest: the latest published patch of
// the minor version that is built here.
func envtestVersions() string {
	major, minor := kubernetesMinor()
	return major + "." + minor + ".x"
}

// Assets returns a folder for KUBEBUILDER_ASSETS. In the order of their cost: the
// build in the cache, an earlier download, a download, a build.
func (b *Builder) Assets(ctx context.Context) (string, error) {
	if b.Built(Kubernetes) {
		return b.dir, nil
	}
	record := filepath.Join(b.Cache, "envtest", "path-"+envtestVersions())
	if recorded, err := os.ReadFile(record); err == nil && isAssets(string(recorded)) {
		return string(recorded), nil
	}
	dir, err := b.downloadAssets(ctx, filepath.Dir(record))
	if err == nil {
		return dir, os.WriteFile(record, []byte(dir), 0o644)
	}
	if ctx.Err() != nil {
		return "", err
	}
	fmt.Fprintf(b.Progress, "no download (%v); building instead\n", err)
	return b.dir, b.Build(ctx, Kubernetes)
}

// downloadAssets asks setup-envtest.
func (b *Builder) downloadAssets(ctx context.Context, into string) (string, error) {
	if err := reachable(ctx, envtestIndex); err != nil {
		return "", err
	}
	if err := os.MkdirAll(into, 0o755); err != nil {
		return "", fmt.Errorf("download: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, envtestTimeout)
	defer cancel()
	fmt.Fprintln(b.Progress, "downloading a control plane with setup-envtest")
	cmd := exec.CommandContext(ctx, "go", "run", setupEnvtest, "use", envtestVersions(), "--bin-dir", into, "--print", "path")
	cmd.Env = append(os.Environ(), "GOWORK=off", "GOFLAGS=")
	dir, err := command.Capture(cmd)
	if err != nil {
		return "", err
	}
	dir = strings.TrimSpace(dir)
	if !isAssets(dir) {
		return "", fmt.Errorf("setup-envtest gave %q, which lacks one of %s", dir, strings.Join(assetPrograms, ", "))
	}
	return dir, nil
}

func reachable(ctx context.Context, url string) error {
	ctx, cancel := context.WithTimeout(ctx, indexTimeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodHead, url, nil)
	if err != nil {
		return err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("%s answers %s", url, response.Status)
	}
	return nil
}

func isAssets(dir string) bool {
	for _, program := range assetPrograms {
		if _, err := os.Stat(filepath.Join(dir, program)); dir == "" || err != nil {
			return false
		}
	}
	return true
}
