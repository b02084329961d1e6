package class

import (
	"cmp"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/repoexpert/operator/api/v1alpha1"
)

// complete fills the defaults of objects that the class leaves out. The API
// server defaults a field only inside an object that is there. Zero values for
// which the schema allows zero stay.
func complete(spec *v1alpha1.ExpertClassSpec) {
	completeExperience(&spec.Experience)
	completeTeacher(spec.Teacher)
	completeEvaluation(&spec.Evaluation)
	completeServing(&spec.Serving)
	completeGate(&spec.Gate)
	spec.NetworkIsolation = cmp.Or(spec.NetworkIsolation, v1alpha1.NetworkIsolationEnforced)
	spec.Storage.AccessMode = cmp.Or(spec.Storage.AccessMode, v1alpha1.ReadWriteMany)
	setDuration(&spec.Retrain.PollInterval, time.Minute)
}

func completeExperience(e *v1alpha1.Experience) {
	// The schema's default seed is 1, and 0 is a seed like any other: only an
	// object without any field was left out.
	if e.Shards == 0 && e.MinSamples == 0 && e.CommandTimeout.Duration == 0 {
		e.Seed = 1
	}
	e.Shards = cmp.Or(e.Shards, 2)
	e.MinSamples = cmp.Or(e.MinSamples, 16)
	setDuration(&e.CommandTimeout, time.Minute)
	setDuration(&e.TestTimeout, 10*time.Minute)
}

// completeTeacher gives a teacher without sampling that of the method's paper
// (arXiv 2601.21649).
func completeTeacher(t *v1alpha1.Teacher) {
	if t == nil {
		return
	}
	if t.Sampling == nil {
		t.Sampling = &v1alpha1.TeacherSampling{Temperature: "1.0", TopP: "0.8", TopK: 20, RepetitionPenalty: "1.05"}
	}
	t.MaxTokensPerTurn = cmp.Or(t.MaxTokensPerTurn, 4096)
	t.ContextTokens = cmp.Or(t.ContextTokens, 48000)
	t.AttemptsPerTask = cmp.Or(t.AttemptsPerTask, 2)
	t.Concurrency = cmp.Or(t.Concurrency, 8)
	setDuration(&t.RequestTimeout, 10*time.Minute)
}

// defaultHoldoutCommits: about half of such commits become a task, and the gate's
// default margin needs 29.
const defaultHoldoutCommits = 60

func completeEvaluation(e *v1alpha1.Evaluation) {
	e.Holdout = cmp.Or(e.Holdout, v1alpha1.HoldoutTasks)
	if e.Holdout != v1alpha1.HoldoutTasks {
		e.HoldoutCommits = cmp.Or(e.HoldoutCommits, defaultHoldoutCommits)
	}
	e.HoldoutPercent = cmp.Or(e.HoldoutPercent, 20)
	e.Agent.MaxSteps = cmp.Or(e.Agent.MaxSteps, 64)
	e.Agent.MaxTokensPerTurn = cmp.Or(e.Agent.MaxTokensPerTurn, 4096)
	e.Agent.ContextTokens = cmp.Or(e.Agent.ContextTokens, 48000)
	e.Agent.Sampling = cmp.Or(e.Agent.Sampling, v1alpha1.SamplingPaper)
}

func completeServing(s *v1alpha1.Serving) {
	s.Device = cmp.Or(s.Device, v1alpha1.DeviceGPU)
	s.Replicas = cmp.Or(s.Replicas, 1)
	s.Strategy = cmp.Or(s.Strategy, v1alpha1.StrategySurge)
	s.ContextTokens = cmp.Or(s.ContextTokens, 48000)
	s.ProbeQuestions = cmp.Or(s.ProbeQuestions, 3)
	s.ProbeAgreement = cmp.Or(s.ProbeAgreement, 2)
	setDuration(&s.RollDeadline, 20*time.Minute)
}

// completeGate gives a gate that was left out the defaults that internal/gate
// gives it.
func completeGate(g *v1alpha1.Gate) {
	if g.PrimaryKind == "" {
		g.MinGainPoints = cmp.Or(g.MinGainPoints, 5)
	}
	g.PrimaryKind = cmp.Or(g.PrimaryKind, v1alpha1.KindContextualImplementation)
	g.MarginPoints = cmp.Or(g.MarginPoints, 10)
	g.AlphaPerMille = cmp.Or(g.AlphaPerMille, 50)
	g.Looks = cmp.Or(g.Looks, v1alpha1.LooksOne)
	g.Underpowered = cmp.Or(g.Underpowered, v1alpha1.UnderpoweredWarn)
}

func setDuration(d *metav1.Duration, value time.Duration) {
	if d.Duration == 0 {
		d.Duration = value
	}
}
