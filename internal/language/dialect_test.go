package language

import "testing"

func TestBasicPattern(t *testing.T) {
	tests := map[string]struct {
		pattern, line string
		want          bool
	}{
		"a word":              {"def sell", "def sell(book):", true},
		"part of a word":      {"def sell", "def sell_all(book):", false},
		"parentheses":         {"func ([^)]*Shelf[^)]*) Add", "func (s *Shelf) Add(b Book) {", true},
		"type parameters":     {"func ([^)]*Shelf[^)]*) Add", "func (s *Shelf[T]) Add(b T) {", true},
		"another method":      {"func ([^)]*Shelf[^)]*) Add", "func (s *Shelf) AddAll() {", false},
		"another type":        {"func ([^)]*Shelf[^)]*) Add", "func (s *Shop) Add() {", false},
		"signs in a list":     {"a[(+]b", "a+b", true},
		"signs without sense": {"a+b", "aab", false},
	}
	for name, test := range tests {
		pattern, err := BasicPattern(test.pattern)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if got := pattern.MatchString(test.line); got != test.want {
			t.Errorf("%s: got %v", name, got)
		}
	}
	if _, err := BasicPattern("a[b"); err == nil {
		t.Error("an open list is accepted")
	}
}
