package pipeline

import (
	"fmt"
	"time"

	"github.com/repoexpert/operator/api/v1alpha1"
	"github.com/repoexpert/operator/internal/conditions"
)

// secretInterval between two looks at a Secret that cannot be used: nobody tells
// of its change.
const secretInterval = 30 * time.Second

// Teacher is what stands before a run's teacher, as it was observed.
type Teacher struct {
	// Deployment is the name of the proxy's, for messages.
	Deployment string
	// Secret says why the teacher's Secret cannot be used; empty when it can, or
	// when nobody needs it now.
	Secret string
	// Conflict says which object of a name that is needed belongs to someone else.
	Conflict string
	// Refusal is what the API server said to the objects; nil when it said
	// nothing.
	Refusal *Refusal
	// Exists says that some of the objects are there.
	Exists bool
	// Ready says that the proxy answers at a known address.
	Ready bool
	// Since is when the proxy was made; zero before.
	Since time.Time
}

// taught says whether Experience may start as far as the run's teacher goes. It
// plans what is missing, or says what it waits for.
func (p *planner) taught(s *v1alpha1.StageStatus) bool {
	if s.Name != v1alpha1.StageExperience || p.in.Run.Spec.Recipe.Teacher == nil {
		return true
	}
	t := p.in.Teacher
	apply := Action{Kind: ActionApplyTeacher, AttemptID: AttemptID{s.Name, CurrentAttempt(s).Number}}
	switch {
	case t.Secret != "":
		p.hold(s, v1alpha1.ReasonSecretNotUsable, t.Secret, secretInterval)
	case t.Conflict != "":
		p.hold(s, v1alpha1.ReasonNameConflict, t.Conflict, conflictInterval)
		p.action = apply
	case t.Refusal != nil && t.Refusal.Final:
		p.fail(s, outcome{class: v1alpha1.FailureConfiguration,
			message: "the API server refuses the teacher's proxy: correct the ExpertClass's pods.worker, then ask for a new run: " + t.Refusal.Message})
	case t.Refusal != nil:
		p.waiting(s, "the API server refuses the teacher's proxy for now: "+t.Refusal.Message)
		p.action = apply
	case t.Ready:
		return true
	default:
		p.awaitTeacher(s, apply)
	}
	return false
}

// hold stalls the run without ending it: once a person has acted, it goes on.
func (p *planner) hold(s *v1alpha1.StageStatus, reason, message string, interval time.Duration) {
	s.Message = conditions.Bounded(message, maxStageMessage)
	p.stalled(reason, s.Message)
	p.later(interval)
}

// awaitTeacher gives the proxy time to start. Its clock starts anew with each
// attempt.
func (p *planner) awaitTeacher(s *v1alpha1.StageStatus, apply Action) {
	since := p.in.Teacher.Since
	if started := CurrentAttempt(s).StartTime.Time; since.Before(started) {
		since = started
	}
	var waited time.Duration
	if !p.in.Teacher.Since.IsZero() {
		waited = p.in.Now.Sub(since)
	}
	switch {
	case waited >= InfrastructureLimit:
		p.fail(s, outcome{class: v1alpha1.FailureInfrastructure,
			message: fmt.Sprintf("the teacher's proxy did not start for %s: see the pods of Deployment %s, then ask for a new run", InfrastructureLimit, p.in.Teacher.Deployment)})
		return
	case waited < startGrace:
		p.running(s)
		p.later(startGrace - waited)
	default:
		p.waiting(s, "the teacher's proxy does not start: see the pods of Deployment "+p.in.Teacher.Deployment)
		p.later(InfrastructureLimit - waited)
	}
	p.action = apply
}

// teaches says whether an attempt of Experience is under way.
func (p *planner) teaches() bool {
	return p.status.CompletionTime == nil && CurrentAttempt(Stage(p.status, v1alpha1.StageExperience)) != nil
}
