package local

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
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

	// deploymentLimit is how long a Deployment may take to be available, pulling
	// of its image included.
	deploymentLimit = 5 * time.Minute
)

// Install applies config/default with the given images and waits until the
// manager is available.
func (c *Cluster) Install(ctx context.Context, images Images) error {
	manifests, err := c.operatorManifests(ctx)
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
	return c.AwaitDeployment(ctx, OperatorNamespace, OperatorDeployment, deploymentLimit)
}

func (c *Cluster) operatorManifests(ctx context.Context) (string, error) {
	return c.output(ctx, nil, c.root.Path("bin", "kustomize"), "build", c.root.Path("config", "default"))
}

// operatorObjects are what Install applies.
func (c *Cluster) operatorObjects(ctx context.Context) ([]*unstructured.Unstructured, error) {
	manifests, err := c.operatorManifests(ctx)
	if err != nil {
		return nil, err
	}
	return parseManifests(manifests)
}

// ApplyManifests applies YAML documents by server-side apply, in order.
func (c *Cluster) ApplyManifests(ctx context.Context, manifests string) error {
	objects, err := parseManifests(manifests)
	if err != nil {
		return err
	}
	for _, o := range objects {
		if err := c.Apply(ctx, o); err != nil {
			return err
		}
	}
	return nil
}

func parseManifests(manifests string) ([]*unstructured.Unstructured, error) {
	var objects []*unstructured.Unstructured
	for decoder := yaml.NewYAMLOrJSONDecoder(strings.NewReader(manifests), 4096); ; {
		o := &unstructured.Unstructured{}
		if err := decoder.Decode(&o.Object); errors.Is(err, io.EOF) {
			return objects, nil
		} else if err != nil {
			return nil, fmt.Errorf("parse manifest: %w", err)
		}
		if len(o.Object) > 0 {
			objects = append(objects, o)
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
				if noSuchKind(err) {
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

// awaitJob waits until a Job is complete, and fails when it fails.
func (c *Cluster) awaitJob(ctx context.Context, namespace, name string, timeout time.Duration) error {
	var job batchv1.Job
	err := wait.PollUntilContextTimeout(ctx, time.Second, timeout, true, func(ctx context.Context) (bool, error) {
		if err := c.Client.Get(ctx, types.NamespacedName{Namespace: namespace, Name: name}, &job); err != nil {
			return false, err
		}
		for _, condition := range job.Status.Conditions {
			if condition.Type == batchv1.JobFailed && condition.Status == corev1.ConditionTrue {
				return false, fmt.Errorf("%s: %s", condition.Reason, condition.Message)
			}
		}
		return job.Status.CompletionTime != nil, nil
	})
	if err != nil {
		return fmt.Errorf("job %s/%s is not complete, see `kubectl describe` of it and of its pods: %w", namespace, name, err)
	}
	return nil
}
