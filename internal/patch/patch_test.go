package patch

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/repoexpert/operator/internal/task"
)

func TestHunks(t *testing.T) {
	tests := map[string]struct {
		before, after string
		want          []Hunk
	}{
		"equal":      {"a\nb\n", "a\nb\n", []Hunk{}},
		"replaced":   {"a\nb\nc\n", "a\nx\ny\nc\n", []Hunk{{Lines: task.Lines{Start: 2, End: 2}, Text: []string{"x", "y"}}}},
		"added":      {"a\nc\n", "a\nb\nc\n", []Hunk{{Lines: task.Lines{Start: 2, End: 1}, Text: []string{"b"}}}},
		"removed":    {"a\nb\nc\n", "a\nc\n", []Hunk{{Lines: task.Lines{Start: 2, End: 2}}}},
		"two places": {"a\nb\nc\nd\n", "x\nb\nc\ny\n", []Hunk{{Lines: task.Lines{Start: 1, End: 1}, Text: []string{"x"}}, {Lines: task.Lines{Start: 4, End: 4}, Text: []string{"y"}}}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, Hunks([]byte(test.before), []byte(test.after))); diff != "" {
				t.Error(diff)
			}
		})
	}
}
