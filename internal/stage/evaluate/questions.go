package evaluate

import (
	"context"
	"fmt"
	"path"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/repoexpert/operator/api/v1alpha1"
	"github.com/repoexpert/operator/internal/engine"
	"github.com/repoexpert/operator/internal/recall"
	"github.com/repoexpert/operator/internal/recipe"
	"github.com/repoexpert/operator/internal/task"
)

const (
	// answerTokens bounds an answer: the longest is 40 bytes.
	answerTokens = 32
	// compositions is how many questions about two facts are asked.
	compositions = 15
	// gpuRequests are asked at once where the engine batches them.
	gpuRequests = 8
)

// questions is the kind CodebaseQA.
type questions struct {
	asked    []recall.Question
	composed []recall.Question
	baseline map[recall.Kind]recall.Baseline
	project  string
	// notCompared counts facts that the served model was not taught.
	notCompared int
	// replies by arm, in the order of asked; composedReplies likewise.
	replies         map[v1alpha1.ArmName][]reply
	composedReplies map[v1alpha1.ArmName][]reply
}

// reply is one model's answer to one question.
type reply struct {
	Text    string
	Correct bool
	// Tokens were written, PromptTokens read.
	Tokens, PromptTokens int64
	Elapsed              time.Duration
}

// chooseQuestions asks the plan's facts, which are those that the candidate was
// trained on. With a served model they are those that it knows with the same
// answer: facts true at both commits.
func (e *evaluation) chooseQuestions(kind v1alpha1.EvaluationKind, served *recipe.Seen) (*questions, error) {
	all, err := planned[recall.Fact](e.env, task.FactsFile)
	if err != nil {
		return nil, err
	}
	facts := slices.Clone(all)
	if served != nil {
		facts = slices.DeleteFunc(facts, func(fact recall.Fact) bool { return !served.Knows(fact) })
	}
	notCompared := len(all) - len(facts)
	if len(facts) > int(kind.Tasks) {
		facts = recall.Select(facts, int(kind.Tasks), uint64(e.env.Spec.Recipe.Experience.Seed))
	}
	why := fmt.Sprintf("the plan has %d facts, %d of them unknown to the served model or changed since", len(all), notCompared)
	if err := enough(kind, len(facts), why); err != nil {
		return nil, err
	}
	asked := recall.EvaluationQuestions(facts)
	q := &questions{
		asked: asked, composed: recall.Compose(facts, compositions), notCompared: notCompared,
		baseline:        recall.Baselines(all, asked),
		project:         projectName(e.env.Spec.Recipe.Repository.URL),
		replies:         map[v1alpha1.ArmName][]reply{},
		composedReplies: map[v1alpha1.ArmName][]reply{},
	}
	e.progress.total += int64(len(e.arms)*len(asked) + 2*len(q.composed))
	return q, nil
}

// projectName is the last part of a clone URL.
func projectName(url string) string { return strings.TrimSuffix(path.Base(url), ".git") }

// askQuestions asks one arm everything.
func (e *evaluation) askQuestions(ctx context.Context, a arm) error {
	chat := engine.NewChat(engine.Address(e.port), a.model.Name, e.server.Fields(v1alpha1.SamplingGreedy, answerTokens))
	var err error
	if e.qa.replies[a.name], err = e.askAll(ctx, a, chat, e.qa.asked); err != nil {
		return err
	}
	if a.name != v1alpha1.ArmServed {
		e.qa.composedReplies[a.name], err = e.askAll(ctx, a, chat, e.qa.composed)
	}
	return err
}

func (e *evaluation) askAll(ctx context.Context, a arm, chat *engine.Chat, asked []recall.Question) ([]reply, error) {
	replies := make([]reply, len(asked))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(e.atOnce())
	var progress sync.Mutex
	for i, question := range asked {
		group.Go(func() error {
			started := time.Now()
			answer, err := chat.Ask(ctx, prompt(a.name, e.qa.project, question))
			if err != nil {
				return fmt.Errorf("arm %s, question %s: %w", a.name, question.ID, err)
			}
			replies[i] = reply{answer.Text, recall.Score(question.Answer, answer.Text), answer.CompletionTokens, answer.PromptTokens, time.Since(started)}
			progress.Lock()
			defer progress.Unlock()
			e.progress.add(string(v1alpha1.KindCodebaseQA) + " " + string(a.name))
			return nil
		})
	}
	return replies, group.Wait()
}

// atOnce is how many questions are asked at the same time. A CPU is no faster
// with several.
func (e *evaluation) atOnce() int {
	if e.env.Spec.Recipe.Engine == v1alpha1.EngineVLLM && e.env.Spec.Recipe.EngineDevice != v1alpha1.DeviceCPU {
		return gpuRequests
	}
	return 1
}

func prompt(name v1alpha1.ArmName, project string, question recall.Question) []task.Message {
	if name == v1alpha1.ArmBase {
		return recall.BasePrompt(project, question)
	}
	return recall.ExpertPrompt(question)
}

// kindRecord is the compact record of the kind.
func (q *questions) kindRecord(arms []arm) v1alpha1.KindRecord {
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
	var groups strings.Builder
	for _, question := range q.asked {
		groups.WriteByte('A' + byte(slices.Index(kinds, question.Kind)))
	}
	record.Groups = groups.String()
	for _, a := range arms {
		record.Arms = append(record.Arms, v1alpha1.ArmRecord{Name: a.name, Successes: successes(q.replies[a.name], func(r reply) bool { return r.Correct })})
	}
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

func successes[T any](results []T, solved func(T) bool) string {
	text := make([]byte, len(results))
	for i, result := range results {
		text[i] = '0'
		if solved(result) {
			text[i] = '1'
		}
	}
	return string(text)
}
