package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// RepoExpert turns one git repository into a small model that knows it, and
// keeps an OpenAI-compatible endpoint serving the newest version that passed
// its evaluation.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:shortName=expert;re,categories=repo-expert
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`
// +kubebuilder:printcolumn:name="Stage",type=string,JSONPath=`.status.activeRun.stage`
// +kubebuilder:printcolumn:name="Served",type=string,JSONPath=`.status.served.shortCommit`
// +kubebuilder:printcolumn:name="Latest",type=string,JSONPath=`.status.latest.shortCommit`
// +kubebuilder:printcolumn:name="Behind",type=string,JSONPath=`.status.behind`
// +kubebuilder:printcolumn:name="Score",type=string,JSONPath=`.status.served.score`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
// +kubebuilder:validation:XValidation:rule="self.metadata.name.matches('^[a-z]([-a-z0-9]*[a-z0-9])?$') && size(self.metadata.name) <= 35",message="metadata.name must be a DNS-1035 label of at most 35 characters: Jobs, pods and the Service are named after it"
type RepoExpert struct {
	metav1.TypeMeta `json:",inline"`
	// metadata is the standard object metadata. The name must be a DNS-1035 label
	// of at most 35 characters.
	// +optional
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// spec says which repository the expert learns and how it is served.
	// +required
	Spec RepoExpertSpec `json:"spec"`

	// status says what is served now, what is under way and what is missing.
	// +optional
	Status RepoExpertStatus `json:"status,omitzero"`
}

// RepoExpertList is a list of RepoExperts.
//
// +kubebuilder:object:root=true
type RepoExpertList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []RepoExpert `json:"items"`
}

// RepoExpertSpec is what a tenant asks for.
type RepoExpertSpec struct {
	// repository is the git repository that the expert learns and follows.
	// +required
	Repository Repository `json:"repository"`

	// environment is where the repository's code and tests run.
	// +required
	Environment Environment `json:"environment"`

	// className names the ExpertClass that says how this platform makes experts.
	// Without it the one class annotated as default is used. A change applies at
	// the next commit or requested run.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	ClassName string `json:"className,omitempty"`

	// overrides replaces values of the class where the class allows it.
	// +optional
	Overrides *Overrides `json:"overrides,omitempty"`

	// suspend stops new runs and cancels the active one while true; the served
	// model keeps answering. Default false.
	// +optional
	Suspend bool `json:"suspend,omitempty"`

	// promotion says who rolls a model that passed the gate: Automatic (default)
	// rolls at once; Manual waits until serving.pinnedRunName names the run.
	// +optional
	// +kubebuilder:default=Automatic
	Promotion PromotionPolicy `json:"promotion,omitempty"`

	// serving pins what is served.
	// +optional
	Serving *ServingPin `json:"serving,omitempty"`
}

// PromotionPolicy says who rolls a model that passed the gate.
// +kubebuilder:validation:Enum=Automatic;Manual
type PromotionPolicy string

const (
	// PromotionAutomatic rolls to every model that passes the gate.
	PromotionAutomatic PromotionPolicy = "Automatic"
	// PromotionManual rolls only to the run named in spec.serving.pinnedRunName.
	PromotionManual PromotionPolicy = "Manual"
)

// Repository is a git repository and the reference to follow.
type Repository struct {
	// url is the clone URL: https, http or ssh. User names are allowed for ssh
	// only; credentials belong in a Secret.
	// +required
	// +kubebuilder:validation:MinLength=8
	// +kubebuilder:validation:MaxLength=512
	// +kubebuilder:validation:XValidation:rule="self.matches('^(https|http|ssh)://')",message="repository.url must start with https://, http:// or ssh://"
	// +kubebuilder:validation:XValidation:rule="self.matches('^[a-z]+://([A-Za-z0-9_][A-Za-z0-9._-]*@)?[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?(:[0-9]{1,5})?/[A-Za-z0-9._~/+%@-]*$') && !self.contains('/-') && !self.contains('--')",message="repository.url must be scheme://host[:port]/path without options, spaces, query or fragment; no part may start with a dash"
	// +kubebuilder:validation:XValidation:rule="self.startsWith('ssh://') || !self.contains('@')",message="repository.url must not hold credentials: put them in a Secret and name it in repository.secretRef"
	URL string `json:"url"`

	// ref is what to follow: exactly one of branch, tag or commit.
	// +required
	Ref GitRef `json:"ref"`

	// secretRef names a Secret in this namespace with git credentials: keys
	// username and password (or password alone, a token) for http and https, keys
	// identity and known_hosts for ssh. It must carry the label
	// repoexpert.dev/use: git and the annotation repoexpert.dev/host with the
	// URL's host.
	// +optional
	SecretRef *LocalSecretReference `json:"secretRef,omitempty"`

	// include lists path prefixes below the repository's root that experience is
	// mined from. Empty means the whole tree.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=32
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=256
	// +kubebuilder:validation:items:Pattern=`^[A-Za-z0-9_.][A-Za-z0-9_./ -]*$`
	// +kubebuilder:validation:XValidation:rule="self.all(p, !p.contains('..'))",message="repository.include must not leave the repository: remove '..'"
	Include []string `json:"include,omitempty"`

	// exclude lists path prefixes that experience is never mined from.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=32
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=256
	// +kubebuilder:validation:items:Pattern=`^[A-Za-z0-9_.][A-Za-z0-9_./ -]*$`
	// +kubebuilder:validation:XValidation:rule="self.all(p, !p.contains('..'))",message="repository.exclude must not leave the repository: remove '..'"
	Exclude []string `json:"exclude,omitempty"`
}

// LocalSecretReference names a Secret in the same namespace.
type LocalSecretReference struct {
	// name of the Secret.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	Name string `json:"name"`
}

// GitRef is exactly one of branch, tag or commit.
//
// +kubebuilder:validation:XValidation:rule="[has(self.branch), has(self.tag), has(self.commit)].filter(x, x).size() == 1",message="repository.ref needs exactly one of branch, tag or commit"
type GitRef struct {
	// branch to follow; a new head starts a run under the class's retrain policy.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=200
	// +kubebuilder:validation:Pattern=`^[A-Za-z0-9_][A-Za-z0-9_./+-]*$`
	Branch string `json:"branch,omitempty"`

	// tag to learn; a moved tag starts a run.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=200
	// +kubebuilder:validation:Pattern=`^[A-Za-z0-9_][A-Za-z0-9_./+-]*$`
	Tag string `json:"tag,omitempty"`

	// commit to learn, as the full 40 hexadecimal digits; it never moves.
	// +optional
	// +kubebuilder:validation:Pattern=`^[0-9a-f]{40}$`
	Commit string `json:"commit,omitempty"`
}

// Environment is where the repository's code and tests run: always in a
// sandbox without network, token or Secret.
type Environment struct {
	// image holds the repository's dependencies, its test runner, a shell and
	// git. It needs nothing of ours. For the Pytest framework: Python 3.8 or
	// newer with pytest and coverage. For the GoTest framework: Go 1.21 or newer,
	// with the modules that the repository requires.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=512
	// +kubebuilder:validation:Pattern=`^[a-z0-9][A-Za-z0-9._:/@-]*$`
	Image string `json:"image"`

	// setup lists shell commands that run once per commit in the repository's
	// root and install into the folder /environment. They may reach only what
	// the class allows. Empty skips the stage, except for GoTest, whose
	// dependencies it compiles.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=16
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=1024
	Setup []string `json:"setup,omitempty"`

	// test says how the repository's tests run.
	// +required
	Test Test `json:"test"`
}

// Test says how the repository's tests run.
type Test struct {
	// framework is the test runner: Pytest for Python, GoTest for a Go module at
	// the repository's root.
	// +required
	Framework TestFramework `json:"framework"`

	// paths are the files or folders below the repository's root that hold the
	// tests. Default: the runner's own discovery.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=16
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=256
	// +kubebuilder:validation:items:Pattern=`^[A-Za-z0-9_.][A-Za-z0-9_./ -]*$`
	// +kubebuilder:validation:XValidation:rule="self.all(p, !p.contains('..'))",message="test.paths must not leave the repository: remove '..'"
	Paths []string `json:"paths,omitempty"`
}

// TestFramework is a test runner with a language adapter.
// +kubebuilder:validation:Enum=Pytest;GoTest
type TestFramework string

// Test frameworks.
const (
	// TestPytest runs tests with pytest.
	TestPytest TestFramework = "Pytest"
	// TestGo runs the tests of a Go module.
	TestGo TestFramework = "GoTest"
)

// Overrides replaces values of the class. Each field must be listed in the
// class's allowedOverrides.
type Overrides struct {
	// shards is the number of sandbox pods that generate experience side by side.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=256
	Shards *int32 `json:"shards,omitempty"`

	// replicas is the number of serving pods.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=64
	Replicas *int32 `json:"replicas,omitempty"`

	// seed is the seed of sampling and training.
	// +optional
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=2147483647
	Seed *int64 `json:"seed,omitempty"`
}

// ServingPin pins what is served.
type ServingPin struct {
	// pinnedRunName names an ExpertRun of this expert whose model is served
	// whatever later runs bring. It may be a run that the gate rejected: a
	// person's decision, recorded as an override.
	// +optional
	// +kubebuilder:validation:MaxLength=63
	PinnedRunName string `json:"pinnedRunName,omitempty"`

	// pinReason says in one line why; shown in status and events.
	// +optional
	// +kubebuilder:validation:MaxLength=256
	// +kubebuilder:validation:XValidation:rule="!self.contains('\\n') && !self.contains('\\r')",message="serving.pinReason is one line: remove the line breaks"
	PinReason string `json:"pinReason,omitempty"`
}

// RepoExpertStatus is what the operator observed and decided.
type RepoExpertStatus struct {
	// observedGeneration is the generation that was really handled last.
	// +optional
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`

	// conditions of the expert: Ready, Reconciling, Stalled, SourceReady, Serving, UpToDate,
	// NetworkIsolated, GatePowered.
	// +optional
	// +listType=map
	// +listMapKey=type
	// +kubebuilder:validation:MaxItems=16
	Conditions []metav1.Condition `json:"conditions,omitempty"`

	// className is the class that applies now.
	// +optional
	ClassName string `json:"className,omitempty"`

	// latest is the newest commit seen at the reference.
	// +optional
	Latest *ObservedCommit `json:"latest,omitempty"`

	// behind is the number of commits between the served and the latest commit;
	// "?" while it is not known, empty while nothing is served.
	// +optional
	// +kubebuilder:validation:MaxLength=16
	Behind string `json:"behind,omitempty"`

	// activeRun is the run under way.
	// +optional
	ActiveRun *ActiveRun `json:"activeRun,omitempty"`

	// served is the model behind the endpoint.
	// +optional
	Served *ServedModel `json:"served,omitempty"`

	// anchor is the last model that beat the anchor before it, or that a person
	// chose by a pin: candidates may not be worse than it, however small the steps.
	// +optional
	Anchor *ServedModel `json:"anchor,omitempty"`

	// steps are the losses of the promotions since a person last chose, oldest
	// first, at most 50. Their sum stops automatic promotion.
	// +optional
	// +listType=map
	// +listMapKey=runName
	// +kubebuilder:validation:MaxItems=50
	Steps []PromotionStep `json:"steps,omitempty"`

	// endpoint is where the expert answers.
	// +optional
	Endpoint *Endpoint `json:"endpoint,omitempty"`

	// lastRequestedRun is the value of the requested-run annotation that was
	// handled last.
	// +optional
	// +kubebuilder:validation:MaxLength=256
	LastRequestedRun string `json:"lastRequestedRun,omitempty"`

	// denied lists runs that a failed roll took out of service; they are not
	// rolled to again unless pinned.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=10
	Denied []string `json:"denied,omitempty"`

	// history lists the newest promotions, newest first, at most 5.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=5
	History []ServedModel `json:"history,omitempty"`
}

// ObservedCommit is a commit seen at the reference.
type ObservedCommit struct {
	// commit is the full commit id.
	// +required
	Commit string `json:"commit"`

	// shortCommit is its first 8 digits.
	// +required
	ShortCommit string `json:"shortCommit"`

	// observedTime is when it was first seen.
	// +required
	ObservedTime metav1.Time `json:"observedTime"`
}

// ActiveRun is the run under way.
type ActiveRun struct {
	// name of the ExpertRun.
	// +required
	Name string `json:"name"`

	// commit that it learns.
	// +required
	Commit string `json:"commit"`

	// stage under way.
	// +optional
	Stage StageName `json:"stage,omitempty"`
}

// ServedModel is a promoted model.
type ServedModel struct {
	// runName of the ExpertRun that made it.
	// +required
	RunName string `json:"runName"`

	// commit that it learned.
	// +required
	Commit string `json:"commit"`

	// shortCommit is its first 8 digits.
	// +required
	ShortCommit string `json:"shortCommit"`

	// modelKey is its folder under models/ on the expert's volume.
	// +required
	ModelKey string `json:"modelKey"`

	// modelDigest is the digest of its manifest, checked before it is served.
	// +required
	ModelDigest string `json:"modelDigest"`

	// evaluationKey is the folder of its evaluation under evaluations/, with the
	// probe questions.
	// +required
	EvaluationKey string `json:"evaluationKey"`

	// verdictDigest identifies the verdict that let it pass.
	// +optional
	VerdictDigest string `json:"verdictDigest,omitempty"`

	// score is the candidate's primary score in percent, as in "93.3".
	// +optional
	// +kubebuilder:validation:MaxLength=16
	Score string `json:"score,omitempty"`

	// promotedTime is when it was promoted.
	// +required
	PromotedTime metav1.Time `json:"promotedTime"`
}

// PromotionStep is what one promotion lost.
type PromotionStep struct {
	// runName of the ExpertRun that was promoted.
	// +required
	RunName string `json:"runName"`

	LossStep `json:",inline"`
}

// Endpoint is where an expert answers.
type Endpoint struct {
	// url is the base URL of the OpenAI-compatible API inside the cluster.
	// +required
	URL string `json:"url"`

	// model is the name to ask for; it moves with every promotion.
	// +required
	Model string `json:"model"`

	// versionedModel is the name bound to the served commit.
	// +optional
	VersionedModel string `json:"versionedModel,omitempty"`
}
