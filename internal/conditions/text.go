package conditions

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// MaxText is the longest message in bytes: as much as status fields of ours
// hold.
const MaxText = 1024

// Text makes a message of one line of valid UTF-8 of at most MaxText bytes.
func Text(s string) string { return Bounded(s, MaxText) }

// Bounded is Text with a limit of its own, of at least 4 bytes.
func Bounded(s string, limit int) string {
	s = strings.ToValidUTF8(s, "?")
	s = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || r == '\u2028' || r == '\u2029' || unicode.Is(unicode.Bidi_Control, r) {
			return ' '
		}
		return r
	}, s)
	s = strings.Join(strings.Fields(s), " ")
	if len(s) <= limit {
		return s
	}
	const mark = "..."
	cut := limit - len(mark)
	for cut > 0 && !utf8.RuneStart(s[cut]) {
		cut--
	}
	return s[:cut] + mark
}
