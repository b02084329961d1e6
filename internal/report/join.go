package report

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/repoexpert/operator/api/v1alpha1"
)

// trainSeconds is the count of the stage Train that holds its seconds.
const trainSeconds = "seconds"

// Join adds what a run's status knows and the evaluation could not: the verdict,
// the seconds of training, and with them where training has paid for itself. It
// refuses a run that holds the record of another evaluation; a run without a
// verdict adds none.
func Join(r Report, run *v1alpha1.ExpertRun) (Report, error) {
	record := run.Status.Evaluation
	switch {
	case record == nil:
		return r, errors.New("the run has no evaluation yet")
	case !sameEvaluation(*record, r.Record):
		return r, fmt.Errorf("run %s holds the record of another evaluation than this report's", run.Name)
	}
	if v := run.Status.Verdict; v != nil {
		r.Decision = &Decision{
			Run: run.Name, Decision: v.Decision, Reason: v.Reason,
			Time: v.DecidedTime.UTC().Format(time.RFC3339), GateDigest: v.GateDigest,
		}
	}
	if seconds, ok := secondsOf(run); ok && r.Training != nil {
		training := *r.Training
		training.Seconds, training.BreakEven = &seconds, breakEven(r.Kinds, float64(seconds))
		r.Training = &training
	}
	return r, nil
}

func sameEvaluation(a, b v1alpha1.EvaluationRecord) bool {
	return a.Fingerprint == b.Fingerprint && a.Look == b.Look &&
		a.CandidateDigest == b.CandidateDigest && a.ServedDigest == b.ServedDigest && a.AnchorDigest == b.AnchorDigest
}

// secondsOf finds how long the candidate trained. A run that reused a model does
// not know.
func secondsOf(run *v1alpha1.ExpertRun) (int64, bool) {
	for _, stage := range run.Status.Stages {
		if stage.Name != v1alpha1.StageTrain || stage.Reused {
			continue
		}
		for _, count := range stage.Counts {
			if count.Name == trainSeconds {
				return count.Value, true
			}
		}
	}
	return 0, false
}

// breakEven is known where both models solved something and the candidate took
// less time for it.
func breakEven(kinds []Kind, seconds float64) []BreakEven {
	var known []BreakEven
	for _, k := range kinds {
		base, candidate := k.perSolved(v1alpha1.ArmBase), k.perSolved(v1alpha1.ArmCandidate)
		if base != nil && candidate != nil && *candidate < *base {
			known = append(known, BreakEven{Kind: k.Name, Solved: seconds / (*base - *candidate)})
		}
	}
	return known
}

// perSolved is the seconds that a solved task took an arm, nil where not known.
func (k Kind) perSolved(name v1alpha1.ArmName) *float64 {
	i := slices.IndexFunc(k.Arms, func(a Arm) bool { return a.Name == name })
	if i < 0 || k.Arms[i].Effort == nil {
		return nil
	}
	return k.Arms[i].Effort.SecondsPerSolved
}
