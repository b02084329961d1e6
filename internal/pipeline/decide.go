package pipeline

import (
	"time"

	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/repoexpert/operator/api/v1alpha1"
	"github.com/repoexpert/operator/internal/conditions"
	"github.com/repoexpert/operator/internal/gate"
)

// Gate decides from evaluation records whether a model may be served: gate.Rules.
type Gate interface {
	// Plan fixes by what an evaluation will be judged. retry counts the earlier
	// runs of the same commit and recipe that were evaluated.
	Plan(spec v1alpha1.Gate, retry int) v1alpha1.EvaluationPlan
	// Underpowered says that a hold-out of so many clusters of the primary kind is
	// too small, and what would help; "" where it is large enough.
	Underpowered(spec v1alpha1.Gate, clusters int) string
	// Decide gives the verdict, whose decidedTime is left to the caller, or says
	// that the next look is needed.
	Decide(spec v1alpha1.Gate, question gate.Question) gate.Answer
}

// Decider decides what follows in a run.
type Decider struct {
	gate Gate
}

// NewDecider returns a Decider that asks the gate.
func NewDecider(gate Gate) Decider { return Decider{gate: gate} }

// Decide returns what follows. The same input gives the same plan; carrying
// the plan out and deciding again ends in a plan without change or action.
func (d Decider) Decide(in Input) Plan {
	p := &planner{gate: d.gate, in: in, status: in.Run.Status.DeepCopy()}
	p.status.ObservedGeneration = in.Run.Generation
	p.decide()
	if equality.Semantic.DeepEqual(*p.status, in.Run.Status) {
		if p.action.Kind == ActionNone {
			p.action = p.tidy()
		}
		return Plan{Status: *p.status, Action: p.action, RequeueAfter: p.requeue}
	}
	return Plan{Status: *p.status}
}

// planner is one decision under way.
type planner struct {
	gate    Gate
	in      Input
	status  *v1alpha1.ExpertRunStatus
	action  Action
	requeue time.Duration
}

func (p *planner) decide() {
	if p.status.CompletionTime != nil {
		p.decideAgain()
		return
	}
	if len(p.status.Stages) == 0 {
		p.open()
	}
	switch p.in.Expert {
	case ExpertGone:
		p.cancel("the RepoExpert is gone")
	case ExpertMovedOn:
		p.cancel("a newer run took over")
	case ExpertSuspended:
		p.suspend()
	default:
		p.proceed()
	}
}

// open writes the ledger's first page: all stages with their keys.
func (p *planner) open() {
	keys := KeysFor(p.in.Run.Spec.Recipe, p.in.Run.Spec.Commit, p.comparison())
	for _, name := range v1alpha1.Stages {
		s := v1alpha1.StageStatus{Name: name, State: v1alpha1.StagePending, Key: keyOf(keys, name)}
		if s.Key == "" {
			s.State = v1alpha1.StageSkipped
			s.Message = "nothing to do: the environment has no setup commands"
		}
		p.status.Stages = append(p.status.Stages, s)
	}
}

func (p *planner) proceed() {
	s := Active(p.status)
	if s == nil {
		p.judge()
		return
	}
	p.status.Stage = s.Name
	attempt := CurrentAttempt(s)
	if attempt == nil {
		record(s, p.in.Now)
		p.running(s)
		return
	}
	job, exists := p.in.Jobs[AttemptID{s.Name, attempt.Number}]
	switch {
	case exists && job.Foreign:
		p.conflict(s, attempt.Number)
	case !exists:
		p.start(s)
	case job.End != nil:
		p.settle(s, job)
	default:
		p.watch(s, job)
	}
}

// later asks for another look after a time, the earliest of all that ask.
func (p *planner) later(after time.Duration) {
	after = max(after, time.Second)
	if p.requeue == 0 || after < p.requeue {
		p.requeue = after
	}
}

func (p *planner) conditions() conditions.Writer {
	return conditions.Writer{
		Conditions: &p.status.Conditions,
		Generation: p.in.Run.Generation,
		Now:        p.in.Now,
	}
}

func (p *planner) summarize(s conditions.Summary) { p.conditions().Summarize(s) }

func (p *planner) reconciling(reason, message string) {
	p.summarize(conditions.Summary{Reconciling: &conditions.Line{Reason: reason, Message: message}})
}

func (p *planner) stalled(reason, message string) {
	p.summarize(conditions.Summary{Stalled: &conditions.Line{Reason: reason, Message: message}})
}

func (p *planner) complete(at metav1.Time) {
	p.status.CompletionTime = &at
	p.status.Progress = ""
}
