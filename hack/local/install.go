package local

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// Where config/default puts the operator, and the image references in it.
const (
	OperatorNamespace  = "repo-expert-system"
	OperatorDeployment = "repo-expert-controller-manager"

	releasedManager = "ghcr.io/repoexpert/manager:v0.1.0"
	releasedWorker  = "ghcr.io/repoexpert/worker:v0.1.0"
	fieldOwner      = "repo-expert-demo"
)

// Install applies config/default with the given images and waits until the
// manager is available.
func (c *Cluster) Install(ctx context.Context, images Images) error {
	manifests, err := output(ctx, c.Progress, string(c.root), nil, c.root.Path("bin", "kustomize"), "build", c.root.Path("config", "default"))
	if err != nil {
		return err
	}
	for released, built := range map[string]string{releasedManager: images.Manager, releasedWorker: images.Worker} {
		if !strings.Contains(manifests, released) {
			return fmt.Errorf("config/default does not name the image %s", released)
		}
		manifests = strings.ReplaceAll(manifests, released, built)
	}
	if err := c.ApplyManifests(ctx, manifests); err != nil {
		return err
	}
	if err := c.awaitKinds(ctx); err != nil {
		return err
	}
	return c.AwaitDeployment(ctx, OperatorNamespace, OperatorDeployment, 3*time.Minute)
}

// ApplyManifests applies YAML documents by server-side apply, in order.
func (c *Cluster) ApplyManifests(ctx context.Context, manifests string) error {
	decoder := yaml.NewYAMLOrJSONDecoder(bytes.NewReader([]byte(manifests)), 4096)
	for {
		var object unstructured.Unstructured
		if err := decoder.Decode(&object.Object); err != nil {
			if errors.Is(err, io.EOF) {
				return nil
			}
			return fmt.Errorf("parse manifest: %w", err)
		}
		if len(object.Object) == 0 {
			continue
		}
		if err := c.Apply(ctx, &object); err != nil {
			return err
		}
	}
}

// Apply applies one object by server-side apply.
func (c *Cluster) Apply(ctx context.Context, object *unstructured.Unstructured) error {
	err := c.Client.Apply(ctx, client.ApplyConfigurationFromUnstructured(object), client.FieldOwner(fieldOwner), client.ForceOwnership)
	if err != nil {
		return fmt.Errorf("apply %s %s: %w", object.GetKind(), object.GetName(), err)
	}
	return nil
}

// awaitKinds waits until the API server serves the CRDs.
func (c *Cluster) awaitKinds(ctx context.Context) error {
	kinds := []schema.GroupVersionKind{
		{Group: "repoexpert.dev", Version: "v1alpha1", Kind: "RepoExpertList"},
		{Group: "repoexpert.dev", Version: "v1alpha1", Kind: "ExpertClassList"},
		{Group: "repoexpert.dev", Version: "v1alpha1", Kind: "ExpertRunList"},
	}
	return wait.PollUntilContextTimeout(ctx, 200*time.Millisecond, time.Minute, true, func(ctx context.Context) (bool, error) {
		for _, kind := range kinds {
			list := &unstructured.UnstructuredList{}
			list.SetGroupVersionKind(kind)
			if err := c.Client.List(ctx, list, client.Limit(1)); err != nil {
				if meta.IsNoMatchError(err) || client.IgnoreNotFound(err) == nil {
					return false, nil
				}
				return false, err
			}
		}
		return true, nil
	})
}

// AwaitDeployment waits until all replicas of the newest revision are available.
func (c *Cluster) AwaitDeployment(ctx context.Context, namespace, name string, timeout time.Duration) error {
	var last appsv1.Deployment
	err := wait.PollUntilContextTimeout(ctx, 500*time.Millisecond, timeout, true, func(ctx context.Context) (bool, error) {
		if err := c.Client.Get(ctx, types.NamespacedName{Namespace: namespace, Name: name}, &last); err != nil {
			return false, client.IgnoreNotFound(err)
		}
		s := last.Status
		want := int32(1)
		if last.Spec.Replicas != nil {
			want = *last.Spec.Replicas
		}
		return s.ObservedGeneration >= last.Generation && s.UpdatedReplicas == want && s.AvailableReplicas == want && s.Replicas == want, nil
	})
	if err != nil {
		return fmt.Errorf("deployment %s/%s is not available (%d of %d updated replicas ready): %w", namespace, name, last.Status.AvailableReplicas, last.Status.Replicas, err)
	}
	return nil
}

func (c *Cluster) deploymentImage(ctx context.Context, namespace, name string) (string, error) {
	var deployment appsv1.Deployment
	if err := c.Client.Get(ctx, types.NamespacedName{Namespace: namespace, Name: name}, &deployment); err != nil {
		return "", fmt.Errorf("deployment %s/%s: %w", namespace, name, err)
	}
	return deployment.Spec.Template.Spec.Containers[0].Image, nil
}
