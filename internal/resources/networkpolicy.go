package resources

import (
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/ptr"

	"github.com/repoexpert/operator/api/v1alpha1"
	"github.com/repoexpert/operator/internal/contract"
)

// bothWays is spelt out: a policy without types means ingress only.
var bothWays = []networkingv1.PolicyType{networkingv1.PolicyTypeIngress, networkingv1.PolicyTypeEgress}

// NetworkPolicies returns an expert's policies. Pods that run repository code,
// and those that read what it wrote, talk to nobody. Serving pods answer their
// own namespace and ask nobody.
func NetworkPolicies(expert *v1alpha1.RepoExpert) []*networkingv1.NetworkPolicy {
	sandbox := policy(expert, "sandbox", stages(expert, v1alpha1.StageSetup, v1alpha1.StagePlan, v1alpha1.StageExperience, v1alpha1.StageEvaluate))
	training := policy(expert, "training", stages(expert, v1alpha1.StageCurate, v1alpha1.StageTrain))
	serving := policy(expert, "serving", metav1.LabelSelector{MatchLabels: ServingLabels(expert.Name)})
	serving.Spec.Ingress = []networkingv1.NetworkPolicyIngressRule{{
		From: []networkingv1.NetworkPolicyPeer{{PodSelector: &metav1.LabelSelector{}}},
		Ports: []networkingv1.NetworkPolicyPort{{
			Protocol: ptr.To(corev1.ProtocolTCP),
			Port:     ptr.To(intstr.FromInt32(contract.GuardPort)),
		}},
	}}
	return []*networkingv1.NetworkPolicy{sandbox, training, serving}
}

func stages(expert *v1alpha1.RepoExpert, names ...v1alpha1.StageName) metav1.LabelSelector {
	values := make([]string, 0, len(names))
	for _, n := range names {
		values = append(values, string(n))
	}
	return metav1.LabelSelector{
		MatchLabels: map[string]string{v1alpha1.ExpertLabel: expert.Name},
		MatchExpressions: []metav1.LabelSelectorRequirement{{
			Key: v1alpha1.StageLabel, Operator: metav1.LabelSelectorOpIn, Values: values,
		}},
	}
}

func policy(expert *v1alpha1.RepoExpert, suffix string, pods metav1.LabelSelector) *networkingv1.NetworkPolicy {
	return &networkingv1.NetworkPolicy{
		ObjectMeta: metav1.ObjectMeta{
			Name:      expert.Name + "-" + suffix,
			Namespace: expert.Namespace,
			Labels:    map[string]string{v1alpha1.ExpertLabel: expert.Name},
		},
		Spec: networkingv1.NetworkPolicySpec{PodSelector: pods, PolicyTypes: bothWays},
	}
}
