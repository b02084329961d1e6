package expertclass

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/repoexpert/operator/api/v1alpha1"
	"github.com/repoexpert/operator/internal/conditions"
	"github.com/repoexpert/operator/test/builder"
)

func TestSummary(t *testing.T) {
	fine := conditions.Line{Reason: v1alpha1.ReasonReady, Message: "experts can use this class"}
	tests := map[string]struct {
		class    *v1alpha1.ExpertClass
		defaults []string
		want     conditions.Summary
	}{
		"fine":            {builder.MakeExpertClass().Obj(), []string{"a", "b"}, conditions.Summary{Done: fine}},
		"the one default": {builder.MakeExpertClass().Default().Obj(), []string{"small"}, conditions.Summary{Done: fine}},
		"one of two defaults": {builder.MakeExpertClass().Default().Obj(), []string{"other", "small"}, conditions.Summary{
			Available: true,
			Done:      conditions.Line{Reason: v1alpha1.ReasonReady, Message: "experts can use this class by name"},
			Stalled: &conditions.Line{Reason: v1alpha1.ReasonMultipleDefaultClasses,
				Message: "ExpertClasses other, small are all annotated repoexpert.dev/is-default-class=true: leave the annotation on one"},
		}},
		"contradicts itself": {builder.MakeExpertClass().With(func(s *v1alpha1.ExpertClassSpec) { s.Experience.Units = nil }).Obj(), nil, conditions.Summary{
			Done: fine,
			Stalled: &conditions.Line{Reason: v1alpha1.ReasonInvalidClass,
				Message: `ExpertClass "small" is not usable: experience.units is empty: list at least one unit, else nothing is learned`},
		}},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(tc.want, summary(tc.class, tc.defaults)); diff != "" {
				t.Fatal(diff)
			}
		})
	}
}
