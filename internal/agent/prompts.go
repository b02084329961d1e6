package agent

import (
	"fmt"
	"strings"

	"github.com/repoexpert/operator/internal/task"
)

// SystemPrompt states the protocol. It is part of every training sample, so it
// is short.
const SystemPrompt = "Work on the repository with a shell. Answer with a line `THOUGHT: ...` and exactly one ```bash block. " +
	"It runs in a new shell in the repository's root; you see its return code and output. " +
	"To finish, print " + SubmitMarker + " as the first line and then the submission."

// SubmitChange is the command that submits the changes of the working tree.
const SubmitChange = "echo " + SubmitMarker + " && git add -A && git diff --cached"

// Opening returns the messages that start an episode.
func Opening(text string) []task.Message {
	return []task.Message{
		{Role: task.RoleSystem, Content: SystemPrompt},
		{Role: task.RoleUser, Content: text},
	}
}

// ImplementationTask asks for the body of one function. command is a test command
// that must succeed in the end; empty when the tests are not shown.
func ImplementationTask(name, path, command string) string {
	text := fmt.Sprintf("The body of `%s` in %s is missing. Find out what it must do and write it; change nothing else.", name, path)
	if command != "" {
		text += fmt.Sprintf(" Then `%s` passes.", command)
	}
	return text + " Submit `git add -A && git diff --cached`."
}

// RepairTask asks for the repair of a bug. command is as in ImplementationTask.
func RepairTask(issue, command string) string {
	text := issue + " Find the cause and repair it; change no test."
	if command != "" {
		text += fmt.Sprintf(" Then `%s` passes.", command)
	}
	return text + " Submit `git add -A && git diff --cached`."
}

// WriteTestTask asks for a test that shows a bug.
func WriteTestTask(issue string) string {
	return issue + " Write a test that fails because of it and will pass once it is repaired; do not repair it. " +
		"Submit `git add -A && git diff --cached`."
}

// FeatureTask asks for a part that a repository does not have yet. words say what
// it is for, parts what others will call it by: name, file, and the text of its
// header.
func FeatureTask(words string, parts []string) string {
	if words == "" {
		words = "A part of the repository is missing."
	}
	return words + "\n\nImplement it, so that it has this:\n\n" + strings.Join(parts, "\n\n") +
		"\n\nChange no test. Submit `git add -A && git diff --cached`."
}

// QuestionTask asks a closed question about the repository.
func QuestionTask(question string) string {
	return question + " Look it up in the repository. Submit the answer alone, in one line."
}

// ReportHeadings are the parts of a report, in order.
var ReportHeadings = []string{"Functionality", "Structure", "Dependencies", "Usages", "Interactions", "Tests"}

// ReportTask asks for a report on a part of the code base, as in "the module `x`
// in x.py".
func ReportTask(part string) string {
	return fmt.Sprintf("Explore %s. Submit a report: %s. Put files and symbols in back quotes.", part, strings.Join(ReportHeadings, ", "))
}
