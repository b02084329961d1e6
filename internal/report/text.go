package report

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Bounds of what a report quotes, in bytes.
const (
	// MaxText bounds a question, an answer and the like.
	MaxText = 300
	// maxTurn bounds a message of an excerpt, maxTurns their number; of a long
	// episode the last ones are kept, which show how it ended.
	maxTurn  = 600
	maxTurns = 4
	// maxMarks is how many combining marks may follow each other: more than any
	// language writes would paint over the lines above.
	maxMarks = 6
)

// Bounds of a report, so that it can be read through a pod's log.
const (
	// MaxTasks is how many tasks of a kind are listed, MaxExcerpts how many of these
	// have excerpts.
	MaxTasks    = 500
	MaxExcerpts = 100
)

// Bound cuts a text to MaxText bytes and makes it valid UTF-8.
func Bound(text string) string { return bound(text, MaxText) }

// bound cuts at the boundary of a character and says so.
func bound(text string, most int) string {
	const cut = "…"
	if len(text) > most {
		end := most - len(cut)
		for end > 0 && !utf8.RuneStart(text[end]) {
			end--
		}
		text = text[:end] + cut
	}
	return strings.ToValidUTF8(text, string(utf8.RuneError))
}

// Excerpt keeps the last turns of an episode.
func Excerpt(turns []Turn) []Turn {
	kept := make([]Turn, 0, maxTurns)
	for _, t := range turns[max(0, len(turns)-maxTurns):] {
		kept = append(kept, Turn{Role: bound(t.Role, MaxText), Text: bound(t.Text, maxTurn)})
	}
	return kept
}

// shown makes a text safe to look at: bounded, and with the code points of
// characters that cannot be seen, that turn the reading direction, or that pile
// up. Markup is not touched here: html/template escapes it.
func shown(text string, most int) string {
	var out strings.Builder
	marks := 0
	for _, r := range bound(text, most) {
		marks++
		if !unicode.Is(unicode.M, r) {
			marks = 0
		}
		if hidden(r) || marks > maxMarks {
			fmt.Fprintf(&out, `\u%04x`, r)
			continue
		}
		out.WriteRune(r)
	}
	return out.String()
}

func hidden(r rune) bool {
	if r == '\n' || r == '\t' {
		return false
	}
	return unicode.In(r, unicode.Cc, unicode.Cf, unicode.Co, unicode.Zl, unicode.Zp)
}
