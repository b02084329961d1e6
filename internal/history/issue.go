package history

import (
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	// maxIssueBytes bounds a task text.
	maxIssueBytes = 4000
	// minIssueWords is how many different words a task text needs that tell
	// something: "Fix typo" and "Address review comments" are no task.
	minIssueWords = 3
)

// Issue makes a task text of a fix's message. It takes out trailers, the words of
// merges, prefixes like "fix(parser):", and the numbers and addresses of issues;
// then it drops every sentence that still names something that only the fix
// tells: an identifier that it adds to its source files, one of its tests, a
// commit, an issue. Sources and tests are the change's.
//
// The text is not usable if it says too little after that, or if the change
// reverts another one: then it describes what is already undone.
//
// Words that name nothing, such as "not" and "return", never count as
// identifiers, and neither do single letters.
func Issue(change Change, sources, tests []Content) (text string, usable bool) {
	if reverts.MatchString(change.Subject()) {
		return "", false
	}
	hidden := hiddenIn(sources, tests)
	var kept []string
	size := 0
	for _, block := range blocks(withoutBoilerplate(plainText(change.Message))) {
		text := block.told(&hidden)
		if text == "" {
			continue
		}
		if size += len(text) + 2; size > maxIssueBytes {
			break
		}
		kept = append(kept, text)
	}
	text = strings.Join(kept, "\n\n")
	if hidden.shows(text) || !substantial(text) {
		return "", false
	}
	return text, true
}

var reverts = regexp.MustCompile(`(?i)^(?:revert|reapply)s?\b`)

// plainText drops what shows differently from what it is.
func plainText(message string) string {
	message = strings.ReplaceAll(message, "\r\n", "\n")
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\t':
			return r
		case r == utf8.RuneError || unicode.IsControl(r) || unicode.Is(unicode.Cf, r):
			return -1
		default:
			return r
		}
	}, message)
}

// boilerplate are lines that programs write, or that name people and numbers.
var boilerplate = regexp.MustCompile(`(?i)^\s*(?:` + strings.Join([]string{
	`[a-z]+(?:-[a-z]+)*-(?:by|id|on|to|url|link|revid|revision|issue|bug|from):.*`,
	`(?:cc|git-svn-id|differential revision|reviewers?|subscribers):.*`,
	`(?:fixe[sd]|close[sd]?|resolve[sd]?|refs?|see|bug|issue|ticket|link):?\s+` + target + `(?:(?:,|\s+and)?\s+` + target + `)*\s*\.?`,
	`\(cherry[- ]picked from commit.*`,
	`this reverts commit.*`,
	`merged? (?:pull request|pr|branch|branches|remote-tracking branch|tag|commit|#).*`,
	`merged? \S+ into .*`,
	`merged in .* \(pull request.*`,
	`see merge request .*`,
	`auto merge of .*`,
	`conflicts:.*`,
	`#?\t.*`,
}, "|") + `)$`)

func withoutBoilerplate(message string) []string {
	var lines []string
	for line := range strings.SplitSeq(message, "\n") {
		if boilerplate.MatchString(line) {
			line = ""
		}
		lines = append(lines, line)
	}
	return lines
}

// block is a paragraph, a list or a piece of code.
type block struct {
	code  bool
	lines []string
}

var fence = regexp.MustCompile("^\\s*(?:```|~~~)")

// blocks splits a message at empty lines and at the marks of code.
func blocks(lines []string) []block {
	var all []block
	var current block
	end := func() {
		if len(current.lines) > 0 {
			all = append(all, current)
		}
		current = block{}
	}
	for _, line := range lines {
		switch marks := fence.MatchString(line); {
		case marks && current.code:
			current.lines = append(current.lines, line)
			end()
		case marks:
			end()
			current = block{code: true, lines: []string{line}}
		case !current.code && strings.TrimSpace(line) == "":
			end()
		default:
			current.lines = append(current.lines, strings.TrimRight(line, " \t"))
		}
	}
	end()
	return all
}

// told is what of a block may be told. Code is told whole or not at all.
func (b block) told(hidden *hidden) string {
	if b.code {
		code := strings.Join(b.lines, "\n")
		if hidden.shows(code) {
			return ""
		}
		return code
	}
	var told []string
	for _, item := range items(b.lines) {
		if text := item.told(hidden); text != "" {
			told = append(told, text)
		}
	}
	return strings.Join(told, "\n")
}

// item is a paragraph, or an element of a list with its mark.
type item struct{ mark, text string }

var listMark = regexp.MustCompile(`^\s*(?:[-*+•]|\d{1,3}[.)])\s+`)

func items(lines []string) []item {
	var all []item
	for _, line := range lines {
		mark := listMark.FindString(line)
		text := strings.TrimSpace(line[len(mark):])
		if mark != "" || len(all) == 0 {
			all = append(all, item{mark: mark, text: text})
			continue
		}
		all[len(all)-1].text += " " + text
	}
	return all
}

func (i item) told(hidden *hidden) string {
	var told []string
	for _, sentence := range sentences(withoutPrefix(i.text)) {
		sentence = withoutReferences(sentence)
		if strings.ContainsFunc(sentence, unicode.IsLetter) && !hidden.shows(sentence) {
			told = append(told, sentence)
		}
	}
	if len(told) == 0 {
		return ""
	}
	return i.mark + strings.Join(told, " ")
}

var (
	tags   = regexp.MustCompile(`^(?:\[[^\]]{1,40}\]\s*)+`)
	prefix = regexp.MustCompile(`(?i)^(?:fix|feat|feature|bug|bugfix|hotfix|chore|docs?|tests?|tst|refactor|perf|build|bld|ci|style|sty|enh|enhancement|maint|misc)` +
		`(?:\([^)]{0,60}\))?!?:\s+`)
)

// withoutPrefix takes off "[3.12]" and "fix(parser):".
func withoutPrefix(text string) string {
	return prefix.ReplaceAllString(tags.ReplaceAllString(text, ""), "")
}

var sentenceEnd = regexp.MustCompile("[.!?][\"')\\]`]*\\s+")

// sentences splits at the ends of sentences: marks before something that is no
// small letter, as it would be after "e.g.".
func sentences(text string) []string {
	var all []string
	start := 0
	for _, at := range sentenceEnd.FindAllStringIndex(text, -1) {
		next, _ := utf8.DecodeRuneInString(text[at[1]:])
		if unicode.IsLower(next) {
			continue
		}
		all = append(all, strings.TrimSpace(text[start:at[1]]))
		start = at[1]
	}
	return append(all, strings.TrimSpace(text[start:]))
}

// target is the number or the address of an issue or a change.
const target = `(?:<?https?://[^\s>)\]]+>?|(?:[\w.-]+/[\w.-]+)?[#!]\d+|(?:gh|bpo|issues?|bugs?|tickets?|pr|pull(?: request)?|merge request)[ -]?[#!]?\d+)`

const targets = target + `(?:(?:\s*,|\s*&|\s+and|\s*, and)?\s+` + target + `)*`

var (
	inBrackets = regexp.MustCompile(`(?i)\s*[(\[][^()\[\]]{0,30}` + targets + `[^()\[\]]{0,20}[)\]]`)
	afterVerb  = regexp.MustCompile(`(?i)[\s,;:-]*\b(?:fix(?:e[sd])?|close[sd]?|resolve[sd]?|refs?|references|see(?: also)?|address(?:es)?|re|related to|part of|` +
		`follow[- ]?up (?:to|of)|backport(?:ed|s)?(?: of| from)?|from|in|via|since|by|to|per)\b[:\s]*` + targets)
	bareEnds = regexp.MustCompile(`(?i)^` + targets + `\b|[\s,;:-]+` + targets + `(\.?)$|^[A-Z]{2,10}-\d+:`)
	joints   = regexp.MustCompile(`^[\s,;:.–—-]+|[\s,;:–—-]+$`)
)

// withoutReferences takes out the issues that a sentence only points at. Where it
// speaks of one, it stays as it is.
func withoutReferences(sentence string) string {
	for _, reference := range []*regexp.Regexp{inBrackets, afterVerb, bareEnds} {
		sentence = reference.ReplaceAllString(sentence, "$1")
	}
	return joints.ReplaceAllString(sentence, "")
}

// routine words are in every message and tell nothing of the matter.
var routine = set(`add added address adjust bug bugs bump change changed changelog changes clean cleanup comment comments commit docs
documentation feature feedback fix fixed fixes fixing fixup handle improve improved issue issues lint merge minor misc news pep8
pull refactor release remove removed rename request review small some style suggestion suggestions support test tests tweak typo typos
update updated updates version warning warnings wip work`)

// substantial says whether a text tells enough to be a task.
func substantial(text string) bool {
	telling := map[string]bool{}
	for word := range words(text) {
		lower := strings.ToLower(word)
		if utf8.RuneCountInString(word) > 2 && !isPlain(word) && !routine[lower] {
			telling[lower] = true
		}
	}
	return len(telling) >= minIssueWords
}
