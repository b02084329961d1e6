package curate

import (
	"encoding/base64"
	"encoding/hex"
	"strings"
)

const (
	// Shortest runs that gitleaks tries to decode.
	minBase64 = 16
	minHex    = 32
)

// mayBeEncoded says whether gitleaks could decode a part of a text. It errs
// towards yes, and finds by hand what gitleaks' own expression takes long to find:
// an escape, a long hexadecimal number, or a run of the base64 alphabets that
// decodes to printable text.
func mayBeEncoded(text string) bool {
	start, hex := 0, 0
	for i := range len(text) + 1 {
		if i < len(text) && encodedByte(text[i]) {
			if hex++; !hexByte(text[i]) {
				hex = 0
			}
			if hex == minHex || text[i] == '+' && i > 0 && text[i-1] == 'U' {
				return true
			}
			continue
		}
		if i-start >= minBase64 && decodes(text[start:i], text[i:]) {
			return true
		}
		if i < len(text) && startsEscape(text[i:]) {
			return true
		}
		start, hex = i+1, 0
	}
	return false
}

func encodedByte(b byte) bool {
	return b >= 'a' && b <= 'z' || b >= 'A' && b <= 'Z' || b >= '0' && b <= '9' || b == '_' || b == '/' || b == '+' || b == '-'
}

func hexByte(b byte) bool {
	return b >= '0' && b <= '9' || b >= 'a' && b <= 'f' || b >= 'A' && b <= 'F'
}

// startsEscape says whether a text begins with an escaped character, as in URLs or in
// source code.
func startsEscape(text string) bool {
	return len(text) > 2 && text[0] == '%' && hexByte(text[1]) && hexByte(text[2]) ||
		len(text) > 1 && text[0] == '\\' && (text[1] == 'u' || text[1] == 'U')
}

// decodes says whether a run is base64 of printable text. What follows it may be
// its padding.
func decodes(run, after string) bool {
	_, printable := decoded(run, after)
	return printable
}

// decoded is the printable text that a run is base64 of.
func decoded(run, after string) (string, bool) {
	if !strings.ContainsAny(run, "0123456789+/-_") {
		return "", false
	}
	padding := 0
	for padding < min(2, len(after)) && after[padding] == '=' {
		padding++
	}
	text, err := base64.StdEncoding.DecodeString(run + after[:padding])
	if err != nil || !printable(text) {
		if text, err = base64.URLEncoding.DecodeString(run + after[:padding]); err != nil {
			text, err = base64.RawURLEncoding.DecodeString(run + after[:padding])
		}
	}
	return string(text), err == nil && printable(text)
}

// decodedIn returns the texts that are in a text as base64 or hexadecimal numbers.
func decodedIn(text string) []string {
	var texts []string
	for start, i := 0, 0; i <= len(text); i++ {
		if i < len(text) && encodedByte(text[i]) {
			continue
		}
		run := text[start:i]
		if number, err := hex.DecodeString(run); len(run) >= minHex && err == nil && printable(number) {
			texts = append(texts, string(number))
		} else if plain, readable := decoded(run, text[i:]); len(run) >= minBase64 && readable {
			texts = append(texts, plain)
		}
		start = i + 1
	}
	return texts
}

func printable(text []byte) bool {
	for _, b := range text {
		if b <= 8 || b >= 0x7f {
			return false
		}
	}
	return true
}
