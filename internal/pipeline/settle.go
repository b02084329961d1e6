package pipeline

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/repoexpert/operator/api/v1alpha1"
	"github.com/repoexpert/operator/internal/conditions"
	"github.com/repoexpert/operator/internal/contract"
)

const (
	// recordPatience is how long the log with an evaluation record is asked for
	// before it is given up for lost.
	recordPatience = 5 * time.Minute
	recordInterval = 15 * time.Second
)

// settle reads the end of an attempt's Job into the ledger, once.
func (p *planner) settle(s *v1alpha1.StageStatus, job Job) {
	o := classify(job, expect{
		run:     p.in.Run.Name,
		stage:   s.Name,
		attempt: lastNumber(s),
		shards:  max(1, p.in.Run.Spec.Recipe.Experience.Shards),
	})
	if job.Key != s.Key {
		o = outcome{class: v1alpha1.FailureCancelled, message: "its inputs changed while its Job was made"}
	}
	if o.class == v1alpha1.Succeeded && s.Name == v1alpha1.StageEvaluate {
		evaluation, problem := p.readRecord(o.result)
		if problem != "" && p.in.Record.Err != "" && p.in.Now.Sub(job.End.Time) < recordPatience {
			p.waiting(s, "reads the evaluation record from the worker's log")
			p.later(recordInterval)
			return
		}
		if problem != "" {
			o = outcome{class: v1alpha1.FailureUnknown, message: problem}
		} else {
			p.status.Evaluation = evaluation
		}
	}
	end(s, o, p.in.Now)
	p.status.Progress = ""
	if o.class != v1alpha1.Succeeded {
		p.retry(s, o)
		return
	}
	p.succeed(s, o)
	p.advance(s, o.result)
}

func (p *planner) succeed(s *v1alpha1.StageStatus, o outcome) {
	s.State = v1alpha1.StageSucceeded
	s.CompletionTime = &p.in.Now
	s.ManifestDigest = o.result.ManifestDigest
	s.Reused = o.result.Reused
	s.Counts = countsOf(o.result.Counts)
	s.Message = conditions.Bounded(o.result.Message, maxStageMessage)
	if s.Name == v1alpha1.StageFetch {
		s.BaseModelDigest = o.result.BaseModelDigest
	}
}

func countsOf(counts map[string]int64) []v1alpha1.Count {
	var list []v1alpha1.Count
	for _, name := range slices.Sorted(maps.Keys(counts)) {
		if name != "" && len(name) <= 63 && len(list) < maxCounts {
			list = append(list, v1alpha1.Count{Name: name, Value: counts[name]})
		}
	}
	return list
}

// advance records attempt 1 of what comes next, in the same write that ended
// the stage.
func (p *planner) advance(s *v1alpha1.StageStatus, result contract.StageResult) {
	if s.Name == v1alpha1.StageFetch {
		p.reuse(result.Sealed)
	}
	next := Active(p.status)
	if next == nil {
		p.judge()
		return
	}
	p.status.Stage = next.Name
	if !p.powered(next) {
		return
	}
	record(next, p.in.Now)
	if next.Name == v1alpha1.StageEvaluate {
		p.prepareEvaluation(next)
	}
	p.running(next)
}

// reuse ends the stages whose output is already there. The first stage without
// one breaks the chain: what comes after it must be checked against its new
// output. Evaluate always runs: a sealed one prints its record again.
func (p *planner) reuse(sealed map[v1alpha1.StageName]string) {
	for i := range p.status.Stages {
		s := &p.status.Stages[i]
		if done(s.State) {
			continue
		}
		digest := sealed[s.Name]
		if s.Name == v1alpha1.StageEvaluate || !contract.ValidDigest(digest) || len(s.Attempts) > 0 {
			return
		}
		s.State = v1alpha1.StageSucceeded
		s.StartTime, s.CompletionTime = &p.in.Now, &p.in.Now
		s.ManifestDigest = digest
		s.Reused = true
		s.Message = "found sealed, made from the same inputs"
	}
}

// retry records the next attempt, or ends the run when the class has none left.
func (p *planner) retry(s *v1alpha1.StageStatus, o outcome) {
	if !mayRetry(s, o.class) {
		p.fail(s, o)
		return
	}
	if p.brokenLook(s, o) {
		p.status.Looks = nil
	} else if producer := p.producer(s, o); producer != nil {
		p.reopen(producer, s, o.message)
		s = producer
	}
	p.status.Stage = s.Name
	record(s, p.in.Now)
	p.running(s)
}

// brokenLook says that the output of the look before failed its check: then the
// looks are made again from the first.
func (p *planner) brokenLook(s *v1alpha1.StageStatus, o outcome) bool {
	return s.Name == v1alpha1.StageEvaluate && o.class == v1alpha1.FailureIntegrity &&
		slices.ContainsFunc(p.status.Looks, func(l v1alpha1.LookStatus) bool { return strings.Contains(o.message, l.Key) })
}

// producer returns the stage that made the input which failed its check: the
// one whose key the worker's message holds, else the nearest one before it that
// ran. nil for another class and for Fetch.
func (p *planner) producer(s *v1alpha1.StageStatus, o outcome) *v1alpha1.StageStatus {
	if o.class != v1alpha1.FailureIntegrity {
		return nil
	}
	var nearest *v1alpha1.StageStatus
	baseModel := KeysFor(p.in.Run.Spec.Recipe, p.in.Run.Spec.Commit, Comparison{}).BaseModel
	for i := range p.status.Stages {
		earlier := &p.status.Stages[i]
		if earlier.Name == s.Name {
			break
		}
		if earlier.State != v1alpha1.StageSucceeded {
			continue
		}
		isBase := earlier.Name == v1alpha1.StageFetch && strings.Contains(o.message, baseModel)
		if isBase || strings.Contains(o.message, earlier.Key) {
			return earlier
		}
		nearest = earlier
	}
	return nearest
}

// reopen takes the outputs from the producer on out of the ledger: what was
// made from a broken output is checked again against the new one. Where the
// new one is the same, the stages between find their outputs sealed.
func (p *planner) reopen(producer, s *v1alpha1.StageStatus, why string) {
	inside := false
	for i := range p.status.Stages {
		between := &p.status.Stages[i]
		inside = inside || between.Name == producer.Name
		if inside && between.State == v1alpha1.StageSucceeded {
			between.State = v1alpha1.StagePending
			between.ManifestDigest, between.Reused = "", false
		}
	}
	s.State = v1alpha1.StagePending
	s.Message = conditions.Bounded(fmt.Sprintf("waits for %s to be made again: %s", producer.Name, why), maxStageMessage)
}
