package repoexpert

import (
	"fmt"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/repoexpert/operator/api/v1alpha1"
	"github.com/repoexpert/operator/internal/conditions"
	"github.com/repoexpert/operator/internal/resources"
)

func line(reason, format string, args ...any) conditions.Line {
	return conditions.Line{Reason: reason, Message: fmt.Sprintf(format, args...)}
}

// sourceCondition says what is known of the reference. Before the first look,
// which every start of the manager repeats, what was known stays.
func (s *scope) sourceCondition(w conditions.Writer) {
	repository := s.expert.Spec.Repository
	switch {
	case s.sourceProblem != nil:
		w.Set(v1alpha1.ConditionSourceReady, metav1.ConditionFalse, line(s.sourceProblem.Reason, "%s", s.sourceProblem.Message))
	case repository.Ref.Commit != "":
		w.Set(v1alpha1.ConditionSourceReady, metav1.ConditionTrue, line(v1alpha1.ReasonSourceResolved,
			"repository.ref.commit %s never moves; whether it exists is seen when it is fetched", short(s.head)))
	case s.head != "":
		w.Set(v1alpha1.ConditionSourceReady, metav1.ConditionTrue, line(v1alpha1.ReasonSourceResolved,
			"%s of %s is at commit %s", refName(repository.Ref), repository.URL, short(s.head)))
	case !s.condition(v1alpha1.ConditionSourceReady):
		w.Set(v1alpha1.ConditionSourceReady, metav1.ConditionUnknown, s.lookLine())
	}
}

func (s *scope) lookLine() conditions.Line {
	return line(v1alpha1.ReasonWaiting, "waits for the first look at %s of %s", refName(s.expert.Spec.Repository.Ref), s.expert.Spec.Repository.URL)
}

func refName(ref v1alpha1.GitRef) string {
	if ref.Tag != "" {
		return "tag " + ref.Tag
	}
	return "branch " + ref.Branch
}

// readyPods is the number of serving pods that answer, of whatever model.
func (s *scope) readyPods() int32 {
	if s.deployment == nil {
		return 0
	}
	return s.deployment.Status.ReadyReplicas
}

// rolling says that the pods are not yet those of the served model.
func (s *scope) rolling() bool {
	if s.status.Served == nil {
		return false
	}
	if s.deployment == nil {
		return true
	}
	model, ok := resources.ServedBy(s.deployment)
	return !ok || model.RunName != s.status.Served.RunName || !rolled(s.deployment)
}

func (s *scope) servingLine() (metav1.ConditionStatus, conditions.Line) {
	switch {
	case s.status.Served == nil:
		return metav1.ConditionFalse, line(v1alpha1.ReasonNotServing, "no model has been promoted yet")
	case s.readyPods() == 0:
		return metav1.ConditionFalse, line(v1alpha1.ReasonRolling, "no serving pod is ready; Deployment %s has their state", s.expert.Name)
	case s.rolling():
		return metav1.ConditionTrue, line(v1alpha1.ReasonRolling, "the endpoint answers while its pods move to run %s", s.status.Served.RunName)
	default:
		return metav1.ConditionTrue, line(v1alpha1.ReasonReady, "the endpoint answers with run %s", s.status.Served.RunName)
	}
}

func (s *scope) upToDateLine() (metav1.ConditionStatus, conditions.Line) {
	served, latest := s.status.Served, s.status.Latest
	switch {
	case served == nil:
		return metav1.ConditionFalse, line(v1alpha1.ReasonNotServing, "no model has been promoted yet")
	case latest == nil:
		return metav1.ConditionUnknown, line(v1alpha1.ReasonWaiting, "the latest commit is not known")
	case served.Commit != latest.Commit:
		return metav1.ConditionFalse, s.behindLine()
	case s.rolling():
		return metav1.ConditionFalse, line(v1alpha1.ReasonRolling, "the pods move to commit %s", served.ShortCommit)
	default:
		return metav1.ConditionTrue, line(v1alpha1.ReasonReady, "the served commit %s is the latest", served.ShortCommit)
	}
}

// behindLine says why the latest commit is not served.
func (s *scope) behindLine() conditions.Line {
	if l := s.runLine(); l != nil {
		return *l
	}
	switch {
	case s.promotion.Awaiting != "":
		return s.awaitingLine()
	case s.active() != nil || s.started != "":
		return s.activeLine()
	case s.expert.Spec.Suspend:
		return line(v1alpha1.ReasonSuspended, "commit %s is not learned: spec.suspend is true", s.status.Latest.ShortCommit)
	default:
		return line(v1alpha1.ReasonBehind, "commit %s is served, %s is the latest", s.status.Served.ShortCommit, s.status.Latest.ShortCommit)
	}
}

// awaitingLine says what a person has to do for a model that passed the gate.
func (s *scope) awaitingLine() conditions.Line {
	if s.promotion.AwaitingWhy != "" {
		return line(v1alpha1.ReasonAwaitingPromotion,
			"run %[1]s passed the gate, but %[2]s: read its verdict, then set spec.serving.pinnedRunName to %[1]s to accept it as the new anchor",
			s.promotion.Awaiting, s.promotion.AwaitingWhy)
	}
	return line(v1alpha1.ReasonAwaitingPromotion,
		"run %[1]s passed the gate and spec.promotion is Manual: set spec.serving.pinnedRunName to %[1]s to serve it", s.promotion.Awaiting)
}

// poweredCondition repeats what the newest run that knows says of its hold-out.
func (s *scope) poweredCondition(w conditions.Writer) {
	for i := range s.runs {
		c := meta.FindStatusCondition(s.runs[i].Status.Conditions, v1alpha1.ConditionGatePowered)
		if c != nil {
			w.Set(v1alpha1.ConditionGatePowered, c.Status, conditions.Line{Reason: c.Reason, Message: c.Message})
			return
		}
	}
	w.Remove(v1alpha1.ConditionGatePowered)
}

func (s *scope) isolationLine() (metav1.ConditionStatus, conditions.Line) {
	if s.spec.NetworkIsolation == v1alpha1.NetworkIsolationNotEnforced {
		return metav1.ConditionFalse, line(v1alpha1.ReasonIsolationNotEnforced,
			"ExpertClass %s says networkIsolation: NotEnforced: repository code may reach the network", s.className)
	}
	return metav1.ConditionTrue, line(v1alpha1.ReasonIsolationEnforced, "repository code runs only where the network is cut off")
}
