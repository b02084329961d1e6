package history

import (
	"path"
	"regexp"
	"strings"
)

// hidden is what a task text must not say.
type hidden struct {
	// added are the identifiers that the fix adds, as they are written; folded are
	// they in small letters, if the old files have them in no spelling at all.
	added  map[string]bool
	folded map[string]bool
	// files are the paths and names of test files, in small letters.
	files []string
}

// hiddenIn collects what the fix adds and how its tests are called. Comments and
// literals count like code: they were written with the answer in mind.
func hiddenIn(sources, tests []Content) hidden {
	h := hidden{added: map[string]bool{}, folded: map[string]bool{}}
	old, oldFolded := map[string]bool{}, map[string]bool{}
	for _, content := range sources {
		for word := range words(string(content.Before)) {
			old[word], oldFolded[strings.ToLower(word)] = true, true
		}
	}
	for _, content := range sources {
		for _, hunk := range content.Hunks {
			for _, line := range content.Added(hunk) {
				h.addWords(string(line), old, oldFolded)
			}
		}
	}
	for _, content := range tests {
		h.addTest(content)
	}
	return h
}

func (h *hidden) addWords(line string, old, oldFolded map[string]bool) {
	for word := range words(line) {
		if len(word) < 2 || isPlain(word) || old[word] {
			continue
		}
		h.added[word] = true
		if lower := strings.ToLower(word); !oldFolded[lower] {
			h.folded[lower] = true
		}
	}
}

// addTest hides the file and whatever in it is called a test.
func (h *hidden) addTest(content Content) {
	for _, file := range []string{content.File.Path, content.File.OldPath} {
		if file == "" {
			continue
		}
		base := path.Base(file)
		h.files = append(h.files, strings.ToLower(file), strings.ToLower(base))
		if stem := strings.TrimSuffix(base, path.Ext(base)); isName(stem) {
			h.added[stem] = true
		}
	}
	for _, version := range [][]byte{content.Before, content.After} {
		for word := range words(string(version)) {
			if isName(word) && strings.Contains(strings.ToLower(word), "test") {
				h.added[word] = true
			}
		}
	}
}

var (
	leftReference = regexp.MustCompile(`[#!]\d`)
	address       = regexp.MustCompile(`(?i)\b[a-z][a-z0-9+.-]*://|\bwww\.|\S@[\w-]+\.`)
)

// shows says whether a text says something that it must not: hidden names,
// numbers of issues, addresses, ids of commits.
func (h *hidden) shows(text string) bool {
	lower := strings.ToLower(text)
	for _, file := range h.files {
		if strings.Contains(lower, file) {
			return true
		}
	}
	for run := range runs(text) {
		if h.added[run] || h.folded[strings.ToLower(run)] || isCommitID(run) {
			return true
		}
	}
	return leftReference.MatchString(text) || address.MatchString(text)
}

// isCommitID says whether a word can be a commit's id or its beginning, which git
// describe writes after a "g".
func isCommitID(word string) bool {
	digits := strings.TrimLeft(strings.ToLower(word), "g")
	return len(digits) >= 7 && strings.Trim(digits, "0123456789abcdef") == ""
}
