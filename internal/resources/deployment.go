package resources

import (
	"fmt"
	"maps"
	"strconv"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/ptr"

	"github.com/repoexpert/operator/api/v1alpha1"
	"github.com/repoexpert/operator/internal/contract"
)

const (
	// drainSeconds is how long a pod on its way out still answers, so that no
	// request fails while the endpoint's removal spreads.
	drainSeconds = 10
	// servingGrace is the pod's whole time to end, draining included.
	servingGrace = 60
	// probePeriod in seconds of the guard's probes.
	probePeriod = 2
	// revisionHistory of the Deployment: the last good one and one more.
	revisionHistory = 2
)

// ServingPods is all that an expert's serving Deployment is built from.
type ServingPods struct {
	Expert *v1alpha1.RepoExpert
	// Served is the model to serve.
	Served v1alpha1.ServedModel
	// Recipe that made and evaluated it: the engine, its image and its device are
	// those under which it passed.
	Recipe v1alpha1.Recipe
	// BaseModelFolder is the recipe's base model below the volume's root.
	BaseModelFolder string
	// Serving is the class's word on how to serve, with the expert's overrides.
	Serving v1alpha1.Serving
	// Shape of the engine's pods in the class.
	Shape v1alpha1.PodShape
	// AccessMode of the artifact volume.
	AccessMode v1alpha1.AccessMode
	// WorkerImage is the operator's own image; the recipe may replace it.
	WorkerImage string
}

// Deployment returns the serving Deployment: the model server, and before it as
// a native sidecar the guard. The guard starts first and lets the engine start
// only when the model's digest is right; the pod is ready when the engine
// answers the probe questions as it did at evaluation.
func (s ServingPods) Deployment() *appsv1.Deployment {
	labels := ServingLabels(s.Expert.Name)
	podLabels := maps.Clone(s.Shape.Labels)
	if podLabels == nil {
		podLabels = map[string]string{}
	}
	maps.Copy(podLabels, labels)
	return &appsv1.Deployment{
		ObjectMeta: metav1.ObjectMeta{
			Name:        s.Expert.Name,
			Namespace:   s.Expert.Namespace,
			Labels:      labels,
			Annotations: servedAnnotations(s.Served),
		},
		Spec: appsv1.DeploymentSpec{
			Replicas:                ptr.To(s.Serving.Replicas),
			RevisionHistoryLimit:    ptr.To[int32](revisionHistory),
			ProgressDeadlineSeconds: ptr.To(seconds(s.Serving.RollDeadline.Duration)),
			Strategy:                strategy(s.Serving.Strategy),
			Selector:                &metav1.LabelSelector{MatchLabels: labels},
			Template: corev1.PodTemplateSpec{
				ObjectMeta: metav1.ObjectMeta{Labels: podLabels},
				Spec:       s.pod(),
			},
		},
	}
}

func seconds(d time.Duration) int32 { return max(1, int32(d/time.Second)) }

func strategy(name v1alpha1.ServingStrategy) appsv1.DeploymentStrategy {
	if name == v1alpha1.StrategyRecreate {
		return appsv1.DeploymentStrategy{Type: appsv1.RecreateDeploymentStrategyType}
	}
	return appsv1.DeploymentStrategy{
		Type: appsv1.RollingUpdateDeploymentStrategyType,
		RollingUpdate: &appsv1.RollingUpdateDeployment{
			MaxSurge: ptr.To(intstr.FromInt32(1)), MaxUnavailable: ptr.To(intstr.FromInt32(0)),
		},
	}
}

func (s ServingPods) pod() corev1.PodSpec {
	shared, _ := SharedMemory()
	tools, _ := ToolVolumes(contract.ContainerEngine, s.Shape)
	volumes := []corev1.Volume{
		ClaimVolume(artifactsVolume, ClaimName(s.Expert.Name), false),
		EmptyDir(binaryVolume),
		EmptyDir(temporaryVolume + "-" + contract.ContainerGuard),
		EmptyDir(temporaryVolume + "-" + contract.ContainerEngine),
		shared,
	}
	return corev1.PodSpec{
		AutomountServiceAccountToken:  ptr.To(false),
		EnableServiceLinks:            ptr.To(false),
		DNSPolicy:                     corev1.DNSNone,
		DNSConfig:                     &corev1.PodDNSConfig{Nameservers: []string{deadNameserver}},
		TerminationGracePeriodSeconds: ptr.To[int64](servingGrace),
		SecurityContext:               PodSecurity(),
		InitContainers:                []corev1.Container{InstallWorker(s.workerImage(), binaryVolume), s.guard()},
		Containers:                    []corev1.Container{s.engine()},
		Volumes:                       append(volumes, tools...),
		NodeSelector:                  s.Shape.NodeSelector,
		Tolerations:                   s.Shape.Tolerations,
		Affinity:                      affinity(s.Expert.Name, s.Shape, s.AccessMode),
		PriorityClassName:             s.Shape.PriorityClassName,
		RuntimeClassName:              s.Shape.RuntimeClassName,
	}
}

func (s ServingPods) guard() corev1.Container {
	return corev1.Container{
		Name:            contract.ContainerGuard,
		Image:           s.workerImage(),
		ImagePullPolicy: corev1.PullIfNotPresent,
		Args: []string{
			"guard",
			"--listen", fmt.Sprintf(":%d", contract.GuardPort),
			"--upstream", fmt.Sprintf("http://127.0.0.1:%d", contract.EnginePort),
			"--model-folder", contract.ModelsFolder + "/" + s.Served.ModelKey,
			"--model-digest", s.Served.ModelDigest,
			"--evaluation-folder", contract.EvaluationsFolder + "/" + s.Served.EvaluationKey,
			"--agreement", strconv.Itoa(int(s.Serving.ProbeAgreement)),
			"--name", s.Expert.Name,
			"--versioned-name", VersionedName(s.Expert.Name, s.Served.ShortCommit),
		},
		Env:             []corev1.EnvVar{{Name: "HOME", Value: temporaryPath}, {Name: "TMPDIR", Value: temporaryPath}},
		RestartPolicy:   ptr.To(corev1.ContainerRestartPolicyAlways),
		Ports:           []corev1.ContainerPort{{Name: httpPort, ContainerPort: contract.GuardPort, Protocol: corev1.ProtocolTCP}},
		Resources:       Resources(corev1.ResourceRequirements{}, defaultMemoryLimit),
		SecurityContext: ContainerSecurity(),
		// Reading a large model's files takes its time; the roll's deadline ends it.
		StartupProbe:   probe("/startupz", seconds(s.Serving.RollDeadline.Duration)/probePeriod+1),
		ReadinessProbe: probe("/readyz", 3),
		VolumeMounts: []corev1.VolumeMount{
			{Name: artifactsVolume, MountPath: contract.ArtifactsPath, ReadOnly: true},
			{Name: temporaryVolume + "-" + contract.ContainerGuard, MountPath: temporaryPath},
		},
	}
}

func probe(path string, failures int32) *corev1.Probe {
	return &corev1.Probe{
		ProbeHandler:     corev1.ProbeHandler{HTTPGet: &corev1.HTTPGetAction{Path: path, Port: intstr.FromString(httpPort)}},
		PeriodSeconds:    probePeriod,
		TimeoutSeconds:   probePeriod,
		FailureThreshold: failures,
	}
}

func (s ServingPods) engine() corev1.Container {
	resources := Resources(s.Shape.Resources, modelMemoryLimit)
	_, shared := SharedMemory()
	_, tools := ToolVolumes(contract.ContainerEngine, s.Shape)
	mounts := []corev1.VolumeMount{
		{Name: artifactsVolume, MountPath: contract.ArtifactsPath, ReadOnly: true},
		{Name: binaryVolume, MountPath: contract.BinaryPath, ReadOnly: true},
		{Name: temporaryVolume + "-" + contract.ContainerEngine, MountPath: temporaryPath},
		shared,
	}
	return corev1.Container{
		Name:            contract.ContainerEngine,
		Image:           s.Recipe.Images.Engine,
		ImagePullPolicy: corev1.PullIfNotPresent,
		Command: []string{
			binary, "engine", "--serve",
			"--engine", string(s.Recipe.Engine),
			"--model-folder", contract.ArtifactsPath + "/" + contract.ModelsFolder + "/" + s.Served.ModelKey,
			"--base-folder", contract.ArtifactsPath + "/" + s.BaseModelFolder,
			"--port", strconv.Itoa(contract.EnginePort),
			"--context-tokens", strconv.Itoa(int(s.Serving.ContextTokens)),
			"--device", string(s.Recipe.EngineDevice),
		},
		Env:             WithShapeEnvironment(PythonEnvironment(resources), s.Shape),
		Resources:       resources,
		SecurityContext: ContainerSecurity(),
		Lifecycle: &corev1.Lifecycle{PreStop: &corev1.LifecycleHandler{
			Sleep: &corev1.SleepAction{Seconds: drainSeconds},
		}},
		VolumeMounts: append(mounts, tools...),
	}
}

func (s ServingPods) workerImage() string {
	if image := s.Recipe.Images.Worker; image != "" {
		return image
	}
	return s.WorkerImage
}
