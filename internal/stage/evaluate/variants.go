package evaluate

import (
	"context"
	"io"

	"github.com/repoexpert/operator/api/v1alpha1"
	"github.com/repoexpert/operator/internal/agent"
	"github.com/repoexpert/operator/internal/recall"
)

const (
	// openBook is the variant of CodebaseQA that an agent answers.
	openBook         = "open book"
	measuresOpenBook = "a part of the closed-book questions, answered by an agent with the repository at hand; exact match on what it submits"
)

// chooseVariants takes closed-book questions to be asked in other ways too. They are
// reported and are part of no record.
func (e *evaluation) chooseVariants(ctx context.Context) error {
	wanted := e.env.Spec.Recipe.Evaluation
	for _, k := range e.kinds {
		q, closedBook := k.kind.(*questions)
		if !closedBook {
			continue
		}
		if wanted.SearchQuestions > 0 {
			found, err := e.search(spread(q.asked, int(wanted.SearchQuestions)), q)
			if err != nil {
				return err
			}
			e.kinds = append(e.kinds, &asked{kind: found, variant: withSearch, rollouts: 1})
		}
		if wanted.OpenBookQuestions > 0 {
			t, err := e.toolsOf(ctx)
			if err != nil {
				return err
			}
			open := &episodes{evaluation: e, label: v1alpha1.KindCodebaseQA, measures: measuresOpenBook}
			for _, question := range spread(q.asked, int(wanted.OpenBookQuestions)) {
				open.jobs = append(open.jobs, t.looking(question))
			}
			e.kinds = append(e.kinds, &asked{kind: open, variant: openBook, rollouts: 1})
		}
		return nil
	}
	return nil
}

// spread takes so many questions, evenly over all: they are ordered by their kinds.
func spread(all []recall.Question, limit int) []recall.Question {
	n := min(limit, len(all))
	chosen := make([]recall.Question, 0, n)
	for i := range n {
		chosen = append(chosen, all[i*len(all)/n])
	}
	return chosen
}

// looking is a question that is answered by looking it up.
func (t *tools) looking(question recall.Question) job {
	compared := func(answer string) attempt {
		return attempt{Answer: answer, Correct: recall.Score(question.Answer, answer)}
	}
	return job{
		item: item{
			id: question.ID, group: string(question.Kind), cluster: question.ID,
			text: agent.QuestionTask(question.Text), gold: question.Answer,
		},
		tree:  func(ctx context.Context) (io.ReadCloser, error) { return t.Tree.Tree(ctx) },
		grade: func(_ context.Context, answer string) (attempt, error) { return compared(answer), nil },
		gold:  compared(question.Answer), noop: compared(""),
	}
}
