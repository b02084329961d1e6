package teachertest

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/repoexpert/operator/internal/agent"
)

var (
	missingBody = regexp.MustCompile(`in (\S+\.py) is missing`)
	maskedLine  = regexp.MustCompile(`(?m)^(\d+):\s*raise NotImplementedError$`)
	linesNow    = regexp.MustCompile(`(?m)^lines (\d+)$`)
)

// Librarian answers as a teacher that knows a Python repository by heart: it looks
// where the body of a function is missing, looks up the names that it will need,
// since what nothing has shown is no sample to learn from, writes what stands
// there, and hands that in. Of other tasks it knows nothing and hands in at once.
// read returns a file of the repository.
func Librarian(read func(path string) ([]byte, error)) Step {
	return func(e *Exchange) {
		var body struct {
			Messages []struct {
				Content string `json:"content"`
			} `json:"messages"`
		}
		if err := json.Unmarshal(e.content, &body); err != nil {
			Status(400, "", "no messages")(e)
			return
		}
		var said []string
		for _, message := range body.Messages {
			said = append(said, message.Content)
		}
		Answer(librarian(read, said))(e)
	}
}

// What was said by the turns of a librarian: the system's prompt, the task, and then
// turns and what they brought.
const (
	saidTask  = 1
	saidPlace = 3
	saidNames = 5
)

// librarian is the turn after what was said.
func librarian(read func(path string) ([]byte, error), said []string) string {
	handIn := turn("Hand it in.", agent.SubmitChange)
	if len(said) <= saidTask {
		return handIn
	}
	found := missingBody.FindStringSubmatch(said[saidTask])
	switch {
	case found == nil || len(said) > saidNames+1:
		return handIn
	case len(said) <= saidPlace:
		return turn("See where it is missing.", fmt.Sprintf("grep -n 'raise NotImplementedError' %[1]s; echo lines $(wc -l < %[1]s)", found[1]))
	}
	content, err := read(found[1])
	if err != nil {
		return "THOUGHT: I do not know this file."
	}
	at, body, ok := missing(strings.Split(string(content), "\n"), said[saidPlace])
	switch {
	case !ok:
		return handIn
	case len(said) <= saidNames:
		return turn("Look up what it may use.", "for name in "+strings.Join(names(body), " ")+"; do grep -rnw --include='*.py' $name . | head -n 2; done")
	}
	return turn("Write it.", fmt.Sprintf("cat > body.txt <<'EOF'\n%s\nEOF\nsed -i -e '%dr body.txt' -e %dd %s && rm body.txt", body, at, at, found[1]))
}

// maxNames keeps what a look at names brings within an observation.
const maxNames = 40

var name = regexp.MustCompile(`[A-Za-z_]\w{2,}`)

// names are the words of a body, each once, in order.
func names(body string) []string {
	var found []string
	for _, word := range name.FindAllString(body, -1) {
		if !slices.Contains(found, word) {
			found = append(found, word)
		}
	}
	return found[:min(len(found), maxNames)]
}

func turn(thought, command string) string {
	return "THOUGHT: " + thought + "\n```bash\n" + command + "\n```"
}

// missing finds the line, from 1, that stands for a body, and the body.
func missing(lines []string, observation string) (at int, body string, ok bool) {
	now := linesNow.FindStringSubmatch(observation)
	if now == nil {
		return 0, "", false
	}
	// A file's last line ends with a line break, so there is one more part.
	more := len(lines) - 1 - number(now[1])
	for _, found := range maskedLine.FindAllStringSubmatch(observation, -1) {
		at := number(found[1])
		if at < 1 || more < 0 || at+more > len(lines) || strings.TrimSpace(lines[at-1]) == "raise NotImplementedError" {
			continue
		}
		return at, strings.Join(lines[at-1:at+more], "\n"), true
	}
	return 0, "", false
}

func number(digits string) int {
	n, err := strconv.Atoi(digits)
	if err != nil {
		return -1
	}
	return n
}
