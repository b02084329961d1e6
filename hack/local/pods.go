package local

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/repoexpert/operator/api/v1alpha1"
	"github.com/repoexpert/operator/internal/contract"
	"github.com/repoexpert/operator/internal/resources"
)

// podLimit is how long a short pod may take, from its creation to its end.
const podLimit = 5 * time.Minute

// Ask asks an expert's endpoint from a pod of its namespace, where its clients
// are and its network policy lets them in, and returns an answer to each question.
func (c *Cluster) Ask(ctx context.Context, namespace string, endpoint v1alpha1.Endpoint, questions ...string) ([]string, error) {
	if len(questions) == 0 {
		return nil, nil
	}
	image, err := c.deploymentImage(ctx, namespace, gitServerName)
	if err != nil {
		return nil, err
	}
	out, err := c.runPod(ctx, toolPod(namespace, image, askCommand(endpoint, questions)...))
	if err != nil {
		return nil, fmt.Errorf("ask %s: %w", endpoint.URL, err)
	}
	answers, err := parseAnswers(out)
	if err == nil && len(answers) != len(questions) {
		err = fmt.Errorf("%d answers to %d questions", len(answers), len(questions))
	}
	if err != nil {
		return nil, fmt.Errorf("ask %s: %w", endpoint.URL, err)
	}
	return answers, nil
}

func askCommand(endpoint v1alpha1.Endpoint, questions []string) []string {
	return append([]string{"podtool", "ask", "--url", endpoint.URL, "--model", endpoint.Model, "--"}, questions...)
}

// parseAnswers reads one JSON text an answer.
func parseAnswers(out string) ([]string, error) {
	var answers []string
	for decoder := json.NewDecoder(strings.NewReader(out)); ; {
		var answer string
		if err := decoder.Decode(&answer); errors.Is(err, io.EOF) {
			return answers, nil
		} else if err != nil {
			return nil, fmt.Errorf("parse the answers: %w", err)
		}
		answers = append(answers, answer)
	}
}

// ReadArtifact returns a file of an expert's artifact volume.
func (c *Cluster) ReadArtifact(ctx context.Context, namespace, expert, file string) (string, error) {
	image, err := c.deploymentImage(ctx, namespace, gitServerName)
	if err != nil {
		return "", err
	}
	content, err := c.runPod(ctx, artifactReader(namespace, image, expert, file))
	if err != nil {
		return "", fmt.Errorf("read %s of expert %s/%s: %w", file, namespace, expert, err)
	}
	return content, nil
}

// artifactReader prints a file. It runs beside the expert's other pods: the
// volume may be one that only their node can mount.
func artifactReader(namespace, image, expert, file string) *corev1.Pod {
	const volume = "artifacts"
	pod := toolPod(namespace, image, "cat", path.Join(contract.ArtifactsPath, file))
	pod.Spec.Affinity = &corev1.Affinity{PodAffinity: &corev1.PodAffinity{
		RequiredDuringSchedulingIgnoredDuringExecution: []corev1.PodAffinityTerm{{
			LabelSelector: &metav1.LabelSelector{MatchLabels: map[string]string{v1alpha1.ExpertLabel: expert}},
			TopologyKey:   corev1.LabelHostname,
		}},
	}}
	pod.Spec.Volumes = []corev1.Volume{resources.ClaimVolume(volume, resources.ClaimName(expert), true)}
	pod.Spec.Containers[0].VolumeMounts = []corev1.VolumeMount{{Name: volume, MountPath: contract.ArtifactsPath, ReadOnly: true}}
	return pod
}

// toolPod is a pod that runs one command of the git server's image and that Pod
// Security "restricted" admits.
func toolPod(namespace, image string, command ...string) *corev1.Pod {
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, GenerateName: "tool-"},
		Spec: corev1.PodSpec{
			RestartPolicy:                corev1.RestartPolicyNever,
			AutomountServiceAccountToken: ptr.To(false),
			SecurityContext:              resources.PodSecurity(),
			Containers: []corev1.Container{{
				Name: "tool", Image: image, ImagePullPolicy: corev1.PullIfNotPresent,
				Command:         literal(command),
				SecurityContext: resources.ContainerSecurity(),
				Resources: corev1.ResourceRequirements{
					Requests: corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("10m"), corev1.ResourceMemory: resource.MustParse("32Mi")},
					Limits:   corev1.ResourceList{corev1.ResourceMemory: resource.MustParse("128Mi")},
				},
			}},
		},
	}
}

// literal keeps Kubernetes from replacing $(NAME) in a command.
func literal(command []string) []string {
	kept := make([]string, len(command))
	for i, word := range command {
		kept[i] = strings.ReplaceAll(word, "$", "$$")
	}
	return kept
}

// runPod runs a pod to its end, removes it and returns what it printed. The error
// of a pod that fails has the end of that.
func (c *Cluster) runPod(ctx context.Context, pod *corev1.Pod) (out string, err error) {
	if err := c.Client.Create(ctx, pod); err != nil {
		return "", fmt.Errorf("create a pod: %w", err)
	}
	defer func() {
		gone := c.Client.Delete(context.WithoutCancel(ctx), pod, client.GracePeriodSeconds(0))
		err = errors.Join(err, client.IgnoreNotFound(gone))
	}()
	err = wait.PollUntilContextTimeout(ctx, 200*time.Millisecond, podLimit, true, func(ctx context.Context) (bool, error) {
		err := c.Client.Get(ctx, client.ObjectKeyFromObject(pod), pod)
		return pod.Status.Phase == corev1.PodSucceeded || pod.Status.Phase == corev1.PodFailed, err
	})
	if err != nil {
		return "", fmt.Errorf("pod %s/%s, phase %s: %w", pod.Namespace, pod.Name, pod.Status.Phase, err)
	}
	if out, err = c.podLog(ctx, pod); err != nil {
		return "", err
	}
	if pod.Status.Phase == corev1.PodFailed {
		return "", fmt.Errorf("pod %s/%s failed: %s", pod.Namespace, pod.Name, tail(out))
	}
	return out, nil
}

func (c *Cluster) podLog(ctx context.Context, pod *corev1.Pod) (string, error) {
	raw, err := c.Clientset.CoreV1().Pods(pod.Namespace).GetLogs(pod.Name, &corev1.PodLogOptions{}).DoRaw(ctx)
	if err != nil {
		return "", fmt.Errorf("read the log of pod %s/%s: %w", pod.Namespace, pod.Name, err)
	}
	return string(raw), nil
}
