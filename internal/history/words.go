package history

import (
	"iter"
	"strings"
	"unicode"
)

// words yields the identifiers of a text, code or prose: runs of letters, digits
// and underscores that do not begin with a digit.
func words(text string) iter.Seq[string] {
	return func(yield func(string) bool) {
		for run := range runs(text) {
			if !unicode.IsDigit([]rune(run)[0]) && !yield(run) {
				return
			}
		}
	}
}

// runs yields the runs of letters, digits and underscores.
func runs(text string) iter.Seq[string] {
	return strings.FieldsFuncSeq(text, func(r rune) bool {
		return r != '_' && !unicode.In(r, unicode.Letter, unicode.Digit, unicode.Mark)
	})
}

// isName says whether a word looks like a name of code rather than one of a
// language that people speak: with an underscore, a digit, or a capital inside.
func isName(word string) bool {
	inner := strings.TrimLeftFunc(word, unicode.IsUpper)
	return strings.ContainsFunc(word, func(r rune) bool { return r == '_' || unicode.IsDigit(r) }) ||
		strings.ContainsFunc(inner, unicode.IsUpper)
}

// plainWords name nothing: function words of English, and the words that the
// grammars of programming languages share with it. A sentence cannot do without
// them, and none gives a fix away.
var plainWords = set(`a about after all also an and any are as assert at await be because been before being between both break but by can
case cannot catch class const continue could def default del did do does done each elif else enum err even every except export extends
false finally for from func function get global go goto had has have he how if implements import in instead int into is it its just lambda let
like may more most must new nil no none nonlocal not now null of off on once one only or other our out over package pass private protected
public raise range return same select self set should since so some static still str string struct such super switch than that the their them
then there these they this those throw to too true try two type under until up use used using var void was we were what when where which while who
why will with within without would yet yield you`)

func set(list string) map[string]bool {
	members := map[string]bool{}
	for word := range strings.FieldsSeq(list) {
		members[word] = true
	}
	return members
}

// isPlain says whether a word is a plain one, in small letters or with capitals.
func isPlain(word string) bool { return plainWords[strings.ToLower(word)] && !isName(word) }
