package curate

import (
	"regexp"
	"strings"

	"github.com/repoexpert/operator/internal/task"
)

// Families of text in a repository that may be meant for a model, not for people.
// A library about models holds much of what they find, and what a script is shown
// does not move it: there they are counted. They are kept out of what is learned,
// and of what a teacher was shown, which it may have followed.
const (
	// familyAddress speaks to a model.
	familyAddress = "addressesModel"
	// familyOverride tells it to forget what it was told, or to keep quiet.
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
	// familyLookalike is a letter that looks like one of another alphabet, in a word
	// of that alphabet.
	familyLookalike = "lookalikeLetters"
)

// aModel is whom such texts speak to.
const aModel = `(?:ai|llms?|(?:large )?language models?|(?:ai|llm|coding|software|automated|autonomous|code) (?:assistants?|agents?|models?|bots?)|chatgpt|claude|gemini|copilot)`

// toIgnore and instructions are what an override says in many forms.
const (
	toIgnore     = `(?:ignore|disregard|forget|override|bypass|discard)`
	instructions = `(?:instructions?|prompts?|directions?|directives?|messages?|guidelines?|rules|orders)`
)

// phrases finds the families that can be read, in a text as it reads. Words are one
// of each list, in this order, with little between them.
var phrases = map[string]*regexp.Regexp{
	familyAddress: regexp.MustCompile(`(?i)\b(?:` +
		`(?:dear|attention|hey|note (?:to|for)|instructions? (?:to|for)|message (?:to|for)) (?:all |any |the )?` + aModel + `\b` +
		`|(?:if )?you are (?:an? |the )?(?:` + aModel + `|helpful assistant)\b` +
		`|as an? (?:ai|large language model|language model|ai (?:assistant|agent|model)),? you\b` +
		`|(?:any|all|every|an?) ` + aModel + `[^.]{0,60} (?:must|should|has to|have to|shall|always|never)\b)`),
	familyOverride: regexp.MustCompile(`(?i)\b(?:` +
		toIgnore + ` (?:all |any )?(?:of )?(?:the |your |these |those )?(?:previous|prior|above|earlier|preceding|existing|original|system) ` + instructions + `\b` +
		`|` + toIgnore + ` (?:everything|anything|all) (?:above|before|previously|you (?:know|were told|have (?:been told|read)))\b` +
		`|(?:reveal|print|repeat|output|leak) (?:your|the) system prompt\b` +
		`|(?:your|the) new (?:system )?(?:instructions|prompt) (?:is|are)\b` +
		`|you are now (?:in )?(?:an? |the )?(?:\w+ )?mode\b` +
		`|(?:do not|don't|never) (?:tell|mention|reveal|disclose|report)(?: \w+){0,4}? (?:the|your|any) (?:user|developer|reviewer|human)s?\b)`),
	familyControl: regexp.MustCompile(`<\|(?:im_start|im_end|im_sep|endoftext|begin_of_text|end_of_text|start_header_id|end_header_id|eot_id|eom_id|system|user|assistant|end|channel|message|return)\|>|\[/?INST\]|<</?SYS>>|<(?:start|end)_of_turn>|<｜[^｜>]{1,40}｜>`),
}

// hints are what a text must hold, in lower case, for a family to be looked for:
// the expressions are slow, and most texts hold none.
var hints = map[string][]string{
	familyAddress:  {" ai", "llm", "language model", "assistant", "agent", "bot", "chatgpt", "claude", "gemini", "copilot"},
	familyOverride: {"ignore", "disregard", "forget", "override", "bypass", "discard", "system prompt", "new instructions", "new system", "new prompt", "you are now", "do not", "don't", "never"},
	familyControl:  {"<|", "inst]", "sys>>", "_of_turn>", "<｜"},
}

// familiesIn returns the families that a text belongs to, as it stands and as what
// is encoded in it reads.
func familiesIn(text string) map[string]bool {
	found := hiddenIn(text)
	for _, form := range append(decodedIn(text), text) {
		readIn(form, found)
	}
	return found
}

// readIn adds the families that can be read in a text.
func readIn(text string, found map[string]bool) {
	plain := reading(text)
	lower := strings.ToLower(plain)
	for family, pattern := range phrases {
		form := plain
		if family == familyControl {
			form = text
		}
		hinted := func(hint string) bool { return strings.Contains(lower, hint) || strings.Contains(form, hint) }
		if anyOf(hints[family], hinted) && pattern.MatchString(form) {
			found[family] = true
		}
	}
}

func anyOf(texts []string, holds func(string) bool) bool {
	for _, text := range texts {
		if holds(text) {
			return true
		}
	}
	return false
}

// checkHidden drops a sample whose assistant turns hold characters that nobody
// sees or takes for what they are, marks that would end a turn in its middle, or
// instructions for a model. So it does where a teacher was shown any of these: what
// it then did may have been what they asked for.
func checkHidden(sample task.Sample) string {
	for _, text := range saidBy(sample) {
		found := familiesIn(text)
		switch {
		case found[familyBidi], found[familyZeroWidth], found[familyTags], found[familyLookalike]:
			return dropHidden
		case found[familyControl]:
			return dropControl
		case len(found) > 0:
			return dropPlanted
		}
	}
	if isTaught(sample) && len(flagsOf(sample)) > 0 {
		return dropSwayed
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
