package repoexpert

import (
	"fmt"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/api/meta"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/repoexpert/operator/api/v1alpha1"
)

// classSays checks a class's Stalled condition; an empty reason wants none.
func classSays(t *testing.T, name, reason, part string) error {
	t.Helper()
	found := &v1alpha1.ExpertClass{}
	if err := api.Get(t.Context(), client.ObjectKey{Name: name}, found); err != nil {
		return err
	}
	c := meta.FindStatusCondition(found.Status.Conditions, v1alpha1.ConditionStalled)
	switch {
	case reason == "" && c == nil && meta.IsStatusConditionTrue(found.Status.Conditions, v1alpha1.ConditionReady):
		return nil
	case reason == "" || c == nil:
		return fmt.Errorf("class %s: conditions %+v", name, found.Status.Conditions)
	case c.Reason != reason || !strings.Contains(c.Message, part) || found.Status.ObservedGeneration != found.Generation:
		return fmt.Errorf("class %s says %s: %s; want %s with %q", name, c.Reason, c.Message, reason, part)
	}
	return nil
}
