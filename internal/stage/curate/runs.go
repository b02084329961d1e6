package curate

import (
	"iter"
	"unicode"
	"unicode/utf8"
)

// FNV-1a, 64 bits (RFC 9923).
const (
	hashOffset = 14695981039346656037
	hashPrime  = 1099511628211
)

// wordRune says what a word is made of. Layout and signs do not count, so that
// the same code in another layout is the same words.
func wordRune(r rune) bool { return r == '_' || unicode.IsLetter(r) || unicode.IsDigit(r) }

// words yields the words of a text.
func words(text string) iter.Seq[string] {
	return func(yield func(string) bool) {
		start := -1
		for at := 0; at < len(text); {
			r, size := rune(text[at]), 1
			if r >= utf8.RuneSelf {
				r, size = utf8.DecodeRuneInString(text[at:])
			}
			switch inside := wordRune(r); {
			case inside && start < 0:
				start = at
			case !inside && start >= 0:
				if !yield(text[start:at]) {
					return
				}
				start = -1
			}
			at += size
		}
		if start >= 0 {
			yield(text[start:])
		}
	}
}

func hashWord(word string) uint64 {
	hash := uint64(hashOffset)
	for i := range len(word) {
		hash = (hash ^ uint64(word[i])) * hashPrime
	}
	return hash
}

// hashWords hashes the words of a text, in order.
func hashWords(text string) []uint64 {
	hashes := make([]uint64, 0, len(text)/6)
	for word := range words(text) {
		hashes = append(hashes, hashWord(word))
	}
	return hashes
}

// runs yields the hash of every run of n words: a polynomial of the words' hashes,
// so that the next run is made of the last one (Rabin and Karp).
func runs(words []uint64, n int) iter.Seq[uint64] {
	return func(yield func(uint64) bool) {
		leaving := uint64(1)
		for range n {
			leaving *= hashPrime
		}
		hash := uint64(0)
		for at, word := range words {
			hash = hash*hashPrime + word
			if at >= n {
				hash -= words[at-n] * leaving
			}
			if at >= n-1 && !yield(hash) {
				return
			}
		}
	}
}
