package curate

import (
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/repoexpert/operator/internal/task"
)

// Families of text in a repository that may be meant for a model, not for people.
// Most of what they find is harmless, as in a library about models: so they are
// counted, and only what nobody can see or what forges turns is kept out of what
// is learned.
const (
	// familyAddress speaks to a model.
	familyAddress = "addressesModel"
	// familyOverride tells it to forget what it was told.
	familyOverride = "overridesInstructions"
	// familyControl is the marking of turns in chat formats. A tokenizer takes it
	// for the marking itself, wherever it stands.
	familyControl = "controlTokens"
	// The next three cannot be seen: letters in the order of right-to-left text,
	// nothing between letters, and a second alphabet without glyphs (Unicode tags
	// and variation selectors, which carry any text).
	familyBidi      = "bidirectionalControls"
	familyZeroWidth = "zeroWidthCharacters"
	familyTags      = "tagCharacters"
)

// phrases finds the families that can be read. Words are one of each list, in
// this order, with little between them.
var phrases = map[string]*regexp.Regexp{
	familyAddress: regexp.MustCompile(`(?i)\b(?:` +
		`(?:dear|attention|hey|note (?:to|for)|instructions? (?:to|for)|message (?:to|for)) (?:all |any |the )?(?:ai|llm|language models?|(?:ai|coding|llm) (?:assistants?|agents?|models?)|chatgpt|claude|gemini|copilot)\b` +
		`|(?:if )?you are (?:an? |the )?(?:ai|llm|large language model|language model|(?:ai|coding|helpful) (?:assistant|agent|model)|chatgpt|claude|copilot)\b` +
		`|as an? (?:ai|large language model|language model|ai (?:assistant|agent|model)),? you\b)`),
	familyOverride: regexp.MustCompile(`(?i)\b(?:` +
		`(?:ignore|disregard|forget|override|bypass)\s+(?:all\s+|any\s+)?(?:of\s+)?(?:the\s+|your\s+|these\s+|those\s+)?(?:previous|prior|above|earlier|preceding|existing|original|system)\s+(?:instructions?|prompts?|directions?|messages?|guidelines?|rules)\b` +
		`|(?:ignore|disregard|forget)\s+(?:everything|all)\s+(?:above|before|previously|you (?:know|were told))\b` +
		`|(?:reveal|print|repeat|output|leak)\s+(?:your|the)\s+system\s+prompt\b` +
		`|(?:your|the)\s+new\s+(?:system\s+)?(?:instructions|prompt)\s+(?:is|are)\b)`),
	familyControl: regexp.MustCompile(`<\|(?:im_start|im_end|im_sep|endoftext|begin_of_text|end_of_text|start_header_id|end_header_id|eot_id|eom_id|system|user|assistant|end|channel|message|return)\|>|\[/?INST\]|<</?SYS>>|<(?:start|end)_of_turn>|<｜[^｜>]{1,40}｜>`),
}

// hints are what a text must hold, in lower case, for a family to be looked for:
// the expressions are slow, and most texts hold none.
var hints = map[string][]string{
	familyAddress:  {" ai", "llm", "language model", "assistant", "agent", "chatgpt", "claude", "gemini", "copilot"},
	familyOverride: {"instruction", "prompt", "direction", "message", "guideline", "rules", "everything", "forget all", "ignore all", "disregard all"},
	familyControl:  {"<|", "inst]", "sys>>", "_of_turn>", "<｜"},
}

// invisible lists the families of hidden characters.
var invisible = map[string]*unicode.RangeTable{
	familyBidi: {R16: []unicode.Range16{{Lo: 0x202a, Hi: 0x202e, Stride: 1}, {Lo: 0x2066, Hi: 0x2069, Stride: 1}}},
	familyZeroWidth: {R16: []unicode.Range16{
		{Lo: 0x180e, Hi: 0x180e, Stride: 1}, {Lo: 0x200b, Hi: 0x200d, Stride: 1}, {Lo: 0x2060, Hi: 0x2064, Stride: 1},
		{Lo: 0xfeff, Hi: 0xfeff, Stride: 1}, {Lo: 0xfff9, Hi: 0xfffb, Stride: 1},
	}},
	familyTags: {R32: []unicode.Range32{{Lo: 0xe0000, Hi: 0xe007f, Stride: 1}, {Lo: 0xe0100, Hi: 0xe01ef, Stride: 1}}},
}

// familiesIn returns the families that a text belongs to.
func familiesIn(text string) map[string]bool {
	found := hiddenIn(text)
	lower := strings.ToLower(text)
	for family, pattern := range phrases {
		hinted := func(hint string) bool { return strings.Contains(lower, hint) }
		if anyOf(hints[family], hinted) && pattern.MatchString(text) {
			found[family] = true
		}
	}
	return found
}

func anyOf(texts []string, holds func(string) bool) bool {
	for _, text := range texts {
		if holds(text) {
			return true
		}
	}
	return false
}

// hiddenIn returns the families of hidden characters in a text.
func hiddenIn(text string) map[string]bool {
	found := map[string]bool{}
	before := '\n'
	for at := 0; at < len(text); {
		r, size := utf8.DecodeRuneInString(text[at:])
		at += size
		if r >= utf8.RuneSelf {
			after, _ := utf8.DecodeRuneInString(text[at:])
			for family, table := range invisible {
				if unicode.Is(table, r) && !proper(before, r, after) {
					found[family] = true
				}
			}
		}
		before = r
	}
	return found
}

// proper says whether a character is where writing has it: a mark of byte order
// at the start of a file, a joiner between letters of a script that joins or
// between parts of a picture.
func proper(before, r, after rune) bool {
	switch r {
	case '\ufeff':
		return before == '\n'
	case '\u200c', '\u200d':
		return before >= 0x300 && after >= 0x300
	default:
		return false
	}
}

// checkHidden drops a sample whose assistant turns hold characters that nobody
// sees, or marks that would end a turn in its middle.
func checkHidden(sample task.Sample) string {
	for _, text := range saidBy(sample) {
		if len(hiddenIn(text)) > 0 {
			return dropHidden
		}
		if phrases[familyControl].MatchString(text) {
			return dropControl
		}
	}
	return ""
}

// flagsOf returns the families that the observations of a sample belong to.
func flagsOf(sample task.Sample) map[string]bool {
	found := map[string]bool{}
	for _, message := range sample.Messages {
		if message.Role != task.RoleUser {
			continue
		}
		for family := range familiesIn(message.Content) {
			found[family] = true
		}
	}
	return found
}
