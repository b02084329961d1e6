package pipeline

import (
	"time"

	"github.com/repoexpert/operator/api/v1alpha1"
)

// InfrastructureLimit is how long an attempt may wait for its pods to start
// before the stage fails with the reason.
const InfrastructureLimit = 30 * time.Minute

// maxFailures is the number of counted failures, of whatever classes, that a
// stage survives. It keeps every counted attempt within the ledger's five.
const maxFailures = 4

// budget says what follows the end of an attempt.
type budget struct {
	// retries of the class within one stage.
	retries int32
	// waits before the first, second, ... retry; the last one repeats.
	waits []time.Duration
}

var budgets = map[v1alpha1.FailureClass]budget{
	// A person must act.
	v1alpha1.FailureConfiguration:  {},
	v1alpha1.FailureData:           {},
	v1alpha1.FailureRepositoryCode: {},
	// The git host may let us in again, slowly.
	v1alpha1.FailureSource: {retries: 3, waits: []time.Duration{time.Minute, 5 * time.Minute, 15 * time.Minute}},
	// A service or registry is overloaded.
	v1alpha1.FailureExternal: {retries: 4, waits: []time.Duration{30 * time.Second, 2 * time.Minute, 5 * time.Minute, 10 * time.Minute}},
	// From the stage that made the broken input; see retry.
	v1alpha1.FailureIntegrity: {retries: 1},
	// From the checkpoint.
	v1alpha1.FailureDeadline: {retries: 2},
	// With a smaller batch; see SpecFor.
	v1alpha1.FailureOutOfMemory: {retries: 1},
	v1alpha1.FailureDisrupted:   {retries: 20, waits: []time.Duration{5 * time.Second, 30 * time.Second, 2 * time.Minute}},
	// Its limit was waited for within the attempt.
	v1alpha1.FailureInfrastructure: {},
	v1alpha1.FailureUnknown:        {retries: 1, waits: []time.Duration{15 * time.Second}},
}

// counted says whether a class counts against maxFailures. Disruptions have
// their own counter, and what was cancelled on purpose counts nowhere.
func counted(class v1alpha1.FailureClass) bool {
	switch class {
	case v1alpha1.Succeeded, v1alpha1.FailureDisrupted, v1alpha1.FailureCancelled, "":
		return false
	default:
		return true
	}
}

// mayRetry says whether a stage whose attempt just ended in a class has another
// one.
func mayRetry(s *v1alpha1.StageStatus, class v1alpha1.FailureClass) bool {
	if class == v1alpha1.FailureCancelled {
		return true
	}
	return failuresOf(s, class) <= budgets[class].retries && s.Failures <= maxFailures
}

// notBefore returns when the attempt under way may start: later than the end of
// the one before it by that end's wait.
func notBefore(s *v1alpha1.StageStatus) time.Time {
	if len(s.Attempts) < 2 {
		return time.Time{}
	}
	last := s.Attempts[len(s.Attempts)-2]
	waits := budgets[last.Outcome].waits
	if len(waits) == 0 || last.CompletionTime == nil {
		return time.Time{}
	}
	n := int(failuresOf(s, last.Outcome))
	return last.CompletionTime.Add(waits[min(max(n, 1), len(waits))-1])
}
