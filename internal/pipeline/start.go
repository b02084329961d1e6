package pipeline

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/repoexpert/operator/api/v1alpha1"
	"github.com/repoexpert/operator/internal/conditions"
)

const maxStageMessage = conditions.MaxText

// conflictInterval between two looks at a Job that belongs to someone else.
const conflictInterval = 5 * time.Minute

// start plans the Job of a recorded attempt, or says what it waits for.
func (p *planner) start(s *v1alpha1.StageStatus) {
	if s.Name == v1alpha1.StageEvaluate {
		p.prepareEvaluation(s)
	}
	if !p.powered(s) {
		return
	}
	if problem := missing(p.in.Run.Spec.Recipe, s.Name); problem != "" {
		p.fail(s, outcome{class: v1alpha1.FailureConfiguration, message: problem})
		return
	}
	if id, ok := p.alive(); ok {
		p.waitForEnd(s, id)
		return
	}
	if why := p.blocked(s); why != "" {
		p.waiting(s, why)
		return
	}
	if !p.taught(s) {
		return
	}
	if no := p.in.Refusal; no != nil && no.Final {
		p.fail(s, outcome{class: v1alpha1.FailureConfiguration,
			message: "the API server refuses its Job: correct the ExpertClass's pods, then ask for a new run: " + no.Message})
		return
	}
	if no := p.in.Refusal; no != nil {
		p.waiting(s, "the API server refuses its Job for now: "+no.Message)
	} else {
		p.running(s)
	}
	p.action = Action{Kind: ActionCreate, AttemptID: AttemptID{s.Name, CurrentAttempt(s).Number}}
}

// missing returns what the recipe lacks for a stage, with the remedy.
func missing(recipe v1alpha1.Recipe, stage v1alpha1.StageName) string {
	switch {
	case recipe.Images.Trainer == "" && (stage == v1alpha1.StageCurate || stage == v1alpha1.StageTrain):
		return "images.trainer of the ExpertClass is empty: name an image with the trainer, then ask for a new run"
	case recipe.Images.Engine == "" && stage == v1alpha1.StageEvaluate:
		return "images.engine of the ExpertClass is empty: name an image with the engine, then ask for a new run"
	default:
		return ""
	}
}

// blocked says why an attempt's Job may not be made yet; empty when it may.
func (p *planner) blocked(s *v1alpha1.StageStatus) string {
	if p.in.Predecessor != "" {
		return fmt.Sprintf("waits for run %s of the same expert to end", p.in.Predecessor)
	}
	if p.in.Class == nil {
		return fmt.Sprintf("ExpertClass %q is gone: restore it, or set spec.className of RepoExpert %s to another one",
			p.in.Run.Spec.ClassName, p.in.Run.Spec.ExpertName)
	}
	if wait := notBefore(s).Sub(p.in.Now.Time); wait > 0 {
		p.later(wait)
		last := s.Attempts[len(s.Attempts)-2]
		return fmt.Sprintf("attempt %d ended with %s and is repeated after a while: %s", last.Number, last.Outcome, last.Message)
	}
	return ""
}

// waitForEnd keeps an attempt back while pods of an earlier one may still write.
// Normally that takes a moment, which is not worth a write.
func (p *planner) waitForEnd(s *v1alpha1.StageStatus, id AttemptID) {
	age := p.in.Now.Sub(CurrentAttempt(s).StartTime.Time)
	if age < waitingGrace {
		p.running(s)
		p.later(waitingGrace - age)
		return
	}
	p.waiting(s, fmt.Sprintf("waits until the pods of %s, attempt %d, have surely ended", id.Stage, id.Number))
}

// alive returns an attempt that still has a Job or a pod that is not over. The
// attempt to be started may be it too: when someone deleted its Job, its pods
// must be gone before the Job is made again.
func (p *planner) alive() (AttemptID, bool) {
	for _, id := range p.attempts() {
		job := p.in.Jobs[id]
		if job.Foreign {
			continue
		}
		if job.End == nil || slices.ContainsFunc(job.Pods, func(pod Pod) bool { return !pod.Over }) {
			return id, true
		}
	}
	for _, id := range sorted(p.in.Alive) {
		return id, true
	}
	return AttemptID{}, false
}

// attempts returns the attempts with a Job in the order of the pipeline.
func (p *planner) attempts() []AttemptID {
	ids := make([]AttemptID, 0, len(p.in.Jobs))
	for id := range p.in.Jobs {
		ids = append(ids, id)
	}
	return sorted(ids)
}

func sorted(ids []AttemptID) []AttemptID {
	ids = slices.Clone(ids)
	slices.SortFunc(ids, func(a, b AttemptID) int {
		return cmp.Or(
			cmp.Compare(slices.Index(v1alpha1.Stages, a.Stage), slices.Index(v1alpha1.Stages, b.Stage)),
			cmp.Compare(a.Number, b.Number))
	})
	return ids
}

func (p *planner) running(s *v1alpha1.StageStatus) {
	s.Message = p.undecided(s)
	message := fmt.Sprintf("%s is under way, attempt %d", s.Name, lastNumber(s))
	if s.Message != "" {
		message += "; " + s.Message
	}
	p.reconciling(v1alpha1.ReasonStageRunning, message)
}

func (p *planner) waiting(s *v1alpha1.StageStatus, why string) {
	s.Message = conditions.Bounded(why, maxStageMessage)
	p.reconciling(v1alpha1.ReasonWaiting, fmt.Sprintf("%s, attempt %d: %s", s.Name, lastNumber(s), why))
}

// conflict stalls the run without ending it: once the other object is gone, it
// goes on.
func (p *planner) conflict(s *v1alpha1.StageStatus, attempt int32) {
	name := JobName(p.in.Run.Name, s.Name, attempt)
	s.Message = fmt.Sprintf("Job %s exists and does not belong to this run: delete or rename it", name)
	p.stalled(v1alpha1.ReasonNameConflict, s.Message)
	p.later(conflictInterval)
}
