package experience

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/repoexpert/operator/internal/grading"
	"github.com/repoexpert/operator/internal/language"
	"github.com/repoexpert/operator/internal/symptom"
	"github.com/repoexpert/operator/internal/task"
)

// The lines of a place follow what the bug adds or removes above and in it.
func TestBrokenLines(t *testing.T) {
	fixed := "a\nb\nc\nd\ne\nf\n"
	tests := map[string]struct {
		broken string
		want   task.Lines
	}{
		"same length":     {"a\nb\nc\nx\ne\nf\n", task.Lines{Start: 3, End: 5}},
		"lines above":     {"a\nnew\nold\nb\nc\nd\ne\nf\n", task.Lines{Start: 5, End: 7}},
		"removed above":   {"b\nc\nd\ne\nf\n", task.Lines{Start: 2, End: 4}},
		"longer inside":   {"a\nb\nc\nd\nnew\ne\nf\n", task.Lines{Start: 3, End: 6}},
		"shorter inside":  {"a\nb\nc\ne\nf\n", task.Lines{Start: 3, End: 4}},
		"a change below":  {"a\nb\nc\nd\ne\nnew\nf\n", task.Lines{Start: 3, End: 5}},
		"the whole place": {"a\nb\nx\nf\n", task.Lines{Start: 3, End: 3}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			r := repairer{bug: bug{task: grading.Task{Broken: grading.Edits{"f": []byte(test.broken)}, Fixed: grading.Edits{"f": []byte(fixed)}}}}
			p := symptom.Place{Module: language.Module{Path: "f"}, Definition: language.Definition{StartLine: 3, EndLine: 5}}
			if got := r.brokenLines(p); got != test.want {
				t.Errorf("got %v", got)
			}
		})
	}
}

// A wrong first edit changes one hunk of the repair and no other place.
func TestWrongText(t *testing.T) {
	broken, fixed := "a\nb\nc\nd\n", "a\nx + 1\nc\ny + 2\n"
	t1 := grading.Task{Broken: grading.Edits{"f": []byte(broken)}, Fixed: grading.Edits{"f": []byte(fixed)}}
	edits, code := repairsOf(t1)
	if code != "" || len(edits) != 2 || edits[0].Lines.Start != 4 {
		t.Fatalf("got %v, %q", edits, code)
	}
	at := strings.Index(fixed, "2")
	hunk, text, ok := wrongText(t1, edits, language.Mutation{Path: "f", Start: at, End: at + 1, Replacement: "3"})
	if !ok || hunk != 0 || !cmp.Equal(text, []string{"y + 3"}) {
		t.Errorf("got %d, %q, %v", hunk, text, ok)
	}
	elsewhere := strings.Index(fixed, "c")
	if _, _, ok := wrongText(t1, edits, language.Mutation{Path: "f", Start: elsewhere, End: elsewhere + 1, Replacement: "z"}); ok {
		t.Error("a fault in a line that is not repaired is taken")
	}
	if _, _, ok := wrongText(t1, edits, language.Mutation{Path: "f", Start: 0, End: 1 << 20}); ok {
		t.Error("a fault beyond the file is taken")
	}
}
