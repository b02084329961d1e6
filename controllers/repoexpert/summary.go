package repoexpert

import (
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/repoexpert/operator/api/v1alpha1"
	"github.com/repoexpert/operator/internal/conditions"
	"github.com/repoexpert/operator/internal/gate"
	"github.com/repoexpert/operator/internal/pipeline"
)

// summary derives the kstatus triple. While the endpoint answers, Ready stays
// true beside whatever is missing for something newer.
func (s *scope) summary() conditions.Summary {
	return conditions.Summary{
		Available:   s.status.Served != nil && s.readyPods() > 0,
		Done:        s.doneLine(),
		Stalled:     s.stalledLine(),
		Reconciling: s.reconcilingLine(),
	}
}

func (s *scope) doneLine() conditions.Line {
	served := s.status.Served
	if served == nil {
		return line(v1alpha1.ReasonNotServing, "no model has been promoted yet")
	}
	score := ""
	if served.Score != "" {
		score = ", score " + served.Score
	}
	if s.promotion.Override {
		return line(v1alpha1.ReasonReady, "serves run %s of commit %s%s by spec.serving.pinnedRunName, although the gate did not pass it%s",
			served.RunName, served.ShortCommit, score, s.because())
	}
	waits := ""
	if s.promotion.AwaitingWhy != "" {
		waits = "; " + s.awaitingLine().Message
	}
	return line(v1alpha1.ReasonReady, "serves run %s of commit %s%s%s", served.RunName, served.ShortCommit, score, waits)
}

// because is what the person who pinned a rejected model said, with the gate's
// word; empty once the run is gone.
func (s *scope) because() string {
	run := s.run(s.status.Served.RunName)
	if run == nil || run.Status.Verdict == nil || s.expert.Spec.Serving == nil {
		return ""
	}
	return ": " + conditions.Bounded(gate.Override(s.expert.Spec.Serving.PinReason, *run.Status.Verdict), maxQuoted)
}

// stalledLine is the first thing that a person must act on.
func (s *scope) stalledLine() *conditions.Line {
	switch {
	case s.classProblem != nil:
		return &conditions.Line{Reason: s.classProblem.Reason, Message: s.classProblem.Message}
	case s.obstacle != nil:
		return s.obstacle
	case s.sourceProblem != nil && s.sourceProblem.Terminal():
		return &conditions.Line{Reason: s.sourceProblem.Reason, Message: s.sourceProblem.Message}
	case s.promotion.Problem != "":
		return &conditions.Line{Reason: s.promotion.Problem, Message: s.promotion.ProblemMessage}
	}
	if l := s.activeStalled(); l != nil {
		return l
	}
	if s.active() != nil || s.started != "" || s.retrain.Waiting != "" {
		return nil
	}
	if l := s.runLine(); l != nil {
		return l
	}
	return s.idleLine()
}

// idleLine says why nothing is served although nothing is wrong or under way.
func (s *scope) idleLine() *conditions.Line {
	var l conditions.Line
	switch {
	case s.status.Served != nil:
		return nil
	case s.promotion.Awaiting != "":
		l = s.awaitingLine()
	case s.expert.Spec.Suspend:
		l = line(v1alpha1.ReasonSuspended, "spec.suspend is true and nothing has been promoted: set it to false to learn the repository")
	default:
		return nil
	}
	return &l
}

// activeStalled repeats what the run under way is stuck at; a suspended expert
// knows why its run is.
func (s *scope) activeStalled() *conditions.Line {
	run := s.active()
	if run == nil || s.expert.Spec.Suspend {
		return nil
	}
	c := meta.FindStatusCondition(run.Status.Conditions, v1alpha1.ConditionStalled)
	if c == nil || c.Status != metav1.ConditionTrue {
		return nil
	}
	l := line(c.Reason, "run %s: %s", run.Name, c.Message)
	return &l
}

// runLine says how the newest run ended, when that is worth saying: it is over,
// newer than what is served, and brought no model that may be served.
func (s *scope) runLine() *conditions.Line {
	if len(s.runs) == 0 || s.runs[0].Status.CompletionTime == nil {
		return nil
	}
	run := &s.runs[0]
	if served := s.status.Served; served != nil && served.RunName == run.Name {
		return nil
	}
	retry := "push a commit, or annotate this expert with " + v1alpha1.RequestedRunAnnotation + "=<any new value> to run again"
	var l conditions.Line
	switch verdict := run.Status.Verdict; {
	case verdict == nil:
		l = line(v1alpha1.ReasonRunFailed, "run %s of commit %s ended without a verdict: %s; then %s", run.Name, run.Spec.ShortCommit, endOf(run), retry)
	case verdict.Decision != v1alpha1.DecisionPromote:
		l = line(v1alpha1.ReasonRejected, "run %s of commit %s did not pass the gate: %s; %s", run.Name, run.Spec.ShortCommit, verdict.Reason, retry)
	default:
		return nil
	}
	return &l
}

// endOf is the run's own word on its end, which names the remedy.
func endOf(run *v1alpha1.ExpertRun) string {
	if c := meta.FindStatusCondition(run.Status.Conditions, v1alpha1.ConditionStalled); c != nil {
		return conditions.Bounded(c.Message, maxQuoted)
	}
	if s := pipeline.Stage(&run.Status, run.Status.Stage); s != nil && s.Message != "" {
		return conditions.Bounded(s.Message, maxQuoted)
	}
	return "see its status"
}

// maxQuoted leaves room for what surrounds a quoted message.
const maxQuoted = 640

// reconcilingLine is what is under way.
func (s *scope) reconcilingLine() *conditions.Line {
	var l conditions.Line
	switch {
	case s.rolling():
		l = line(v1alpha1.ReasonRolling, "the serving pods move to run %s of commit %s", s.status.Served.RunName, s.status.Served.ShortCommit)
	case (s.active() != nil && !s.expert.Spec.Suspend) || s.started != "":
		l = s.activeLine()
	case s.retrain.Waiting != "":
		l = line(v1alpha1.ReasonWaiting, "%s", s.retrain.Waiting)
	case s.sourceProblem != nil:
		l = conditions.Line{Reason: s.sourceProblem.Reason, Message: s.sourceProblem.Message}
	case s.status.Served == nil && !s.expert.Spec.Suspend:
		l = s.lookLine()
	default:
		return nil
	}
	return &l
}

// activeLine is about the run under way, with what it waits for.
func (s *scope) activeLine() conditions.Line {
	run := s.active()
	if run == nil {
		return line(v1alpha1.ReasonRunActive, "run %s is under way", s.started)
	}
	c := meta.FindStatusCondition(run.Status.Conditions, v1alpha1.ConditionReconciling)
	if c != nil && c.Status == metav1.ConditionTrue && c.Reason == v1alpha1.ReasonWaiting {
		return line(v1alpha1.ReasonRunActive, "run %s learns commit %s: %s", run.Name, run.Spec.ShortCommit, conditions.Bounded(c.Message, maxQuoted))
	}
	return line(v1alpha1.ReasonRunActive, "run %s learns commit %s", run.Name, run.Spec.ShortCommit)
}
