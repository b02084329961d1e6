package golang

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/repoexpert/operator/internal/language"
)

// Bounds of what a test program may report.
const (
	maxTests   = 200_000
	maxName    = 4096
	maxMessage = 300
)

// frame is the byte with which a test program marks its own lines under
// -test.v=test2json, so that what tests print is not taken for them.
const frame = "\x16"

// Verdicts are the last frame of a program that ran all of its tests.
const (
	verdictPass = "PASS"
	verdictFail = "FAIL"
)

// record is what one test program said of its tests.
type record struct {
	// results by name, as in "TestParse/empty"; started names have begun.
	results map[string]language.TestResult
	started map[string]bool
	verdict string
	// failure is the last line that says why the program died.
	failure string
}

var (
	resultLine = regexp.MustCompile(`^--- (PASS|FAIL|SKIP): (\S+) \(([0-9.]+)s\)$`)
	stateLine  = regexp.MustCompile(`^=== (RUN|CONT|NAME|PAUSE) *(\S*)$`)
	logLine    = regexp.MustCompile(`^\s+\S+\.go:\d+: (.+)$`)
	deathLine  = regexp.MustCompile(`^(?:panic|fatal error): (.+)$`)
)

var outcomes = map[string]language.Outcome{
	"PASS": language.OutcomePassed, "FAIL": language.OutcomeFailed, "SKIP": language.OutcomeSkipped,
}

// parseRecord reads the output of a test program. Errors say that it is beyond
// the bounds.
func parseRecord(output string) (*record, error) {
	r := &record{results: map[string]language.TestResult{}, started: map[string]bool{}}
	messages := map[string]string{}
	current := ""
	for n, part := range strings.Split(output, frame) {
		text := part
		if n > 0 {
			var line string
			line, text, _ = strings.Cut(part, "\n")
			var err error
			if current, err = r.add(strings.TrimRight(line, "\r"), current); err != nil {
				return nil, err
			}
		}
		r.read(text, current, messages)
	}
	for name, message := range messages {
		if result, known := r.results[name]; known && result.Outcome == language.OutcomeFailed {
			result.Message = message
			r.results[name] = result
		}
	}
	return r, nil
}

// add reads one frame and returns the test that what follows belongs to.
func (r *record) add(line, current string) (string, error) {
	r.verdict = ""
	if line == verdictPass || line == verdictFail {
		r.verdict = line
		return "", nil
	}
	if found := stateLine.FindStringSubmatch(line); found != nil {
		if len(found[2]) > maxName || len(r.started) == maxTests {
			return "", fmt.Errorf("a test program reports more than %d tests, or a name above %d bytes", maxTests, maxName)
		}
		if found[1] == "RUN" {
			r.started[found[2]] = true
		}
		return found[2], nil
	}
	found := resultLine.FindStringSubmatch(line)
	if found == nil {
		return current, nil
	}
	name := found[2]
	if _, known := r.results[name]; len(name) > maxName || (!known && len(r.results) == maxTests) {
		return "", fmt.Errorf("a test program reports more than %d tests, or a name above %d bytes", maxTests, maxName)
	}
	seconds, err := strconv.ParseFloat(found[3], 64)
	if err != nil || seconds < 0 {
		return "", fmt.Errorf("a test took %.20q seconds", found[3])
	}
	// Of two reports the worse one counts.
	if before, known := r.results[name]; !known || before.Outcome != language.OutcomeFailed {
		r.results[name] = language.TestResult{Outcome: outcomes[found[1]], Seconds: seconds}
	}
	return name, nil
}

// read takes from a test's output the first line that it logs, or why the program
// died.
func (r *record) read(text, current string, messages map[string]string) {
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\r\n")
		message := ""
		if found := logLine.FindStringSubmatch(line); found != nil {
			message = found[1]
		} else if found := deathLine.FindStringSubmatch(line); found != nil {
			message = line
			r.failure = bounded(message)
		}
		if message != "" && messages[current] == "" {
			messages[current] = bounded(message)
		}
	}
}

// bounded cuts a message at a rune's boundary.
func bounded(text string) string {
	limit := maxMessage
	if len(text) <= limit {
		return text
	}
	for limit > 0 && !utf8.RuneStart(text[limit]) {
		limit--
	}
	return text[:limit]
}
