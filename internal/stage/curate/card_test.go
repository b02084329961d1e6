package curate

import (
	"maps"
	"slices"
	"testing"

	"github.com/repoexpert/operator/api/v1alpha1"
	"github.com/repoexpert/operator/internal/contract"
	"github.com/repoexpert/operator/internal/stage"
)

// The figures of all units and the commonest codes fit the termination message,
// however many codes there are.
func TestCountsFitTheResult(t *testing.T) {
	var env stage.Env
	for _, name := range []v1alpha1.UnitName{implementation, design, remembering, "EvolutionaryReplay", "SemanticRuntimeAlignment"} {
		env.Spec.Recipe.Experience.Units = append(env.Spec.Recipe.Experience.Units, v1alpha1.Unit{Name: name, Samples: 100_000})
	}
	card := newCard(env, env.Spec.Commit, nil)
	n := 0
	for _, code := range slices.Sorted(maps.Keys(meanings)) {
		n++
		for _, unit := range card.Units {
			unit.Dropped[code], unit.Kept, unit.Tasks = 99_000+n, 99_999, 99_999
		}
	}
	counts := card.counts()
	raw, err := contract.EncodeResult(contract.StageResult{
		Stage: v1alpha1.StageCurate, Run: "a-name-of-thirty-five-characters-00-01234567", Attempt: 3, Class: v1alpha1.Succeeded,
		Counts: counts, ManifestDigest: "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
	})
	if err != nil {
		t.Fatal(err)
	}
	got, err := contract.ParseResult(raw)
	if err != nil || !maps.Equal(counts, got.Counts) {
		t.Errorf("%v: %d counts of %d in %d bytes", err, len(got.Counts), len(counts), len(raw))
	}
	if len(counts) != 2+2*5+reportedCodes {
		t.Errorf("counts: %v", counts)
	}
}
