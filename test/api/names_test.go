package api

import (
	"slices"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// kubectl takes a word for a category before it takes it for a kind: a category that is
// a kind's name makes "kubectl get repoexpert click" an error.
func TestNoCategoryIsTheNameOfAKind(t *testing.T) {
	var crds unstructured.UnstructuredList
	crds.SetGroupVersionKind(schema.GroupVersionKind{Group: "apiextensions.k8s.io", Version: "v1", Kind: "CustomResourceDefinitionList"})
	if err := api.List(t.Context(), &crds); err != nil {
		t.Fatal(err)
	}
	var names, categories []string
	for _, crd := range crds.Items {
		for _, field := range []string{"plural", "singular"} {
			name, _, err := unstructured.NestedString(crd.Object, "spec", "names", field)
			if err != nil {
				t.Fatal(err)
			}
			names = append(names, name)
		}
		for field, list := range map[string]*[]string{"shortNames": &names, "categories": &categories} {
			found, _, err := unstructured.NestedStringSlice(crd.Object, "spec", "names", field)
			if err != nil {
				t.Fatal(err)
			}
			*list = append(*list, found...)
		}
	}
	if len(categories) == 0 || !slices.Contains(names, "repoexpert") {
		t.Fatalf("names %v, categories %v", names, categories)
	}
	for _, category := range categories {
		if slices.Contains(names, category) {
			t.Errorf("category %s is the name of a kind", category)
		}
	}
}
