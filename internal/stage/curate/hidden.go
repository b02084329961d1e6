package curate

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// invisible lists the families of hidden characters. With the formatting ones,
// these are the code points that Unicode lets a renderer ignore.
var invisible = []struct {
	family string
	table  *unicode.RangeTable
}{
	{familyBidi, unicode.Bidi_Control},
	{familyTags, &unicode.RangeTable{R32: []unicode.Range32{{Lo: 0xe0000, Hi: 0xe0fff, Stride: 1}}}},
	{familyTags, unicode.Variation_Selector},
	{familyZeroWidth, unicode.Other_Default_Ignorable_Code_Point},
	{familyZeroWidth, unicode.Cf},
}

// lookalikes are letters of Cyrillic, Greek and phonetic writing that look like
// those of the second list: a part of Unicode's table of confusable characters
// (UTS 39). Greek letters that formulas use as names are not in it.
var lookalikes = pairs(
	"АВЕКМНОРСТУХІЈЅаеорсухіјѕһԁԛԝӏ"+"ΑΒΕΖΗΙΚΜΝΟΡΤΥΧον"+"ᴄᴏᴠᴡᴢɡɑ",
	"ABEKMHOPCTYXIJSaeopcyxijshdqwl"+"ABEZHIKMNOPTYXov"+"covwzga",
)

func pairs(from, to string) map[rune]rune {
	table := map[rune]rune{}
	targets := []rune(to)
	for i, r := range []rune(from) {
		table[r] = targets[i]
	}
	return table
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
			if family := familyOf(r); family != "" && !proper(before, r, after) {
				found[family] = true
			}
			if foreignLetter(before, r, after) {
				found[familyLookalike] = true
			}
		}
		before = r
	}
	return found
}

// familyOf is the family of a hidden character; "" for one that is seen.
func familyOf(r rune) string {
	for _, hidden := range invisible {
		if unicode.Is(hidden.table, r) {
			return hidden.family
		}
	}
	return ""
}

// proper says whether a character is where writing has it: a mark of byte order
// at the start of a file, a joiner between letters of a script that joins or
// between parts of a picture, one selector after a sign that has several looks.
func proper(before, r, after rune) bool {
	switch r {
	case '\ufeff':
		return before == '\n'
	case '\u200c', '\u200d':
		return before >= 0x300 && after >= 0x300
	case '\ufe0e', '\ufe0f':
		return unicode.IsSymbol(before) || unicode.IsDigit(before) || strings.ContainsRune("#*‼⁉", before)
	case '\u00ad':
		// In prose it is where a word may be broken.
		return before >= utf8.RuneSelf || after >= utf8.RuneSelf
	default:
		// Arabic has numbers and ends of verses that are formatting to Unicode.
		return unicode.Is(unicode.Prepended_Concatenation_Mark, r)
	}
}

// foreignLetter says whether a letter in a word looks like an ASCII one that it
// stands beside, or is a form of one that a language folds into it.
func foreignLetter(before, r, after rune) bool {
	if _, like := lookalikes[r]; like {
		return asciiLetter(before) || asciiLetter(after)
	}
	alone := !unicode.IsLetter(before) && !unicode.IsLetter(after)
	if alone || !unicode.IsLetter(r) || unicode.Is(unicode.Latin, r) && r < 0x2100 {
		return false
	}
	folded := []rune(norm.NFKC.String(string(r)))
	return len(folded) == 1 && asciiLetter(folded[0])
}

func asciiLetter(r rune) bool { return r|0x20 >= 'a' && r|0x20 <= 'z' }

// leaders are what begins a line of a comment.
const leaders = " \t\r#/*;>|-"

// reading is a text as it reads: in the letters that its characters stand for or
// look like, without hidden ones, with one space for every gap, underscore, line
// break and what begins a line of a comment.
func reading(text string) string {
	ascii := !strings.ContainsFunc(text, func(r rune) bool { return r >= utf8.RuneSelf })
	if !ascii {
		text = norm.NFKC.String(text)
	}
	plain := make([]byte, 0, len(text))
	line, gap := true, false
	for _, r := range text {
		switch {
		case r == '\n':
			line, gap = true, true
		case r == '_', r == ' ', r == '\t', r == '\r', line && r < utf8.RuneSelf && strings.ContainsRune(leaders, r):
			gap = true
		case r >= utf8.RuneSelf && familyOf(r) != "":
		default:
			if gap && len(plain) > 0 {
				plain = append(plain, ' ')
			}
			if like, known := lookalikes[r]; known {
				r = like
			}
			plain = utf8.AppendRune(plain, r)
			line, gap = false, false
		}
	}
	return string(slices.Clip(plain))
}
