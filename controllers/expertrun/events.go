package expertrun

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/repoexpert/operator/api/v1alpha1"
	"github.com/repoexpert/operator/internal/conditions"
	"github.com/repoexpert/operator/internal/pipeline"
)

// maxNote is the longest note that the events API takes.
const maxNote = 1024

// notice is what is told about a change of status.
type notice struct {
	eventType, reason, action, note string
}

// changes returns the events of a change of status: a stage's end, a failed
// attempt, a verdict.
func changes(before, after v1alpha1.ExpertRunStatus) []notice {
	var list []notice
	for _, s := range after.Stages {
		old := pipeline.Stage(&before, s.Name)
		if old == nil {
			old = &v1alpha1.StageStatus{State: s.State}
		}
		list = append(list, ofStage(*old, s)...)
	}
	was := meta.FindStatusCondition(before.Conditions, v1alpha1.ConditionGatePowered)
	is := meta.FindStatusCondition(after.Conditions, v1alpha1.ConditionGatePowered)
	if was == nil && is != nil && is.Status == metav1.ConditionFalse {
		list = append(list, notice{corev1.EventTypeWarning, is.Reason, "Decide", conditions.Bounded(is.Message, maxNote)})
	}
	if n := len(after.Looks); n > len(before.Looks) {
		list = append(list, notice{corev1.EventTypeNormal, "LookUndecided", "Decide", conditions.Bounded(after.Looks[n-1].Reason, maxNote)})
	}
	if v := after.Verdict; v != nil && (before.Verdict == nil || before.Verdict.Digest != v.Digest) {
		list = append(list, notice{corev1.EventTypeNormal, "Verdict" + string(v.Decision), "Decide", conditions.Bounded(v.Reason, maxNote)})
	}
	return list
}

func ofStage(old, s v1alpha1.StageStatus) []notice {
	ended := old.State != s.State
	switch {
	case ended && s.State == v1alpha1.StageSucceeded:
		return []notice{{corev1.EventTypeNormal, "StageSucceeded", string(s.Name), note(s.Name, "succeeded", s.Message)}}
	case ended && s.State == v1alpha1.StageFailed:
		return []notice{{corev1.EventTypeWarning, "StageFailed", string(s.Name), note(s.Name, "failed", s.Message)}}
	case ended && s.State == v1alpha1.StageCancelled:
		return []notice{{corev1.EventTypeNormal, "StageCancelled", string(s.Name), note(s.Name, "cancelled", s.Message)}}
	case s.Failures > old.Failures, s.Disruptions > old.Disruptions:
		return []notice{{corev1.EventTypeWarning, "AttemptFailed", string(s.Name), note(s.Name, "is tried again", lastEnd(s))}}
	default:
		return nil
	}
}

// lastEnd says how the newest attempt that has ended did so.
func lastEnd(s v1alpha1.StageStatus) string {
	for i := len(s.Attempts) - 1; i >= 0; i-- {
		if a := s.Attempts[i]; a.Outcome != "" {
			return fmt.Sprintf("attempt %d ended with %s: %s", a.Number, a.Outcome, a.Message)
		}
	}
	return ""
}

func note(stage v1alpha1.StageName, what, why string) string {
	text := fmt.Sprintf("%s %s", stage, what)
	if why != "" {
		text += ": " + why
	}
	return conditions.Bounded(text, maxNote)
}
