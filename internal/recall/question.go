package recall

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/repoexpert/operator/internal/task"
)

// Question is one closed question with its one right answer.
type Question struct {
	// ID is stable: the fact ids and the number of the wording.
	ID string `json:"id"`
	// Facts are the ids of the facts that it needs: one, or two for a composition.
	Facts []string `json:"facts"`
	// Kind of the fact whose answer is asked for.
	Kind Kind `json:"kind"`
	// Composed says that two facts must be joined.
	Composed bool   `json:"composed,omitempty"`
	Cluster  string `json:"cluster"`
	// Wording is the number of the training wording, or of the evaluation wording.
	Wording int    `json:"wording"`
	Text    string `json:"text"`
	Answer  string `json:"answer"`
}

// Messages is the question as a training sample.
func (q Question) Messages() []task.Message {
	return []task.Message{
		{Role: task.RoleUser, Content: q.Text},
		{Role: task.RoleAssistant, Content: q.Answer},
	}
}

// TrainingQuestions asks every fact once in each of so many passes. A pass uses
// another wording than the one before, and facts start at different wordings, so
// that all wordings of a kind are seen together.
//
// The order is meant to be trained as it is: a pass is cut into batches of like
// length, which waste no padding, and the batches come in an order that depends
// on the seed. Asking again in another wording teaches more than a second epoch.
func TrainingQuestions(facts []Fact, passes, batch int, seed uint64) []Question {
	questions := make([]Question, 0, len(facts)*passes)
	for pass := range passes {
		asked := make([]Question, 0, len(facts))
		for _, fact := range facts {
			training := frames[fact.Kind].training
			start := int(rank(fact.ID, seed) % uint64(len(training)))
			asked = append(asked, ask(fact, training, (start+pass)%len(training), "t"))
		}
		questions = append(questions, batched(asked, max(1, batch), seed+uint64(pass))...)
	}
	return questions
}

// batched sorts questions by length and shuffles the batches that this gives.
func batched(questions []Question, batch int, seed uint64) []Question {
	slices.SortFunc(questions, func(a, b Question) int {
		return cmp.Or(cmp.Compare(a.length(), b.length()), cmp.Compare(rank(a.ID, seed), rank(b.ID, seed)))
	})
	batches := slices.Collect(slices.Chunk(questions, batch))
	slices.SortFunc(batches, func(a, b []Question) int {
		return cmp.Compare(rank(a[0].ID, seed), rank(b[0].ID, seed))
	})
	return slices.Concat(batches...)
}

func (q Question) length() int { return len(q.Text) + len(q.Answer) }

// EvaluationQuestions asks every fact once, in one of the evaluation wordings.
func EvaluationQuestions(facts []Fact) []Question {
	questions := make([]Question, 0, len(facts))
	for _, fact := range facts {
		evaluation := frames[fact.Kind].evaluation
		questions = append(questions, ask(fact, evaluation, int(rank(fact.ID, 1)%uint64(len(evaluation))), "e"))
	}
	return questions
}

func ask(fact Fact, wordings []string, number int, prefix string) Question {
	return Question{
		ID:      fmt.Sprintf("%s-%s%d", fact.ID, prefix, number),
		Facts:   []string{fact.ID},
		Kind:    fact.Kind,
		Cluster: fact.Cluster,
		Wording: number,
		Text:    fill(wordings[number], quote(fact.Subject), fact.Parameter),
		Answer:  fact.Answer,
	}
}

// Compose joins pairs of facts where the answer of the first is the subject of
// the second, as in "which file defines the parent class of X". These questions
// are for evaluation only and for the report only.
func Compose(facts []Fact, limit int) []Question {
	bySubject := map[string][]Fact{}
	for _, fact := range facts {
		bySubject[fact.Subject] = append(bySubject[fact.Subject], fact)
	}
	var questions []Question
	for _, first := range facts {
		if frames[first.Kind].referent == "" {
			continue
		}
		for _, second := range bySubject[first.Answer] {
			if second.Answer != first.Subject {
				questions = append(questions, compose(first, second))
			}
		}
	}
	slices.SortFunc(questions, func(a, b Question) int { return cmp.Compare(a.ID, b.ID) })
	return questions[:min(limit, len(questions))]
}

func compose(first, second Fact) Question {
	referent := fill(frames[first.Kind].referent, quote(first.Subject), "")
	return Question{
		ID:       first.ID + "+" + second.ID,
		Facts:    []string{first.ID, second.ID},
		Kind:     second.Kind,
		Composed: true,
		Cluster:  first.Cluster,
		Text:     fill(frames[second.Kind].evaluation[0], referent, second.Parameter),
		Answer:   second.Answer,
	}
}
