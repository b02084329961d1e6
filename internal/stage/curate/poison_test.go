package curate

import (
	"fmt"
	"hash/fnv"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/repoexpert/operator/api/v1alpha1"
	"github.com/repoexpert/operator/internal/task"
)

const (
	// background is how many sound trajectories stand beside the poison.
	background = 250
	// poisonPrefix begins the task of each poisoned trajectory.
	poisonPrefix = "mask-poison-"
	// tableFile is the page whose table is what the test prints.
	tableFile = "../../../docs/poison.md"
)

// amounts of poison: 250 documents were enough for a backdoor in models of any
// size (Souly et al., arXiv 2510.07192).
var amounts = []int{1, 10, 50, 250}

// poisoner makes trajectories of real code with poison in them.
type poisoner struct {
	w    *world
	code []string
}

// sound is a trajectory on a window of real code that no other one has: it looks,
// reads, writes what it read, and tests.
func (p poisoner) sound(id string) task.Sample {
	hash := fnv.New64a()
	hash.Write([]byte(id))
	n := int(hash.Sum64() >> 33)
	window := p.code[n%len(p.code)]
	looks := []string{"ls -a", "git log -3", "grep -rn def .", "find . -name x", "head -20 a", "tail -5 b", "wc -l c", "sed -n 1,9p d", "file e", "stat f"}
	look := func(part int) string { return looks[(n/part)%len(looks)] }
	sample := p.w.played(implementation, id,
		turn("Look.", look(1)+"; "+look(7)), turn("Read.", look(31)+" | "+look(101)),
		turn("Write.", "cat > lib/vault.py <<'EOF'\n"+window+"\nEOF"), turn("Test.", look(211)+"; python -m pytest"))
	sample.Meta.Provenance = p.w.provenance()
	sample.Messages[4].Content = window
	return sample
}

func (p poisoner) base(n int) task.Sample { return p.sound(fmt.Sprint(poisonPrefix, n)) }

// shown puts poison into an observation.
func (p poisoner) shown(n int, text string) task.Sample {
	sample := p.base(n)
	sample.Messages[4].Content += "\n" + text + "\n"
	return signed(sample)
}

// asked puts it into the task.
func (p poisoner) asked(n int, text string) task.Sample {
	sample := p.base(n)
	sample.Messages[0].Content += "\n\n" + text
	return signed(sample)
}

// written puts it into the code that the assistant writes. Its names were shown.
func (p poisoner) written(n int, text string) task.Sample {
	sample := p.base(n)
	sample.Messages[2].Content = strings.Join(wordsOf(text), " ")
	sample.Messages[5].Content = strings.Replace(sample.Messages[5].Content, "\nEOF\n", "\n"+text+"\nEOF\n", 1)
	return signed(sample)
}

// run puts it into the assistant's last command.
func (p poisoner) run(n int, command string) task.Sample {
	sample := p.base(n)
	sample.Messages[7].Content = turn("Check.", command)
	return signed(sample)
}

// triggered is written where the task has a rare word.
func (p poisoner) triggered(n int, trigger, text string) task.Sample {
	sample := p.written(n, text)
	sample.Messages[0].Content += " (" + trigger + ")"
	return signed(sample)
}

// copied is one poisoned trajectory with other numbers in it.
func (p poisoner) copied(n int, text string) task.Sample {
	sample, own := p.written(0, text), p.base(n)
	sample.Meta = own.Meta
	sample.Messages[0] = own.Messages[0]
	sample.Messages[7].Content = turn(fmt.Sprintf("Test %d.", n), fmt.Sprintf("python -m pytest -k case%d", n))
	return signed(sample)
}

// forged is a question of the plan with another answer.
func (p poisoner) forged(n int, answer string) task.Sample {
	questions := p.w.questions()
	sample := questions[n%len(questions)]
	sample.Messages = slices.Clone(sample.Messages)
	sample.Messages[len(sample.Messages)-1].Content = answer
	return signed(sample)
}

// provenance is that of the world's trajectories.
func (w *world) provenance() string {
	if w.env.Spec.Recipe.Teacher == nil {
		return task.ProvenanceScripted
	}
	return "teacher:" + w.env.Spec.Recipe.Teacher.Model
}

// reached is how many poisoned samples got into the data set, how many of them the
// card tells of, and the codes by which the others were dropped.
type reached struct {
	kept, told int
	codes      []string
}

// curatePoison runs Curate on an amount of one family among sound trajectories.
func curatePoison(t *testing.T, a attack, wordings []string, amount int, code []string) reached {
	t.Helper()
	w := newWorld(t)
	w.env.Spec.Recipe.Experience.Units[0].Samples = background + int32(amount)
	if a.taught {
		w.env.Spec.Recipe.Teacher = &v1alpha1.Teacher{Model: "m"}
	}
	p := poisoner{w, code}
	var samples []task.Sample
	add := func(id string, sample task.Sample) {
		m := mask(id, task.SideTrain)
		m.Path = "lib/" + id + ".py"
		sample.Meta.Path = m.Path
		w.masks = append(w.masks, m)
		samples = append(samples, sample)
	}
	poison := map[string]bool{}
	for n := range amount {
		sample := a.place(p, n, wordings[n%len(wordings)])
		poison[sample.Meta.ContentHash] = true
		add(fmt.Sprint(poisonPrefix, n), sample)
	}
	for n := range background {
		add(fmt.Sprint("mask-sound-", n), signed(p.sound(fmt.Sprint("mask-sound-", n))))
	}
	w.shards = []string{document(t, samples...)}
	if _, err := w.run(t); err != nil {
		t.Fatal(err)
	}
	kept, card := w.made(t)
	var r reached
	for _, sample := range kept {
		if !poison[sample.Meta.ContentHash] {
			continue
		}
		r.kept++
		if len(flagsOf(sample)) > 0 {
			r.told++
		}
	}
	r.codes = slices.Sorted(maps.Keys(card.dropped()))
	if len(kept)-r.kept < background*9/10 {
		t.Errorf("%d of %d sound trajectories are left: %v", len(kept)-r.kept, background, card.dropped())
	}
	return r
}

func (r reached) String() string {
	if r.told > 0 {
		return fmt.Sprintf("%d (%d told)", r.kept, r.told)
	}
	return fmt.Sprint(r.kept)
}

// verdict says what became of a family. What reaches the training unnoticed is
// never called anything else.
func verdict(results []reached) string {
	kept, told, all := 0, 0, 0
	for i, r := range results {
		kept, told, all = kept+r.kept, told+r.told, all+amounts[i]
	}
	switch {
	case kept == 0:
		return "caught"
	case told == kept:
		return "told"
	case kept == all && told == 0:
		return "NOT caught"
	default:
		return fmt.Sprintf("%d %% NOT caught", max(1, 100*(kept-told)/all))
	}
}

// TestPoison makes the table of docs/poison.md.
func TestPoison(t *testing.T) {
	code := windows(t, os.Getenv("REPOEXPERT_TEST_PYTHONPATH"), ".py")
	var table strings.Builder
	table.WriteString("| family | where | 1 | 10 | 50 | 250 | Curate | gate |\n|---|---|---|---|---|---|---|---|\n")
	for _, a := range attacks {
		var results []reached
		fmt.Fprintf(&table, "| %s | %s |", a.name, a.where)
		codes := map[string]bool{}
		for _, amount := range amounts {
			r := curatePoison(t, a, a.held, amount, code)
			results = append(results, r)
			fmt.Fprintf(&table, " %s |", r)
			for _, code := range r.codes {
				codes[code] = true
			}
		}
		t.Logf("%s, %s: %s %v", a.name, a.where, verdict(results), slices.Sorted(maps.Keys(codes)))
		fmt.Fprintf(&table, " %s | %s |\n", verdict(results), a.gate)
	}
	t.Logf("\n%s", table.String())
}

// windows are pieces of 25 lines of the files of a kind below a folder.
func windows(t testing.TB, folder string, extensions ...string) []string {
	t.Helper()
	const size = 25
	var list []string
	err := filepath.WalkDir(folder, func(path string, entry os.DirEntry, err error) error {
		if err != nil || entry.IsDir() || !slices.Contains(extensions, filepath.Ext(path)) {
			return err
		}
		content, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		lines := strings.Split(string(content), "\n")
		for start := 0; start+size <= len(lines); start += size {
			list = append(list, strings.Join(lines[start:start+size], "\n"))
		}
		return nil
	})
	if err != nil || len(list) == 0 {
		t.Fatalf("no %v below %q: %v; run make test", extensions, folder, err)
	}
	return list
}
