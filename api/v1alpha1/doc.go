// Package v1alpha1 is the API of the repo-expert operator: a RepoExpert names a
// repository, an ExpertClass says how a platform makes experts, and an
// ExpertRun is one pass of the pipeline for one commit.
//
// +kubebuilder:object:generate=true
// +groupName=repoexpert.dev
package v1alpha1
