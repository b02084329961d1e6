package curate

import (
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"github.com/repoexpert/operator/internal/task"
)

// vaultWords are the words of the held-out body, in order, without its signs.
func vaultWords() []string {
	return strings.Fields(strings.NewReplacer(".", " ", "(", " ", ")", " ", "=", " ", ",", " ", ":", " ").Replace(vaultBody))
}

func TestDecontamination(t *testing.T) {
	held := vaultWords()
	run := func(from, n int) string { return strings.Join(held[from:from+n], " ") }
	played := func(said ...string) func(w *world) task.Sample {
		return func(w *world) task.Sample { return w.played(implementation, "mask-a1", said...) }
	}
	cases := map[string]struct {
		sample  func(w *world) task.Sample
		change  func(w *world)
		dropped bool
	}{
		"13 words at the beginning":     {sample: played(run(0, 13)), dropped: true},
		"13 words at the end":           {sample: played(run(len(held)-13, 13)), dropped: true},
		"13 words among others":         {sample: played("We write " + run(5, 13) + " and go on"), dropped: true},
		"13 words, other layout":        {sample: played(strings.Join(held[5:18], "\n\t+ , ")), dropped: true},
		"13 words in the second turn":   {sample: played("a", run(5, 13)), dropped: true},
		"the whole body in an edit":     {sample: played(turn("Write it.", "cat > a.py <<'EOF'\n"+vaultBody+"EOF")), dropped: true},
		"12 words":                      {sample: played("We write " + run(5, 12) + " and go on")},
		"every run of 12 words":         {sample: played(brokenEvery(held, 12))},
		"13 words, one of them changed": {sample: played(strings.Replace(run(5, 13), "stuck", "loose", 1))},
		"13 words in two turns":         {sample: played(run(5, 7), run(12, 6))},
		"13 words that the user says":   {sample: heard(run(5, 13))},
		"13 words that are not learned": {sample: unlearned(run(5, 13)), dropped: true},
		"text that a guide quotes":      {sample: played(turn("Write it.", gateBody))},
		"text in a second file": {
			sample: played(run(5, 13)), change: func(w *world) { w.add("lib/copy.py", "def copied():\n"+vaultBody) },
		},
		"13 words of it in a second file": {
			sample: played(run(5, 13)), change: func(w *world) { w.add("README.md", run(5, 13)) },
		},
		"13 other words of it in a second file": {
			sample: played(run(5, 13)), change: func(w *world) { w.add("README.md", run(6, 13)) }, dropped: true,
		},
		"text in a second file that is held out too": {
			sample: played(run(5, 13)), dropped: true, change: func(w *world) {
				w.add("lib/copy.py", "def copied():\n"+vaultBody)
				w.heldOut = append(w.heldOut, task.HeldOut{ID: "mask-e4", Path: "lib/copy.py", Name: "copied", Text: vaultBody})
			},
		},
		"text in a file that is too large to be code": {
			sample: played(run(5, 13)), change: func(w *world) { w.add("data.txt", vaultBody+strings.Repeat("x", maxSource)) }, dropped: true,
		},
		"text that was held out at another commit": {
			sample: played(run(5, 13)), change: func(w *world) { delete(w.tree, "lib/vault.py") }, dropped: true,
		},
		"a held-out function in a held-out function": {
			sample: played(run(5, 13)), change: func(w *world) { w.nest() }, dropped: true,
		},
		"the same, and its text in a second file": {
			sample: played(run(5, 13)), change: func(w *world) { w.nest(); w.add("README.md", vaultBody) },
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			if c.change != nil {
				c.change(w)
			}
			w.shards = []string{document(t, c.sample(w), w.played(implementation, "mask-a2", "b"))}
			if _, err := w.run(t); err != nil {
				t.Fatal(err)
			}
			samples, card := w.made(t)
			checkSums(t, samples, card)
			kept, dropped := []string{"mask-a1", "mask-a2"}, map[string]int{}
			if c.dropped {
				kept, dropped = kept[1:], map[string]int{dropLeak: 1}
			}
			if !cmp.Equal(kept, trajectories(samples)) || !cmp.Equal(dropped, card.Units[0].Dropped) {
				t.Errorf("kept %v, dropped %v", trajectories(samples), card.Units[0].Dropped)
			}
		})
	}
}

// add puts a file into the tree.
func (w *world) add(path, content string) { w.tree[path] = &fstest.MapFile{Data: []byte(content)} }

// nest puts the vault's function into another one, which is held out with it.
func (w *world) nest() {
	outer := "    limit = 7\n    def open_vault(door, key):\n" + vaultBody + "    return open_vault\n"
	w.add("lib/vault.py", "def make(size):\n"+outer)
	w.heldOut = append(w.heldOut, task.HeldOut{ID: "mask-e5", Path: "lib/vault.py", Name: "make", Text: outer})
	w.heldOut[0].Name = "make.<locals>.open_vault"
}

// brokenEvery joins words with a stranger after every n of them.
func brokenEvery(words []string, n int) string {
	var text []string
	for i, word := range words {
		if i > 0 && i%n == 0 {
			text = append(text, "stranger")
		}
		text = append(text, word)
	}
	return strings.Join(text, " ")
}

// heard is a trajectory in which the user says the text.
func heard(text string) func(w *world) task.Sample {
	return func(w *world) task.Sample {
		sample := w.played(implementation, "mask-a1", "a")
		sample.Messages[0].Content = text
		return signed(sample)
	}
}

// unlearned is a trajectory with the text in a turn that is not learned.
func unlearned(text string) func(w *world) task.Sample {
	return func(w *world) task.Sample {
		sample := w.played(implementation, "mask-a1", text, "b")
		sample.Messages[1].Loss = task.LossNone
		return signed(sample)
	}
}

// Samples quote the held-out body in every way that shows the canary in its
// surroundings; no assistant turn of the data set has it.
func TestCanary(t *testing.T) {
	w := newWorld(t)
	held := vaultWords()
	samples := []task.Sample{
		w.played(implementation, "mask-a1", turn("Write it.", "cat > lib/vault.py <<'EOF'\n"+vaultBody+"EOF")),
		w.played(implementation, "mask-a2", turn("Read.", "cat a.py"), turn("Write it.", vaultBody)),
		w.played(design, "component-c1", "The function does this: "+strings.Join(held, " ")),
		w.played(design, "component-c2", turn("A report on bolts and gates.", "cat lib/gate.py")),
		w.played(implementation, "mask-a3", turn("Shut the gate.", gateBody)),
	}
	for from := 0; from+13 <= len(held); from++ {
		quoted := strings.Join(held[from:from+13], " ")
		if strings.Contains(quoted, canary) {
			samples = append(samples, w.played(implementation, "mask-a3", quoted))
		}
	}
	w.shards = []string{document(t, samples[:3]...), document(t, append(samples[3:], w.questions()...)...)}
	if _, err := w.run(t); err != nil {
		t.Fatal(err)
	}
	trained, card := w.made(t)
	checkSums(t, trained, card)
	if got := trajectories(trained); !cmp.Equal([]string{"component-c2", "mask-a3"}, got) {
		t.Errorf("trained: %v", got)
	}
	if want := len(samples) - 2; want < 10 || card.dropped()[dropLeak] != want {
		t.Errorf("dropped %v, want %d", card.dropped(), want)
	}
	for _, sample := range trained {
		for _, message := range sample.Messages {
			if message.Role == task.RoleAssistant && strings.Contains(message.Content, canary) {
				t.Errorf("%s teaches %q", sample.Meta.TaskID, message.Content)
			}
		}
	}
}
