package recall

import (
	"strings"
)

// Normalize reduces a reply to what is compared: its first line that is not
// empty, without surrounding quotes, back quotes, white space and a final full
// stop, with single spaces and without a leading "./". Case counts.
func Normalize(reply string) string {
	var line string
	for candidate := range strings.Lines(reply) {
		if line = strings.TrimSpace(candidate); line != "" {
			break
		}
	}
	for {
		stripped := strings.TrimPrefix(strings.TrimSuffix(strings.Trim(line, "`'\""), "."), "./")
		stripped = strings.Join(strings.Fields(stripped), " ")
		if stripped == line {
			return line
		}
		line = stripped
	}
}

// Score says whether a reply is exactly the answer after Normalize on both.
func Score(answer, reply string) bool {
	want := Normalize(answer)
	return want != "" && Normalize(reply) == want
}

// Baseline is what is right without any knowledge of the repository.
type Baseline struct {
	Questions int `json:"questions"`
	// Guess is the rate of choosing evenly among the answers that the kind has in
	// the whole tree; Majority the rate of always giving the commonest answer of
	// the questions asked.
	Guess    float64 `json:"guess"`
	Majority float64 `json:"majority"`
}

// Baselines computes the baseline of every kind that has questions. all are the
// facts of the whole tree, asked the questions' answers.
func Baselines(all []Fact, asked []Question) map[Kind]Baseline {
	choices := map[Kind]map[string]bool{}
	for _, fact := range all {
		if choices[fact.Kind] == nil {
			choices[fact.Kind] = map[string]bool{}
		}
		choices[fact.Kind][Normalize(fact.Answer)] = true
	}
	counts := map[Kind]map[string]int{}
	baselines := map[Kind]Baseline{}
	for _, question := range asked {
		if counts[question.Kind] == nil {
			counts[question.Kind] = map[string]int{}
		}
		counts[question.Kind][Normalize(question.Answer)]++
		baseline := baselines[question.Kind]
		baseline.Questions++
		baselines[question.Kind] = baseline
	}
	for kind, baseline := range baselines {
		commonest := 0
		for _, count := range counts[kind] {
			commonest = max(commonest, count)
		}
		baseline.Majority = float64(commonest) / float64(baseline.Questions)
		baseline.Guess = 1 / float64(max(1, len(choices[kind])))
		baselines[kind] = baseline
	}
	return baselines
}

// Macro is the mean over kinds, so that a kind with many easy questions does not
// carry the score.
func Macro(rates map[Kind]float64) float64 {
	if len(rates) == 0 {
		return 0
	}
	sum := 0.0
	for _, kind := range Kinds() {
		sum += rates[kind]
	}
	return sum / float64(len(rates))
}
