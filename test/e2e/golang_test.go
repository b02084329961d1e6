//go:build e2e

package e2e

import (
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/repoexpert/operator/api/v1alpha1"
	"github.com/repoexpert/operator/hack/local"
)

const (
	golangNamespace  = "golang"
	moduleRepository = "pflag.git"
)

// moduleReleases are releases of a module without dependencies, each with the sum
// that go.sum would hold.
var moduleReleases = []struct{ version, sum string }{
	{"github.com/spf13/pflag@v1.0.5", "h1:iy+VFUOCP1a+8yFto/drg2CJ5u0yRoB7fZw3DKv/JXA="},
	{"github.com/spf13/pflag@v1.0.6", "h1:jFzHGLGAlb3ruxLB8MhbI6A8+AQX/2eW4qeyNZXNp2o="},
	{"github.com/spf13/pflag@v1.0.7", "h1:vN6T9TfwStFPFM5XzjsvmzZkLuaLX+HS+0SeFLRgU6M="},
	{"github.com/spf13/pflag@v1.0.9", "h1:9exaQaMOCwffKiiiYk6/BndUBv+iRViNW+4lEMi0PvY="},
	{"github.com/spf13/pflag@v1.0.10", "h1:4EBh2KAYBwaONj6b2Ye1GiHfwjqyROoF4RwYO+vPwFk="},
}

// A Go module becomes experience in pods: its tests are compiled and run there,
// samples of every unit are verified, and they can be executed again elsewhere.
func TestGoModuleBecomesExperience(t *testing.T) {
	ctx := shared.ctx
	tenancy := tenancy(ctx, t, golangNamespace, 2)
	importModule(ctx, t, filepath.Join(tenancy.Repositories, moduleRepository))
	image, err := shared.cluster.GoEnvironment(ctx)
	if err != nil {
		t.Fatal(err)
	}
	class := shared.cluster.DemoClass(shared.images, shared.tools).AllUnits()
	class.Name = "golang"
	for i := range class.Trajectories {
		class.Trajectories[i].Samples = 4
	}
	applyClass(ctx, t, class)
	artifacts, err := shared.cluster.ArtifactsFolder(golangNamespace, "pflag")
	if err != nil {
		t.Fatal(err)
	}
	if err := shared.cluster.ApplyExpert(ctx, local.Expert{
		Name: "pflag", Namespace: golangNamespace, ClassName: class.Name, Framework: v1alpha1.TestGo,
		URL: tenancy.RepositoryURL(moduleRepository), EnvironmentImage: image,
	}); err != nil {
		t.Fatal(err)
	}
	_, run := await(ctx, t, golangNamespace, "pflag", 20*time.Minute, func(_ v1alpha1.RepoExpert, run v1alpha1.ExpertRun) (bool, string) {
		s := stageOf(run, v1alpha1.StageCurate)
		return s != nil && s.State == v1alpha1.StageSucceeded, "the experience is not curated"
	})
	deleteExpert(ctx, t, golangNamespace, "pflag")

	t.Logf("%s", describe(run))
	for _, unit := range v1alpha1.Units {
		if kept := countOf(run, v1alpha1.StageCurate, string(unit)); kept < 2 {
			t.Errorf("%d samples of %s, want 2 at least", kept, unit)
		}
	}
	verified := worker(ctx, t, "verify-dataset", "--in", artifacts, "--framework", string(v1alpha1.TestGo), "--percent", "10")
	t.Logf("verify-dataset: %s", lastLine(verified))
}

// countOf is a figure of a stage, 0 where it has none of that name.
func countOf(run v1alpha1.ExpertRun, stage v1alpha1.StageName, name string) int64 {
	if s := stageOf(run, stage); s != nil {
		for _, c := range s.Counts {
			if c.Name == name {
				return c.Value
			}
		}
	}
	return 0
}

// importModule makes a bare repository with a commit for each release. None of the
// module's code runs here.
func importModule(ctx context.Context, t *testing.T, bare string) {
	t.Helper()
	checkout := t.TempDir()
	git := func(args ...string) {
		t.Helper()
		output(ctx, t, "git", append([]string{"-C", checkout, "-c", "user.name=releases", "-c", "user.email=releases@example.invalid", "-c", "commit.gpgsign=false"}, args...)...)
	}
	git("init", "--quiet", "--initial-branch=main")
	for _, release := range moduleReleases {
		var module struct{ Dir, Sum string }
		if err := json.Unmarshal(output(ctx, t, "go", "mod", "download", "-json", release.version), &module); err != nil {
			t.Fatal(err)
		}
		if module.Sum != release.sum {
			t.Fatalf("%s has the sum %s, want %s", release.version, module.Sum, release.sum)
		}
		git("rm", "-r", "--quiet", "--ignore-unmatch", ".")
		if err := os.CopyFS(checkout, os.DirFS(module.Dir)); err != nil {
			t.Fatal(err)
		}
		git("add", "--all")
		git("commit", "--quiet", "--no-verify", "--message", "Release "+release.version)
	}
	if err := os.RemoveAll(bare); err != nil {
		t.Fatal(err)
	}
	output(ctx, t, "git", "clone", "--quiet", "--bare", checkout, bare)
}

func output(ctx context.Context, t *testing.T, name string, args ...string) []byte {
	t.Helper()
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = t.TempDir()
	cmd.Stderr = os.Stderr
	printed, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s %v: %v", name, args, err)
	}
	return printed
}
