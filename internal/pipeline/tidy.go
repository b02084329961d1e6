package pipeline

import (
	"time"

	"github.com/repoexpert/operator/api/v1alpha1"
)

// How long a Job and its log stay after its result is in status.
const (
	succeededTTL = time.Hour
	failedTTL    = 24 * time.Hour
)

// tidy returns what to do with Jobs of attempts that the ledger has ended: one
// that still runs is deleted, one that has ended is released. An attempt that
// the ledger does not know yet is left alone. What stands before the teacher goes
// once no attempt of Experience is under way.
func (p *planner) tidy() Action {
	var release Action
	for _, id := range p.attempts() {
		job := p.in.Jobs[id]
		s := Stage(p.status, id.Stage)
		if job.Foreign || job.Deleting || s == nil || !p.over(s, id.Number) {
			continue
		}
		if job.End == nil {
			return Action{Kind: ActionDelete, AttemptID: id}
		}
		if !job.TTL && release.Kind == ActionNone {
			release = Action{Kind: ActionRelease, AttemptID: id, TTL: ttl(s, id.Number)}
		}
	}
	if p.in.Teacher.Exists && !p.teaches() {
		return Action{Kind: ActionRemoveTeacher}
	}
	return release
}

func (p *planner) over(s *v1alpha1.StageStatus, number int32) bool {
	if attempt := CurrentAttempt(s); attempt != nil {
		return number < attempt.Number
	}
	return number <= lastNumber(s)
}

func ttl(s *v1alpha1.StageStatus, number int32) time.Duration {
	for _, a := range s.Attempts {
		if a.Number == number && a.Outcome == v1alpha1.Succeeded {
			return succeededTTL
		}
	}
	return failedTTL
}
