package curate

import (
	"strings"

	"github.com/repoexpert/operator/api/v1alpha1"
	"github.com/repoexpert/operator/internal/agent"
	"github.com/repoexpert/operator/internal/task"
)

// phraseWords is the length of a run of words in a thought.
const phraseWords = 5

// Diversity says how alike trajectories are, names aside: a model that learns one
// script learns nothing else.
type Diversity struct {
	Trajectories int `json:"trajectories"`
	// Skeleton is how many share the commonest sequence of programs and flags.
	Skeleton int `json:"skeleton"`
	// Phrase is how many share the commonest run of five words in a thought.
	Phrase int `json:"phrase"`
}

func diversityOf(samples []task.Sample) Diversity {
	var d Diversity
	skeletons, phrases := map[string]int{}, map[string]int{}
	for _, sample := range samples {
		if sample.Meta.Unit == v1alpha1.UnitRepositoryRecall {
			continue
		}
		d.Trajectories++
		skeleton, said := outline(sample.Messages)
		skeletons[skeleton]++
		d.Skeleton = max(d.Skeleton, skeletons[skeleton])
		for phrase := range said {
			phrases[phrase]++
			d.Phrase = max(d.Phrase, phrases[phrase])
		}
	}
	return d
}

// outline returns the programs and flags of all actions, and the phrases of all
// thoughts.
func outline(messages []task.Message) (string, map[string]bool) {
	var skeleton strings.Builder
	said := map[string]bool{}
	for _, message := range messages {
		if message.Role != task.RoleAssistant {
			continue
		}
		thought, _, _ := strings.Cut(message.Content, "```")
		words := strings.Fields(abstract(strings.TrimPrefix(thought, "THOUGHT:")))
		for at := 0; at+phraseWords <= len(words); at++ {
			said[strings.Join(words[at:at+phraseWords], " ")] = true
		}
		for _, action := range agent.Actions(message.Content) {
			skeleton.WriteString(programs(action) + "\n")
		}
	}
	return skeleton.String(), said
}

// abstract replaces what depends on the repository: quoted names, paths, numbers.
func abstract(text string) string {
	fields := strings.Fields(text)
	for i, field := range fields {
		if strings.ContainsAny(strings.Trim(field, ".,:;?!"), "`_/.0123456789") {
			fields[i] = "NAME"
		}
	}
	return strings.Join(fields, " ")
}

// programs lists the programs and flags of a command, without its arguments and
// without the text that it is fed.
func programs(action string) string {
	var kept []string
	start := true
	for line := range strings.Lines(action) {
		for _, field := range strings.Fields(line) {
			switch {
			case start, strings.HasPrefix(field, "-"):
				kept = append(kept, strings.TrimRight(field, "0123456789"))
			}
			start = strings.ContainsAny(field, "|;&{")
		}
		if strings.Contains(line, "<<") {
			break
		}
		start = true
	}
	return strings.Join(kept, " ")
}
