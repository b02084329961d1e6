package experience

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/repoexpert/operator/internal/agent"
	"github.com/repoexpert/operator/internal/symptom"
	"github.com/repoexpert/operator/internal/task"
)

// script plays the model in a synthetic episode. It is a list of steps; each sees
// everything observed so far and says the next turn, or nothing.
type script struct {
	steps []step
	// seen are the words of the task and of all observations.
	seen map[string]bool
	// code is set when the script cannot go on: why there is no sample.
	code   string
	detail string
	// slips are the indexes of assistant messages that are not to be learned.
	slips []int
	// thoughts picks wordings.
	thoughts *thoughts
}

// step returns a turn, or an empty command when it has nothing to do. It fails
// the script through fail.
type step func(s *script, last result) turn

// turn is what the assistant says.
type turn struct {
	thought string
	command string
	// slip says that the turn is a mistake, which is not learned.
	slip bool
}

// result is the last observation.
type result struct {
	code   int
	output string
}

var errScript = errors.New("the script cannot go on")

// Next implements agent.Model.
func (s *script) Next(_ context.Context, messages []task.Message) (string, agent.Usage, error) {
	observed := messages[len(messages)-1].Content
	symptom.Words(s.seen, observed)
	last := parseObservation(observed)
	for len(s.steps) > 0 && s.code == "" {
		next := s.steps[0](s, last)
		s.steps = s.steps[1:]
		if next.command == "" || s.code != "" {
			continue
		}
		if next.slip {
			s.slips = append(s.slips, len(messages))
		}
		return fmt.Sprintf("THOUGHT: %s\n```bash\n%s\n```", next.thought, next.command), agent.Usage{}, nil
	}
	if s.code == "" {
		s.code = "script-ended"
	}
	return "", agent.Usage{}, fmt.Errorf("%w: %s", errScript, s.code)
}

// fail ends the script.
func (s *script) fail(code, detail string) turn {
	s.code, s.detail = code, detail
	return turn{}
}

// parseObservation reads an observation of the protocol; the task reads as a
// result with code 0 and no output.
func parseObservation(text string) result {
	rest, found := strings.CutPrefix(text, "<returncode>")
	number, rest, closed := strings.Cut(rest, "</returncode>\n<output>\n")
	code, err := strconv.Atoi(number)
	if !found || !closed || err != nil {
		return result{}
	}
	return result{code: code, output: strings.TrimSuffix(rest, "</output>")}
}

// shown is what was observed of numbered lines, as "12:text" or "12-text".
func numbered(output string) map[int]string {
	lines := map[int]string{}
	for line := range strings.Lines(output) {
		end := strings.IndexAny(line, ":-")
		if end <= 0 {
			continue
		}
		if number, err := strconv.Atoi(line[:end]); err == nil {
			lines[number] = strings.TrimRight(line[end+1:], "\n")
		}
	}
	return lines
}

func joined(lines []string) string { return strings.Join(lines, "\n") }
