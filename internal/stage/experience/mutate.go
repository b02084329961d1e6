package experience

import (
	"slices"
	"strconv"
)

// mutant is a body with one wrong line: what a hasty first edit looks like.
type mutant struct {
	// line of the body that is wrong, from 0; text is what it says instead.
	line int
	text string
}

// swaps are tokens that a slip turns into each other.
var swaps = map[string]string{
	"==": "!=", "!=": "==", "<=": "<", ">=": ">", "<": "<=", ">": ">=",
	"and": "or", "or": "and", "+": "-", "-": "+", "True": "False", "False": "True",
	"is": "is not", "+=": "-=", "-=": "+=", "if": "if not", "while": "while not",
	"min": "max", "max": "min", "any": "all", "all": "any",
}

// mutants lists the one-line slips of a body, in an order that a seed decides.
func mutants(body []string, seed uint64) []mutant {
	var found []mutant
	tokens := scan(joined(body))
	for i, t := range tokens {
		if replacement, ok := slipOf(tokens, i); ok && t.line < len(body) && t.column+len(t.text) <= len(body[t.line]) {
			line := body[t.line]
			found = append(found, mutant{line: t.line, text: line[:t.column] + replacement + line[t.column+len(t.text):]})
		}
	}
	for i := range found {
		j := i + int(mix(seed, strconv.Itoa(i))%uint64(len(found)-i))
		found[i], found[j] = found[j], found[i]
	}
	return found
}

// slipOf returns what a token is mistaken for.
func slipOf(tokens []token, i int) (string, bool) {
	t := tokens[i]
	next := ""
	if i+1 < len(tokens) {
		next = tokens[i+1].text
	}
	switch {
	case t.kind == tokenNumber:
		value, err := strconv.Atoi(t.text)
		return strconv.Itoa(value + 1), err == nil && value < 1000
	case slices.Contains([]string{"is", "if", "while"}, t.text) && next == "not":
		return "", false
	case t.kind == tokenString:
		return "", false
	}
	replacement, ok := swaps[t.text]
	return replacement, ok
}
