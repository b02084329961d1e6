//go:build e2e

package e2e

import (
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/repoexpert/operator/api/v1alpha1"
	"github.com/repoexpert/operator/hack/local"
	locally "github.com/repoexpert/operator/internal/local"
)

// A slice of what make bench-experience measures: all units on a real library,
// without a cluster, and half of it executed again.
func TestCoreExperienceOnThisMachine(t *testing.T) {
	ctx := shared.ctx
	tenancy := tenancy(ctx, t, mainNamespace, 5)
	out := t.TempDir()
	figures := filepath.Join(t.TempDir(), "summary.json")
	site := shared.root.Path("bin", "pytest-site")
	worker(ctx, t, "experience", "--local", filepath.Join(tenancy.Repositories, local.DemoRepository), "--out", out, "--python-path", site, "--summary", figures,
		"--unit", "RepositoryRecall=20", "--unit", "SoftwareDesign=4", "--unit", "ContextualImplementation=4",
		"--unit", "EvolutionaryReplay=4", "--unit", "SemanticRuntimeAlignment=4")

	content, err := os.ReadFile(figures)
	if err != nil {
		t.Fatal(err)
	}
	var summary locally.Summary
	if err := json.Unmarshal(content, &summary); err != nil {
		t.Fatal(err)
	}
	samples := map[v1alpha1.UnitName]int64{}
	for _, unit := range summary.Units {
		samples[unit.Unit] = unit.Samples
	}
	for _, unit := range v1alpha1.Units {
		if samples[unit] < 3 {
			t.Errorf("%d samples of %s, want 3 at least", samples[unit], unit)
		}
	}
	verified := worker(ctx, t, "verify-dataset", "--in", out, "--python-path", site, "--percent", "50")
	t.Logf("verify-dataset: %s", lastLine(verified))
}

// worker runs bin/worker on this machine and returns what it printed. It works in a
// folder of its own, beside a worker that a person runs.
func worker(ctx context.Context, t *testing.T, args ...string) string {
	t.Helper()
	temporary, err := os.MkdirTemp("", "e2e-")
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := os.RemoveAll(temporary); err != nil {
			t.Error(err)
		}
	}()
	cmd := exec.CommandContext(ctx, shared.root.Path("bin", "worker"), args...)
	cmd.Env = append(os.Environ(), "TMPDIR="+temporary)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	printed, err := cmd.Output()
	if err != nil {
		t.Fatalf("worker %s: %v\n%s\n%s", args[0], err, printed, stderr.String())
	}
	return string(printed)
}

func lastLine(text string) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return lines[len(lines)-1]
}
