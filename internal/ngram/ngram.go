// Package ngram compares texts by the runs of tokens that they share.
package ngram

import (
	"hash/fnv"
	"slices"
	"unicode"
)

// Tokens splits a text into words and single signs, so that layout does not
// count.
func Tokens(text string) []string {
	var tokens []string
	start := -1
	for at, r := range text {
		word := r == '_' || unicode.IsLetter(r) || unicode.IsDigit(r)
		if start >= 0 && !word {
			tokens = append(tokens, text[start:at])
			start = -1
		}
		switch {
		case word && start < 0:
			start = at
		case !word && !unicode.IsSpace(r):
			tokens = append(tokens, string(r))
		}
	}
	if start >= 0 {
		tokens = append(tokens, text[start:])
	}
	return tokens
}

// Of hashes every run of n tokens: a set, ascending.
func Of(tokens []string, n int) []uint64 {
	var grams []uint64
	for at := 0; at+n <= len(tokens); at++ {
		gram := fnv.New64a()
		for _, token := range tokens[at : at+n] {
			_, _ = gram.Write([]byte(token + "\x00"))
		}
		grams = append(grams, gram.Sum64())
	}
	slices.Sort(grams)
	return slices.Compact(grams)
}

// Common counts what two ascending sets share.
func Common(a, b []uint64) int {
	common, i, j := 0, 0, 0
	for i < len(a) && j < len(b) {
		switch {
		case a[i] < b[j]:
			i++
		case a[i] > b[j]:
			j++
		default:
			common, i, j = common+1, i+1, j+1
		}
	}
	return common
}
