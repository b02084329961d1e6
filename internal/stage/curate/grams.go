package curate

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode"

	"github.com/repoexpert/operator/internal/snapshot"
	"github.com/repoexpert/operator/internal/task"
)

const (
	// gramWords is the length of a run of words that gives a text away: the usual
	// one of decontamination (GPT-3, arXiv 2005.14165, appendix C).
	gramWords = 13
	// shortestBody is the least number of words of a held-out body that is given
	// away as a whole where it has fewer than gramWords. Shorter ones are idioms.
	shortestBody = 6
	// shortestName is the least number of bytes of a name that only held-out bodies
	// hold. Shorter ones, two people may choose.
	shortestName = 12
	// maxSource bounds the files that are searched for the same words, in bytes;
	// larger ones are data.
	maxSource = 4 << 20
)

// heldOutGrams are the runs of words in held-out text that are nowhere else in
// the tree, by their length. Those of one word are telling names.
type heldOutGrams map[int]map[uint64]bool

// gramsOf counts each run in the held-out texts and in the whole tree, which
// holds those texts once, and those of later commits not at all: a run that the
// tree has more often is public.
func gramsOf(heldOut []task.HeldOut, tree *snapshot.Snapshot) (heldOutGrams, error) {
	balance := countHeldOut(outermost(heldOut))
	for _, file := range tree.Files() {
		if len(balance) == 0 || file.Size > maxSource {
			continue
		}
		content, err := tree.Read(file.Path)
		if err != nil {
			return nil, fmt.Errorf("reading the snapshot: %w", err)
		}
		hashes := hashWords(string(content))
		for length, counts := range balance {
			for run := range runs(hashes, length) {
				if _, known := counts[run]; known {
					counts[run]--
				}
			}
		}
	}
	only := heldOutGrams{}
	for length, counts := range balance {
		only[length] = map[uint64]bool{}
		for run, left := range counts {
			if left >= 0 {
				only[length][run] = true
			}
		}
	}
	return only, nil
}

// countHeldOut counts the telling runs of held-out texts by length.
func countHeldOut(heldOut []task.HeldOut) map[int]map[uint64]int {
	counts := map[int]map[uint64]int{}
	for _, held := range heldOut {
		inTree := 1
		if held.Later {
			inTree = 0
		}
		add := func(length int, run uint64) {
			if counts[length] == nil {
				counts[length] = map[uint64]int{}
			}
			counts[length][run] += inTree
		}
		hashes := hashWords(held.Text)
		if length := min(len(hashes), gramWords); length >= shortestBody {
			for run := range runs(hashes, length) {
				add(length, run)
			}
		}
		for word := range words(held.Text) {
			if telling(word) {
				add(1, hashWord(word))
			}
		}
	}
	return counts
}

// telling says whether a word is a name that is not chosen twice by chance: long,
// and of several parts.
func telling(word string) bool {
	if len(word) < shortestName {
		return false
	}
	return strings.ContainsFunc(word[1:], func(r rune) bool { return r == '_' || unicode.IsDigit(r) || unicode.IsUpper(r) }) &&
		strings.ContainsFunc(word, unicode.IsLetter)
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

// check returns a reason to drop a trajectory: an assistant turn, learned or not,
// with a held-out run or name. What the agent was shown is not learned. Questions
// ask for facts that the plan chose to train, of held-out code too.
func (h heldOutGrams) check(sample task.Sample) string {
	if isQuestion(sample) {
		return ""
	}
	code := ""
	for _, text := range saidBy(sample) {
		for _, form := range []string{text, unquoted(text)} {
			hashes := hashWords(form)
			for length, only := range h {
				switch {
				case length > 1 && anyIn(only, hashes, length):
					return dropLeak
				case length == 1 && anyIn(only, hashes, length):
					code = dropLeakedName
				}
			}
		}
	}
	return code
}

func anyIn(only map[uint64]bool, hashes []uint64, length int) bool {
	for run := range runs(hashes, length) {
		if only[run] {
			return true
		}
	}
	return false
}

// numbering is a line number before a line of code, as grep -n and cat -n print it.
var numbering = regexp.MustCompile(`(?m)^[ \t]*[0-9]+[:|\t -]`)

// escapes are how code stands in the string of another language.
var escapes = strings.NewReplacer(`\n`, "\n", `\t`, "\t", `\r`, "\r", `\"`, `"`, `\'`, `'`, `\\`, `\`)

// unquoted is a text as code would be read out of it: of a string literal, and
// without line numbers. Both break runs of words at every line.
func unquoted(text string) string {
	return numbering.ReplaceAllString(escapes.Replace(text), "")
}

// saidBy lists the assistant's turns of a sample.
func saidBy(sample task.Sample) []string {
	var texts []string
	for _, message := range sample.Messages {
		if message.Role == task.RoleAssistant {
			texts = append(texts, message.Content)
		}
	}
	return texts
}
