package repoexpert

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"

	"github.com/repoexpert/operator/api/v1alpha1"
	"github.com/repoexpert/operator/internal/conditions"
	"github.com/repoexpert/operator/internal/promotion"
)

// maxNote is the longest note that the events API takes.
const maxNote = 1024

// notice is what is told about a change of status.
type notice struct {
	eventType, reason, action, note string
}

// notices returns the events of a change of status: a run that was started,
// another model, something that a person must act on.
func notices(s *scope) []notice {
	var list []notice
	before := s.expert.Status
	if run := s.status.ActiveRun; run != nil && (before.ActiveRun == nil || before.ActiveRun.Name != run.Name) {
		list = append(list, notice{corev1.EventTypeNormal, "RunStarted", "Learn",
			fmt.Sprintf("run %s learns commit %s", run.Name, short(run.Commit))})
	}
	if s.promotion.Change != promotion.ChangeNone {
		list = append(list, servedNotice(s))
	}
	was := meta.FindStatusCondition(before.Conditions, v1alpha1.ConditionStalled)
	is := meta.FindStatusCondition(s.status.Conditions, v1alpha1.ConditionStalled)
	if is != nil && (was == nil || was.Reason != is.Reason || was.Message != is.Message) {
		list = append(list, notice{corev1.EventTypeWarning, is.Reason, "Reconcile", conditions.Bounded(is.Message, maxNote)})
	}
	return list
}

func servedNotice(s *scope) notice {
	served := s.status.Served
	eventType := corev1.EventTypeNormal
	if s.promotion.Change == promotion.ChangeRolledBack {
		eventType = corev1.EventTypeWarning
	}
	text := fmt.Sprintf("serves run %s of commit %s", served.RunName, served.ShortCommit)
	if s.promotion.Override {
		text += s.because()
	}
	return notice{eventType, string(s.promotion.Change), "Serve", conditions.Bounded(text, maxNote)}
}
