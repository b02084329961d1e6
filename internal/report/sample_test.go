package report

import (
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/repoexpert/operator/api/v1alpha1"
)

func pointer[T any](value T) *T { return &value }

const (
	candidateDigest = "sha256:c0ffee"
	fingerprint     = "f1f1"
)

// sample is a small report with everything in it.
func sample() Report {
	record := v1alpha1.EvaluationRecord{
		Fingerprint: fingerprint, Protocol: "Tasks: held-out functions", CandidateDigest: candidateDigest, ServedDigest: "sha256:beef",
		Kinds: []v1alpha1.KindRecord{
			{
				Name: v1alpha1.KindCodebaseQA, Groups: "AABB", GroupNames: []string{"Bases", "Raises"}, GuessPermille: 125, MajorityPermille: 417,
				Arms: []v1alpha1.ArmRecord{
					{Name: v1alpha1.ArmBase, Successes: "0100"}, {Name: v1alpha1.ArmCandidate, Successes: "1011"}, {Name: v1alpha1.ArmServed, Successes: "1010"},
				},
			},
			{
				Name: v1alpha1.KindContextualImplementation,
				Arms: []v1alpha1.ArmRecord{
					{Name: v1alpha1.ArmBase, Successes: "00"}, {Name: v1alpha1.ArmCandidate, Successes: "10"}, {Name: v1alpha1.ArmServed, Successes: "00"},
					{Name: v1alpha1.ArmGold, Successes: "11"}, {Name: v1alpha1.ArmNoop, Successes: "00"},
				},
			},
		},
	}
	r := Report{
		Version: Version,
		Run: Run{
			Namespace: "team-a", Expert: "boltons", Name: "boltons-1f0c9ab2", Repository: "https://git.example/mahmoud/boltons.git",
			Commit: "8d2e3f41aa00bb11cc22dd33ee44ff5566778899", ServedCommit: "7c1d2e30aa00bb11cc22dd33ee44ff5566778899",
			BaseModel: "HuggingFaceTB/SmolLM2-135M-Instruct", BaseRevision: "12fd25f", Engine: v1alpha1.EngineTransformers, Device: v1alpha1.DeviceCPU,
		},
		Holdout: Holdout{Protocol: v1alpha1.HoldoutTasks, Percent: 20, Refused: map[string]int{"tests pass without the body": 3}, NotCompared: 6},
		Seen:    []Seen{{v1alpha1.ArmCandidate, 50, 8, 7, "8d2e3f41aa00bb11cc22dd33ee44ff5566778899"}, {v1alpha1.ArmServed, 48, 9, 6, ""}},
		Training: &Training{
			Method: v1alpha1.MethodLoRA, Steps: 200, Samples: 158, Tokens: 18211,
		},
		Record: record,
	}
	r.Kinds = []Kind{questionKind(record.Kinds[0]), episodeKind(record.Kinds[1])}
	return r
}

func questionKind(record v1alpha1.KindRecord) Kind {
	k := NewKind(record)
	k.Measures = "retention of trained facts"
	k.Sampling = Sampling{Name: v1alpha1.SamplingGreedy, Version: 1, MaxTokens: 32}
	for i := range k.Groups {
		k.Groups[i].Guess, k.Groups[i].Majority = pointer(12.5), pointer(41.7)
	}
	for i, seconds := range []float64{9.5, 3.3, 3.1} {
		e := Effort{Seconds: seconds, PromptTokens: 512, CompletionTokens: 44}
		k.Arms[i].Effort = e.PerSolved(k.Arms[i].Solved)
	}
	k.Compositions = []Arm{{Name: v1alpha1.ArmCandidate, Score: NewScore(2, 15)}}
	k.Tasks = []Task{{
		ID: "0b267f321d1fff1d/9", Group: "Bases", Text: "Which class does `OMD` derive from?", Gold: "dict",
		Results: []Result{
			{Arm: v1alpha1.ArmBase, Answer: "list", Tokens: 130}, {Arm: v1alpha1.ArmCandidate, Solved: true, Answer: "dict", Tokens: 24},
		},
	}}
	k.TasksLeftOut = 3
	return k
}

func episodeKind(record v1alpha1.KindRecord) Kind {
	k := NewKind(record)
	k.Measures = "held-out functions"
	k.Sampling = Sampling{Name: v1alpha1.SamplingPaper, Version: 1, MaxTokens: 4096, Agent: "mini-swe-1/paper", MaxTurns: 64}
	for i, a := range k.Arms {
		if !isControl(a.Name) {
			e := Effort{Seconds: 71.25, PromptTokens: 8191, CompletionTokens: 777, Episodes: &Episodes{
				Episodes: 2, MeanTurns: 10.5, RightFileEarly: pointer(1), Turns: 21, FormatErrors: 5, EmptySubmissions: 1, Endings: map[string]int{"Submitted": 1, "StepLimit": 1},
			}}
			k.Arms[i].Effort = e.PerSolved(a.Solved)
		}
	}
	k.Tasks = []Task{{
		ID: "mask-3f2a", Text: "chunked in boltons/iterutils.py",
		Results: []Result{
			{Arm: v1alpha1.ArmBase, Turns: 64, Ending: "StepLimit", Reason: "tests-failed", Tokens: 7000},
			{
				Arm: v1alpha1.ArmCandidate, Solved: true, Turns: 9, Ending: "Submitted", Reason: "resolved", Tokens: 2222,
				Excerpt: Excerpt([]Turn{{"system", "rules"}, {"assistant", "THOUGHT: look."}, {"user", "<returncode>0</returncode>"}, {"assistant", "a\n\tb"}, {"user", "done"}}),
			},
		},
	}}
	return k
}

// run is the status that belongs to the sample.
func run() *v1alpha1.ExpertRun {
	r := sample()
	return &v1alpha1.ExpertRun{
		ObjectMeta: metav1.ObjectMeta{Name: "boltons-1f0c9ab2"},
		Status: v1alpha1.ExpertRunStatus{
			Evaluation: &r.Record,
			Verdict: &v1alpha1.Verdict{
				Decision: v1alpha1.DecisionPromote, Reason: "CodebaseQA 75.0 % vs base 25.0 %", GateDigest: "sha256:" + strings.Repeat("ab", 32),
				DecidedTime: metav1.NewTime(time.Date(2026, 11, 25, 21, 0, 0, 0, time.FixedZone("", 3600))),
			},
			Stages: []v1alpha1.StageStatus{{Name: v1alpha1.StageTrain, Counts: []v1alpha1.Count{{Name: "steps", Value: 200}, {Name: "seconds", Value: 168}}}},
		},
	}
}
