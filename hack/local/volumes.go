package local

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/wait"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/repoexpert/operator/internal/contract"
)

// ReadOnlyVolume shows a folder of this machine to a namespace of the local
// cluster as a claim. Pod Security looks at a pod's volumes, not at what backs a
// claim, so this works where host paths in pods are forbidden.
func (c *Cluster) ReadOnlyVolume(ctx context.Context, namespace, claim, folder string) error {
	source := map[string]any{"hostPath": map[string]any{"path": folder, "type": "Directory"}}
	return c.volume(ctx, namespace, claim, "ReadOnlyMany", source, nil)
}

// WritableVolume makes a folder on this machine the volume of a claim that
// somebody else creates. It is a local volume: unlike a host path, the kubelet
// gives it to the pod's group.
func (c *Cluster) WritableVolume(ctx context.Context, namespace, claim, folder string) error {
	if err := os.MkdirAll(folder, 0o770); err != nil {
		return err
	}
	if err := os.Chown(folder, int(contract.UserID), int(contract.GroupID)); err != nil {
		return fmt.Errorf("give %s to the worker's user: %w", folder, err)
	}
	node, err := c.nodeName(ctx)
	if err != nil {
		return err
	}
	affinity := map[string]any{"required": map[string]any{"nodeSelectorTerms": []any{map[string]any{
		"matchExpressions": []any{map[string]any{"key": "kubernetes.io/hostname", "operator": "In", "values": []any{node}}},
	}}}}
	source := map[string]any{"local": map[string]any{"path": folder}}
	pv := persistentVolume(namespace, claim, "ReadWriteOnce", source, affinity)
	if err := c.removeReleased(ctx, pv.GetName()); err != nil {
		return err
	}
	return c.Apply(ctx, pv)
}

// removeReleased removes a volume whose claim is gone. It remembers that claim,
// and would wait for it for ever instead of taking the next one of the same name.
// The folder stays.
func (c *Cluster) removeReleased(ctx context.Context, name string) error {
	var pv corev1.PersistentVolume
	if err := c.Client.Get(ctx, types.NamespacedName{Name: name}, &pv); err != nil {
		return client.IgnoreNotFound(err)
	}
	var claim corev1.PersistentVolumeClaim
	if ref := pv.Spec.ClaimRef; ref != nil {
		err := c.Client.Get(ctx, types.NamespacedName{Namespace: ref.Namespace, Name: ref.Name}, &claim)
		if client.IgnoreNotFound(err) != nil {
			return fmt.Errorf("volume %s: %w", name, err)
		}
		if ref.UID == "" || ref.UID == claim.UID {
			return nil
		}
	}
	if err := client.IgnoreNotFound(c.Client.Delete(ctx, &pv)); err != nil {
		return fmt.Errorf("remove the released volume %s: %w", name, err)
	}
	return wait.PollUntilContextTimeout(ctx, 200*time.Millisecond, time.Minute, true, func(ctx context.Context) (bool, error) {
		err := c.Client.Get(ctx, types.NamespacedName{Name: name}, &pv)
		return apierrors.IsNotFound(err), client.IgnoreNotFound(err)
	})
}

func (c *Cluster) volume(ctx context.Context, namespace, claim, mode string, source, affinity map[string]any) error {
	pv := persistentVolume(namespace, claim, mode, source, affinity)
	if err := c.Apply(ctx, pv); err != nil {
		return err
	}
	return c.Apply(ctx, &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "v1", "kind": "PersistentVolumeClaim",
		"metadata": map[string]any{"name": claim, "namespace": namespace},
		"spec": map[string]any{
			"accessModes": []any{mode}, "storageClassName": "", "volumeName": pv.GetName(),
			"resources": map[string]any{"requests": map[string]any{"storage": "1Gi"}},
		},
	}})
}

func persistentVolume(namespace, claim, mode string, source, affinity map[string]any) *unstructured.Unstructured {
	spec := map[string]any{
		"capacity": map[string]any{"storage": "100Gi"}, "accessModes": []any{mode}, "storageClassName": "",
		"persistentVolumeReclaimPolicy": "Retain",
		"claimRef":                      map[string]any{"apiVersion": "v1", "kind": "PersistentVolumeClaim", "namespace": namespace, "name": claim},
	}
	for k, v := range source {
		spec[k] = v
	}
	if affinity != nil {
		spec["nodeAffinity"] = affinity
	}
	return &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "v1", "kind": "PersistentVolume",
		"metadata": map[string]any{"name": namespace + "-" + claim}, "spec": spec,
	}}
}

func (c *Cluster) nodeName(ctx context.Context) (string, error) {
	nodes := &unstructured.UnstructuredList{Object: map[string]any{"apiVersion": "v1", "kind": "NodeList"}}
	if err := c.Client.List(ctx, nodes); err != nil {
		return "", fmt.Errorf("list nodes: %w", err)
	}
	if len(nodes.Items) != 1 {
		return "", fmt.Errorf("the cluster has %d nodes, want the one of the local cluster", len(nodes.Items))
	}
	return nodes.Items[0].GetLabels()["kubernetes.io/hostname"], nil
}

// ArtifactsFolder is where an expert's artifact volume lives on this machine, on
// a site whose node sees the machine's files.
func (c *Cluster) ArtifactsFolder(namespace, expert string) (string, error) {
	cache, err := CacheDir()
	if err != nil {
		return "", err
	}
	return filepath.Join(cache, volumesFolder, c.Name, namespace, expert), nil
}
