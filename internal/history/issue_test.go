package history

import (
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// whole is a file whose every line is new.
func whole(path, before, after string) Content {
	c := Content{File: File{Path: path, Regular: true}, Before: []byte(before), After: []byte(after)}
	c.Hunks = []Hunk{{BeforeStart: 1, BeforeLines: len(split(c.Before)), AfterStart: 1, AfterLines: len(split(c.After))}}
	return c
}

func TestIssue(t *testing.T) {
	before := "def parse(text):\n    return text.split()  # the path of a file\n"
	after := "def parse(text, *, keep_empty=False):\n    retries = 2\n    text = PathReader(text)\n    return text\n"
	sources := []Content{whole("src/parser.py", before, after)}
	tests := []Content{whole("tests/test_parser.py", "def test_old(): pass\n", "class TestParser:\n    def test_empty_lines(self): pass\n")}
	const good = "Parsing loses empty lines at the end of input."
	cases := map[string]struct {
		message string
		want    string
	}{
		"plain":                     {good, good},
		"trailers":                  {good + "\n\nSigned-off-by: A <a@b.org>\nCo-authored-by: B <b@c.org>\nChange-Id: I0123456789\nReviewed-on: x\nCc: someone\n", good},
		"conventional prefix":       {"fix(parser)!: " + good, good},
		"branch and tag prefix":     {"[3.12] [BUG] fix: " + good, good},
		"number in brackets":        {"Parsing loses empty lines (#123)", "Parsing loses empty lines"},
		"numbers in brackets":       {"Parsing loses empty lines (fixes #1, org/repo#2 and https://x.org/3)", "Parsing loses empty lines"},
		"number first":              {"Fixed #123 -- Parsing loses empty lines.", "Parsing loses empty lines."},
		"gh number first":           {"gh-123: Parsing loses empty lines.", "Parsing loses empty lines."},
		"bare number first":         {"5677: Parsing loses empty lines", "Parsing loses empty lines"},
		"number of a weakness":      {good + " This is CVE 2024 47081.", good},
		"number in words":           {good + " It is like pull request 12 of old.", good},
		"tracker first":             {"PROJ-12: Parsing loses empty lines", "Parsing loses empty lines"},
		"number last":               {"Parsing loses empty lines, fixes #123.", "Parsing loses empty lines."},
		"line of numbers":           {good + "\n\nFixes #1, #2 and #3.\nCloses: https://example.org/4\n", good},
		"sentence about a number":   {good + " It came with #123 last week.", good},
		"verb in front of a number": {good + " We also properly fix #12 and #13", good},
		"address in a sentence":     {good + " The page https://example.org/x tells more of it.", good},
		"merge":                     {"Merge pull request #12 from user/branch\n\n" + good, good},
		"merge of a branch":         {"Merge branch 'stable' into main\n\n" + good + "\n\nConflicts:\n\tsrc/parser.py\n", good},
		"GitLab merge":              {"Merge branch 'x' into 'main'\n\n" + good + "\n\nSee merge request group/project!12\n", good},
		"commit named":              {good + " Broken since 0a1b2c3d.", good},
		"commit described":          {good + " Broken since v1.2-3-g0a1b2c3.", good},
		"cherry-pick":               {good + "\n\n(cherry picked from commit " + idA + ")", good},
		"added name":                {good + " Pass keep_empty to keep them.", good},
		"added name, dotted":        {good + " Use parser.PathReader.", good},
		"added word":                {good + " The number of retries is two.", good},
		"added word at the start":   {good + " Retries help.", good},
		"old word":                  {good + " The path stays.", good + " The path stays."},
		"old word, like a new one":  {good + " The text is read.", good + " The text is read."},
		"test function":             {good + " See test_empty_lines for that.", good},
		"old test function":         {good + " As test_old shows.", good},
		"test class":                {good + " TestParser covers it.", good},
		"test file":                 {good + " Run tests/test_parser.py for more.", good},
		"name of the test file":     {good + " Run Test_Parser.PY for more.", good},
		"abbreviation":              {"Parsing loses lines, e.g. empty ones. Use keep_empty then.", "Parsing loses lines, e.g. empty ones."},
		"list": {good + "\n\n* fix: windows loses trailing newline too\n* use keep_empty\n* docs\n* Update CHANGES.rst\n  - and keeps\n    carriage returns somehow\n",
			good + "\n\n* windows loses trailing newline too\n  - and keeps carriage returns somehow"},
		"title repeated":           {good + " (#12)\n\n* " + good + "\n", good},
		"code":                     {good + "\n\n```python\nparse('a')\n\nparse('b')\n```\n", good + "\n\n```python\nparse('a')\n\nparse('b')\n```"},
		"code with the answer":     {good + "\n\n```python\nparse('a')\n\nparse('b', keep_empty=True)\n```\nAnd lines after it stay.", good + "\n\nAnd lines after it stay."},
		"code without end":         {good + "\n\n```\nkeep_empty\n\n" + good, good},
		"invisible letters":        {good + " Pass keep\u200b_empty to it.", good},
		"control characters":       {"Parsing loses \x1b[31mempty\x1b[0m lines", "Parsing loses [31mempty[0m lines"},
		"CRLF":                     {"Parsing loses\r\nempty lines\r\n\r\nand more lines\r\n", "Parsing loses empty lines\n\nand more lines"},
		"mail address":             {good + " Thanks to someone@example.org for it.", good},
		"longer than a task":       {good + "\n\n" + strings.Repeat("word ", 1000) + "\n\nlast", good},
		"too little":               {"Fix typo", ""},
		"routine":                  {"Address review comments, add tests and update docs", ""},
		"nothing left":             {"Add keep_empty to the parser of configuration files", ""},
		"title gone, commits left": {"Add keep_empty to the parser\n\n* apply the docstring standard\n* invert logic of windows newlines\n\nUnite both to avoid confusion.", ""},
		"title gone, explanation left": {"Add keep_empty\n\nPrograms that read configuration written on other systems currently lose all information about empty lines, silently.",
			"Programs that read configuration written on other systems currently lose all information about empty lines, silently."},
		"empty":                           {"", ""},
		"revert":                          {"Revert \"" + good + "\"\n\nThis reverts commit " + idA + ".\n", ""},
		"merge of a revert":               {"Merge pull request #1 from a/b\n\nRevert \"" + good + "\"", ""},
		"paragraph longer than a task":    {strings.Repeat(good+" ", 100), good},
		"one sentence longer than a task": {strings.Repeat("words without end ", 300), ""},
		"merge of words":                  {"Merge branch 'stable'\n\n" + good + " Merge options into one dictionary of all.", good + " Merge options into one dictionary of all."},
		"reapplied":                       {"Reapply \"" + good + "\"", ""},
		"merge without a message":         {"Merge branch 'stable'", ""},
		"joined to a hidden name":         {"keep\n_empty lines vanish after parsing twice", "keep _empty lines vanish after parsing twice"},
		"number joined by removal":        {"Parsing loses # 123 empty lines", "Parsing loses # 123 empty lines"},
	}
	for name, test := range cases {
		t.Run(name, func(t *testing.T) {
			got, usable := Issue(Change{Message: test.message}, sources, tests)
			if diff := cmp.Diff(test.want, got); diff != "" || usable != (test.want != "") {
				t.Errorf("usable %v (-want +got):\n%s", usable, diff)
			}
		})
	}
}

func TestWordsThatTheOldFilesHaveElsewhereAreKnown(t *testing.T) {
	sources := []Content{whole("a.py", "x = 1\n", "x = retry_count\n"), whole("b.py", "retry_count = 1\n", "retry_count = 2\n")}
	text := "The retry_count grows without any limit"
	if got, usable := Issue(Change{Message: text}, sources, nil); !usable || got != text {
		t.Errorf("%q, usable %v", got, usable)
	}
	if got, usable := Issue(Change{Message: text}, sources[:1], nil); usable {
		t.Errorf("%q is usable", got)
	}
}

// Nothing hidden survives, whatever stands around it.
func TestNothingHiddenSurvives(t *testing.T) {
	name := rapid.OneOf(rapid.StringMatching(`[a-z]{2,6}_[a-z]{1,6}`), rapid.StringMatching(`[A-Z][a-z]{1,5}[A-Z][a-z]{1,5}`), rapid.StringMatching(`[a-zé]{3,8}`))
	rapid.Check(t, func(t *rapid.T) {
		known := rapid.SliceOfN(name, 0, 5).Draw(t, "known")
		added := slices.DeleteFunc(rapid.SliceOfN(name, 1, 5).Draw(t, "added"), func(word string) bool {
			return isPlain(word) || slices.Contains(known, word)
		})
		test := "test_" + rapid.StringMatching(`[a-z]{3,8}`).Draw(t, "test")
		secrets := append(slices.Clone(added), test, test+".py", "tests/"+test+".py",
			rapid.StringMatching(`[0-9a-f]{7,40}`).Draw(t, "commit"), rapid.StringMatching(`#[1-9][0-9]{0,4}`).Draw(t, "number"),
			rapid.StringMatching(`https?://[a-z]{2,5}\.org/[a-z]{1,4}`).Draw(t, "address"))
		part := rapid.OneOf(rapid.SampledFrom(secrets), rapid.StringMatching(`[A-Za-z]{3,9}`),
			rapid.SampledFrom(append([]string{"fixes", "see", "(", ")", "`", ".", ". ", ",", "!", "*", "- ", "```", "merge", "in", "the", "from", ":", "--", "\r\n", "\n", "\n\n", "\t"}, known...)))
		var message strings.Builder
		for _, p := range rapid.SliceOfN(part, 1, 60).Draw(t, "message") {
			message.WriteString(p + rapid.SampledFrom([]string{" ", " ", " ", "", ".", "\n"}).Draw(t, "joint"))
		}
		sources := []Content{whole("a.py", strings.Join(known, " "), strings.Join(added, "\n"))}
		tests := []Content{whole("tests/"+test+".py", "", "def "+test+"(): pass\n")}
		text, usable := Issue(Change{Message: message.String()}, sources, tests)
		if !usable {
			return
		}
		for _, secret := range secrets {
			if says(text, secret) {
				t.Fatalf("%q says %q", text, secret)
			}
		}
	})
}

// says looks for a secret that does not go on before or after.
func says(text, secret string) bool {
	for at := 0; ; {
		i := strings.Index(text[at:], secret)
		if i < 0 {
			return false
		}
		at += i
		before, _ := utf8.DecodeLastRuneInString(text[:at])
		after, _ := utf8.DecodeRuneInString(text[at+len(secret):])
		inWord := func(r rune) bool { return r != utf8.RuneError && len(slices.Collect(runs(string(r)))) > 0 }
		if !inWord(before) && !inWord(after) {
			return true
		}
		at += len(secret)
	}
}

func FuzzIssue(f *testing.F) {
	f.Add("fix(x): loses lines (#12)\n\n* add foo_bar\n```\ncode\n```\n\nFixes: #3\n", "def a(): pass\n", "def foo_bar(): pass\n", "def test_x(): pass\n")
	f.Add("Merge pull request #1 from a/b\r\n\r\nGr\xfc\xdfe an alle Leute. See https://x.org/y", "a", "b", "")
	f.Add("!1 #1 gh-1 0123456 g0123456 keep_\u200bempty", "", "keep_empty", "TestX")
	f.Fuzz(func(t *testing.T, message, before, after, test string) {
		sources, tests := []Content{whole("a.py", before, after)}, []Content{whole("tests/test_x.py", "", test)}
		change := Change{Message: strings.ToValidUTF8(message, "?")}
		text, usable := Issue(change, sources, tests)
		if usable != (text != "") || len(text) > maxIssueBytes || !utf8.ValidString(text) || leftReference.MatchString(text) || strings.Contains(text, "://") {
			t.Fatalf("usable %v: %q", usable, text)
		}
		old := slices.Collect(words(before))
		told := slices.Collect(words(text))
		for word := range words(after) {
			if len(word) > 1 && !isPlain(word) && !slices.Contains(old, word) && slices.Contains(told, word) {
				t.Fatalf("%q says %q", text, word)
			}
		}
		if again, usable := Issue(change, sources, tests); again != text || usable != (text != "") {
			t.Fatalf("%q, then %q", text, again)
		}
	})
}
