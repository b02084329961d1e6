//go:build e2e

package e2e

import (
	"testing"
	"time"

	"github.com/repoexpert/operator/hack/local"
)

// The same job with vLLM as the engine, in Evaluate and behind the endpoint,
// with base and adapter served side by side.
func TestVLLMServesAnExpert(t *testing.T) {
	ctx := shared.ctx
	tools, err := local.EnsureToolchain(ctx, shared.root, t.Output(), true)
	if err != nil {
		t.Fatal(err)
	}
	tenancy := tenancy(ctx, t, "vllm", 5)
	class := shared.cluster.DemoClass(shared.images, tools)
	class.Name, class.Engine, class.Memory = "vllm", "VLLM", "10Gi"
	// Another choice of facts and functions, and another training, than the main job's.
	class.Seed = 3
	applyClass(ctx, t, class)
	applyExpert(ctx, t, tenancy, "boltons", class.Name, local.DemoRepository)
	expert, run := await(ctx, t, "vllm", "boltons", 45*time.Minute, serves)
	if answer := ask(ctx, t, expert, "Hello"); answer == "" {
		t.Error("the endpoint answers with nothing")
	}
	t.Logf("verdict: %s", run.Status.Verdict.Reason)
	deleteExpert(ctx, t, "vllm", "boltons")
}
