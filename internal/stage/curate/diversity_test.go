package curate

import (
	"testing"

	"github.com/google/go-cmp/cmp"

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
	// The first two differ in names alone.
	if diff := cmp.Diff(Diversity{Trajectories: 4, Skeleton: 2, Phrase: 2}, diversityOf(samples)); diff != "" {
		t.Errorf("diversity (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(Diversity{}, diversityOf([]task.Sample{w.questions()[0]})); diff != "" {
		t.Errorf("diversity of questions (-want +got):\n%s", diff)
	}
}
