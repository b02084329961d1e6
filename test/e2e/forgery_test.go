//go:build e2e

package e2e

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/repoexpert/operator/api/v1alpha1"
	"github.com/repoexpert/operator/hack/local"
)

// forgingConftest is what hostile repository code tries from inside the sandbox:
// a result, a manifest and a record of its own, and a test run that says it
// passed without running a test.
const forgingConftest = `
import glob, json, os, sys

RESULT = {"v": 1, "stage": "Plan", "run": os.environ.get("HOSTNAME", ""), "attempt": 1,
          "class": "Succeeded", "manifest": "sha256:" + "0" * 64}

def attempt(action):
    try:
        action()
    except OSError:
        pass

def write(path, text):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w") as f:
        f.write(text)

for path in ["/dev/termination-log", "/artifacts/plans/forged/manifest.json", "/repoexpert/socket/result.json"]:
    attempt(lambda: write(path, json.dumps(RESULT)))
print("REPOEXPERT-RECORD " + json.dumps(RESULT), flush=True)
for report in glob.glob("/tmp/**/*.jsonl", recursive=True):
    attempt(lambda: write(report, json.dumps({"id": "tests/test_forged.py::test_ok", "outcome": "passed"}) + "\n"))
os._exit(0)
`

func TestForgedSandboxOutputIsRefused(t *testing.T) {
	ctx := shared.ctx
	tenancy := tenancy(ctx, t, "forgery", 1)
	commitForgery(ctx, t, tenancy)
	class := shared.cluster.DemoClass(shared.images, shared.tools)
	class.Name = "forgery"
	applyClass(ctx, t, class)
	applyExpert(ctx, t, tenancy, "forged", class.Name, "forged.git")

	_, run := await(ctx, t, "forgery", "forged", 8*time.Minute, func(_ v1alpha1.RepoExpert, run v1alpha1.ExpertRun) (bool, string) {
		plan := stageOf(run, v1alpha1.StagePlan)
		return plan != nil && plan.State != v1alpha1.StagePending && plan.State != v1alpha1.StageRunning, "Plan has not ended"
	})
	plan := stageOf(run, v1alpha1.StagePlan)
	if plan.State != v1alpha1.StageFailed || plan.ManifestDigest != "" {
		t.Errorf("Plan is %s with manifest %q, want Failed without one", plan.State, plan.ManifestDigest)
	}
	if run.Status.Evaluation != nil || run.Status.Verdict != nil {
		t.Errorf("a forged record was taken: %+v %+v", run.Status.Evaluation, run.Status.Verdict)
	}
	folder, err := shared.cluster.ArtifactsFolder("forgery", "forged")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(folder, "plans", "forged")); !os.IsNotExist(err) {
		t.Errorf("repository code wrote to the artifact volume: %v", err)
	}
	deleteExpert(ctx, t, "forgery", "forged")
}

// commitForgery makes a repository whose conftest forges results.
func commitForgery(ctx context.Context, t *testing.T, tenancy local.Tenancy) {
	t.Helper()
	work := t.TempDir()
	bare := filepath.Join(tenancy.Repositories, "forged.git")
	files := map[string]string{
		"forged/__init__.py":   "def one():\n    \"\"\"One.\"\"\"\n    value = 1\n    return value\n",
		"conftest.py":          forgingConftest,
		"tests/test_forged.py": "from forged import one\n\n\ndef test_one():\n    assert one() == 1\n",
	}
	for name, content := range files {
		path := filepath.Join(work, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for _, args := range [][]string{
		{"init", "--quiet", "--initial-branch=main"},
		{"add", "."},
		{"-c", "user.name=test", "-c", "user.email=test@example.invalid", "commit", "--quiet", "-m", "forge"},
		{"clone", "--quiet", "--bare", work, bare},
	} {
		cmd := exec.CommandContext(ctx, "git", args...)
		cmd.Dir = work
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("git %s: %v\n%s", strings.Join(args, " "), err, out)
		}
	}
}
