package resources

import (
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/repoexpert/operator/api/v1alpha1"
)

// Claim returns an expert's artifact claim. Of a live claim only the size may
// change, and only upwards: the rest stays as it was made, whatever the class
// says now.
func Claim(expert *v1alpha1.RepoExpert, storage v1alpha1.Storage, live *corev1.PersistentVolumeClaim) *corev1.PersistentVolumeClaim {
	claim := &corev1.PersistentVolumeClaim{
		ObjectMeta: metav1.ObjectMeta{
			Name:      ClaimName(expert.Name),
			Namespace: expert.Namespace,
			Labels:    map[string]string{v1alpha1.ExpertLabel: expert.Name},
		},
		Spec: corev1.PersistentVolumeClaimSpec{
			AccessModes:      []corev1.PersistentVolumeAccessMode{corev1.PersistentVolumeAccessMode(storage.AccessMode)},
			StorageClassName: storage.StorageClassName,
		},
	}
	size := storage.Size
	if live != nil {
		claim.Spec.AccessModes = live.Spec.AccessModes
		claim.Spec.StorageClassName = live.Spec.StorageClassName
		if had := live.Spec.Resources.Requests[corev1.ResourceStorage]; had.Cmp(size) > 0 {
			size = had
		}
	}
	claim.Spec.Resources.Requests = corev1.ResourceList{corev1.ResourceStorage: size}
	return claim
}
