package curate

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/repoexpert/operator/internal/language/python"
	"github.com/repoexpert/operator/internal/task"
)

func TestPrograms(t *testing.T) {
	cases := map[string]struct{ command, want string }{
		"arguments do not count":  {"cat lib/vault.py", "cat"},
		"flags count":             {"grep -rn -m1 name lib", "grep -rn -m"},
		"a pipe":                  {"grep -n name a.py | head -5", "grep -n head -"},
		"a sequence":              {"cd lib && ls -a", "cd ls -a"},
		"two lines":               {"ls\npwd", "ls pwd"},
		"what a command is fed":   {"sed -i -e 3d a.py <<'EOF'\nrm -rf\nEOF", "sed -i -e"},
		"nothing":                 {"", ""},
		"numbers of a flag go":    {"head -n3 -c200", "head -n -c"},
		"a group with a redirect": {"{ head -n 3 a.py; cat; } > b.py <<'EOF' && cp b.py a.py\nx\nEOF", "{ head -n cat; } cp"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			if got := programs(c.command); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

func TestAbstract(t *testing.T) {
	cases := map[string]struct{ text, want string }{
		"no name":                {"It works, submit.", "It works, submit."},
		"a sentence of one word": {"Finished.", "Finished."},
		"a quoted name":          {"First I read `shut`.", "First I read NAME"},
		"a path":                 {"Open lib/vault.py at the gap.", "Open NAME at the gap."},
		"a file":                 {"Open vault.py, then write.", "Open NAME then write."},
		"a name":                 {"Where to find open_vault?", "Where to find NAME"},
		"a number":               {"Line 12 is the gap; fill it.", "Line NAME is the gap; fill it."},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			if got := abstract(c.text); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

func TestDiversity(t *testing.T) {
	w := newWorld(t)
	samples := append(w.questions(),
		w.played(implementation, "mask-a1", turn("Now read lib/vault.py from its beginning.", "cat lib/vault.py"), turn("Done.", "pwd")),
		w.played(implementation, "mask-a2", turn("Now read lib/gate.py from its beginning.", "cat lib/gate.py"), turn("Submit.", "pwd")),
		w.played(design, "component-c1", turn("So now read bolt.py from the end.", "cat -n bolt.py"), turn("Done.", "pwd")),
		// A phrase that is said twice in one trajectory is said by one.
		w.played(design, "component-c2", turn("One two three four five.", "ls"), turn("One two three four five.", "ls")),
	)
	// How a teacher speaks is no matter of scripts.
	for range 3 {
		taught := w.played(design, "component-c2", turn("One two three four five.", "ls"))
		taught.Meta.Provenance = "teacher:m"
		samples = append(samples, taught)
	}
	// The first two differ in names alone.
	want := []Check{
		{Name: checkSkeleton, Count: 2, Of: 4, AtMost: 5}, {Name: checkPhrase, Count: 2, Of: 4, AtMost: 10},
		{Name: checkRecovery, Of: 2, AtLeast: 30, AtMost: 40}, {Name: checkCausal, AtLeast: 90, Met: true, Enforced: true},
	}
	if diff := cmp.Diff(want, diversityOf(samples, python.New().Dialect().ForeignNames)); diff != "" {
		t.Errorf("diversity (-want +got):\n%s", diff)
	}
	for _, check := range diversityOf(w.questions(), python.New().Dialect().ForeignNames) {
		if check.Of != 0 || !check.Met {
			t.Errorf("of questions: %+v", check)
		}
	}
}

func TestChecksAreMetUpToTheirBounds(t *testing.T) {
	cases := map[string]struct {
		count, of, atLeast, atMost int
		want                       bool
	}{
		"just at most":   {5, 100, 0, 5, true},
		"above":          {6, 100, 0, 5, false},
		"a little above": {51, 1000, 0, 5, false},
		"just at least":  {30, 100, 30, 40, true},
		"below":          {29, 100, 30, 40, false},
		"none of none":   {0, 0, 30, 40, true},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			if got := newCheck("x", c.count, c.of, c.atLeast, c.atMost, true); got.Met != c.want {
				t.Errorf("%+v", got)
			}
		})
	}
}

// labelled are scripted samples with one feature each, named by its letter.
func labelled(w *world, features string) []task.Sample {
	var samples []task.Sample
	for i, feature := range features {
		sample := w.played(implementation, fmt.Sprint("task", i), "x")
		sample.Meta.Path = string(feature)
		samples = append(samples, sample)
	}
	return samples
}

func TestThin(t *testing.T) {
	letters := ""
	for i := range 100 {
		letters += string(rune('A' + i))
	}
	cases := map[string]struct {
		features string
		percent  int
		// taken of the first letter, and how many of all.
		taken, all int
	}{
		"all different":    {letters, 5, 0, 0},
		"just the share":   {strings.Repeat("A", 4) + letters[1:97], 5, 0, 0},
		"two too many":     {strings.Repeat("A", 6) + letters[1:95], 5, 2, 2},
		"fewer than count": {strings.Repeat("A", 39), 5, 0, 0},
		"of one form":      {strings.Repeat("A", 100), 10, 90, 90},
		"of too few forms": {strings.Repeat("ABCDE", 20), 10, 10, 50},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			samples := labelled(newWorld(t), c.features)
			out := thin(samples, c.percent, func(sample task.Sample) []string { return []string{sample.Meta.Path} })
			taken, all := 0, 0
			for i, gone := range out {
				if gone {
					all++
				}
				if gone && samples[i].Meta.Path == "A" {
					taken++
				}
			}
			if taken != c.taken || all != c.all {
				t.Errorf("taken %d of A, %d of all, want %d and %d", taken, all, c.taken, c.all)
			}
		})
	}
}

// Whatever the features are: after thinning the share holds, or each feature has no
// more than the share of all at the start; the first ones stay, nothing of a teacher
// goes, and it is the same every time.
func TestThinKeepsTheShare(t *testing.T) {
	w := newWorld(t)
	rapid.Check(t, func(t *rapid.T) {
		random := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 0))
		forms := rapid.IntRange(1, 80).Draw(t, "forms")
		letters := make([]rune, rapid.IntRange(0, 200).Draw(t, "samples"))
		for i := range letters {
			// Low ones are common.
			letters[i] = rune('A' + min(random.IntN(forms), random.IntN(forms)))
		}
		samples := labelled(w, string(letters))
		for i := range samples {
			if random.IntN(10) == 0 {
				samples[i].Meta.Provenance = "teacher:m"
			}
		}
		percent := rapid.IntRange(5, 20).Draw(t, "percent")
		by := func(sample task.Sample) []string { return []string{sample.Meta.Path} }
		out := thin(samples, percent, by)
		if !cmp.Equal(out, thin(samples, percent, by)) {
			t.Fatal("not the same twice")
		}
		scripted, left, counts, gone := 0, 0, map[string]int{}, map[string]bool{}
		for i, sample := range samples {
			if !isScripted(sample) {
				if out[i] {
					t.Fatal("a teacher's is gone")
				}
				continue
			}
			scripted++
			if out[i] {
				gone[sample.Meta.Path] = true
				continue
			}
			if gone[sample.Meta.Path] {
				t.Fatal("a later one stays")
			}
			left++
			counts[sample.Meta.Path]++
		}
		if scripted < leastTrajectories && left != scripted {
			t.Fatalf("%d of %d are left", left, scripted)
		}
		if most := commonest(counts); scripted >= leastTrajectories && 100*most > percent*left && most > scripted*percent/100 {
			t.Fatalf("the commonest is %d of %d, of %d at the start", most, left, scripted)
		}
	})
}

func TestSurplusRecoveries(t *testing.T) {
	cases := map[string]struct{ edits, recovered, want int }{
		"none":             {100, 0, 0},
		"just enough":      {100, 40, 0},
		"half":             {100, 50, 17}, // 33 of 83
		"all":              {100, 100, 100},
		"too few to count": {39, 39, 0},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			samples := []task.Sample{w.played(design, "component-c1", "x")}
			for i := range c.edits {
				sample := w.played(implementation, fmt.Sprint("task", i), "x")
				sample.Meta.Recovered = i < c.recovered
				samples = append(samples, sample)
			}
			taken := 0
			for i, gone := range surplusRecoveries(samples) {
				if gone {
					taken++
				}
				if gone && !samples[i].Meta.Recovered {
					t.Errorf("%s goes without a recovery", samples[i].Meta.TaskID)
				}
			}
			if taken != c.want {
				t.Errorf("%d are taken, want %d", taken, c.want)
			}
		})
	}
}
