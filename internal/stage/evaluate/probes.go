package evaluate

import (
	"cmp"
	"slices"

	"github.com/repoexpert/operator/api/v1alpha1"
	"github.com/repoexpert/operator/internal/engine"
	"github.com/repoexpert/operator/internal/recall"
)

// probes are questions by which a serving pod shows that it loaded the model
// that was evaluated: closed-book ones, where such were asked. Questions that the
// base model answers otherwise tell the two apart; of these those that the
// candidate answered right come first.
func (e *evaluation) probes() engine.Probes {
	r := e.env.Spec.Recipe
	p := engine.Probes{Version: engine.ProbesVersion, Engine: r.Engine, Device: r.EngineDevice, MaxTokens: answerTokens, Questions: []engine.Probe{}}
	for _, k := range e.kinds {
		q, closedBook := k.kind.(*questions)
		if !closedBook {
			continue
		}
		p.Questions = ranked(q.asked, k.attempts[v1alpha1.ArmCandidate], k.attempts[v1alpha1.ArmBase])
		p.Questions = p.Questions[:min(len(p.Questions), max(1, int(r.ProbeQuestions)))]
	}
	return p
}

// ranked orders the questions by how well the candidate's answers tell it apart.
func ranked(asked []recall.Question, candidate, base [][]attempt) []engine.Probe {
	ranks := make([]int, len(asked))
	order := make([]int, len(asked))
	for i := range asked {
		order[i] = i
		if recall.Normalize(candidate[i][0].Answer) == recall.Normalize(base[i][0].Answer) {
			ranks[i] += 2
		}
		if !candidate[i][0].Correct {
			ranks[i]++
		}
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(ranks[a], ranks[b]) })
	probes := make([]engine.Probe, 0, len(asked))
	for _, i := range order {
		probes = append(probes, engine.Probe{Messages: recall.ExpertPrompt(asked[i]), Answer: candidate[i][0].Answer})
	}
	return probes
}
