package python

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// token of Python code, with its place. Comments are left out; a string literal
// is one token; line ends inside brackets too are tokens.
type token struct {
	kind tokenKind
	text string
	// line from 0, column in bytes.
	line, column int
}

type tokenKind int

const (
	tokenName tokenKind = iota
	tokenNumber
	tokenString
	tokenOperator
)

// longOperators of more than one sign, the longer ones first.
var longOperators = []string{"**=", "//=", ">>=", "<<=", "==", "!=", "<=", ">=", "->", ":=", "+=", "-=", "*=", "/=", "%=", "**", "//", "<<", ">>"}

// scanner walks over code.
type scanner struct {
	rest         string
	line, column int
	tokens       []token
}

// scan splits Python code into tokens.
func scan(code string) []token {
	s := &scanner{rest: code}
	for s.rest != "" {
		r, size := utf8.DecodeRuneInString(s.rest)
		switch {
		case r == '#':
			s.skip(until(s.rest, "\n"))
		case r == '\n':
			s.take(tokenOperator, size)
		case unicode.IsSpace(r), r == '\\':
			s.skip(size)
		case stringPrefix(s.rest) >= 0:
			s.take(tokenString, literal(s.rest, stringPrefix(s.rest)))
		case unicode.IsDigit(r):
			s.take(tokenNumber, run(s.rest))
		case wordRune(r):
			s.take(tokenName, run(s.rest))
		default:
			s.take(tokenOperator, operator(s.rest, size))
		}
	}
	return s.tokens
}

func (s *scanner) take(kind tokenKind, size int) {
	s.tokens = append(s.tokens, token{kind: kind, text: s.rest[:size], line: s.line, column: s.column})
	s.skip(size)
}

func (s *scanner) skip(size int) {
	skipped := s.rest[:size]
	if newlines := strings.Count(skipped, "\n"); newlines > 0 {
		s.line += newlines
		s.column = size - strings.LastIndexByte(skipped, '\n') - 1
	} else {
		s.column += size
	}
	s.rest = s.rest[size:]
}

// stringPrefix returns the length of the letters before a string literal that
// begins here, -1 when none does.
func stringPrefix(text string) int {
	for i := 0; i < min(3, len(text)); i++ {
		switch {
		case text[i] == '"' || text[i] == '\'':
			return i
		case !strings.ContainsRune("rRbBuUfFtT", rune(text[i])):
			return -1
		}
	}
	return -1
}

// literal returns the length of the string literal after a prefix.
func literal(text string, prefix int) int {
	quote := text[prefix : prefix+1]
	if strings.HasPrefix(text[prefix:], strings.Repeat(quote, 3)) {
		quote = strings.Repeat(quote, 3)
	}
	for i := prefix + len(quote); i < len(text); i++ {
		switch {
		case text[i] == '\\':
			i++
		case strings.HasPrefix(text[i:], quote):
			return i + len(quote)
		case text[i] == '\n' && len(quote) == 1:
			return i
		}
	}
	return len(text)
}

func run(text string) int {
	for i, r := range text {
		if !wordRune(r) {
			return i
		}
	}
	return len(text)
}

func operator(text string, single int) int {
	for _, candidate := range longOperators {
		if strings.HasPrefix(text, candidate) {
			return len(candidate)
		}
	}
	return single
}

func until(text, end string) int {
	if i := strings.Index(text, end); i >= 0 {
		return i
	}
	return len(text)
}
