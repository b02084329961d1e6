package agent

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/repoexpert/operator/internal/sandbox"
)

// SubmitMarker is the first line of the output that ends an episode.
const SubmitMarker = "COMPLETE_TASK_AND_SUBMIT_FINAL_OUTPUT"

// Bounds of the protocol, in characters for outputs and in bytes for submissions.
const (
	outputLimit     = 10_000
	outputKept      = 5_000
	submissionLimit = 128 << 10
	// keptOutput is what the box keeps of an output, half from each end, so that
	// a whole submission is among it.
	keptOutput = 4 * submissionLimit

	warnRepeats  = 3
	abortRepeats = 5
	// formatErrors in a row end an episode: a model that never finds the format
	// would otherwise use up all its steps.
	formatErrors = 8
)

// block is the protocol's own definition of an action.
var block = regexp.MustCompile("(?s)```bash\\s*\\n(.*?)\\n```")

// Actions returns the commands of an assistant turn. The protocol wants exactly
// one.
func Actions(message string) []string {
	var commands []string
	for _, match := range block.FindAllStringSubmatch(message, -1) {
		commands = append(commands, strings.TrimSpace(match[1]))
	}
	return commands
}

// formatError is the answer to a turn with another number of actions than one.
func formatError(actions int) string {
	return fmt.Sprintf("Your reply has %d bash blocks. Reply with one line THOUGHT and exactly one block:\n```bash\ncommand\n```", actions)
}

// loopWarning is the answer to a turn that was given before.
const loopWarning = "You gave this same reply three times and it was not run again. Do something else: read another file, change the command, or submit."

// refusedSubmission is the answer to a submission that is too long.
var refusedSubmission = fmt.Sprintf("The submission has more than %d bytes and was refused. Submit the change or the report alone.", submissionLimit)

// observation is the user turn that shows a command's result.
func observation(result sandbox.Result) string {
	output := clean(result.Output)
	if result.TimedOut {
		output = strings.TrimRight(output, "\n") + "\nThe command took too long and was killed.\n"
	}
	output = elide(output, result)
	if output != "" && !strings.HasSuffix(output, "\n") {
		output += "\n"
	}
	return fmt.Sprintf("<returncode>%d</returncode>\n<output>\n%s</output>", result.ExitCode, output)
}

// elide keeps both ends of a long output.
func elide(output string, result sandbox.Result) string {
	length := utf8.RuneCountInString(output)
	if length < outputLimit && !result.Truncated {
		return output
	}
	runes := []rune(output)
	if length < 2*outputKept {
		return output
	}
	head, tail := string(runes[:outputKept]), string(runes[length-outputKept:])
	elided := max(result.OutputBytes, int64(len(output))) - int64(len(head)+len(tail))
	return fmt.Sprintf("%s\n[%d bytes elided: look at less at once]\n%s", head, elided, tail)
}

// clean makes an output valid text.
func clean(output string) string {
	return strings.ReplaceAll(strings.ToValidUTF8(output, "\uFFFD"), "\x00", "\uFFFD")
}

// submission returns what follows the marker, when the output's first line that
// is not blank is the marker.
func submission(output string) (string, bool) {
	first, rest, _ := strings.Cut(strings.TrimLeft(output, " \t\r\n"), "\n")
	return rest, strings.TrimSpace(first) == SubmitMarker
}

// Observation is what a user turn shows of a command's result.
type Observation struct {
	ReturnCode int
	Output     string
}

// ParseObservation reads a user turn of the protocol. It reports false for one
// that shows no result, as a task and a format error do.
func ParseObservation(message string) (Observation, bool) {
	rest, found := strings.CutPrefix(message, "<returncode>")
	number, rest, closed := strings.Cut(rest, "</returncode>\n<output>\n")
	code, err := strconv.Atoi(number)
	if !found || !closed || err != nil {
		return Observation{}, false
	}
	return Observation{ReturnCode: code, Output: strings.TrimSuffix(rest, "</output>")}, true
}
