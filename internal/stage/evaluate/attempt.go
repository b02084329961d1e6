package evaluate

import (
	"slices"
	"strings"
	"time"

	"github.com/repoexpert/operator/internal/agent"
	"github.com/repoexpert/operator/internal/grading"
	"github.com/repoexpert/operator/internal/task"
)

// attempt is what one arm made of one task, once.
type attempt struct {
	Correct bool `json:"correct"`
	// Answer to a question, or what an episode submitted.
	Answer string `json:"answer"`
	// Tokens were written, PromptTokens read, over all turns.
	Tokens       int64 `json:"tokens,omitempty"`
	PromptTokens int64 `json:"promptTokens,omitempty"`
	// Elapsed is the time of the model and of the commands that it ordered, without
	// preparation and grading.
	Elapsed time.Duration `json:"elapsed,omitempty"`
	// Grade is absent where answers are compared with a known one. Of a written test
	// Changed counts the lines of the repair, Covered those that it executes.
	Grade   *grading.Grade `json:"grade,omitempty"`
	Changed int            `json:"changedLines,omitempty"`
	Covered int            `json:"coveredLines,omitempty"`
	// Status, Steps and FormatErrors are those of an episode.
	Status       agent.Status `json:"status,omitempty"`
	Steps        int          `json:"steps,omitempty"`
	FormatErrors int          `json:"formatErrors,omitempty"`
	// RightFile is the first turn whose command names, by its path, a file that the
	// known answer changes; 0 for none.
	RightFile int `json:"rightFile,omitempty"`
	// Messages of an episode, the middle left out where they are long.
	Messages []task.Message `json:"messages,omitempty"`
}

// graded is an attempt that only its grade is known of.
func graded(submission string, grade grading.Grade) attempt {
	return attempt{Correct: grade.Resolved, Answer: submission, Grade: &grade}
}

// played adds an episode to the grade of what it submitted. right are the files
// that the known answer changes.
func (a attempt) played(t agent.Transcript, elapsed time.Duration, right []string) attempt {
	a.Answer, a.Elapsed = t.Submission, elapsed
	a.Status, a.Steps, a.FormatErrors = t.Status, t.Steps, t.FormatErrors
	a.Tokens, a.PromptTokens = int64(t.Usage.CompletionTokens), int64(t.Usage.PromptTokens)
	a.RightFile = firstNamed(t.Messages, right)
	a.Messages = bounded(t.Messages)
	return a
}

// firstNamed is the first assistant turn, from 1, whose command names one of the
// files; 0 for none.
func firstNamed(messages []task.Message, files []string) int {
	turn := 0
	for _, m := range messages {
		if m.Role != task.RoleAssistant {
			continue
		}
		turn++
		command := strings.Join(agent.Actions(m.Content), "\n")
		if slices.ContainsFunc(files, func(file string) bool { return strings.Contains(command, file) }) {
			return turn
		}
	}
	return 0
}

// maxTranscript bounds the messages of one episode in records.jsonl, in bytes;
// the middle is what goes.
const maxTranscript = 64 << 10

// bounded keeps the beginning and the end of a long conversation.
func bounded(messages []task.Message) []task.Message {
	total := 0
	for _, m := range messages {
		total += len(m.Content)
	}
	kept := slices.Clone(messages)
	// The opening tells the task, the last turns how it ended.
	for total > maxTranscript && len(kept) > 3 {
		middle := len(kept) / 2
		total -= len(kept[middle].Content)
		kept = slices.Delete(kept, middle, middle+1)
	}
	return kept
}
