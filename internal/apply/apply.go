// Package apply is the one writer of the long-lived objects that belong to an
// expert: it makes the live object hold the desired fields by server-side
// apply, and writes nothing when it already does.
//
// An object is left alone when the annotation with the digest of what was
// applied last still matches and every desired field has its desired value. The
// digest finds fields that are no longer desired, the comparison finds drift;
// fields that the API server or others add are theirs. Both sides come from
// the cache, so an idle object costs no request at all.
//
// An object that does not belong to the expert, by the UID of its controller,
// is never touched. Names are checked without the cache before the first
// apply, because the cache holds only objects with our label.
package apply

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/apiutil"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// FieldOwner owns all fields that this package writes.
const FieldOwner = "repo-expert"

// DigestAnnotation holds the digest of what was applied last.
const DigestAnnotation = "repoexpert.dev/applied"

// ErrNotOwned says that an object of a name that we need belongs to someone
// else.
var ErrNotOwned = errors.New("the object belongs to someone else")

// Applier applies objects.
type Applier struct {
	client   client.Client
	uncached client.Reader
}

// New returns an Applier. Reads go through the client's cache, but for the
// check before an object's first apply.
func New(c client.Client, uncached client.Reader) Applier {
	return Applier{client: c, uncached: uncached}
}

// Apply makes the live object hold the desired one's fields. The owner becomes
// its controller. The error wraps ErrNotOwned when the name is taken.
func (a Applier) Apply(ctx context.Context, owner, desired client.Object) error {
	if err := controllerutil.SetControllerReference(owner, desired, a.client.Scheme()); err != nil {
		return fmt.Errorf("set owner: %w", err)
	}
	want, err := a.render(desired)
	if err != nil {
		return err
	}
	live, err := a.live(ctx, desired)
	if err != nil {
		return err
	}
	if live != nil {
		if !metav1.IsControlledBy(live, owner) {
			return fmt.Errorf("%s %s/%s: %w", want.GetKind(), want.GetNamespace(), want.GetName(), ErrNotOwned)
		}
		same, err := matches(want, live)
		if err != nil || same {
			return err
		}
		// The object that was looked at, and not another one of its name.
		want.SetUID(live.GetUID())
	}
	err = a.client.Apply(ctx, client.ApplyConfigurationFromUnstructured(want), client.FieldOwner(FieldOwner), client.ForceOwnership)
	if err != nil {
		return fmt.Errorf("apply %s %s/%s: %w", want.GetKind(), want.GetNamespace(), want.GetName(), err)
	}
	return nil
}

// live returns the object as it is, nil when there is none.
func (a Applier) live(ctx context.Context, desired client.Object) (client.Object, error) {
	key := client.ObjectKeyFromObject(desired)
	for _, reader := range []client.Reader{a.client, a.uncached} {
		found, err := a.empty(desired)
		if err != nil {
			return nil, err
		}
		err = reader.Get(ctx, key, found)
		if err == nil {
			return found, nil
		}
		if !apierrors.IsNotFound(err) {
			return nil, fmt.Errorf("get %T %s: %w", desired, key, err)
		}
	}
	return nil, nil
}

func (a Applier) empty(like client.Object) (client.Object, error) {
	gvk, err := apiutil.GVKForObject(like, a.client.Scheme())
	if err != nil {
		return nil, fmt.Errorf("kind of %T: %w", like, err)
	}
	made, err := a.client.Scheme().New(gvk)
	if err != nil {
		return nil, fmt.Errorf("make a %s: %w", gvk.Kind, err)
	}
	object, ok := made.(client.Object)
	if !ok {
		return nil, fmt.Errorf("%s is not an API object", gvk.Kind)
	}
	return object, nil
}

// render turns a typed object into the fields to apply, with their digest.
func (a Applier) render(desired client.Object) (*unstructured.Unstructured, error) {
	gvk, err := apiutil.GVKForObject(desired, a.client.Scheme())
	if err != nil {
		return nil, fmt.Errorf("kind of %T: %w", desired, err)
	}
	fields, err := runtime.DefaultUnstructuredConverter.ToUnstructured(desired)
	if err != nil {
		return nil, fmt.Errorf("convert %s: %w", gvk.Kind, err)
	}
	delete(fields, "status")
	want := &unstructured.Unstructured{Object: prune(fields)}
	want.SetGroupVersionKind(gvk)
	want.SetResourceVersion("")
	want.SetUID("")
	want.SetManagedFields(nil)
	content, err := json.Marshal(want.Object)
	if err != nil {
		return nil, fmt.Errorf("marshal %s: %w", gvk.Kind, err)
	}
	sum := sha256.Sum256(content)
	annotations := want.GetAnnotations()
	if annotations == nil {
		annotations = map[string]string{}
	}
	annotations[DigestAnnotation] = hex.EncodeToString(sum[:8])
	want.SetAnnotations(annotations)
	return want, nil
}

// prune removes what the typed form writes although nobody set it: null values.
func prune(fields map[string]any) map[string]any {
	for name, value := range fields {
		switch v := value.(type) {
		case nil:
			delete(fields, name)
		case map[string]any:
			prune(v)
		case []any:
			for _, item := range v {
				if m, ok := item.(map[string]any); ok {
					prune(m)
				}
			}
		}
	}
	return fields
}

func matches(want *unstructured.Unstructured, live client.Object) (bool, error) {
	fields, err := runtime.DefaultUnstructuredConverter.ToUnstructured(live)
	if err != nil {
		return false, fmt.Errorf("convert live %T: %w", live, err)
	}
	desired := want.DeepCopy().Object
	// A typed object from the cache has no kind; its type has been looked up.
	delete(desired, "apiVersion")
	delete(desired, "kind")
	return holds(fields, desired), nil
}
