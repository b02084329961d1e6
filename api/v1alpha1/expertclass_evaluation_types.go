package v1alpha1

// Evaluation says what is held out and how it is asked.
type Evaluation struct {
	// holdout is the protocol. Tasks (default) splits clusters of functions at the
	// head by a stable hash, kept in an append-only ledger. Frontier trains on an
	// earlier commit, and IssueResolution, TestGeneration and FeatureImplementation
	// take their tasks from the commits after it. Prequential trains and compares as
	// Tasks does; besides, base and served model work on tasks of the commits after
	// the one that the served model was trained on, which stand apart and decide
	// nothing.
	// +optional
	// +kubebuilder:default=Tasks
	Holdout Holdout `json:"holdout,omitempty"`

	// holdoutCommits counts commits that change code and tests. Frontier keeps so
	// many of the newest ones from training; Prequential looks at no more for tasks.
	// Default 60 with these protocols; Tasks takes none.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=1000
	HoldoutCommits int32 `json:"holdoutCommits,omitempty"`

	// holdoutPercent of the clusters are held out. Default 20.
	// +optional
	// +kubebuilder:default=20
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=50
	HoldoutPercent int32 `json:"holdoutPercent,omitempty"`

	// kinds lists what is asked.
	// +optional
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MaxItems=8
	Kinds []EvaluationKind `json:"kinds,omitempty"`

	// agent bounds an episode of the executable kinds.
	// +optional
	Agent AgentProfile `json:"agent,omitzero"`

	// openBookQuestions is how many questions of CodebaseQA are also asked of each
	// model as an agent with the repository at hand. They stand in the report alone:
	// the gate compares closed-book answers. Default none.
	// +optional
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=10000
	OpenBookQuestions int32 `json:"openBookQuestions,omitempty"`

	// searchQuestions is how many questions of CodebaseQA are also asked of each
	// model with what a search of the repository for the question's names finds in
	// the prompt. They stand in the report alone. Default none.
	// +optional
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=10000
	SearchQuestions int32 `json:"searchQuestions,omitempty"`
}

// Holdout is a hold-out protocol.
// +kubebuilder:validation:Enum=Tasks;Frontier;Prequential
type Holdout string

// Hold-out protocols. Only the last two measure generalisation.
const (
	// HoldoutTasks splits clusters of functions at the head.
	HoldoutTasks Holdout = "Tasks"
	// HoldoutFrontier trains on the commit before the newest ones, which give the
	// tasks.
	HoldoutFrontier Holdout = "Frontier"
	// HoldoutPrequential asks the served model for tasks of the commits since it was
	// trained; then they may train the next one.
	HoldoutPrequential Holdout = "Prequential"
)

// EvaluationKind is how much of one kind is asked.
type EvaluationKind struct {
	// name of the kind.
	// +required
	Name KindName `json:"name"`

	// tasks is the most that are asked.
	// +required
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=10000
	Tasks int32 `json:"tasks"`

	// minimumTasks below which the result supports no promotion. Default: the
	// gate's own bound.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=10000
	MinimumTasks int32 `json:"minimumTasks,omitempty"`
}

// KindName is a kind of evaluation task.
// +kubebuilder:validation:Enum=CodebaseQA;ContextualImplementation;IssueResolution;TestGeneration;FeatureImplementation;GeneralQuestions
type KindName string

// Kinds of evaluation tasks.
const (
	// KindCodebaseQA asks closed questions, closed book, in wordings that were
	// never trained: retention of trained facts.
	KindCodebaseQA KindName = "CodebaseQA"
	// KindContextualImplementation gives the agent a tree with a held-out
	// function masked; the covering tests grade what it writes.
	KindContextualImplementation KindName = "ContextualImplementation"
	// KindIssueResolution gives the agent a report of a bug and a tree with it;
	// the tests that the bug fails grade the repair.
	KindIssueResolution KindName = "IssueResolution"
	// KindTestGeneration gives the agent the same; the test that it writes must
	// fail with the bug and pass without.
	KindTestGeneration KindName = "TestGeneration"
	// KindFeatureImplementation gives the agent the description of a feature of
	// the repository's history and the tree before it.
	KindFeatureImplementation KindName = "FeatureImplementation"
	// KindGeneralQuestions asks easy questions about no repository, closed book: a
	// loss shows what training made a model forget. It cannot be the primary kind.
	KindGeneralQuestions KindName = "GeneralQuestions"
)

// CommitKinds are the kinds whose tasks are what commits did.
var CommitKinds = []KindName{KindIssueResolution, KindTestGeneration, KindFeatureImplementation}

// KindNames lists all kinds of evaluation tasks.
var KindNames = []KindName{KindCodebaseQA, KindContextualImplementation, KindIssueResolution, KindTestGeneration, KindFeatureImplementation, KindGeneralQuestions}

// AgentProfile bounds an episode of the executable kinds.
type AgentProfile struct {
	// maxSteps is the number of turns. Default 64.
	// +optional
	// +kubebuilder:default=64
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=250
	MaxSteps int32 `json:"maxSteps,omitempty"`

	// maxTokensPerTurn bounds one answer of the model. Default 4096.
	// +optional
	// +kubebuilder:default=4096
	// +kubebuilder:validation:Minimum=16
	// +kubebuilder:validation:Maximum=131072
	MaxTokensPerTurn int32 `json:"maxTokensPerTurn,omitempty"`

	// contextTokens is the engine's context length. Default 48000.
	// +optional
	// +kubebuilder:default=48000
	// +kubebuilder:validation:Minimum=256
	// +kubebuilder:validation:Maximum=1048576
	ContextTokens int32 `json:"contextTokens,omitempty"`

	// sampling is how the model's answers are drawn: Paper (default; temperature
	// 1.0, top_p 0.8, top_k 20, repetition penalty 1.05) or Greedy.
	// +optional
	// +kubebuilder:default=Paper
	Sampling Sampling `json:"sampling,omitempty"`
}

// Sampling is how a model's answers are drawn.
// +kubebuilder:validation:Enum=Paper;Greedy
type Sampling string

// Sampling settings.
const (
	SamplingPaper  Sampling = "Paper"
	SamplingGreedy Sampling = "Greedy"
)

// Gate is what a model must pass to be served. All numbers are percentage
// points of the primary kind's score.
type Gate struct {
	// primaryKind carries the comparison with base and served model. Default
	// ContextualImplementation.
	// +optional
	// +kubebuilder:default=ContextualImplementation
	PrimaryKind KindName `json:"primaryKind,omitempty"`

	// minGainPoints is the least point gain over the base model. Default 5.
	// +optional
	// +kubebuilder:default=5
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=100
	MinGainPoints int32 `json:"minGainPoints,omitempty"`

	// marginPoints is the loss to the served model that must be ruled out.
	// Default 10.
	// +optional
	// +kubebuilder:default=10
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=50
	MarginPoints int32 `json:"marginPoints,omitempty"`

	// alphaPerMille is the level of each bound in thousandths. Default 50, that
	// is .05.
	// +optional
	// +kubebuilder:default=50
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=200
	AlphaPerMille int32 `json:"alphaPerMille,omitempty"`

	// looks says how often results are looked at before the gate must decide. One
	// (default): once, with one rollout of each task, at the whole level. Three: at
	// 2, 4 and 8 rollouts of each task, as long as nothing is decided; the looks
	// share the level as a quarter, a quarter and a half. Three needs answers that
	// are drawn anew: evaluation.agent.sampling Paper and an executable primaryKind.
	// +optional
	// +kubebuilder:default=One
	Looks GateLooks `json:"looks,omitempty"`

	// underpowered says what happens where the hold-out is so small that an
	// equally good model would pass in less than half of the cases. Warn (default):
	// run and expert say so in their condition GatePowered. Stop: the run ends
	// after Plan, before it generates experience or asks for a GPU.
	// +optional
	// +kubebuilder:default=Warn
	Underpowered UnderpoweredPolicy `json:"underpowered,omitempty"`

	// floors lists the least score of a kind, in percent.
	// +optional
	// +listType=map
	// +listMapKey=kind
	// +kubebuilder:validation:MaxItems=8
	Floors []Floor `json:"floors,omitempty"`
}

// GateLooks says how often results are looked at.
// +kubebuilder:validation:Enum=One;Three
type GateLooks string

// Values of looks.
const (
	LooksOne   GateLooks = "One"
	LooksThree GateLooks = "Three"
)

// UnderpoweredPolicy says what happens where a hold-out is too small.
// +kubebuilder:validation:Enum=Warn;Stop
type UnderpoweredPolicy string

// Values of underpowered.
const (
	UnderpoweredWarn UnderpoweredPolicy = "Warn"
	UnderpoweredStop UnderpoweredPolicy = "Stop"
)

// Floor is the least score of a kind.
type Floor struct {
	// kind of task.
	// +required
	Kind KindName `json:"kind"`

	// points is the least score in percent.
	// +required
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=100
	Points int32 `json:"points"`
}
