package history

import (
	"errors"
	"iter"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// changesOf makes changes, newest first, of a letter each: f has source and test, s
// source alone, t a test alone. Reading on past their end is an error.
func changesOf(letters string) iter.Seq2[Change, error] {
	file := func(path string) File { return File{Path: path, Status: StatusModified, Added: 1, Regular: true} }
	files := map[rune][]File{
		'f': {file("a.py"), file("test_a.py")}, 's': {file("a.py")}, 't': {file("test_a.py")},
	}
	return func(yield func(Change, error) bool) {
		for i, letter := range letters {
			if letter == '!' {
				yield(Change{}, errors.New("read on"))
				return
			}
			change := Change{Commit: "commit-" + letters[i:], FileCount: len(files[letter]), Files: files[letter]}
			if i+1 < len(letters) {
				change.Parent = "commit-" + letters[i+1:]
			}
			if !yield(change, nil) {
				return
			}
		}
	}
}

func TestFrontierOf(t *testing.T) {
	kinds := Kinds{
		IsTest:   func(path string) bool { return strings.HasPrefix(path, "test_") },
		IsSource: func(path string) bool { return strings.HasSuffix(path, ".py") },
	}
	tests := map[string]struct {
		changes string
		n       int
		want    Frontier
		fails   bool
	}{
		"the newest one":                {"fst", 1, Frontier{"commit-st", 1}, false},
		"others between them":           {"sftsfs", 2, Frontier{"commit-s", 2}, false},
		"the oldest commit is trained":  {"ffs", 2, Frontier{"commit-s", 2}, false},
		"the first commit is no change": {"fff", 3, Frontier{"", 2}, false},
		"too few":                       {"ftst", 2, Frontier{"", 1}, false},
		"none":                          {"sts", 1, Frontier{}, false},
		"no commits":                    {"", 1, Frontier{}, false},
		"nothing is read beyond":        {"ff!", 2, Frontier{"commit-!", 2}, false},
		"the walk fails":                {"fs!", 2, Frontier{}, true},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := FrontierOf(changesOf(test.changes), kinds, DefaultFixLimits(), test.n)
			if (err != nil) != test.fails {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}
