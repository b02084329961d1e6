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
	// Wording is the number of the evaluation or training wording.
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

// TrainingQuestions asks every fact in the given number of training wordings,
// which rotate from fact to fact so that all wordings of a kind are seen.
func TrainingQuestions(facts []Fact, wordings int) []Question {
	questions := make([]Question, 0, len(facts)*wordings)
	for _, fact := range facts {
		training := frames[fact.Kind].training
		start := int(rank(fact.ID, 0) % uint64(len(training)))
		for i := range min(wordings, len(training)) {
			questions = append(questions, ask(fact, training, (start+i)%len(training), "t"))
		}
	}
	return questions
}

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
