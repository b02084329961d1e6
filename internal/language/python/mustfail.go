package python

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"github.com/repoexpert/operator/internal/language"
)

// madeToFail is a decorator that lets a test end and then fails it, by an assertion
// as the test's own: code that takes the assertions out of tests, or out of what
// pytest compiles, takes this one out too. It keeps the test's signature, which names
// its fixtures. Decorators may be any expression since Python 3.9, see PEP 614.
const (
	madeToFail = `@(lambda test: __import__("functools").wraps(test)(lambda *a, **k: (test(*a, **k), _made_to_fail())))`
	failing    = "\n\ndef _made_to_fail():\n    assert 0 == 1\n"
)

// MustFail implements language.Adapter. Functions are found by their lines, as a
// text: one in a string is taken for a test too, which changes no other.
func (a Adapter) MustFail(source []byte, function string) ([]byte, error) {
	lines := language.Lines(source)
	parts := strings.Split(function, ".")
	from, outer := 0, -1
	for _, class := range parts[:len(parts)-1] {
		at := slices.IndexFunc(lines[from:], func(line []byte) bool {
			return indentation(line) > outer && opens(line, "class "+class)
		})
		if at < 0 {
			return nil, fmt.Errorf("%w: %s: there is no class %s", language.ErrMask, function, class)
		}
		outer = indentation(lines[from+at])
		from += at + 1
	}
	var changed [][]byte
	found := false
	changed = append(changed, lines[:from]...)
	inside := true
	for _, line := range lines[from:] {
		if text := bytes.TrimSpace(line); len(text) > 0 && text[0] != '#' && indentation(line) <= outer {
			inside = false
		}
		name := "def " + parts[len(parts)-1]
		if inside && (opens(line, name) || opens(line, "async "+name)) {
			found = true
			indent := line[:indentation(line)]
			changed = append(changed, slices.Concat(indent, []byte(madeToFail), line[len(bytes.TrimRight(line, "\r\n")):]))
		}
		changed = append(changed, line)
	}
	if !found {
		return nil, fmt.Errorf("%w: there is no function %s", language.ErrMask, function)
	}
	return bytes.Join(append(changed, []byte(failing)), nil), nil
}

// indentation counts the blanks and tabs before a line's text.
func indentation(line []byte) int { return len(line) - len(bytes.TrimLeft(line, " \t")) }

// opens says whether a line begins with words, and the last of them ends there.
func opens(line []byte, words string) bool {
	rest, begins := bytes.CutPrefix(bytes.TrimLeft(line, " \t"), []byte(words))
	return begins && len(rest) > 0 && bytes.ContainsRune([]byte("(:[ \t"), rune(rest[0]))
}
