package v1alpha1

import corev1 "k8s.io/api/core/v1"

// Pods shapes the pods by role.
type Pods struct {
	// worker shapes the worker container and the pods of Fetch.
	// +optional
	Worker PodShape `json:"worker,omitzero"`

	// sandbox shapes the containers that run repository code, and the pods of
	// Setup, Plan and Experience.
	// +optional
	Sandbox PodShape `json:"sandbox,omitzero"`

	// trainer shapes the pods of Curate and Train.
	// +optional
	Trainer PodShape `json:"trainer,omitzero"`

	// engine shapes the model server, in Evaluate and behind the endpoint.
	// +optional
	Engine PodShape `json:"engine,omitzero"`
}

// PodShape is what a platform may say of a pod.
type PodShape struct {
	// resources of the main container.
	// +optional
	Resources corev1.ResourceRequirements `json:"resources,omitzero"`

	// nodeSelector of the pod.
	// +optional
	// +kubebuilder:validation:MaxProperties=16
	NodeSelector map[string]string `json:"nodeSelector,omitempty"`

	// tolerations of the pod.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=16
	Tolerations []corev1.Toleration `json:"tolerations,omitempty"`

	// nodeAffinity of the pod.
	// +optional
	NodeAffinity *corev1.NodeAffinity `json:"nodeAffinity,omitempty"`

	// priorityClassName of the pod.
	// +optional
	// +kubebuilder:validation:MaxLength=253
	PriorityClassName string `json:"priorityClassName,omitempty"`

	// runtimeClassName of the pod, such as gvisor.
	// +optional
	// +kubebuilder:validation:MaxLength=253
	RuntimeClassName *string `json:"runtimeClassName,omitempty"`

	// labels of the Job and its pods, such as kueue.x-k8s.io/queue-name.
	// +optional
	// +kubebuilder:validation:MaxProperties=16
	Labels map[string]string `json:"labels,omitempty"`

	// env of the main container. Values only: no Secret reaches a stage.
	// +optional
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MaxItems=32
	Env []EnvVar `json:"env,omitempty"`

	// toolVolumes are mounted read-only, for trainers and engines that are kept
	// on a volume and not in the image.
	// +optional
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MaxItems=4
	ToolVolumes []ToolVolume `json:"toolVolumes,omitempty"`
}

// EnvVar is an environment variable with a plain value.
type EnvVar struct {
	// name of the variable.
	// +required
	// +kubebuilder:validation:Pattern=`^[A-Za-z_][A-Za-z0-9_]*$`
	// +kubebuilder:validation:MaxLength=128
	Name string `json:"name"`

	// value of the variable.
	// +optional
	// +kubebuilder:validation:MaxLength=1024
	Value string `json:"value,omitempty"`
}

// ToolVolume is a claim mounted read-only.
type ToolVolume struct {
	// name of the volume.
	// +required
	// +kubebuilder:validation:Pattern=`^[a-z0-9]([-a-z0-9]*[a-z0-9])?$`
	// +kubebuilder:validation:MaxLength=40
	Name string `json:"name"`

	// claimName is the PersistentVolumeClaim in the expert's namespace.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	ClaimName string `json:"claimName"`

	// mountPath is where it appears.
	// +required
	// +kubebuilder:validation:Pattern=`^/[A-Za-z0-9_./-]+$`
	// +kubebuilder:validation:MaxLength=256
	MountPath string `json:"mountPath"`
}
