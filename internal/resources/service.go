package resources

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/repoexpert/operator/api/v1alpha1"
)

const (
	// ComponentLabel tells an expert's serving pods from those of its stages.
	ComponentLabel = "repoexpert.dev/component"
	// ComponentServing is its value on serving pods.
	ComponentServing = "serving"

	servicePort = 80
	httpPort    = "http"
)

// ServingLabels select an expert's serving pods.
func ServingLabels(expert string) map[string]string {
	return map[string]string{v1alpha1.ExpertLabel: expert, ComponentLabel: ComponentServing}
}

// Service returns the Service before an expert's serving pods. It has the
// expert's name and does not change when the model does.
func Service(expert *v1alpha1.RepoExpert) *corev1.Service {
	return &corev1.Service{
		ObjectMeta: metav1.ObjectMeta{
			Name:      expert.Name,
			Namespace: expert.Namespace,
			Labels:    ServingLabels(expert.Name),
		},
		Spec: corev1.ServiceSpec{
			Type:     corev1.ServiceTypeClusterIP,
			Selector: ServingLabels(expert.Name),
			Ports: []corev1.ServicePort{{
				Name: httpPort, Protocol: corev1.ProtocolTCP, Port: servicePort, TargetPort: intstr.FromString(httpPort),
			}},
		},
	}
}

// EndpointFor returns where an expert answers and the names to ask for.
func EndpointFor(expert *v1alpha1.RepoExpert, served v1alpha1.ServedModel) *v1alpha1.Endpoint {
	return &v1alpha1.Endpoint{
		URL:            fmt.Sprintf("http://%s.%s.svc/v1", expert.Name, expert.Namespace),
		Model:          expert.Name,
		VersionedModel: VersionedName(expert.Name, served.ShortCommit),
	}
}

// VersionedName is the model name that is bound to one commit.
func VersionedName(expert, shortCommit string) string { return expert + "@" + shortCommit }
