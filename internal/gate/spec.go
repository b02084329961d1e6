package gate

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/repoexpert/operator/api/v1alpha1"
)

// withDefaults gives a gate that was left out the API's defaults. The API server
// fills them in only where the object gate is written.
func withDefaults(spec v1alpha1.Gate) v1alpha1.Gate {
	if spec.PrimaryKind == "" {
		spec.PrimaryKind = v1alpha1.KindContextualImplementation
		spec.MinGainPoints = cmp.Or(spec.MinGainPoints, 5)
	}
	spec.MarginPoints = cmp.Or(spec.MarginPoints, 10)
	spec.AlphaPerMille = cmp.Or(spec.AlphaPerMille, 50)
	spec.Looks = cmp.Or(spec.Looks, v1alpha1.LooksOne)
	return spec
}

func checkAlpha(spec v1alpha1.Gate) error {
	if spec.AlphaPerMille < 1 || spec.AlphaPerMille > 499 {
		return fmt.Errorf("gate.alphaPerMille %d must lie between 1 and 499", spec.AlphaPerMille)
	}
	return nil
}

// FromSpec returns the settings of a class's gate.
func FromSpec(spec v1alpha1.Gate) Settings {
	spec = withDefaults(spec)
	alpha := float64(spec.AlphaPerMille) / 1000
	s := Settings{
		PrimaryKind:   string(spec.PrimaryKind),
		MinGainPoints: int(spec.MinGainPoints),
		MarginPoints:  int(spec.MarginPoints),
		Looks:         OneLook(alpha),
	}
	if spec.Looks == v1alpha1.LooksThree {
		s.Looks = ThreeLooks(alpha)
	}
	for _, floor := range spec.Floors {
		s.Floors = append(s.Floors, Floor{Kind: string(floor.Kind), Points: int(floor.Points)})
	}
	return s
}

// MinimumTasks is the least number of tasks, each a cluster of its own, at which
// the gate can promote at any of its looks: fewer can never show that a model is
// no worse.
func MinimumTasks(spec v1alpha1.Gate) int {
	settings := FromSpec(spec)
	least := make([]int, len(settings.Looks))
	for i, look := range settings.Looks {
		least[i] = LeastClusters(look.Alpha, settings.margin())
	}
	return slices.Min(least)
}

// Executable says whether a kind is graded by running code: all but closed
// questions, whose answers are greedy.
func Executable(kind v1alpha1.KindName) bool {
	return kind != v1alpha1.KindCodebaseQA && kind != v1alpha1.KindGeneralQuestions
}
