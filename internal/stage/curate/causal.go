package curate

import (
	"regexp"
	"strings"

	"github.com/repoexpert/operator/api/v1alpha1"
	"github.com/repoexpert/operator/internal/agent"
	"github.com/repoexpert/operator/internal/task"
)

// causalPercent of the names in an edit, other than built-in ones and its own, must
// have been shown before: an edit that needs what nothing showed teaches to guess.
const causalPercent = 90

// hereDocument begins the text that a shell command is fed.
var hereDocument = regexp.MustCompile(`<<-?[ \t]*(['"]?)([A-Za-z_][A-Za-z0-9_]*)(['"]?)`)

// hereDocuments returns the texts that a command is fed: what an edit writes.
func hereDocuments(command string) []string {
	var texts []string
	var text []string
	end := ""
	for _, line := range strings.Split(command, "\n") {
		match := hereDocument.FindStringSubmatch(line)
		switch {
		case end != "" && strings.TrimLeft(line, "\t") == end:
			texts = append(texts, strings.Join(text, "\n"))
			end, text = "", nil
		case end != "":
			text = append(text, line)
		case match != nil:
			end = match[2]
		}
	}
	return texts
}

// causality counts the names in a sample's edits, and those of them that the task
// or an observation had shown before. A name counts where it is written first: the
// repair of one line names what the edit before has defined. A report is no edit.
func causality(sample task.Sample, foreign func(code string) []string) (shown, all int) {
	if isQuestion(sample) || sample.Meta.Unit == v1alpha1.UnitSoftwareDesign {
		return 0, 0
	}
	seen, written := map[string]bool{}, map[string]bool{}
	for _, message := range sample.Messages {
		if message.Role != task.RoleAssistant {
			for word := range words(message.Content) {
				seen[word] = true
			}
			continue
		}
		for _, action := range agent.Actions(message.Content) {
			for _, text := range hereDocuments(action) {
				for _, name := range foreign(text) {
					if written[name] {
						continue
					}
					all++
					if seen[name] {
						shown++
					}
				}
				for word := range words(text) {
					written[word] = true
				}
			}
		}
	}
	return shown, all
}
