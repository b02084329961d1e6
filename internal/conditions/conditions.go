package conditions

import (
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/repoexpert/operator/api/v1alpha1"
)

// Line is what a condition says.
type Line struct {
	// Reason is one of the documented words of api/v1alpha1.
	Reason string
	// Message is a sentence that is the same for the same state.
	Message string
}

// Summary is how an object stands as a whole.
type Summary struct {
	// Done is what Ready says when nothing is missing.
	Done Line
	// Reconciling is set while work is under way, and says which.
	Reconciling *Line
	// Stalled is set when a person must act, and says how. It outranks
	// Reconciling.
	Stalled *Line
	// Available keeps Ready true beside Reconciling or Stalled: what was promised
	// works, only something newer is missing. Done is then what works.
	Available bool
}

// Writer sets conditions of one object for one generation at one time.
type Writer struct {
	// Conditions is the list in the object's status.
	Conditions *[]metav1.Condition
	// Generation that was really handled.
	Generation int64
	// Now is the time of a transition.
	Now metav1.Time
}

// Set writes one condition. Time moves only when the status changes.
func (w Writer) Set(conditionType string, status metav1.ConditionStatus, line Line) {
	meta.SetStatusCondition(w.Conditions, metav1.Condition{
		Type:               conditionType,
		Status:             status,
		Reason:             line.Reason,
		Message:            Text(line.Message),
		ObservedGeneration: w.Generation,
		LastTransitionTime: w.Now,
	})
}

// Remove deletes a condition that does not apply.
func (w Writer) Remove(conditionType string) {
	meta.RemoveStatusCondition(w.Conditions, conditionType)
}

// Summarize writes Ready, Reconciling and Stalled.
func (w Writer) Summarize(s Summary) {
	if s.Stalled != nil {
		s.Reconciling = nil
	}
	w.present(v1alpha1.ConditionStalled, s.Stalled)
	w.present(v1alpha1.ConditionReconciling, s.Reconciling)
	status, line := derive(s)
	w.Set(v1alpha1.ConditionReady, status, line)
}

func derive(s Summary) (metav1.ConditionStatus, Line) {
	switch {
	case s.Available, s.Stalled == nil && s.Reconciling == nil:
		return metav1.ConditionTrue, s.Done
	case s.Stalled != nil:
		return metav1.ConditionFalse, *s.Stalled
	default:
		return metav1.ConditionFalse, *s.Reconciling
	}
}

func (w Writer) present(conditionType string, line *Line) {
	if line == nil {
		w.Remove(conditionType)
		return
	}
	w.Set(conditionType, metav1.ConditionTrue, *line)
}

// Is says whether a condition is there with status True for the generation.
// An older generation's condition is no answer.
func Is(list []metav1.Condition, conditionType string, generation int64) bool {
	c := meta.FindStatusCondition(list, conditionType)
	return c != nil && c.Status == metav1.ConditionTrue && c.ObservedGeneration == generation
}
