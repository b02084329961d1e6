package resources

import (
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/utils/ptr"

	"github.com/repoexpert/operator/api/v1alpha1"
	"github.com/repoexpert/operator/internal/contract"
)

// fetch is the only stage with a network, a Secret and the platform's base
// model.
func (b *builder) fetch() {
	b.networks = true
	b.startWorker(b.workerImage(), nil)
	recipe := b.job.Run.Spec.Recipe
	b.mount(ClaimVolume(baseModelVolume, recipe.BaseModel.Claim.ClaimName, true),
		corev1.VolumeMount{Name: baseModelVolume, MountPath: contract.BaseModelPath, ReadOnly: true})
	if ref := recipe.Repository.SecretRef; ref != nil {
		b.mount(corev1.Volume{Name: gitSecretVolume, VolumeSource: corev1.VolumeSource{Secret: &corev1.SecretVolumeSource{
			// Readable by the group that fsGroup gives, by nobody else.
			SecretName: ref.Name, DefaultMode: ptr.To[int32](0o440),
		}}}, corev1.VolumeMount{Name: gitSecretVolume, MountPath: contract.GitSecretPath, ReadOnly: true})
	}
}

// sandbox puts the worker beside containers that run repository code. The
// worker alone has the artifact volume; the others have scratch space and a
// socket.
func (b *builder) sandbox(sidecars ...string) {
	b.startWorker(b.workerImage(), nil)
	b.install()
	for _, name := range sidecars {
		b.sidecar(name)
	}
}

// evaluate adds the model server, which reads artifacts and runs no repository
// code.
func (b *builder) evaluate() {
	b.sandbox(contract.ContainerAgent, contract.ContainerGrader)
	recipe := b.job.Run.Spec.Recipe
	shape := recipe.Pods.Engine
	resources := Resources(shape.Resources, modelMemoryLimit)
	c := b.foreign(contract.ContainerEngine, recipe.Images.Engine, resources)
	c.Command = []string{binary, "engine", "--socket", socket}
	c.Env = WithShapeEnvironment(PythonEnvironment(resources), shape)
	c.VolumeMounts = append(c.VolumeMounts,
		corev1.VolumeMount{Name: artifactsVolume, MountPath: contract.ArtifactsPath, ReadOnly: true},
		b.scratch(c.Name, temporaryVolume, temporaryPath),
		b.sharedMemory())
	c.VolumeMounts = append(c.VolumeMounts, b.tools("engine", shape)...)
	b.init = append(b.init, c)
}

// trainer runs the worker inside the trainer image.
func (b *builder) trainer() {
	recipe := b.job.Run.Spec.Recipe
	shape := recipe.Pods.Trainer
	b.install()
	b.startWorker(recipe.Images.Trainer, []string{binary})
	resources := Resources(shape.Resources, modelMemoryLimit)
	b.worker.Resources = resources
	b.worker.Env = b.stageEnvironment(PythonEnvironment(resources), shape)
	b.worker.VolumeMounts = append(b.worker.VolumeMounts,
		corev1.VolumeMount{Name: binaryVolume, MountPath: contract.BinaryPath, ReadOnly: true},
		b.sharedMemory())
	b.worker.VolumeMounts = append(b.worker.VolumeMounts, b.tools("trainer", shape)...)
}

// startWorker adds the container that runs the stage. Without a command the
// image's own entrypoint is the worker.
func (b *builder) startWorker(image string, command []string) {
	shape := b.job.Run.Spec.Recipe.Pods.Worker
	b.worker = corev1.Container{
		Name:                     contract.ContainerWorker,
		Image:                    image,
		ImagePullPolicy:          corev1.PullIfNotPresent,
		Command:                  command,
		Args:                     []string{"stage"},
		Resources:                Resources(shape.Resources, defaultMemoryLimit),
		SecurityContext:          ContainerSecurity(),
		TerminationMessagePolicy: corev1.TerminationMessageReadFile,
	}
	if command == nil {
		b.worker.Env = b.stageEnvironment([]corev1.EnvVar{
			{Name: "HOME", Value: temporaryPath}, {Name: "TMPDIR", Value: temporaryPath},
		}, shape)
		b.worker.VolumeMounts = append(b.worker.VolumeMounts, b.tools("worker", shape)...)
	}
	b.mount(ClaimVolume(artifactsVolume, ClaimName(b.job.Run.Spec.ExpertName), false),
		corev1.VolumeMount{Name: artifactsVolume, MountPath: contract.ArtifactsPath})
	b.worker.VolumeMounts = append(b.worker.VolumeMounts, b.scratch(contract.ContainerWorker, temporaryVolume, temporaryPath))
}

// sidecar adds a container in the repository's environment image, which runs
// whatever the worker sends over its socket.
func (b *builder) sidecar(name string) {
	recipe := b.job.Run.Spec.Recipe
	shape := recipe.Pods.Sandbox
	c := b.foreign(name, recipe.Environment.Image, Resources(shape.Resources, defaultMemoryLimit))
	isolation := recipe.NetworkIsolation
	if isolation == "" {
		isolation = v1alpha1.NetworkIsolationEnforced
	}
	c.Command = []string{binary, "exec", "--socket", socket, "--root", contract.WorkspacePath,
		"--scratch", temporaryPath, "--scratch", memoryPath,
		"--cache", contract.GoCacheFolder, "--sealed", contract.GoModulesFolder, "--isolation", string(isolation)}
	c.Env = WithShapeEnvironment([]corev1.EnvVar{
		{Name: "HOME", Value: temporaryPath},
		{Name: "TMPDIR", Value: temporaryPath},
		{Name: "PYTHONDONTWRITEBYTECODE", Value: "1"},
	}, shape)
	c.VolumeMounts = append(c.VolumeMounts,
		b.scratch(name, workspaceVolume, contract.WorkspacePath),
		b.scratch(name, environmentVolume, contract.EnvironmentPath),
		b.scratch(name, temporaryVolume, temporaryPath),
		b.ownSharedMemory(name))
	c.VolumeMounts = append(c.VolumeMounts, b.tools("sandbox", shape)...)
	b.init = append(b.init, c)
}

// stageEnvironment is the worker's: the class's variables win over defaults,
// never over what the stage is told.
func (b *builder) stageEnvironment(env []corev1.EnvVar, shape v1alpha1.PodShape) []corev1.EnvVar {
	env = remove(WithShapeEnvironment(env, shape), contract.StageSpecVariable)
	return append(env, corev1.EnvVar{Name: contract.StageSpecVariable, Value: b.spec})
}

// foreign is a native sidecar in an image that is not ours: it starts before
// the worker, ends after it, and its end says nothing about the stage.
func (b *builder) foreign(name, image string, resources corev1.ResourceRequirements) corev1.Container {
	volume := "socket-" + name
	b.volumes = append(b.volumes, EmptyDir(volume))
	b.worker.VolumeMounts = append(b.worker.VolumeMounts,
		corev1.VolumeMount{Name: volume, MountPath: contract.SocketsPath + "/" + name})
	return corev1.Container{
		Name:            name,
		Image:           image,
		ImagePullPolicy: corev1.PullIfNotPresent,
		RestartPolicy:   ptr.To(corev1.ContainerRestartPolicyAlways),
		Resources:       resources,
		SecurityContext: ContainerSecurity(),
		VolumeMounts: []corev1.VolumeMount{
			{Name: binaryVolume, MountPath: contract.BinaryPath, ReadOnly: true},
			{Name: volume, MountPath: contract.SidecarSocketPath},
		},
	}
}

func (b *builder) install() {
	b.volumes = append(b.volumes, EmptyDir(binaryVolume))
	b.init = append(b.init, InstallWorker(b.workerImage(), binaryVolume))
}

func (b *builder) workerImage() string {
	if image := b.job.Run.Spec.Recipe.Images.Worker; image != "" {
		return image
	}
	return b.job.WorkerImage
}

func (b *builder) mount(volume corev1.Volume, mount corev1.VolumeMount) {
	b.volumes = append(b.volumes, volume)
	b.worker.VolumeMounts = append(b.worker.VolumeMounts, mount)
}

// scratch adds an emptyDir that no other container mounts.
func (b *builder) scratch(container, name, path string) corev1.VolumeMount {
	volume := name + "-" + container
	b.volumes = append(b.volumes, EmptyDir(volume))
	return corev1.VolumeMount{Name: volume, MountPath: path}
}

// ownSharedMemory gives a sidecar a /dev/shm of its own. The pod's would be one
// for all: what an agent leaves there, or fills it with, would meet the tests
// that grade it.
func (b *builder) ownSharedMemory(container string) corev1.VolumeMount {
	volume, mount := SharedMemory()
	volume.Name += "-" + container
	mount.Name = volume.Name
	b.volumes = append(b.volumes, volume)
	return mount
}

func (b *builder) sharedMemory() corev1.VolumeMount {
	volume, mount := SharedMemory()
	b.volumes = append(b.volumes, volume)
	return mount
}

// tools mounts the tool volumes of a role, which two containers may share.
func (b *builder) tools(role string, shape v1alpha1.PodShape) []corev1.VolumeMount {
	volumes, mounts := ToolVolumes(role, shape)
	for _, v := range volumes {
		if !slices.ContainsFunc(b.volumes, func(had corev1.Volume) bool { return had.Name == v.Name }) {
			b.volumes = append(b.volumes, v)
		}
	}
	return mounts
}
