package curate

import (
	"fmt"
	"hash/fnv"
	"slices"
	"strings"
	"unicode"

	"github.com/repoexpert/operator/internal/snapshot"
	"github.com/repoexpert/operator/internal/task"
)

const (
	// gramWords is the length of a run of words that gives a text away.
	gramWords = 13
	// maxSource bounds the files that are searched for the same words, in bytes;
	// larger ones are data.
	maxSource = 4 << 20
)

// heldOutGrams are the runs of words in held-out text that are nowhere else in
// the tree.
type heldOutGrams map[uint64]bool

// gramsOf counts each run in the held-out texts and in the whole tree, which
// holds those texts once: a run that the tree has more often is public.
func gramsOf(heldOut []task.HeldOut, tree *snapshot.Snapshot) (heldOutGrams, error) {
	counts := map[uint64]int{}
	for _, held := range outermost(heldOut) {
		for _, gram := range grams(held.Text) {
			counts[gram]++
		}
	}
	for _, file := range tree.Files() {
		if len(counts) == 0 || file.Size > maxSource {
			continue
		}
		content, err := tree.Read(file.Path)
		if err != nil {
			return nil, fmt.Errorf("reading the snapshot: %w", err)
		}
		for _, gram := range grams(string(content)) {
			if _, known := counts[gram]; known {
				counts[gram]--
			}
		}
	}
	only := heldOutGrams{}
	for gram, balance := range counts {
		if balance >= 0 {
			only[gram] = true
		}
	}
	return only, nil
}

// outermost leaves out functions whose text is in that of the held-out function
// around them: the tree holds it once.
func outermost(heldOut []task.HeldOut) []task.HeldOut {
	texts := map[[2]string]string{}
	for _, held := range heldOut {
		texts[[2]string{held.Path, held.Name}] = held.Text
	}
	return slices.DeleteFunc(slices.Clone(heldOut), func(held task.HeldOut) bool {
		outer, _, nested := strings.Cut(held.Name, ".<locals>.")
		return nested && strings.Contains(texts[[2]string{held.Path, outer}], held.Text)
	})
}

// check returns a reason to drop a sample with a held-out run in an assistant turn.
func (h heldOutGrams) check(sample task.Sample) string {
	for _, message := range sample.Messages {
		if message.Role != task.RoleAssistant {
			continue
		}
		for _, gram := range grams(message.Content) {
			if h[gram] {
				return dropLeak
			}
		}
	}
	return ""
}

// grams hashes every run of words of a text. Layout and signs do not count.
func grams(text string) []uint64 {
	words := strings.FieldsFunc(text, func(r rune) bool {
		return r != '_' && !unicode.IsLetter(r) && !unicode.IsDigit(r)
	})
	var found []uint64
	for at := 0; at+gramWords <= len(words); at++ {
		hash := fnv.New64a()
		for _, word := range words[at : at+gramWords] {
			// A hash never fails to write.
			_, _ = hash.Write([]byte(word + "\x00"))
		}
		found = append(found, hash.Sum64())
	}
	return found
}
