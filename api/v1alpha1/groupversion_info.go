package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

var (
	// GroupVersion identifies this API.
	GroupVersion = schema.GroupVersion{Group: "repoexpert.dev", Version: "v1alpha1"}

	// SchemeBuilder collects the functions that register this API's kinds.
	SchemeBuilder = runtime.NewSchemeBuilder(addKnownTypes)

	// AddToScheme registers this API's kinds with a scheme.
	AddToScheme = SchemeBuilder.AddToScheme
)

func addKnownTypes(scheme *runtime.Scheme) error {
	scheme.AddKnownTypes(GroupVersion,
		&RepoExpert{}, &RepoExpertList{},
		&ExpertClass{}, &ExpertClassList{},
		&ExpertRun{}, &ExpertRunList{},
	)
	metav1.AddToGroupVersion(scheme, GroupVersion)
	return nil
}
