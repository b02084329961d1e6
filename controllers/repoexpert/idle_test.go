package repoexpert

import (
	"fmt"
	"testing"

	"k8s.io/apimachinery/pkg/api/meta"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/repoexpert/operator/api/v1alpha1"
	"github.com/repoexpert/operator/internal/class"
	"github.com/repoexpert/operator/test/builder"
)

func itemsOf(t *testing.T, list client.ObjectList) []client.Object {
	t.Helper()
	raw, err := meta.ExtractList(list)
	if err != nil {
		t.Fatal(err)
	}
	objects := make([]client.Object, 0, len(raw))
	for _, o := range raw {
		objects = append(objects, o.(client.Object))
	}
	return objects
}

// recipe is what the controller merges for the bench's class and expert.
func (b *bench) recipe(expert *v1alpha1.RepoExpert) v1alpha1.Recipe {
	b.t.Helper()
	stored := &v1alpha1.ExpertClass{}
	if err := api.Get(b.t.Context(), client.ObjectKeyFromObject(b.class), stored); err != nil {
		b.t.Fatal(err)
	}
	recipe, err := class.Recipe(expert, stored)
	if err != nil {
		b.t.Fatal(err)
	}
	return recipe
}

// TestIdleCostsNothing counts every request of the manager to the API server,
// but watches, while each of 50 serving experts is reconciled three times.
func TestIdleCostsNothing(t *testing.T) {
	const experts = 50
	b := prepare(t)
	head := b.head()
	for i := range experts {
		create(t, builder.MakeRepoExpert().Name(fmt.Sprintf("click-%d", i)).Namespace(b.expert.Namespace).
			Class(b.class.Name).URL(b.repository.URL).Obj())
	}
	for i := range experts {
		one := &bench{t: t, server: b.server, repository: b.repository, class: b.class,
			expert: builder.MakeRepoExpert().Name(fmt.Sprintf("click-%d", i)).Namespace(b.expert.Namespace).Obj()}
		one.expert = one.read()
		run := one.ownRun(head)
		one.finish(run, v1alpha1.DecisionPromote)
		one.rolls(run)
		one.says(v1alpha1.ConditionUpToDate, "True", v1alpha1.ReasonReady)
	}
	if looks := b.server.Looks(); looks > 60 {
		t.Fatalf("%d looks at one reference for %d experts in a few seconds", looks, experts)
	}
	// What the last event set off may still be on its way.
	eventually(t, func() error {
		counts.take()
		n, err := wakeAll(t.Context())
		if seen := counts.take(); n < experts || len(seen) > 0 {
			return fmt.Errorf("%d experts, requests %v", n, seen)
		}
		return err
	})
	for range 3 {
		n, err := wakeAll(t.Context())
		if seen := counts.take(); err != nil || n < experts || len(seen) > 0 {
			t.Fatalf("%d idle experts, %v, requests %v; want none", n, err, seen)
		}
	}
}

// ownRun waits for the run of this expert among those of the namespace.
func (b *bench) ownRun(commit string) *v1alpha1.ExpertRun {
	b.t.Helper()
	var found *v1alpha1.ExpertRun
	eventually(b.t, func() error {
		var runs v1alpha1.ExpertRunList
		if err := api.List(b.t.Context(), &runs, client.InNamespace(b.expert.Namespace), client.MatchingLabels{v1alpha1.ExpertLabel: b.expert.Name}); err != nil {
			return err
		}
		if len(runs.Items) != 1 || runs.Items[0].Spec.Commit != commit {
			return fmt.Errorf("%d runs of %s", len(runs.Items), b.expert.Name)
		}
		found = &runs.Items[0]
		return nil
	})
	return found
}
