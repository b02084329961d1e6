package gate

import (
	"fmt"
	"math"

	"github.com/repoexpert/operator/api/v1alpha1"
)

// Rules is the gate as the manager asks it, in the types of the API.
type Rules struct{}

// Question is all that a verdict is made from, the class's gate apart.
type Question struct {
	// Record of the newest look.
	Record v1alpha1.EvaluationRecord
	// Served and Anchor are the manifest digests of the model that is served now
	// and of the anchor; "" where there is none.
	Served, Anchor string
	// Plan was fixed before the evaluation; nil where none was kept.
	Plan *v1alpha1.EvaluationPlan
	// Steps are the promotions since a person last chose, oldest first.
	Steps []v1alpha1.PromotionStep
}

// Answer to a question.
type Answer struct {
	// Verdict, with decidedTime left zero: the gate has no clock. It is Reject for
	// whatever is not Promote.
	Verdict v1alpha1.Verdict
	// Continue says that nothing is decided and that the next look is planned.
	Continue bool
}

// Plan fixes, before an evaluation, by what it will be judged. retry counts the
// earlier runs of the same commit and recipe that were evaluated.
func (Rules) Plan(spec v1alpha1.Gate, retry int) v1alpha1.EvaluationPlan {
	settings := FromSpec(spec)
	plan := v1alpha1.EvaluationPlan{GateDigest: settings.Digest(), Retry: int32(min(retry, maxRetry))}
	for _, look := range settings.Looks {
		plan.Rollouts = append(plan.Rollouts, int32(look.Rollouts))
	}
	return plan
}

// maxRetry bounds the count of retries, as the API does: the level has long been
// nothing by then.
const maxRetry = 60

// Underpowered says in a sentence, before anything is run, that a hold-out of so
// many clusters of the primary kind is too small, and what would help; "" where it
// is large enough.
func (Rules) Underpowered(spec v1alpha1.Gate, clusters int) string {
	settings := FromSpec(spec)
	warning := Underpowered(settings, clusters, StandardModel)
	spec.Looks = v1alpha1.LooksThree
	more := FromSpec(spec).Looks
	if warning != "" && len(settings.Looks) < len(more) && Executable(v1alpha1.KindName(settings.PrimaryKind)) &&
		Power(more, settings.margin(), clusters, StandardModel) >= leastPower {
		warning += " or gate.looks Three"
	}
	return warning
}

// Decide applies a class's gate.
func (Rules) Decide(spec v1alpha1.Gate, q Question) Answer {
	settings := FromSpec(spec)
	result := judge(spec, settings, q)
	verdict := v1alpha1.Verdict{
		Decision: v1alpha1.DecisionReject, Reason: result.Reason, Look: look(q.Record), Hold: result.Hold,
		Score: result.show(ArmCandidate), BaseScore: result.show(ArmBase), ServedScore: result.show(ArmServed),
		GateDigest: settings.Digest(),
	}
	if result.Decision == Promote {
		verdict.Decision = v1alpha1.DecisionPromote
		verdict.Step = result.Step.show()
		if result.NewAnchor {
			verdict.Anchor = v1alpha1.AnchorReplaced
		}
	}
	verdict.Digest = digest(verdict.GateDigest, q.Record, q.Served, q.Anchor, verdict.Decision, verdict.Hold)
	return Answer{Verdict: verdict, Continue: result.Decision == Continue}
}

func judge(spec v1alpha1.Gate, settings Settings, q Question) Result {
	if err := checkAlpha(withDefaults(spec)); err != nil {
		return Result{Decision: Reject, Reason: err.Error()}
	}
	evidence, err := FromRecord(q)
	if err != nil {
		return Result{Decision: Reject, Reason: bounded(err.Error())}
	}
	return Judge(settings, evidence)
}

// show is an arm's score as a verdict shows it; "" when there is none.
func (r Result) show(arm string) string {
	if score, there := r.Scores[arm]; there {
		return fmt.Sprintf("%.1f", score)
	}
	return ""
}

// millionths of a fraction: the API has no floats.
const millionths = 1e6

func (s Step) show() *v1alpha1.LossStep {
	if s.StdErr == 0 {
		return nil
	}
	return &v1alpha1.LossStep{
		Loss:          int64(math.Round(millionths * s.Loss)),
		StandardError: int64(math.Ceil(millionths * s.StdErr)),
	}
}
