package pipeline

import (
	"fmt"

	"github.com/repoexpert/operator/api/v1alpha1"
	"github.com/repoexpert/operator/internal/conditions"
	"github.com/repoexpert/operator/internal/gate"
)

// judge asks the gate once all stages are done.
func (p *planner) judge() {
	p.status.Stage = v1alpha1.StageEvaluate
	if p.in.Class == nil {
		p.reconciling(v1alpha1.ReasonWaiting, fmt.Sprintf(
			"the gate of ExpertClass %q is gone: restore the class, or set spec.className of RepoExpert %s to another one",
			p.in.Run.Spec.ClassName, p.in.Run.Spec.ExpertName))
		return
	}
	answer := p.ask()
	if p.extend(answer) {
		return
	}
	p.decideVerdict(answer)
	p.complete(p.in.Now)
}

func (p *planner) ask() gate.Answer { return p.gate.Decide(p.in.Class.Spec.Gate, p.question()) }

func (p *planner) decideVerdict(answer gate.Answer) {
	verdict := answer.Verdict
	verdict.DecidedTime = p.in.Now
	if answer.Continue {
		verdict.Reason += "; the run is over: ask for a new one"
	}
	verdict.Reason = conditions.Text(verdict.Reason)
	p.status.Verdict = &verdict
	reason := v1alpha1.ReasonRejected
	if verdict.Decision == v1alpha1.DecisionPromote {
		reason = v1alpha1.ReasonPromotable
	}
	p.summarize(conditions.Summary{Done: conditions.Line{Reason: reason, Message: verdict.Reason}})
}

// decideAgain asks an edited gate about the newest finished run, from its
// record and without a Job. The same gate is never asked twice: a model that
// was promoted must not be unmade because something else is served since.
func (p *planner) decideAgain() {
	if p.status.Evaluation == nil || p.status.Verdict == nil || p.in.Class == nil ||
		!p.in.Newest || p.in.Denied || p.in.Expert == ExpertGone {
		return
	}
	if answer := p.ask(); answer.Verdict.GateDigest != p.status.Verdict.GateDigest {
		p.decideVerdict(answer)
	}
}

// fail ends the run: a person must act.
func (p *planner) fail(s *v1alpha1.StageStatus, o outcome) {
	if CurrentAttempt(s) != nil {
		end(s, o, p.in.Now)
	}
	s.State = v1alpha1.StageFailed
	s.CompletionTime = &p.in.Now
	s.Message = conditions.Bounded(o.message, maxStageMessage)
	p.status.Stage = s.Name
	message := fmt.Sprintf("%s failed: %s", s.Name, o.message)
	if n := s.Failures + s.Disruptions; n > 1 {
		message = fmt.Sprintf("%s failed after %d attempts: %s", s.Name, n, o.message)
	}
	p.stalled(string(o.class), message)
	p.complete(p.in.Now)
}

// cancel ends the run for good.
func (p *planner) cancel(why string) {
	p.stop(why)
	for i := range p.status.Stages {
		if s := &p.status.Stages[i]; s.State == v1alpha1.StagePending {
			s.State = v1alpha1.StageCancelled
		}
	}
	p.stalled(v1alpha1.ReasonCancelled, "cancelled: "+why)
	p.complete(p.in.Now)
}

// suspend ends the attempt under way; the run goes on when the expert does.
func (p *planner) suspend() {
	p.stop("the RepoExpert is suspended")
	p.status.Progress = ""
	p.stalled(v1alpha1.ReasonSuspended, fmt.Sprintf(
		"suspended: set spec.suspend of RepoExpert %s to false to go on with the stage", p.in.Run.Spec.ExpertName))
}

func (p *planner) stop(why string) {
	s := Active(p.status)
	if s == nil {
		return
	}
	p.status.Stage = s.Name
	end(s, outcome{class: v1alpha1.FailureCancelled, message: why}, p.in.Now)
	s.State = v1alpha1.StageCancelled
	s.Message = why
	if s.CompletionTime == nil {
		s.CompletionTime = &p.in.Now
	}
}
