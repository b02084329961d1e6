package evaluate

import (
	"context"
	"fmt"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/repoexpert/operator/api/v1alpha1"
	"github.com/repoexpert/operator/internal/engine"
	"github.com/repoexpert/operator/internal/recall"
	"github.com/repoexpert/operator/internal/report"
	"github.com/repoexpert/operator/internal/task"
)

const (
	// answerTokens bounds an answer: the longest is 40 bytes.
	answerTokens = 32
	// compositions is how many questions about two facts are asked.
	compositions = 15
	// gpuRequests are asked at once where the engine batches them.
	gpuRequests = 8

	measuresQA = recall.ScoreLabel + ", asked closed-book in wordings that were never trained; no evidence of repair skill"
)

// questions is the kind CodebaseQA, closed book.
type questions struct {
	evaluation *evaluation
	// asked are about one fact each, composed about two; these count nowhere.
	asked, composed []recall.Question
	baseline        map[recall.Kind]recall.Baseline
	project         string
	// notCompared counts facts that the served model was not taught.
	notCompared int
}

// chooseQuestions is the kind CodebaseQA: the plan's facts, which are those that
// the candidate was trained on. With a served model or an anchor they are those that
// these know with the same answer: facts true at all commits.
func (e *evaluation) chooseQuestions(_ context.Context, wanted v1alpha1.EvaluationKind) (kind, error) {
	all, err := planned[recall.Fact](e.env, task.FactsFile)
	if err != nil {
		return nil, err
	}
	facts := slices.DeleteFunc(slices.Clone(all), func(fact recall.Fact) bool { return !e.taught(fact) })
	notCompared := len(all) - len(facts)
	if len(facts) > int(wanted.Tasks) {
		facts = recall.Select(facts, int(wanted.Tasks), uint64(e.env.Spec.Recipe.Experience.Seed))
	}
	why := fmt.Sprintf("the plan has %d facts, %d of them unknown to the served model or the anchor, or changed since", len(all), notCompared)
	if notCompared > 0 {
		why += "; another experience.seed or number of questions chooses other facts than it was taught"
	}
	if err := enough(wanted, len(facts), why); err != nil {
		return nil, err
	}
	asked := recall.EvaluationQuestions(facts)
	return &questions{
		evaluation: e, asked: asked, composed: recall.Compose(facts, compositions), notCompared: notCompared,
		baseline: recall.Baselines(all, asked),
		project:  projectName(e.env.Spec.Recipe.Repository.URL),
	}, nil
}

// projectName is the last part of a clone URL.
func projectName(url string) string { return strings.TrimSuffix(path.Base(url), ".git") }

// head implements kind.
func (q *questions) head() v1alpha1.KindRecord {
	kinds := q.kinds()
	record := v1alpha1.KindRecord{Name: v1alpha1.KindCodebaseQA}
	var guess, majority float64
	for _, kind := range kinds {
		record.GroupNames = append(record.GroupNames, string(kind))
		guess += q.baseline[kind].Guess
		majority += q.baseline[kind].Majority
	}
	record.GuessPermille = permille(guess, len(kinds))
	record.MajorityPermille = permille(majority, len(kinds))
	return record
}

// kinds are the kinds of facts that were asked, in report order.
func (q *questions) kinds() []recall.Kind {
	return slices.DeleteFunc(recall.Kinds(), func(kind recall.Kind) bool {
		return !slices.ContainsFunc(q.asked, func(question recall.Question) bool { return question.Kind == kind })
	})
}

func permille(sum float64, n int) int32 {
	if n == 0 {
		return 0
	}
	return int32(1000*sum/float64(n) + 0.5)
}

// tasks implements kind.
func (q *questions) tasks() []item {
	items := make([]item, 0, len(q.asked)+len(q.composed))
	for _, question := range slices.Concat(q.asked, q.composed) {
		// A question's id starts with its fact's, which is the unit that is taught.
		fact, _, _ := strings.Cut(question.ID, "-")
		items = append(items, item{
			id: question.ID, group: string(question.Kind), cluster: fact, text: question.Text, gold: question.Answer, extra: question.Composed,
		})
	}
	return items
}

// question is the one with a task's number.
func (q *questions) question(task int) recall.Question {
	if task < len(q.asked) {
		return q.asked[task]
	}
	return q.composed[task-len(q.asked)]
}

// identity implements kind.
func (q *questions) identity() []any {
	return []any{v1alpha1.SamplingGreedy, engine.SamplingVersion, answerTokens, q.project}
}

// sampled implements kind: questions are answered greedily.
func (q *questions) sampled() bool { return false }

// atOnce implements kind.
func (q *questions) atOnce() int { return q.evaluation.questionsAtOnce() }

// questionsAtOnce is how many questions are asked at once. A CPU is no faster with
// several.
func (e *evaluation) questionsAtOnce() int {
	r := e.env.Spec.Recipe
	if r.Engine == v1alpha1.EngineVLLM && r.EngineDevice != v1alpha1.DeviceCPU {
		return gpuRequests
	}
	return 1
}

// try implements kind.
func (q *questions) try(ctx context.Context, who arm, task int) (attempt, error) {
	question := q.question(task)
	return q.evaluation.question(ctx, who, question.Answer, prompt(who.name, q.project, question))
}

// question asks a model what has one right answer.
func (e *evaluation) question(ctx context.Context, who arm, right string, messages []task.Message) (attempt, error) {
	started := time.Now()
	answer, err := e.chat(who, v1alpha1.SamplingGreedy, answerTokens).Ask(ctx, messages)
	result := answered(right, answer.Text)
	result.Tokens, result.PromptTokens, result.Elapsed = answer.CompletionTokens, answer.PromptTokens, time.Since(started)
	return result, err
}

func prompt(name v1alpha1.ArmName, project string, question recall.Question) []task.Message {
	if name == v1alpha1.ArmBase {
		return recall.BasePrompt(project, question)
	}
	return recall.ExpertPrompt(question)
}

// known and nothing implement kind.
func (q *questions) known(task int) attempt {
	answer := q.question(task).Answer
	return answered(answer, answer)
}
func (q *questions) nothing(task int) attempt { return answered(q.question(task).Answer, "") }

func answered(right, answer string) attempt {
	return attempt{Answer: answer, Correct: recall.Score(right, answer)}
}

// refused implements kind: facts that do not compare are counted apart.
func (q *questions) refused() map[string]int { return nil }

// describe implements kind.
func (q *questions) describe(r *report.Kind) {
	r.Measures = measuresQA
	r.Sampling = greedyAnswers()
	for i, g := range r.Groups {
		b := q.baseline[recall.Kind(g.Name)]
		r.Groups[i].Guess, r.Groups[i].Majority = percentOf(b.Guess), percentOf(b.Majority)
	}
}

func greedyAnswers() report.Sampling {
	return report.Sampling{Name: v1alpha1.SamplingGreedy, Version: engine.SamplingVersion, MaxTokens: answerTokens}
}

func percentOf(share float64) *float64 {
	percent := 100 * share
	return &percent
}
