package curate

import (
	"hash/maphash"
	"strings"
	"unicode"

	"github.com/repoexpert/operator/internal/task"
)

// sequenceWords is the length of the word sequences that give held-out code
// away.
const sequenceWords = 13

// duplicates marks every sample whose content an earlier one has.
func duplicates(samples []task.Sample) []bool {
	seen := make(map[string]bool, len(samples))
	marks := make([]bool, len(samples))
	for i, sample := range samples {
		marks[i] = seen[sample.Meta.ContentHash]
		seen[sample.Meta.ContentHash] = true
	}
	return marks
}

// leaking marks every sample whose assistant turns share a word sequence with
// held-out code that is nowhere else in the tree. What the tree shows elsewhere,
// a licence header or an idiom, gives nothing away.
func (p *plan) leaking(samples []task.Sample) ([]bool, error) {
	seed := maphash.MakeSeed()
	heldOut := map[uint64]int{}
	for _, definition := range p.heldOut {
		eachSequence(seed, definition.Text, func(sequence uint64) { heldOut[sequence]++ })
	}
	inTree := make(map[uint64]int, len(heldOut))
	for _, file := range p.tree.Files() {
		content, err := p.tree.Read(file.Path)
		if err != nil {
			return nil, err
		}
		eachSequence(seed, string(content), func(sequence uint64) {
			if heldOut[sequence] > 0 {
				inTree[sequence]++
			}
		})
	}
	marks := make([]bool, len(samples))
	for i, sample := range samples {
		for _, message := range sample.Messages {
			if message.Role != task.RoleAssistant {
				continue
			}
			eachSequence(seed, message.Content, func(sequence uint64) {
				held := heldOut[sequence]
				marks[i] = marks[i] || held > 0 && inTree[sequence] <= held
			})
		}
	}
	return marks, nil
}

// eachSequence calls visit with the hash of every sequence of sequenceWords
// words: runs of letters, digits and underscores.
func eachSequence(seed maphash.Seed, text string, visit func(uint64)) {
	words := strings.FieldsFunc(text, func(r rune) bool {
		return r != '_' && !unicode.IsLetter(r) && !unicode.IsDigit(r)
	})
	for end := sequenceWords; end <= len(words); end++ {
		var h maphash.Hash
		h.SetSeed(seed)
		for _, word := range words[end-sequenceWords : end] {
			// Writing to a hash never fails. The separator keeps words apart.
			_, _ = h.WriteString(word)
			_ = h.WriteByte(0)
		}
		visit(h.Sum64())
	}
}
