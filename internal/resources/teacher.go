package resources

import (
	"encoding/json"
	"fmt"
	"maps"
	"net"
	"net/url"
	"strconv"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/ptr"

	"github.com/repoexpert/operator/api/v1alpha1"
	"github.com/repoexpert/operator/internal/contract"
)

const (
	// ComponentTeacher is the ComponentLabel's value on a run's teacher proxy.
	ComponentTeacher = "teacher"

	teacherVolume = "key"
	// teacherGrace is the pod's time to end: a little more than the proxy gives
	// the requests under way.
	teacherGrace = 30
	dnsPort      = 53
)

// linkLocal are the addresses of nodes' metadata services and the like: no
// teacher lives there (RFC 3927, RFC 4291).
var linkLocal = map[string]string{"0.0.0.0/0": "169.254.0.0/16", "::/0": "fe80::/10"}

// TeacherName returns the name of all that stands before a run's teacher.
func TeacherName(run string) string { return run + "-teacher" }

// TeacherClientName returns the name of the policy that lets a run's shards
// reach it.
func TeacherClientName(run string) string { return TeacherName(run) + "-client" }

// TeacherProxy is all that a run's teacher proxy is built from. The run's recipe
// has a teacher.
type TeacherProxy struct {
	Run *v1alpha1.ExpertRun
	// WorkerImage is the operator's own image; the recipe may replace it.
	WorkerImage string
	// AccessMode of the artifact volume, which holds the run's account.
	AccessMode v1alpha1.AccessMode
}

// Deployment returns the proxy: one pod with the teacher's key, and of the
// artifact volume one folder. Two at once would keep two accounts, so the old
// pod ends before the next one starts.
func (p TeacherProxy) Deployment() (*appsv1.Deployment, error) {
	teacher, err := json.Marshal(p.Run.Spec.Recipe.Teacher)
	if err != nil {
		return nil, fmt.Errorf("encode the teacher: %w", err)
	}
	podLabels := maps.Clone(p.shape().Labels)
	if podLabels == nil {
		podLabels = map[string]string{}
	}
	maps.Copy(podLabels, p.labels())
	return &appsv1.Deployment{
		ObjectMeta: p.meta(TeacherName(p.Run.Name)),
		Spec: appsv1.DeploymentSpec{
			Replicas:             ptr.To[int32](1),
			RevisionHistoryLimit: ptr.To[int32](0),
			Strategy:             appsv1.DeploymentStrategy{Type: appsv1.RecreateDeploymentStrategyType},
			Selector:             &metav1.LabelSelector{MatchLabels: p.labels()},
			Template: corev1.PodTemplateSpec{
				ObjectMeta: metav1.ObjectMeta{Labels: podLabels},
				Spec:       p.pod(string(teacher)),
			},
		},
	}, nil
}

func (p TeacherProxy) pod(teacher string) corev1.PodSpec {
	shape := p.shape()
	volumes := []corev1.Volume{
		ClaimVolume(artifactsVolume, ClaimName(p.Run.Spec.ExpertName), false),
		EmptyDir(temporaryVolume),
	}
	if ref := p.Run.Spec.Recipe.Teacher.SecretRef; ref != nil {
		volumes = append(volumes, corev1.Volume{Name: teacherVolume, VolumeSource: corev1.VolumeSource{Secret: &corev1.SecretVolumeSource{
			// Readable by the group that fsGroup gives, by nobody else.
			SecretName: ref.Name, DefaultMode: ptr.To[int32](0o440),
			Items: []corev1.KeyToPath{{Key: contract.TeacherSecretKey, Path: contract.TeacherSecretKey}},
		}}})
	}
	tools, _ := ToolVolumes(contract.ContainerTeacher, shape)
	return corev1.PodSpec{
		AutomountServiceAccountToken:  ptr.To(false),
		EnableServiceLinks:            ptr.To(false),
		TerminationGracePeriodSeconds: ptr.To[int64](teacherGrace),
		SecurityContext:               PodSecurity(),
		Containers:                    []corev1.Container{p.container(teacher)},
		Volumes:                       append(volumes, tools...),
		NodeSelector:                  shape.NodeSelector,
		Tolerations:                   shape.Tolerations,
		Affinity:                      affinity(p.Run.Spec.ExpertName, shape, p.AccessMode),
		PriorityClassName:             shape.PriorityClassName,
		RuntimeClassName:              shape.RuntimeClassName,
	}
}

func (p TeacherProxy) container(teacher string) corev1.Container {
	shape := p.shape()
	mounts := []corev1.VolumeMount{
		{Name: artifactsVolume, MountPath: contract.TeacherAccountPath, SubPath: contract.TeachersFolder + "/" + p.Run.Name},
		{Name: temporaryVolume, MountPath: temporaryPath},
	}
	if p.Run.Spec.Recipe.Teacher.SecretRef != nil {
		mounts = append(mounts, corev1.VolumeMount{Name: teacherVolume, MountPath: contract.TeacherSecretPath, ReadOnly: true})
	}
	_, tools := ToolVolumes(contract.ContainerTeacher, shape)
	env := WithShapeEnvironment([]corev1.EnvVar{{Name: "HOME", Value: temporaryPath}, {Name: "TMPDIR", Value: temporaryPath}}, shape)
	return corev1.Container{
		Name:            contract.ContainerTeacher,
		Image:           p.image(),
		ImagePullPolicy: corev1.PullIfNotPresent,
		Args:            []string{"teacher"},
		Env:             append(remove(env, contract.TeacherVariable), corev1.EnvVar{Name: contract.TeacherVariable, Value: teacher}),
		Ports:           []corev1.ContainerPort{{Name: httpPort, ContainerPort: contract.TeacherPort, Protocol: corev1.ProtocolTCP}},
		Resources:       Resources(shape.Resources, defaultMemoryLimit),
		SecurityContext: ContainerSecurity(),
		ReadinessProbe:  probe("/healthz", 3),
		VolumeMounts:    append(mounts, tools...),
	}
}

// Service returns the proxy's fixed address, which outlives its pods.
func (p TeacherProxy) Service() *corev1.Service {
	return &corev1.Service{
		ObjectMeta: p.meta(TeacherName(p.Run.Name)),
		Spec: corev1.ServiceSpec{
			Type:     corev1.ServiceTypeClusterIP,
			Selector: p.labels(),
			Ports: []corev1.ServicePort{{
				Name: httpPort, Protocol: corev1.ProtocolTCP, Port: contract.TeacherPort, TargetPort: intstr.FromString(httpPort),
			}},
		},
	}
}

// TeacherURL returns the base URL of a proxy's Service by its address: a sandbox
// resolves no names. It is empty while the Service has none.
func TeacherURL(service *corev1.Service) string {
	if net.ParseIP(service.Spec.ClusterIP) == nil {
		return ""
	}
	return "http://" + net.JoinHostPort(service.Spec.ClusterIP, strconv.Itoa(contract.TeacherPort)) + "/v1"
}

// NetworkPolicies returns who talks to whom: the run's shards to the proxy, and
// the proxy to names and to the teacher's port. A policy knows no host names, so
// that port is open at every address but link-local ones; the proxy itself asks
// one host only.
func (p TeacherProxy) NetworkPolicies() []*networkingv1.NetworkPolicy {
	shards := metav1.LabelSelector{MatchLabels: map[string]string{
		v1alpha1.ExpertLabel: p.Run.Spec.ExpertName, v1alpha1.RunLabel: p.Run.Name, v1alpha1.StageLabel: string(v1alpha1.StageExperience),
	}}
	proxy := metav1.LabelSelector{MatchLabels: p.labels()}
	at := []networkingv1.NetworkPolicyPort{port(corev1.ProtocolTCP, contract.TeacherPort)}
	return []*networkingv1.NetworkPolicy{
		{ObjectMeta: p.meta(TeacherName(p.Run.Name)), Spec: networkingv1.NetworkPolicySpec{
			PodSelector: proxy,
			PolicyTypes: bothWays,
			Ingress: []networkingv1.NetworkPolicyIngressRule{{
				From: []networkingv1.NetworkPolicyPeer{{PodSelector: &shards}}, Ports: at,
			}},
			Egress: []networkingv1.NetworkPolicyEgressRule{
				{Ports: []networkingv1.NetworkPolicyPort{port(corev1.ProtocolUDP, dnsPort), port(corev1.ProtocolTCP, dnsPort)}},
				{To: anywhere(), Ports: []networkingv1.NetworkPolicyPort{port(corev1.ProtocolTCP, endpointPort(p.Run.Spec.Recipe.Teacher.URL))}},
			},
		}},
		{ObjectMeta: p.meta(TeacherClientName(p.Run.Name)), Spec: networkingv1.NetworkPolicySpec{
			PodSelector: shards,
			PolicyTypes: []networkingv1.PolicyType{networkingv1.PolicyTypeEgress},
			Egress: []networkingv1.NetworkPolicyEgressRule{{
				To: []networkingv1.NetworkPolicyPeer{{PodSelector: &proxy}}, Ports: at,
			}},
		}},
	}
}

func port(protocol corev1.Protocol, number int32) networkingv1.NetworkPolicyPort {
	return networkingv1.NetworkPolicyPort{Protocol: &protocol, Port: ptr.To(intstr.FromInt32(number))}
}

// anywhere is every pod and every other address; a block of addresses alone
// means no pods to some network plug-ins.
func anywhere() []networkingv1.NetworkPolicyPeer {
	peers := []networkingv1.NetworkPolicyPeer{{NamespaceSelector: &metav1.LabelSelector{}}}
	for _, all := range []string{"0.0.0.0/0", "::/0"} {
		peers = append(peers, networkingv1.NetworkPolicyPeer{IPBlock: &networkingv1.IPBlock{CIDR: all, Except: []string{linkLocal[all]}}})
	}
	return peers
}

// endpointPort is the port of a URL that the schema has accepted.
func endpointPort(address string) int32 {
	u, err := url.Parse(address)
	if err != nil {
		return 443
	}
	if number, err := strconv.ParseUint(u.Port(), 10, 16); err == nil {
		return int32(number)
	}
	if u.Scheme == "http" {
		return 80
	}
	return 443
}

func (p TeacherProxy) labels() map[string]string {
	return map[string]string{
		v1alpha1.ExpertLabel: p.Run.Spec.ExpertName, v1alpha1.RunLabel: p.Run.Name, ComponentLabel: ComponentTeacher,
	}
}

func (p TeacherProxy) meta(name string) metav1.ObjectMeta {
	return metav1.ObjectMeta{Name: name, Namespace: p.Run.Namespace, Labels: p.labels()}
}

func (p TeacherProxy) shape() v1alpha1.PodShape { return p.Run.Spec.Recipe.Pods.Worker }

func (p TeacherProxy) image() string {
	if image := p.Run.Spec.Recipe.Images.Worker; image != "" {
		return image
	}
	return p.WorkerImage
}
