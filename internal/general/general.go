// Package general has closed questions that are about no repository. A model that
// answered them before it was trained, and does not any more, has forgotten more
// than it was meant to learn (catastrophic forgetting; McCloskey and Cohen, 1989).
//
// They are few and easy, and public: they show a loss, and rank no models.
package general

import (
	_ "embed"
	"encoding/json"
	"fmt"

	"github.com/repoexpert/operator/internal/task"
)

// Question is one question. Its answer is a word, a name or a number.
type Question struct {
	ID     string `json:"id"`
	Group  string `json:"group"`
	Text   string `json:"text"`
	Answer string `json:"answer"`
}

// Groups are the subjects, in report order.
var Groups = []string{"Programming", "Mathematics", "World"}

//go:embed questions.json
var content []byte

var questions = load()

func load() []Question {
	var all []Question
	if err := json.Unmarshal(content, &all); err != nil {
		panic(fmt.Sprintf("questions.json is built in and unreadable: %v", err))
	}
	return all
}

// Count is how many questions there are.
func Count() int { return len(questions) }

// Questions returns the first n questions, or all if there are fewer. The groups
// take turns, so that any number has all of them alike.
func Questions(n int) []Question {
	return append([]Question(nil), questions[:min(max(0, n), len(questions))]...)
}

// instruction and examples show the form of an answer. All models get them: none
// was trained on it.
const instruction = "You answer general questions. Reply with the answer alone: one word, name or number. No sentence, no explanation."

var examples = []Question{
	{Text: "What is the capital of Portugal?", Answer: "Lisbon"},
	{Text: "What is 6 times 7?", Answer: "42"},
	{Text: "Which keyword starts a loop over a range in Python?", Answer: "for"},
}

// Prompt is what every model is asked.
func Prompt(q Question) []task.Message {
	messages := []task.Message{{Role: task.RoleSystem, Content: instruction}}
	for _, example := range examples {
		messages = append(messages,
			task.Message{Role: task.RoleUser, Content: example.Text},
			task.Message{Role: task.RoleAssistant, Content: example.Answer},
		)
	}
	return append(messages, task.Message{Role: task.RoleUser, Content: q.Text})
}
