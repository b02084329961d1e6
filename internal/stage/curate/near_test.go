package curate

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/repoexpert/operator/internal/task"
)

// text is n words of a name's own, from one number on.
func text(name string, from, n int) string {
	words := make([]string, n)
	for i := range words {
		words[i] = fmt.Sprint(name, from+i)
	}
	return strings.Join(words, " ")
}

func TestNearDuplicates(t *testing.T) {
	cases := map[string]struct {
		texts []string
		want  []string
	}{
		"different texts": {[]string{text("a", 0, 60), text("b", 0, 60)}, []string{"", ""}},
		"one word of 60 differs": {
			[]string{text("a", 0, 60), text("a", 0, 59) + " other"}, []string{"", dropNearDuplicate},
		},
		// 60 words in a row of 70: 56 of 66+1 runs.
		"above the bound": {[]string{text("a", 0, 70), text("a", 5, 60) + " other"}, []string{"", dropNearDuplicate}},
		"below the bound": {[]string{text("a", 0, 70), text("b", 0, 15) + " " + text("a", 0, 55)}, []string{"", ""}},
		"the shorter one is in the longer one": {
			[]string{text("a", 20, 40), text("a", 0, 200)}, []string{dropContained, ""},
		},
		"half of it is":       {[]string{text("a", 20, 40) + text("b", 0, 40), text("a", 0, 200)}, []string{"", ""}},
		"too short to say":    {[]string{text("a", 0, 23), text("a", 0, 22)}, []string{"", ""}},
		"just long enough":    {[]string{text("a", 0, 24), text("a", 0, 24) + " b"}, []string{dropNearDuplicate, ""}},
		"the first of equals": {[]string{text("a", 0, 60), text("a", 0, 60), text("a", 0, 60)}, []string{"", dropNearDuplicate, dropNearDuplicate}},
		// The second is near the first, the third near the second alone: what is gone
		// takes nothing with it.
		"a chain": {
			[]string{text("a", 0, 100), text("a", 8, 99), text("a", 20, 98)}, []string{"", dropNearDuplicate, ""},
		},
		"other signs and layout": {[]string{text("a", 0, 60), strings.ReplaceAll(text("a", 0, 60), " ", "(\n\t")}, []string{"", dropNearDuplicate}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			var samples []task.Sample
			for i, said := range c.texts {
				samples = append(samples, w.played(implementation, fmt.Sprint("task", i), said))
			}
			if diff := cmp.Diff(c.want, nearDuplicates(samples)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// What the agent was shown is not compared, and neither are units with each other
// or the wordings of a fact.
func TestWhatIsNotCompared(t *testing.T) {
	w := newWorld(t)
	shown := func(id, said string) task.Sample {
		sample := w.played(implementation, id, "Look.", said)
		sample.Messages[2].Content = text("shown", 0, 500)
		return signed(sample)
	}
	same := text("a", 0, 60)
	w.shards = []string{document(t, append(w.questions(),
		shown("mask-a1", "x"), shown("mask-a2", "y"), w.played(implementation, "mask-a3", same), w.played(design, "component-c1", same),
	)...)}
	if _, err := w.run(t); err != nil {
		t.Fatal(err)
	}
	samples, card := w.made(t)
	checkSums(t, samples, card)
	if len(samples) != asks+4 {
		t.Errorf("dropped: %v", card.dropped())
	}
}

// The search by rare runs finds exactly what comparing each with each finds.
func TestSearchIsExact(t *testing.T) {
	w := newWorld(t)
	rapid.Check(t, func(t *rapid.T) {
		base := rapid.SliceOfN(rapid.IntRange(0, 2), 1, 12).Draw(t, "texts")
		samples := make([]task.Sample, len(base))
		for i, name := range base {
			parts := []string{text(fmt.Sprint("n", name, "x"), rapid.IntRange(0, 12).Draw(t, "from"), rapid.IntRange(10, 80).Draw(t, "n"))}
			if rapid.Bool().Draw(t, "more") {
				parts = append(parts, text("all", 0, rapid.IntRange(1, 40).Draw(t, "common")))
			}
			samples[i] = w.played(implementation, fmt.Sprint("task", i), strings.Join(parts, " "))
		}
		// A text can be near one and contained in another: either is a reason.
		want, got := eachWithEach(samples), nearDuplicates(samples)
		for i := range samples {
			if (want[i] == "") != (got[i] == "") {
				t.Fatalf("(-each with each +search):\n%s", cmp.Diff(want, got))
			}
		}
	})
}

// eachWithEach says which samples are like one that stays.
func eachWithEach(samples []task.Sample) []string {
	order := make([]int, len(samples))
	sets := make([][]uint32, len(samples))
	for i, sample := range samples {
		order[i], sets[i] = i, likeness(sample)
	}
	slices.SortStableFunc(order, func(a, b int) int { return len(sets[b]) - len(sets[a]) })
	codes := make([]string, len(samples))
	for place, i := range order {
		for _, j := range order[:place] {
			if codes[i] == "" && codes[j] == "" && len(sets[i]) >= leastRuns {
				codes[i] = alike(sets[i], sets[j])
			}
		}
	}
	return codes
}

// Texts that share many runs with thousands of others are compared with a bounded
// number of them.
func TestComparisonsAreBounded(t *testing.T) {
	w := newWorld(t)
	var samples []task.Sample
	for i := range 3 * maxCompared {
		samples = append(samples, w.played(implementation, fmt.Sprint("task", i), text("all", 0, 26)+" "+text(fmt.Sprint("n", i, "x"), 0, 1)+" "+text(fmt.Sprint("m", i, "x"), 0, 12)))
	}
	x := 0
	for _, code := range nearDuplicates(samples) {
		if code == "" {
			x++
		}
	}
	if x != len(samples) {
		t.Errorf("%d of %d stay", x, len(samples))
	}
}
