package local

import (
	"context"
	"fmt"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/wait"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/repoexpert/operator/api/v1alpha1"
)

// removalLimit is how long removed objects may take to be gone.
const removalLimit = 5 * time.Minute

func object(version, kind, name string) *unstructured.Unstructured {
	o := &unstructured.Unstructured{}
	o.SetGroupVersionKind(schema.FromAPIVersionAndKind(version, kind))
	o.SetName(name)
	return o
}

// refuseForeign fails when an object that holds all else of the demo is there and
// the demo did not apply it: applying over it, or removing it, would harm what
// somebody else made.
func (c *Cluster) refuseForeign(ctx context.Context) error {
	for _, o := range []*unstructured.Unstructured{
		object("v1", "Namespace", DemoNamespace),
		object("v1", "Namespace", OperatorNamespace),
		object("apiextensions.k8s.io/v1", "CustomResourceDefinition", "repoexperts."+v1alpha1.GroupVersion.Group),
	} {
		err := c.Client.Get(ctx, client.ObjectKeyFromObject(o), o)
		if client.IgnoreNotFound(err) != nil {
			return fmt.Errorf("%s %s: %w", o.GetKind(), o.GetName(), err)
		}
		if err == nil && !appliedByDemo(o) {
			return fmt.Errorf("%s %s was not made by the demo, which applies and removes it whole: remove it, or use another cluster", o.GetKind(), o.GetName())
		}
	}
	return nil
}

func appliedByDemo(o client.Object) bool {
	return slices.ContainsFunc(o.GetManagedFields(), func(f metav1.ManagedFieldsEntry) bool { return f.Manager == fieldOwner })
}

// refuseOtherExperts fails when experts live outside the demo's namespace: they
// would go with their kind.
func (c *Cluster) refuseOtherExperts(ctx context.Context) error {
	var experts v1alpha1.RepoExpertList
	if err := c.Client.List(ctx, &experts); err != nil {
		if noSuchKind(err) {
			return nil
		}
		return fmt.Errorf("list experts: %w", err)
	}
	for _, e := range experts.Items {
		if e.Namespace != DemoNamespace {
			return fmt.Errorf("expert %s/%s is not the demo's and would be removed with the operator: delete it first", e.Namespace, e.Name)
		}
	}
	return nil
}

// noSuchKind says whether the API server does not know a kind.
func noSuchKind(err error) bool { return meta.IsNoMatchError(err) || client.IgnoreNotFound(err) == nil }

// remove deletes objects, the last first, and waits until they are gone.
func (c *Cluster) remove(ctx context.Context, objects ...*unstructured.Unstructured) error {
	for _, o := range slices.Backward(objects) {
		if err := c.Client.Delete(ctx, o); err != nil && !noSuchKind(err) {
			return fmt.Errorf("delete %s %s: %w", o.GetKind(), o.GetName(), err)
		}
	}
	for _, o := range objects {
		err := wait.PollUntilContextTimeout(ctx, 500*time.Millisecond, removalLimit, true, func(ctx context.Context) (bool, error) {
			err := c.Client.Get(ctx, client.ObjectKeyFromObject(o), o.DeepCopy())
			if err != nil && !noSuchKind(err) {
				return false, err
			}
			return err != nil, nil
		})
		if err != nil {
			return fmt.Errorf("%s %s is not gone: %w", o.GetKind(), o.GetName(), err)
		}
	}
	return nil
}
