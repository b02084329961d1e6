package curate

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/repoexpert/operator/internal/language/python"
	"github.com/repoexpert/operator/internal/task"
)

func TestHereDocuments(t *testing.T) {
	cases := map[string]struct {
		command string
		want    []string
	}{
		"none":                      {"cat a.py", nil},
		"a quoted end":              {"cat > a.py <<'EOF'\nx = 1\n\ny = 2\nEOF\npython a.py", []string{"x = 1\n\ny = 2"}},
		"an end without quotes":     {"cat > a.py << END\nx\nEND", []string{"x"}},
		"tabs before the end":       {"cat <<-EOF\n\tx\n\tEOF", []string{"\tx"}},
		"two of them":               {"cat <<A >a\nx\nA\ncat <<B >b\ny\nB", []string{"x", "y"}},
		"another's end is text":     {"cat <<A\nB\nA", []string{"B"}},
		"one that does not end":     {"cat <<A\nx", nil},
		"an empty one":              {"cat <<A\nA", []string{""}},
		"a shift is no here-string": {"echo $((1 << 2))", nil},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(c.want, hereDocuments(c.command)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// edited is an implementation that writes a body after the agent was shown a text.
func edited(w *world, id, shown, body string) task.Sample {
	sample := w.played(implementation, id, turn("Look.", "grep -n "+id+" ."), turn("Write.", "cat > a.py <<'EOF'\n"+body+"\nEOF"))
	sample.Messages[2].Content = "<returncode>0</returncode>\n<output>\n" + shown + "\n</output>"
	return signed(sample)
}

func TestCausality(t *testing.T) {
	cases := map[string]struct {
		shown, body string
		seen, all   int
	}{
		"all was shown":                       {"def turn(key): ring", "    return ring.turn(key)", 3, 3},
		"one was not":                         {"def turn(key)", "    return ring.turn(key)", 2, 3},
		"built-in names and its own need not": {"", "    n = len(str(1))\n    return n", 0, 0},
		"a part of a name is not the name":    {"ring_of_keys", "    return ring", 0, 1},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			seen, all := causality(edited(newWorld(t), "mask-a1", c.shown, c.body), python.New().Dialect().ForeignNames)
			if seen != c.seen || all != c.all {
				t.Errorf("%d of %d, want %d of %d", seen, all, c.seen, c.all)
			}
		})
	}
}

// What the assistant itself said, or is shown later, did not tell it the name.
func TestCausesComeBefore(t *testing.T) {
	w := newWorld(t)
	sample := w.played(implementation, "mask-a1",
		turn("Is it ring?", "grep -n ring ."), turn("Write.", "cat > a.py <<'EOF'\n    return ring\nEOF"), turn("Submit.", "pwd"))
	sample.Messages[4].Content = "ring"
	if shown, all := causality(signed(sample), python.New().Dialect().ForeignNames); shown != 0 || all != 1 {
		t.Errorf("%d of %d", shown, all)
	}
}

// The repair of a slip is one line: its names are those of the edit before.
func TestNamesCountOnce(t *testing.T) {
	w := newWorld(t)
	sample := w.played(implementation, "mask-a1",
		turn("Look.", "grep -n ring ."),
		turn("Write.", "cat > a.py <<'EOF'\n    count = ring - spare\n    return count\nEOF"),
		turn("Repair.", "cat > a.py <<'EOF'\n    return count + ring\nEOF"), turn("Submit.", "pwd"))
	sample.Messages[2].Content = "ring"
	if shown, all := causality(signed(sample), python.New().Dialect().ForeignNames); shown != 1 || all != 2 {
		t.Errorf("%d of %d", shown, all)
	}
}

func TestEditsOutOfNowhere(t *testing.T) {
	names := func(n int) string {
		var list []string
		for i := range n {
			list = append(list, fmt.Sprint("part", i))
		}
		return strings.Join(list, " ")
	}
	ten := "    return build(" + strings.ReplaceAll(names(9), " ", ", ") + ")"
	w := newWorld(t)
	report := w.played(design, "component-c1", turn("Report.", "cat <<'EOF'\nUnknown things are described here.\nEOF"))
	w.shards = []string{document(t,
		edited(w, "mask-a1", "build "+names(8), ten), edited(w, "mask-a2", "build "+names(7), ten), report,
	)}
	if _, err := w.run(t); err != nil {
		t.Fatal(err)
	}
	samples, card := w.made(t)
	checkSums(t, samples, card)
	if got := trajectories(samples); !cmp.Equal([]string{"component-c1", "mask-a1"}, got) || card.dropped()[dropNotCausal] != 1 {
		t.Errorf("kept %v, dropped %v", got, card.dropped())
	}
	want := Check{Name: checkCausal, Count: 9, Of: 10, AtLeast: 90, Met: true, Enforced: true}
	if diff := cmp.Diff(want, card.Checks[3]); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
