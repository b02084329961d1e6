package ngram

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func TestTokens(t *testing.T) {
	got := Tokens("if  x_1>=é:\n\treturn 'a b'")
	if diff := cmp.Diff([]string{"if", "x_1", ">", "=", "é", ":", "return", "'", "a", "b", "'"}, got); diff != "" {
		t.Error(diff)
	}
}

// A text has all runs of its parts, and the layout of either changes nothing.
func TestPartsAreContained(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		words := rapid.SliceOfN(rapid.StringMatching(`[a-c]{1,2}|[+(]`), 0, 40).Draw(t, "words")
		n := rapid.IntRange(1, 6).Draw(t, "n")
		from := rapid.IntRange(0, len(words)).Draw(t, "from")
		to := rapid.IntRange(from, len(words)).Draw(t, "to")
		whole, part := Of(words, n), Of(words[from:to], n)
		if Common(whole, part) != len(part) || Common(part, whole) != len(part) {
			t.Fatalf("%d of %d runs are in the whole", Common(whole, part), len(part))
		}
		if !slices.IsSorted(whole) || len(whole) != len(slices.Compact(slices.Clone(whole))) {
			t.Fatal("not an ascending set")
		}
	})
}
