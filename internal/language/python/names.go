package python

import (
	_ "embed"
	"maps"
	"slices"
	"strings"
	"unicode"
)

// builtinNames are Python's keywords, built-in names, the attributes of its
// built-in types, and what everyone calls the first parameters: names that need
// no context to be known.
//
//go:embed builtins.txt
var builtinNames string

var builtin = func() map[string]bool {
	set := map[string]bool{}
	for name := range strings.FieldsSeq(builtinNames) {
		set[name] = true
	}
	return set
}()

func wordRune(r rune) bool { return r == '_' || unicode.IsLetter(r) || unicode.IsDigit(r) }

// foreign lists the names in a piece of Python code that are neither built in nor
// bound by the code itself: what one must have seen somewhere to write it. It
// reads tokens, not syntax, so it errs on the side of more names.
func foreign(code string) []string {
	tokens := scan(code)
	own := bound(tokens)
	found := map[string]bool{}
	for i, token := range tokens {
		attribute := i > 0 && tokens[i-1].text == "."
		if token.kind == tokenName && !builtin[token.text] && (attribute || !own[token.text]) {
			found[token.text] = true
		}
	}
	return slices.Sorted(maps.Keys(found))
}

// bound collects names that code binds: targets of assignments, loops, imports,
// "as", and the names and parameters of functions defined in it.
func bound(tokens []token) map[string]bool {
	own := map[string]bool{}
	b := binder{tokens: tokens, own: own}
	for i, token := range tokens {
		b.at(i, token)
	}
	return own
}

type binder struct {
	tokens []token
	own    map[string]bool
	// until is the token that ends a run of targets, "" outside of one.
	until string
	depth int
}

func (b *binder) at(i int, t token) {
	switch t.text {
	case "(", "[", "{":
		b.depth++
	case ")", "]", "}":
		b.depth--
	case "for":
		b.until = "in"
	case "lambda", "def", "class":
		b.until = ":"
	case "import", "global", "nonlocal":
		b.until = "\n"
	}
	if t.text == b.until {
		b.until = ""
	}
	if t.kind != tokenName || (i > 0 && b.tokens[i-1].text == ".") {
		return
	}
	if b.until != "" || (i > 0 && b.tokens[i-1].text == "as") || b.assigned(i) {
		b.own[t.text] = true
	}
}

// assigned says whether the name at i is a target: before "=" outside brackets,
// where it is no keyword argument, before ":=", or in a tuple before "=".
func (b *binder) assigned(i int) bool {
	for next := i + 1; next < len(b.tokens); next++ {
		switch b.tokens[next].text {
		case ":=":
			return next == i+1
		case "=", "+=", "-=", ":":
			return b.depth == 0 && firstInStatement(b.tokens, i)
		case ",":
			continue
		default:
			if b.tokens[next].kind != tokenName || b.tokens[next-1].text != "," {
				return false
			}
		}
	}
	return false
}

// firstInStatement says whether token i is the first of its statement, or one of
// several names with commas between that are.
func firstInStatement(tokens []token, i int) bool {
	for i > 0 {
		switch tokens[i-1].text {
		case "\n", ";", ":":
			return true
		case ",":
			i -= 2
		default:
			return false
		}
	}
	return true
}
