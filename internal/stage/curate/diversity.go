package curate

import (
	"maps"
	"slices"
	"strings"

	"github.com/repoexpert/operator/api/v1alpha1"
	"github.com/repoexpert/operator/internal/agent"
	"github.com/repoexpert/operator/internal/task"
)

// phraseWords is the length of a run of words in a thought.
const phraseWords = 5

const (
	// skeletonPercent and phrasePercent of the scripted trajectories may share one
	// sequence of programs, and one run of words in their thoughts.
	skeletonPercent = 5
	phrasePercent   = 10
	// recoveryLeast and recoveryMost percent of the scripted edits should hold a
	// failing attempt and its repair: without any, a model never learns to recover;
	// with more, it learns to fail first.
	recoveryLeast = 30
	recoveryMost  = 40
	// leastTrajectories is the number below which shares say nothing, and nothing
	// is taken out because of them: 5 % of 40 are two.
	leastTrajectories = 40
)

// Check compares a share of the data set with what it should be.
type Check struct {
	Name string `json:"name"`
	// Count of Of have the property.
	Count int `json:"count"`
	Of    int `json:"of"`
	// AtLeast and AtMost bound the share, in percent.
	AtLeast int `json:"atLeast,omitempty"`
	AtMost  int `json:"atMost,omitempty"`
	// Met says that the share is in bounds. Enforced is false where there are too
	// few trajectories for a share to say anything.
	Met      bool `json:"met"`
	Enforced bool `json:"enforced"`
}

func newCheck(name string, count, of, atLeast, atMost int, enforced bool) Check {
	return Check{
		Name: name, Count: count, Of: of, AtLeast: atLeast, AtMost: atMost, Enforced: enforced,
		Met: of == 0 || 100*count >= atLeast*of && (atMost == 0 || 100*count <= atMost*of),
	}
}

// Names of the checks.
const (
	checkSkeleton = "commonest sequence of programs"
	checkPhrase   = "commonest run of five words in a thought"
	checkRecovery = "edits with a failing attempt and its repair"
	checkCausal   = "names in edits that were shown before"
)

// diversityOf measures the scripted trajectories of a data set.
func diversityOf(samples []task.Sample, foreign func(code string) []string) []Check {
	skeletons, phrases := map[string]int{}, map[string]int{}
	scripted, edits, recovered, shown, names := 0, 0, 0, 0, 0
	for _, sample := range samples {
		if !isScripted(sample) {
			continue
		}
		scripted++
		count(skeletons, skeletonOf(sample))
		count(phrases, phrasesOf(sample))
		if isEdit(sample) {
			edits++
		}
		if sample.Meta.Recovered {
			recovered++
		}
		s, n := causality(sample, foreign)
		shown, names = shown+s, names+n
	}
	enough := scripted >= leastTrajectories
	return []Check{
		newCheck(checkSkeleton, commonest(skeletons), scripted, 0, skeletonPercent, enough),
		newCheck(checkPhrase, commonest(phrases), scripted, 0, phrasePercent, enough),
		newCheck(checkRecovery, recovered, edits, recoveryLeast, recoveryMost, edits >= leastTrajectories),
		newCheck(checkCausal, shown, names, causalPercent, 0, true),
	}
}

func count(counts map[string]int, features []string) {
	for _, feature := range features {
		counts[feature]++
	}
}

func commonest(counts map[string]int) int {
	most := 0
	for _, n := range counts {
		most = max(most, n)
	}
	return most
}

// isQuestion says whether a sample is a closed question, not a trajectory.
func isQuestion(sample task.Sample) bool { return sample.Meta.Unit == v1alpha1.UnitRepositoryRecall }

// isScripted says whether a sample is a trajectory that a script played. How alike
// those of a teacher are is the teacher's manner.
func isScripted(sample task.Sample) bool {
	return !isQuestion(sample) && sample.Meta.Provenance == task.ProvenanceScripted
}

// isTaught says whether a teacher played a sample.
func isTaught(sample task.Sample) bool {
	return !isQuestion(sample) && sample.Meta.Provenance != task.ProvenanceScripted
}

// isEdit says whether a trajectory of the sample's unit changes code.
func isEdit(sample task.Sample) bool {
	return !isQuestion(sample) && sample.Meta.Unit != v1alpha1.UnitSoftwareDesign
}

// thin takes scripted trajectories out until none of their features is that of more
// than percent of them. The first ones stay. As what is left gets less, so does what
// a feature may have: where that would come to less than half of what it may have at
// the start, the scripts have too few forms, which no thinning mends; then each
// feature keeps what it may have at the start, and the card says that it is too much.
func thin(samples []task.Sample, percent int, features func(task.Sample) []string) []bool {
	scripted := 0
	of := make([][]string, len(samples))
	for i, sample := range samples {
		if isScripted(sample) {
			of[i] = features(sample)
			scripted++
		}
	}
	out := make([]bool, len(samples))
	if scripted < leastTrajectories {
		return out
	}
	start := scripted * percent / 100
	for limit := start; 2*limit >= start; {
		left, most := thinTo(limit, of, out, scripted)
		if 100*most <= percent*left {
			return out
		}
		limit = min(limit-1, left*percent/100)
	}
	thinTo(start, of, out, scripted)
	return out
}

// thinTo marks what is beyond a limit for any of its features. It returns how many
// scripted ones are left and how often the commonest feature then comes.
func thinTo(limit int, of [][]string, out []bool, scripted int) (left, most int) {
	counts := map[string]int{}
	left = scripted
	for i, features := range of {
		full := func(feature string) bool { return counts[feature] >= limit }
		if out[i] = anyOf(features, full); out[i] {
			left--
			continue
		}
		count(counts, features)
	}
	return left, commonest(counts)
}

// surplusRecoveries marks the last of the scripted edits with a recovery that are
// too many: r of n edits may stay with r <= p(n - taken), for p the greatest share.
func surplusRecoveries(samples []task.Sample) []bool {
	out := make([]bool, len(samples))
	edits, recovered := 0, 0
	for _, sample := range samples {
		if isScripted(sample) && isEdit(sample) {
			edits++
			if sample.Meta.Recovered {
				recovered++
			}
		}
	}
	if edits < leastTrajectories {
		return out
	}
	keep := (edits - recovered) * recoveryMost / (100 - recoveryMost)
	for i, sample := range samples {
		if !isScripted(sample) || !isEdit(sample) || !sample.Meta.Recovered {
			continue
		}
		out[i] = keep <= 0
		keep--
	}
	return out
}

func skeletonOf(sample task.Sample) []string {
	skeleton, _ := outline(sample.Messages)
	return []string{skeleton}
}

func phrasesOf(sample task.Sample) []string {
	_, said := outline(sample.Messages)
	return slices.Sorted(maps.Keys(said))
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
