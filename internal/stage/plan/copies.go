package plan

import (
	"crypto/sha256"

	"github.com/repoexpert/operator/internal/ngram"
)

const (
	// gramTokens is the length of a gram; containment of 5-grams is the measure
	// under which a body gives another one away.
	gramTokens = 5
	// minGrams is the size below which a body says too little to be a copy:
	// "return self._items" is in half of all classes, and would connect them all.
	minGrams = 10
	// maxPostings is the number of functions with one gram above which the gram is
	// no evidence by itself. It bounds the work on generated code.
	maxPostings = 48
	// maxGrams bounds the grams of a tree that are compared; above it, every tree
	// keeps the same share of grams of each function (by hash).
	maxGrams = 4_000_000
)

// fingerprint is the set of grams of one text, ascending, and the hash of all
// its tokens.
type fingerprint struct {
	grams []uint64
	sum   [sha256.Size]byte
}

// fingerprintOf hashes every run of five tokens.
func fingerprintOf(text string) fingerprint {
	tokens := ngram.Tokens(text)
	whole := sha256.New()
	for _, token := range tokens {
		_, _ = whole.Write([]byte(token + "\x00"))
	}
	p := fingerprint{grams: ngram.Of(tokens, gramTokens)}
	copy(p.sum[:], whole.Sum(nil))
	return p
}

// joinCopies joins functions of which the smaller one has at least half of its
// grams in the other. Only pairs that share a gram which few functions have are
// compared.
func joinCopies(sets *disjoint, prints []fingerprint) {
	kept := sample(prints)
	postings := map[uint64][]int{}
	for i, grams := range kept {
		for _, gram := range grams {
			if len(postings[gram]) <= maxPostings {
				postings[gram] = append(postings[gram], i)
			}
		}
	}
	for i, grams := range kept {
		shared := map[int]bool{}
		for _, gram := range grams {
			if functions := postings[gram]; len(functions) <= maxPostings {
				for _, j := range functions {
					if j < i {
						shared[j] = true
					}
				}
			}
		}
		for j := range shared {
			if sets.find(i) != sets.find(j) && contained(kept[i], kept[j]) {
				sets.join(i, j)
			}
		}
	}
}

// sample keeps the grams of functions that are long enough, and of those the
// share that fits maxGrams.
func sample(prints []fingerprint) [][]uint64 {
	total := 0
	for _, p := range prints {
		total += len(p.grams)
	}
	scale := uint64(1 + total/maxGrams)
	kept := make([][]uint64, len(prints))
	for i, p := range prints {
		if len(p.grams) < minGrams {
			continue
		}
		for _, gram := range p.grams {
			if gram%scale == 0 {
				kept[i] = append(kept[i], gram)
			}
		}
	}
	return kept
}

// contained says whether half of the smaller set is in the other. Both ascend.
func contained(a, b []uint64) bool {
	return 2*ngram.Common(a, b) >= min(len(a), len(b))
}
