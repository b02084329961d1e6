package pipeline

import (
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/repoexpert/operator/api/v1alpha1"
	"github.com/repoexpert/operator/internal/conditions"
)

const (
	maxAttempts       = 5
	maxAttemptMessage = 512
	maxCounts         = 32
)

// CurrentAttempt returns the attempt of a stage that has been recorded and has
// not ended; nil when there is none.
func CurrentAttempt(s *v1alpha1.StageStatus) *v1alpha1.Attempt {
	if s == nil || s.State != v1alpha1.StageRunning || len(s.Attempts) == 0 {
		return nil
	}
	last := &s.Attempts[len(s.Attempts)-1]
	if last.Outcome != "" {
		return nil
	}
	return last
}

// Stage returns a stage of the ledger, nil before the first plan.
func Stage(status *v1alpha1.ExpertRunStatus, name v1alpha1.StageName) *v1alpha1.StageStatus {
	i := slices.IndexFunc(status.Stages, func(s v1alpha1.StageStatus) bool { return s.Name == name })
	if i < 0 {
		return nil
	}
	return &status.Stages[i]
}

// Active returns the first stage that is neither done nor skipped, nil when
// there is none.
func Active(status *v1alpha1.ExpertRunStatus) *v1alpha1.StageStatus {
	for i := range status.Stages {
		if !done(status.Stages[i].State) {
			return &status.Stages[i]
		}
	}
	return nil
}

func done(state v1alpha1.StageState) bool {
	return state == v1alpha1.StageSucceeded || state == v1alpha1.StageSkipped
}

func lastNumber(s *v1alpha1.StageStatus) int32 {
	if len(s.Attempts) == 0 {
		return 0
	}
	return s.Attempts[len(s.Attempts)-1].Number
}

// record adds the next attempt to a stage.
func record(s *v1alpha1.StageStatus, now metav1.Time) {
	s.State = v1alpha1.StageRunning
	if s.StartTime == nil {
		s.StartTime = &now
	}
	s.CompletionTime = nil
	s.Message = ""
	s.Attempts = append(s.Attempts, v1alpha1.Attempt{Number: lastNumber(s) + 1, StartTime: now})
	if len(s.Attempts) > maxAttempts {
		i := oldestFree(s.Attempts)
		s.Attempts = slices.Delete(s.Attempts, i, i+1)
	}
}

// oldestFree is the attempt to forget: the oldest one that no budget counts by
// class, so that disruptions never push a counted failure out of the ledger.
func oldestFree(attempts []v1alpha1.Attempt) int {
	i := slices.IndexFunc(attempts, func(a v1alpha1.Attempt) bool { return a.Outcome != "" && !counted(a.Outcome) })
	return max(i, 0)
}

// end closes the attempt under way.
func end(s *v1alpha1.StageStatus, o outcome, now metav1.Time) {
	if a := CurrentAttempt(s); a != nil {
		a.Outcome = o.class
		a.CompletionTime = &now
		a.Message = conditions.Bounded(o.message, maxAttemptMessage)
	}
	switch {
	case o.class == v1alpha1.FailureDisrupted:
		s.Disruptions++
	case counted(o.class):
		s.Failures++
	}
}

// failuresOf counts the attempts of a stage that ended in a class.
func failuresOf(s *v1alpha1.StageStatus, class v1alpha1.FailureClass) int32 {
	if class == v1alpha1.FailureDisrupted {
		return s.Disruptions
	}
	var n int32
	for _, a := range s.Attempts {
		if a.Outcome == class {
			n++
		}
	}
	return n
}
