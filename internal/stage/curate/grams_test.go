package curate

import (
	"fmt"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/repoexpert/operator/internal/task"
)

// vaultWords are the words of the held-out body, in order, without its signs.
func vaultWords() []string {
	return strings.Fields(strings.NewReplacer(".", " ", "(", " ", ")", " ", "=", " ", ",", " ", ":", " ").Replace(vaultBody))
}

func TestDecontamination(t *testing.T) {
	held := vaultWords()
	// plain has another name for the one that only the held-out body has.
	plain := strings.Fields(strings.ReplaceAll(strings.Join(held, " "), canary, "bar"))
	run := func(from, n int) string { return strings.Join(held[from:from+n], " ") }
	played := func(said ...string) func(w *world) task.Sample {
		return func(w *world) task.Sample { return w.played(implementation, "mask-a1", said...) }
	}
	cases := map[string]struct {
		sample func(w *world) task.Sample
		change func(w *world)
		// named says that the name alone gave it away.
		dropped, named bool
	}{
		"its name alone":                    {sample: played("What is " + canary + "?"), dropped: true, named: true},
		"its name in a search":              {sample: played(turn("Search.", "grep -rn "+canary+" .")), dropped: true, named: true},
		"its name that is not learned":      {sample: unlearned(canary), dropped: true, named: true},
		"its name that the user says":       {sample: heard(canary)},
		"a part of its name":                {sample: played(canary[1:] + " " + canary[:10] + " " + canary + "0")},
		"a name of it that is too short":    {sample: played("raise StuckBolt")},
		"its name, which a second file has": {sample: played(canary), change: func(w *world) { w.add("README.md", canary) }},
		"as the string of another language": {sample: played(`python3 -c "open('a.py','w').write('` + strings.ReplaceAll(vaultBody, "\n", `\n`) + `')"`), dropped: true},
		"with line numbers":                 {sample: played(numbered(vaultBody)), dropped: true},
		"a short body": {
			sample: played("    return [key.teeth for key in ring.keys]"), dropped: true, change: func(w *world) { w.hold("    return [key.teeth for key in ring.keys]\n") },
		},
		"a part of a short body": {
			sample: played("return [key.teeth for key in"), change: func(w *world) { w.hold("    return [key.teeth for key in ring.keys]\n") },
		},
		"a short body that a second file has": {
			sample: played("    return [key.teeth for key in ring.keys]"), change: func(w *world) {
				w.hold("    return [key.teeth for key in ring.keys]\n")
				w.add("docs/ring.md", "return [key.teeth for key in ring.keys]")
			},
		},
		"a body that is an idiom": {
			sample: played("    return self.ring.keys"), change: func(w *world) { w.hold("    return self.ring.keys\n") },
		},
		"13 words at the beginning":     {sample: played(run(0, 13)), dropped: true},
		"13 words at the end":           {sample: played(run(len(held)-13, 13)), dropped: true},
		"13 words among others":         {sample: played("We write " + run(5, 13) + " and go on"), dropped: true},
		"13 words, other layout":        {sample: played(strings.Join(held[5:18], "\n\t+ , ")), dropped: true},
		"13 words in the second turn":   {sample: played("a", run(5, 13)), dropped: true},
		"the whole body in an edit":     {sample: played(turn("Write it.", "cat > a.py <<'EOF'\n"+vaultBody+"EOF")), dropped: true},
		"12 words":                      {sample: played("We write " + run(5, 12) + " and go on")},
		"every run of 12 words":         {sample: played(brokenEvery(plain, 12))},
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
		"what a later commit adds": {
			sample: played(laterBody), dropped: true, change: func(w *world) { w.later(laterBody) },
		},
		"what a later commit adds and the tree has once": {
			sample: played(laterBody), change: func(w *world) { w.later(laterBody); w.add("README.md", laterBody) },
		},
		"a name that a later commit adds": {
			sample: played("Use ring_of_later_keys."), dropped: true, named: true, change: func(w *world) { w.later("ring_of_later_keys = 1\n") },
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
			if c.named {
				dropped = map[string]int{dropLeakedName: 1}
			}
			if !cmp.Equal(kept, trajectories(samples)) || !cmp.Equal(dropped, card.Units[0].Dropped) {
				t.Errorf("kept %v, dropped %v", trajectories(samples), card.Units[0].Dropped)
			}
		})
	}
}

// add puts a file into the tree.
func (w *world) add(path, content string) { w.tree[path] = &fstest.MapFile{Data: []byte(content)} }

// hold holds out one more function, of this body.
func (w *world) hold(body string) {
	w.add("lib/ring.py", "def teeth(ring):\n"+body)
	w.heldOut = append(w.heldOut, task.HeldOut{ID: "mask-e6", Path: "lib/ring.py", Name: "teeth", Text: body})
}

// laterBody is text of a commit after the snapshot.
const laterBody = "for key in ring.keys: door.turn(key, slowly, until=open, else_try=next, limit=three, noise=none)"

// later holds out what a commit after the snapshot adds.
func (w *world) later(text string) {
	w.heldOut = append(w.heldOut, task.HeldOut{ID: "fix-e7", Path: "lib/ring.py", Text: text, Later: true})
}

// numbered is a text as cat -n prints it.
func numbered(text string) string {
	var lines strings.Builder
	for i, line := range strings.Split(text, "\n") {
		fmt.Fprintf(&lines, "%6d\t%s\n", i+1, line)
	}
	return lines.String()
}

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

// A name is planted in a body of Plan's held-out list. Samples quote the body in
// every way that shows the name; no assistant turn of the data set has it.
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
	for length := 1; length <= 13; length++ {
		for from := 0; from+length <= len(held); from++ {
			quoted := strings.Join(held[from:from+length], " ")
			if strings.Contains(quoted, canary) {
				samples = append(samples, w.played(implementation, "mask-a3", "It is: "+quoted))
			}
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
	got := card.dropped()
	delete(got, dropDuplicate) // a name that stands alone three times
	if want := len(samples) - 2 - card.dropped()[dropDuplicate]; want < 100 || got[dropLeak] < 10 || sum(got) != got[dropLeak]+got[dropLeakedName] || sum(got) != want {
		t.Errorf("dropped %v, want %d", got, want)
	}
	if strings.Contains(w.output(t, CardFile)+w.output(t, CardData)+w.output(t, ExclusionFile), canary) {
		t.Error("the card or the list of what is held out quotes it")
	}
	for _, sample := range trained {
		for _, message := range sample.Messages {
			if message.Role == task.RoleAssistant && strings.Contains(message.Content, canary) {
				t.Errorf("%s teaches %q", sample.Meta.TaskID, message.Content)
			}
		}
	}
}

// Runs are the same as those of hashing each run's words anew.
func TestRuns(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := strings.Join(rapid.SliceOfN(rapid.SampledFrom([]string{"a", "b", "élan", "x_1"}), 0, 30).Draw(t, "words"), rapid.SampledFrom([]string{" ", ".\n", "(, "}).Draw(t, "layout"))
		length := rapid.IntRange(1, 14).Draw(t, "length")
		fields := strings.FieldsFunc(text, func(r rune) bool { return !wordRune(r) })
		seen := map[uint64]string{}
		at := 0
		for run := range runs(hashWords(text), length) {
			words := strings.Join(fields[at:at+length], " ")
			if other, known := seen[run]; known && other != words {
				t.Fatalf("%q and %q are one run", other, words)
			}
			seen[run] = words
			at++
		}
		if want := max(0, len(fields)-length+1); at != want {
			t.Fatalf("%d runs, want %d", at, want)
		}
		distinct := map[string]bool{}
		for _, words := range seen {
			distinct[words] = true
		}
		if len(distinct) != len(seen) {
			t.Fatalf("%d hashes of %d runs", len(seen), len(distinct))
		}
	})
}
