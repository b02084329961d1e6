package pipeline

import (
	"fmt"
	"maps"
	"slices"
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

// readRecord parses the evaluation record and refuses one that is not the
// result's own.
func (p *planner) readRecord(result contract.StageResult) (*v1alpha1.EvaluationRecord, string) {
	record, err := parseRecord(p.in.Record.Line, result.RecordDigest)
	if err != nil {
		return nil, "the evaluation record in the worker's log is lost, or not the one that the result names"
	}
	if model := Stage(p.status, v1alpha1.StageTrain); record.CandidateDigest != model.ManifestDigest {
		return nil, "the evaluation record is about another model than this run's"
	}
	record.RecordDigest = result.RecordDigest
	return &record, ""
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
	record(next, p.in.Now)
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
		if s.Name == v1alpha1.StageEvaluate || !validDigest(digest) || len(s.Attempts) > 0 {
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
	if o.class == v1alpha1.FailureIntegrity {
		if producer := p.producer(s); producer != nil {
			s.State = v1alpha1.StagePending
			s.Message = fmt.Sprintf("waits for %s to be made again: %s", producer.Name, o.message)
			producer.ManifestDigest, producer.Reused = "", false
			s = producer
		}
	}
	p.status.Stage = s.Name
	record(s, p.in.Now)
	p.running(s)
}

// producer returns the stage whose output a stage reads first: the nearest one
// before it that ran. nil for Fetch.
func (p *planner) producer(s *v1alpha1.StageStatus) *v1alpha1.StageStatus {
	var found *v1alpha1.StageStatus
	for i := range p.status.Stages {
		if p.status.Stages[i].Name == s.Name {
			break
		}
		if p.status.Stages[i].State == v1alpha1.StageSucceeded {
			found = &p.status.Stages[i]
		}
	}
	return found
}
