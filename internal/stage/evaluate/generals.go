package evaluate

import (
	"context"
	"fmt"

	"github.com/repoexpert/operator/api/v1alpha1"
	"github.com/repoexpert/operator/internal/engine"
	"github.com/repoexpert/operator/internal/general"
	"github.com/repoexpert/operator/internal/report"
)

const measuresGeneral = "what is not of the repository: the same easy questions in every evaluation; shows what training made a model forget, and nothing else"

// generals is the kind GeneralQuestions.
type generals struct {
	evaluation *evaluation
	asked      []general.Question
}

// chooseGeneral is the kind GeneralQuestions. It takes nothing from the plan.
func (e *evaluation) chooseGeneral(_ context.Context, wanted v1alpha1.EvaluationKind) (kind, error) {
	asked := general.Questions(int(wanted.Tasks))
	if err := enough(wanted, len(asked), fmt.Sprintf("there are %d", general.Count())); err != nil {
		return nil, err
	}
	return &generals{evaluation: e, asked: asked}, nil
}

// head implements kind.
func (g *generals) head() v1alpha1.KindRecord {
	return v1alpha1.KindRecord{Name: v1alpha1.KindGeneralQuestions, GroupNames: general.Groups}
}

// tasks implements kind.
func (g *generals) tasks() []item {
	items := make([]item, len(g.asked))
	for i, q := range g.asked {
		items[i] = item{id: q.ID, group: q.Group, cluster: q.ID, text: q.Text, gold: q.Answer}
	}
	return items
}

// identity implements kind.
func (g *generals) identity() []any {
	return []any{v1alpha1.SamplingGreedy, engine.SamplingVersion, answerTokens}
}

// sampled implements kind: questions are answered greedily.
func (g *generals) sampled() bool { return false }

// atOnce implements kind.
func (g *generals) atOnce() int { return g.evaluation.questionsAtOnce() }

// try implements kind.
func (g *generals) try(ctx context.Context, who arm, number int) (attempt, error) {
	q := g.asked[number]
	return g.evaluation.question(ctx, who, q.Answer, general.Prompt(q))
}

// known and nothing implement kind.
func (g *generals) known(number int) attempt {
	answer := g.asked[number].Answer
	return answered(answer, answer)
}
func (g *generals) nothing(number int) attempt { return answered(g.asked[number].Answer, "") }

// refused implements kind.
func (g *generals) refused() map[string]int { return nil }

// describe implements kind.
func (g *generals) describe(r *report.Kind) {
	r.Measures = measuresGeneral
	r.Sampling = greedyAnswers()
}
