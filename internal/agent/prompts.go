package agent

import (
	"fmt"
	"strings"

	"github.com/repoexpert/operator/internal/task"
)

// SystemPrompt states the protocol. It is part of every training sample, so it
// is short.
const SystemPrompt = "You work on a repository through a shell. Reply with one line `THOUGHT: ...`, then exactly one ```bash block. " +
	"Each command runs in a new shell in the repository's root; you see its return code and output. " +
	"To finish, print " + SubmitMarker + " as the first line of output and the submission after it."

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
	var text strings.Builder
	fmt.Fprintf(&text, "In %s the body of `%s` is missing: it only raises NotImplementedError. Find out what it has to do and write it; change nothing else.", path, name)
	if command != "" {
		fmt.Fprintf(&text, " When it is right, this passes: `%s`.", command)
	}
	text.WriteString(" Submit `git diff --cached` after `git add -A`.")
	return text.String()
}

// ReportHeadings are the parts of a report, in order.
var ReportHeadings = []string{"Functionality", "Structure", "Dependencies", "Usages", "Interactions", "Tests"}

// ReportTask asks for a report on a component. kind is "module" or "class".
func ReportTask(kind, name, path string) string {
	return fmt.Sprintf("Explore the %s `%s` in %s. Submit a report with the parts %s. Put every file and symbol in back quotes.",
		kind, name, path, strings.Join(ReportHeadings, ", "))
}
