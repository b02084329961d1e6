package pipeline

import (
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/repoexpert/operator/api/v1alpha1"
	"github.com/repoexpert/operator/internal/conditions"
	"github.com/repoexpert/operator/internal/contract"
	"github.com/repoexpert/operator/internal/gate"
)

// Models are those that a candidate is compared with; nil where there is none.
type Models struct {
	Served, Anchor *contract.ServedModel
}

// Comparison is what of an evaluation is not in the recipe.
type Comparison struct {
	Models
	// Look is the number of the look at results, from 1, and Rollouts how many of
	// each task there are by then; zero values mean one look at one rollout.
	Look, Rollouts int32
}

// ComparisonOf returns what a run's evaluation compares with at the look under way.
func ComparisonOf(run *v1alpha1.ExpertRun, models Models) Comparison {
	return comparisonOf(&run.Status, models)
}

func comparisonOf(status *v1alpha1.ExpertRunStatus, models Models) Comparison {
	c := Comparison{Models: models, Look: int32(len(status.Looks)) + 1, Rollouts: 1}
	c.Anchor = anchorArm(status, models)
	if plan := status.Plan; plan != nil && int(c.Look) <= len(plan.Rollouts) {
		c.Rollouts = plan.Rollouts[c.Look-1]
	}
	return c
}

// anchorArm is the anchor where it needs an arm of its own: it is neither the
// served model nor the candidate.
func anchorArm(status *v1alpha1.ExpertRunStatus, models Models) *contract.ServedModel {
	candidate := ""
	if train := Stage(status, v1alpha1.StageTrain); train != nil {
		candidate = train.ManifestDigest
	}
	if d := digestOf(models.Anchor); d == "" || d == digestOf(models.Served) || d == candidate {
		return nil
	}
	return models.Anchor
}

func digestOf(m *contract.ServedModel) string {
	if m == nil {
		return ""
	}
	return m.ModelDigest
}

// prepareEvaluation fixes by what the results will be judged, before the first Job
// that makes some, and the key of the look under way: the models to compare with
// may have changed since it was written. Looks at results against other models
// count no more.
func (p *planner) prepareEvaluation(s *v1alpha1.StageStatus) {
	if p.status.Plan == nil && p.in.Class != nil {
		plan := p.gate.Plan(p.in.Class.Spec.Gate, p.in.Retry)
		p.status.Plan = &plan
	}
	if len(p.status.Looks) > 0 && !p.comparable() {
		p.status.Looks = nil
	}
	s.Key = KeysFor(p.in.Run.Spec.Recipe, p.in.Run.Spec.Commit, p.comparison()).Evaluation
}

func (p *planner) comparison() Comparison { return comparisonOf(p.status, p.in.Models) }

// comparable says whether the record of the look before is about the models that
// the next one would compare.
func (p *planner) comparable() bool {
	record, train := p.status.Evaluation, Stage(p.status, v1alpha1.StageTrain)
	return record != nil && record.CandidateDigest == train.ManifestDigest &&
		record.ServedDigest == digestOf(p.in.Served) && record.AnchorDigest == digestOf(anchorArm(p.status, p.in.Models))
}

// extend records the next look's attempt, as another Job of the same stage, where
// one is planned. It goes on from the output of the look that decided nothing.
func (p *planner) extend(answer gate.Answer) bool {
	s, look := Stage(p.status, v1alpha1.StageEvaluate), p.comparison().Look
	if !answer.Continue || p.status.Plan == nil || int(look) >= len(p.status.Plan.Rollouts) {
		return false
	}
	p.status.Looks = append(p.status.Looks, v1alpha1.LookStatus{
		Number: look, Key: s.Key, ManifestDigest: s.ManifestDigest, Reason: conditions.Text(answer.Verdict.Reason),
	})
	s.ManifestDigest, s.Reused, s.Counts = "", false, nil
	record(s, p.in.Now)
	p.prepareEvaluation(s)
	p.running(s)
	return true
}

// undecided is the line about the newest look, while Evaluate makes the next one;
// empty at the first.
func (p *planner) undecided(s *v1alpha1.StageStatus) string {
	if n := len(p.status.Looks); n > 0 && s.Name == v1alpha1.StageEvaluate {
		return p.status.Looks[n-1].Reason
	}
	return ""
}

// question is what the gate is asked about the newest record. Once this run's own
// model is served, the comparison stands as it was made.
func (p *planner) question() gate.Question {
	record := p.status.Evaluation
	q := gate.Question{
		Record: *record, Served: digestOf(p.in.Served), Anchor: digestOf(p.in.Anchor), Plan: p.status.Plan,
		Steps: slices.DeleteFunc(slices.Clone(p.in.Steps), func(s v1alpha1.PromotionStep) bool { return s.RunName == p.in.Run.Name }),
	}
	if q.Served == record.CandidateDigest {
		q.Served = record.ServedDigest
	}
	if q.Anchor == record.CandidateDigest {
		q.Anchor = record.AnchorDigest
	}
	return q
}

// powered looks, once Plan has counted what is held out, whether that is enough
// for the gate. It is false where the class would rather stop: then the stage that
// was to come is failed, before experience is generated or a GPU asked for.
func (p *planner) powered(next *v1alpha1.StageStatus) bool {
	plan := Stage(p.status, v1alpha1.StagePlan)
	known := slices.ContainsFunc(p.status.Conditions, func(c metav1.Condition) bool { return c.Type == v1alpha1.ConditionGatePowered })
	if known || p.in.Class == nil || !done(plan.State) {
		return true
	}
	g := p.in.Class.Spec.Gate
	warning := p.gate.Underpowered(g, p.heldOut(g))
	if warning == "" {
		p.conditions().Set(v1alpha1.ConditionGatePowered, metav1.ConditionTrue, conditions.Line{Reason: v1alpha1.ReasonPowered,
			Message: "an equally good model would pass the gate in at least half of the cases"})
		return true
	}
	p.conditions().Set(v1alpha1.ConditionGatePowered, metav1.ConditionFalse, conditions.Line{Reason: v1alpha1.ReasonUnderpowered, Message: warning})
	if g.Underpowered != v1alpha1.UnderpoweredStop || next.Name == v1alpha1.StageEvaluate {
		return true
	}
	p.fail(next, outcome{class: v1alpha1.FailureData, message: warning + "; or set gate.underpowered to Warn"})
	return false
}

// heldOut is the number of clusters of the primary kind that are held out, as far
// as Plan counted it, and at most what the recipe asks.
func (p *planner) heldOut(g v1alpha1.Gate) int {
	primary := v1alpha1.KindName(gate.FromSpec(g).PrimaryKind)
	asked := 0
	for _, k := range p.in.Run.Spec.Recipe.Evaluation.Kinds {
		if k.Name == primary {
			asked = int(k.Tasks)
		}
	}
	for _, c := range Stage(p.status, v1alpha1.StagePlan).Counts {
		if c.Name == contract.HeldOutCount(primary) {
			return int(min(int64(asked), c.Value))
		}
	}
	return asked
}
