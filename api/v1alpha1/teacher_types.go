package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Teacher is a larger model behind an OpenAI-compatible endpoint whose
// trajectories experts learn from. The endpoint sees the repository's code.
//
// +kubebuilder:validation:XValidation:rule="self.maxTokensPerTurn < self.contextTokens",message="teacher.maxTokensPerTurn must be below teacher.contextTokens: a turn needs room for what it answers to"
type Teacher struct {
	// url is the endpoint's base URL, https or http, as in
	// https://api.example/v1: what stands before /chat/completions. Not part of
	// any stage's key: the same model may move.
	// +required
	// +kubebuilder:validation:MinLength=8
	// +kubebuilder:validation:MaxLength=512
	// +kubebuilder:validation:XValidation:rule="self.matches('^(https|http)://')",message="teacher.url must start with https:// or http://"
	// +kubebuilder:validation:XValidation:rule="self.matches('^[a-z]+://[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?(:[0-9]{1,5})?(/[A-Za-z0-9._~%-]+)*/?$') && !self.contains('..')",message="teacher.url must be scheme://host[:port][/path] without credentials, spaces, query or fragment: a key belongs in a Secret that teacher.secretRef names"
	URL string `json:"url"`

	// model is the model's name at the endpoint. It is recorded with every
	// sample.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=128
	// +kubebuilder:validation:Pattern=`^[A-Za-z0-9][A-Za-z0-9._/:@-]*$`
	Model string `json:"model"`

	// secretRef names a Secret in each expert's namespace with the endpoint's key
	// under apiKey. It must carry the label repoexpert.dev/use: teacher and the
	// annotation repoexpert.dev/host with the URL's host. Without it no key is
	// sent.
	// +optional
	SecretRef *LocalSecretReference `json:"secretRef,omitempty"`

	// sampling says how answers are drawn. Default: temperature 1.0, topP 0.8,
	// topK 20, repetitionPenalty 1.05. Where it is given, a field that it leaves
	// out is not sent and the endpoint decides.
	// +optional
	Sampling *TeacherSampling `json:"sampling,omitempty"`

	// maxTokensPerTurn bounds one answer. Default 4096.
	// +optional
	// +kubebuilder:default=4096
	// +kubebuilder:validation:Minimum=16
	// +kubebuilder:validation:Maximum=131072
	MaxTokensPerTurn int32 `json:"maxTokensPerTurn,omitempty"`

	// contextTokens ends a trajectory that reaches it. Default 48000.
	// +optional
	// +kubebuilder:default=48000
	// +kubebuilder:validation:Minimum=256
	// +kubebuilder:validation:Maximum=1048576
	ContextTokens int32 `json:"contextTokens,omitempty"`

	// attemptsPerTask is how often the teacher may try a task before it is given
	// up. Default 2.
	// +optional
	// +kubebuilder:default=2
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=16
	AttemptsPerTask int32 `json:"attemptsPerTask,omitempty"`

	// concurrency is the number of requests that a run has under way at the
	// endpoint at once, from all its shards. Default 8.
	// +optional
	// +kubebuilder:default=8
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=256
	Concurrency int32 `json:"concurrency,omitempty"`

	// requestTimeout bounds one answer, from request to last word. Default 10m.
	// +optional
	// +kubebuilder:default="10m"
	RequestTimeout metav1.Duration `json:"requestTimeout,omitempty"`

	// budget bounds what one run may use.
	// +required
	Budget TeacherBudget `json:"budget"`
}

// TeacherSampling says how a teacher's answers are drawn.
type TeacherSampling struct {
	// temperature of the draw, as a decimal.
	// +optional
	Temperature Decimal `json:"temperature,omitempty"`

	// topP is the probability mass that is drawn from, as a decimal.
	// +optional
	TopP Decimal `json:"topP,omitempty"`

	// topK is the number of tokens that are drawn from. Not in OpenAI's own API.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=100000
	TopK int32 `json:"topK,omitempty"`

	// repetitionPenalty of tokens that were there before, as a decimal. Not in OpenAI's own API.
	// +optional
	RepetitionPenalty Decimal `json:"repetitionPenalty,omitempty"`
}

// TeacherBudget bounds what one run may use of its teacher. What stops first
// counts. A run whose budget is reached ends; with a larger budget the next run
// goes on where it stopped.
//
// +kubebuilder:validation:XValidation:rule="has(self.tokens) || has(self.cost)",message="teacher.budget needs tokens, cost or both"
type TeacherBudget struct {
	// tokens is the most that are used, prompts and answers together. A turn's
	// prompt holds all turns before it, so a trajectory of 20 turns often uses
	// 200,000.
	// +optional
	// +kubebuilder:validation:Minimum=1000
	// +kubebuilder:validation:Maximum=1000000000000
	Tokens int64 `json:"tokens,omitempty"`

	// cost is the most money that is spent.
	// +optional
	Cost *TeacherCost `json:"cost,omitempty"`
}

// TeacherCost bounds money. The currency is that of the prices.
type TeacherCost struct {
	// limit is the most that is spent, as a decimal.
	// +required
	Limit Decimal `json:"limit"`

	// promptPrice is the price of a million prompt tokens, as a decimal.
	// +required
	PromptPrice Decimal `json:"promptPrice"`

	// completionPrice is the price of a million tokens of answers, as a decimal.
	// +required
	CompletionPrice Decimal `json:"completionPrice"`
}
