//go:build e2e

package e2e

import (
	"testing"
	"time"

	"github.com/repoexpert/operator/api/v1alpha1"
	"github.com/repoexpert/operator/hack/local"
)

func TestDeletionInEachStageLeavesNothing(t *testing.T) {
	ctx := shared.ctx
	tenancy := tenancy(ctx, t, "deletion", 5)
	class := shared.cluster.DemoClass(shared.images, shared.tools)
	class.Name = "deletion"
	applyClass(ctx, t, class)
	for _, stage := range []v1alpha1.StageName{v1alpha1.StageFetch, v1alpha1.StagePlan, v1alpha1.StageExperience, v1alpha1.StageCurate, v1alpha1.StageTrain} {
		t.Run(string(stage), func(t *testing.T) {
			// The volume keeps what earlier rounds sealed, so each round goes through
			// fresh stages only from the one in question on.
			applyExpert(ctx, t, tenancy, "boltons", class.Name, local.DemoRepository)
			await(ctx, t, "deletion", "boltons", 10*time.Minute, inStage(stage))
			deleteExpert(ctx, t, "deletion", "boltons")
		})
	}
}
