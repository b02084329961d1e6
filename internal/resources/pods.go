package resources

import (
	"math"
	"strconv"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/repoexpert/operator/api/v1alpha1"
	"github.com/repoexpert/operator/internal/contract"
)

// Names of volumes.
const (
	artifactsVolume   = "artifacts"
	baseModelVolume   = "base-model"
	gitSecretVolume   = "git"
	binaryVolume      = "binary"
	temporaryVolume   = "tmp"
	workspaceVolume   = "workspace"
	environmentVolume = "environment"
	memoryVolume      = "shm"
)

const (
	installContainer = "install"
	binary           = contract.BinaryPath + "/worker"
	temporaryPath    = "/tmp"
	memoryPath       = "/dev/shm"
	socket           = contract.SidecarSocketPath + "/" + contract.SocketName
	// deadNameserver answers nobody: dnsPolicy None wants one.
	deadNameserver = "127.0.0.1"
)

// Bounds of scratch space; a pod that fills one is evicted, not the node.
var (
	scratchLimit = resource.MustParse("16Gi")
	memoryLimit  = resource.MustParse("512Mi")
)

// Defaults where the class says nothing: small requests, so that two pods fit
// on a small node, and a memory limit, so that none can take it down.
var (
	defaultCPU         = resource.MustParse("100m")
	defaultMemory      = resource.MustParse("128Mi")
	defaultMemoryLimit = resource.MustParse("2Gi")
	modelMemoryLimit   = resource.MustParse("16Gi")
)

// pod returns the pod of a stage.
func (j StageJob) pod(spec string) corev1.PodSpec {
	b := builder{job: j, spec: spec}
	switch j.Spec.Stage {
	case v1alpha1.StageFetch:
		b.fetch()
	case v1alpha1.StageSetup:
		b.sandbox(contract.ContainerAgent)
	case v1alpha1.StagePlan, v1alpha1.StageExperience:
		b.sandbox(contract.ContainerAgent, contract.ContainerGrader)
	case v1alpha1.StageEvaluate:
		b.evaluate()
	default:
		b.trainer()
	}
	return b.podSpec()
}

// shape is the class's word on the pod's placement: that of the role which
// needs most of the node.
func (j StageJob) shape() v1alpha1.PodShape {
	pods := j.Run.Spec.Recipe.Pods
	switch j.Spec.Stage {
	case v1alpha1.StageFetch:
		return pods.Worker
	case v1alpha1.StageCurate, v1alpha1.StageTrain:
		return pods.Trainer
	case v1alpha1.StageEvaluate:
		return pods.Engine
	default:
		return pods.Sandbox
	}
}

// builder collects the parts of one pod.
type builder struct {
	job      StageJob
	spec     string
	init     []corev1.Container
	worker   corev1.Container
	volumes  []corev1.Volume
	networks bool
}

func (b *builder) podSpec() corev1.PodSpec {
	shape := b.job.shape()
	deadline := b.job.Spec.DeadlineSeconds + int64(podGrace/time.Second)
	spec := corev1.PodSpec{
		RestartPolicy:                 corev1.RestartPolicyNever,
		AutomountServiceAccountToken:  ptr.To(false),
		EnableServiceLinks:            ptr.To(false),
		ActiveDeadlineSeconds:         &deadline,
		TerminationGracePeriodSeconds: ptr.To[int64](60),
		SecurityContext:               PodSecurity(),
		InitContainers:                b.init,
		Containers:                    []corev1.Container{b.worker},
		Volumes:                       b.volumes,
		NodeSelector:                  shape.NodeSelector,
		Tolerations:                   shape.Tolerations,
		Affinity:                      affinity(b.job.Run.Spec.ExpertName, shape, b.job.AccessMode),
		PriorityClassName:             shape.PriorityClassName,
		RuntimeClassName:              b.runtimeClass(shape),
	}
	if !b.networks {
		spec.DNSPolicy = corev1.DNSNone
		spec.DNSConfig = &corev1.PodDNSConfig{Nameservers: []string{deadNameserver}}
	}
	return spec
}

// runtimeClass is the sandbox's wherever repository code runs.
func (b *builder) runtimeClass(shape v1alpha1.PodShape) *string {
	if class := b.job.Run.Spec.Recipe.Pods.Sandbox.RuntimeClassName; class != nil && b.job.Spec.Stage == v1alpha1.StageEvaluate {
		return class
	}
	return shape.RuntimeClassName
}

// affinity keeps all pods of an expert on one node where its volume can be
// mounted by one node only.
func affinity(expert string, shape v1alpha1.PodShape, mode v1alpha1.AccessMode) *corev1.Affinity {
	affinity := corev1.Affinity{NodeAffinity: shape.NodeAffinity}
	if mode == v1alpha1.ReadWriteOnce {
		affinity.PodAffinity = &corev1.PodAffinity{
			RequiredDuringSchedulingIgnoredDuringExecution: []corev1.PodAffinityTerm{{
				LabelSelector: &metav1.LabelSelector{MatchLabels: map[string]string{v1alpha1.ExpertLabel: expert}},
				TopologyKey:   corev1.LabelHostname,
			}},
		}
	}
	if affinity.NodeAffinity == nil && affinity.PodAffinity == nil {
		return nil
	}
	return &affinity
}

// PodSecurity is the pod part of what Pod Security "restricted" demands. One
// user for all stages keeps files readable that a library writes 0600.
func PodSecurity() *corev1.PodSecurityContext {
	return &corev1.PodSecurityContext{
		RunAsNonRoot:        ptr.To(true),
		RunAsUser:           ptr.To(contract.UserID),
		RunAsGroup:          ptr.To(contract.GroupID),
		FSGroup:             ptr.To(contract.GroupID),
		FSGroupChangePolicy: ptr.To(corev1.FSGroupChangeOnRootMismatch),
		SeccompProfile:      &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeRuntimeDefault},
	}
}

// ContainerSecurity is the container part of it.
func ContainerSecurity() *corev1.SecurityContext {
	return &corev1.SecurityContext{
		RunAsNonRoot:             ptr.To(true),
		RunAsUser:                ptr.To(contract.UserID),
		RunAsGroup:               ptr.To(contract.GroupID),
		AllowPrivilegeEscalation: ptr.To(false),
		ReadOnlyRootFilesystem:   ptr.To(true),
		Capabilities:             &corev1.Capabilities{Drop: []corev1.Capability{"ALL"}},
		SeccompProfile:           &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeRuntimeDefault},
	}
}

// InstallWorker returns the init container that copies the worker binary into
// the volume of that name, for containers of foreign images.
func InstallWorker(image, volume string) corev1.Container {
	return corev1.Container{
		Name:            installContainer,
		Image:           image,
		ImagePullPolicy: corev1.PullIfNotPresent,
		Args:            []string{"install", contract.BinaryPath},
		Resources:       Resources(corev1.ResourceRequirements{}, defaultMemoryLimit),
		SecurityContext: ContainerSecurity(),
		VolumeMounts:    []corev1.VolumeMount{{Name: volume, MountPath: contract.BinaryPath}},
	}
}

// Resources fills in what the class leaves open. A request that is not given
// stays small, although Kubernetes would raise it to the limit.
func Resources(given corev1.ResourceRequirements, memory resource.Quantity) corev1.ResourceRequirements {
	r := *given.DeepCopy()
	if r.Limits == nil {
		r.Limits = corev1.ResourceList{}
	}
	if r.Requests == nil {
		r.Requests = corev1.ResourceList{}
	}
	if _, ok := r.Limits[corev1.ResourceMemory]; !ok {
		limit := memory
		if request := r.Requests[corev1.ResourceMemory]; request.Cmp(limit) > 0 {
			limit = request
		}
		r.Limits[corev1.ResourceMemory] = limit
	}
	request(r, corev1.ResourceCPU, defaultCPU)
	request(r, corev1.ResourceMemory, defaultMemory)
	return r
}

func request(r corev1.ResourceRequirements, name corev1.ResourceName, least resource.Quantity) {
	if _, ok := r.Requests[name]; ok {
		return
	}
	if limit, ok := r.Limits[name]; ok && limit.Cmp(least) < 0 {
		least = limit
	}
	r.Requests[name] = least
}

// PythonEnvironment lets Python libraries work in a pod without a home, network
// or writable root: HOME and the hub's cache must be writable, or each start
// costs half a minute. threads is the CPU limit; libraries that ask the node
// for its cores start one thread a core otherwise.
func PythonEnvironment(r corev1.ResourceRequirements) []corev1.EnvVar {
	env := []corev1.EnvVar{
		{Name: "HOME", Value: temporaryPath},
		{Name: "TMPDIR", Value: temporaryPath},
		{Name: "HF_HOME", Value: temporaryPath + "/hf"},
		{Name: "HF_HUB_OFFLINE", Value: "1"},
		{Name: "PYTHONDONTWRITEBYTECODE", Value: "1"},
		{Name: "PYTHONUNBUFFERED", Value: "1"},
	}
	if cpu, ok := r.Limits[corev1.ResourceCPU]; ok {
		threads := max(1, int(math.Ceil(cpu.AsApproximateFloat64())))
		env = append(env, corev1.EnvVar{Name: "OMP_NUM_THREADS", Value: strconv.Itoa(threads)})
	}
	return env
}

// WithShapeEnvironment puts the class's variables last; one that it names again
// is replaced.
func WithShapeEnvironment(env []corev1.EnvVar, shape v1alpha1.PodShape) []corev1.EnvVar {
	for _, v := range shape.Env {
		env = append(remove(env, v.Name), corev1.EnvVar{Name: v.Name, Value: v.Value})
	}
	return env
}

func remove(env []corev1.EnvVar, name string) []corev1.EnvVar {
	kept := make([]corev1.EnvVar, 0, len(env))
	for _, v := range env {
		if v.Name != name {
			kept = append(kept, v)
		}
	}
	return kept
}

// EmptyDir returns scratch space.
func EmptyDir(name string) corev1.Volume {
	return corev1.Volume{Name: name, VolumeSource: corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{SizeLimit: &scratchLimit}}}
}

// SharedMemory returns the /dev/shm that PyTorch and vLLM want, and where it is
// mounted.
func SharedMemory() (corev1.Volume, corev1.VolumeMount) {
	return corev1.Volume{Name: memoryVolume, VolumeSource: corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{
		Medium: corev1.StorageMediumMemory, SizeLimit: &memoryLimit,
	}}}, corev1.VolumeMount{Name: memoryVolume, MountPath: memoryPath}
}

// ClaimVolume returns a volume of a claim.
func ClaimVolume(name, claim string, readOnly bool) corev1.Volume {
	return corev1.Volume{Name: name, VolumeSource: corev1.VolumeSource{
		PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: claim, ReadOnly: readOnly},
	}}
}

// ToolVolumes returns the read-only volumes of a role's shape and where they
// are mounted. The role is part of a volume's name: roles of one pod may use
// one name for different claims.
func ToolVolumes(role string, shape v1alpha1.PodShape) ([]corev1.Volume, []corev1.VolumeMount) {
	var volumes []corev1.Volume
	var mounts []corev1.VolumeMount
	for _, tool := range shape.ToolVolumes {
		name := role + "-" + tool.Name
		volumes = append(volumes, ClaimVolume(name, tool.ClaimName, true))
		mounts = append(mounts, corev1.VolumeMount{Name: name, MountPath: tool.MountPath, ReadOnly: true})
	}
	return volumes, mounts
}
