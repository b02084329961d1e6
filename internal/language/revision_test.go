package language

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestBatches(t *testing.T) {
	small, large := Revision{}, Revision{After: make([]byte, batchBytes)}
	cases := map[string]struct {
		revisions []Revision
		want      []int
	}{
		"nothing":     {nil, nil},
		"a few":       {[]Revision{small, small}, []int{2}},
		"too many":    {make([]Revision, 2*batchRevisions+1), []int{batchRevisions, batchRevisions, 1}},
		"large ones":  {[]Revision{small, large, large, small}, []int{2, 2}},
		"one too big": {[]Revision{large, {Before: make([]byte, 1), After: make([]byte, batchBytes)}}, []int{1, 1}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			var got []int
			for batch := range Batches(c.revisions) {
				got = append(got, len(batch))
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}
