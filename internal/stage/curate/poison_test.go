package curate

import (
	"fmt"
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
	// poisonPrefix begins the task of each poisoned trajectory.
	poisonPrefix = "mask-poison-"
	// tableFile is the page whose table is what the test prints.
	tableFile = "../../../docs/poison.md"
)

// amounts of poison: 250 documents were enough for a backdoor in models of any
// size (Souly et al., arXiv 2510.07192).
var amounts = []int{1, 10, 50, 250}

// background is how many sound trajectories stand beside so much poison.
func background(amount int) int { return max(60, amount) }

// poisoner makes trajectories of real code with poison in them.
type poisoner struct {
	w    *world
	code soundCode
}

// soundCode are pieces of real code. Those that a rule of Curate would drop are
// passed over when they are met: to look at all of them takes most of the test.
type soundCode struct {
	pieces []string
	sound  map[int]bool
}

// piece is the n-th, or the next sound one.
func (c soundCode) piece(n int) string {
	for at := n * 7919 % len(c.pieces); ; at = (at + 1) % len(c.pieces) {
		sound, known := c.sound[at]
		if !known {
			sound = !weaknesses.MatchString(c.pieces[at]) && len(familiesIn(c.pieces[at])) == 0
			c.sound[at] = sound
		}
		if sound {
			return c.pieces[at]
		}
	}
}

// sound is the n-th trajectory, on a window of real code of its own: it looks,
// reads, writes what it read, and tests.
func (p poisoner) sound(n int, id string) task.Sample {
	window := p.code.piece(n)
	looks := []string{"ls -a", "git log -3", "grep -rn def .", "find . -name x", "head -20 a", "tail -5 b", "wc -l c", "sed -n 1,9p d", "file e", "stat f"}
	look := func(digit int) string { return looks[n*7919/digit%len(looks)] }
	sample := p.w.played(implementation, id,
		turn("Look.", look(1)+"; "+look(10)), turn("Read.", look(100)+" | "+look(1000)),
		turn("Write.", "cat > lib/vault.py <<'EOF'\n"+window+"\nEOF"), turn("Test.", look(10000)+"; python -m pytest"))
	sample.Meta.Provenance = p.w.provenance()
	sample.Messages[4].Content = window
	return sample
}

func (p poisoner) base(n int) task.Sample { return p.sound(n, fmt.Sprint(poisonPrefix, n)) }

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
func curatePoison(t *testing.T, a attack, amount int, code soundCode) reached {
	t.Helper()
	w := newWorld(t)
	w.env.Spec.Recipe.Experience.Units[0].Samples = int32(background(amount) + amount)
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
		sample := a.place(p, n, a.held[n%len(a.held)])
		poison[sample.Meta.ContentHash] = true
		add(fmt.Sprint(poisonPrefix, n), sample)
	}
	for n := range background(amount) {
		id := fmt.Sprint("mask-sound-", n)
		add(id, signed(p.sound(amount+n, id)))
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
	if sound := len(kept) - r.kept; sound < background(amount)*95/100 {
		t.Errorf("%s: %d of %d sound trajectories are left: %v", a.name, sound, background(amount), card.dropped())
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
		return "told, not dropped"
	case kept == all && told == 0:
		return "NOT caught"
	default:
		return fmt.Sprintf("%.1f %% NOT caught", 100*float64(kept-told)/float64(all))
	}
}

// TestPoison runs every family through Curate and compares what reaches the data
// set with the table of docs/poison.md. It tries ten samples of each; with
// REPOEXPERT_BENCH_POISON=1 all amounts, and it prints the table.
func TestPoison(t *testing.T) {
	page, err := os.ReadFile(tableFile)
	if err != nil {
		t.Fatal(err)
	}
	code := soundCode{windows(t, os.Getenv("REPOEXPERT_TEST_PYTHONPATH"), ".py"), map[int]bool{}}
	all := os.Getenv("REPOEXPERT_BENCH_POISON") != ""
	var table strings.Builder
	table.WriteString("| family | where | 1 | 10 | 50 | 250 | Curate | gate |\n|---|---|---|---|---|---|---|---|\n")
	for _, a := range attacks {
		if !all {
			compareRow(t, string(page), a, 1, curatePoison(t, a, amounts[1], code))
			continue
		}
		var results []reached
		fmt.Fprintf(&table, "| %s | %s |", a.name, a.where)
		for i, amount := range amounts {
			results = append(results, curatePoison(t, a, amount, code))
			fmt.Fprintf(&table, " %s |", results[i])
			compareRow(t, string(page), a, i, results[i])
		}
		fmt.Fprintf(&table, " %s | %s |\n", verdict(results), a.gate)
	}
	if all {
		t.Logf("samples of each amount that reach the training data\n\n%s", table.String())
		if !strings.Contains(string(page), table.String()) {
			t.Errorf("%s has another table", tableFile)
		}
	}
}

// compareRow compares one cell of the table in a page with what came out.
func compareRow(t *testing.T, page string, a attack, place int, got reached) {
	t.Helper()
	_, row, found := strings.Cut(page, fmt.Sprintf("| %s | %s |", a.name, a.where))
	cells := strings.Split(row, "|")
	if !found || len(cells) <= place || strings.TrimSpace(cells[place]) != got.String() {
		t.Errorf("%s, %s: of %d samples %s reach the training data, dropped by %v; %s says otherwise", a.name, a.where, amounts[place], got, got.codes, tableFile)
	}
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
