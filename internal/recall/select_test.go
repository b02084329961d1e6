package recall

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// randomFacts makes facts with repeated answers, like those of a real tree.
func randomFacts(random *rand.Rand, count int) []Fact {
	facts := make([]Fact, count)
	for i := range facts {
		kind := Kinds()[random.IntN(len(Kinds()))]
		subject := fmt.Sprintf("subject%d", i)
		facts[i] = Fact{
			ID:      factID(kind, subject, ""),
			Kind:    kind,
			Subject: subject,
			Answer:  fmt.Sprintf("%s%d", kind, random.IntN(1+random.IntN(30))),
		}
	}
	return facts
}

func TestSelectBounds(t *testing.T) {
	for seed := range uint64(200) {
		random := rand.New(rand.NewPCG(seed, 1))
		facts := randomFacts(random, random.IntN(400))
		count := 1 + random.IntN(80)
		chosen := Select(facts, count, seed)
		checkSelection(t, seed, count, chosen)

		shuffled := append([]Fact(nil), facts...)
		random.Shuffle(len(shuffled), func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
		if diff := cmp.Diff(chosen, Select(shuffled, count, seed)); diff != "" {
			t.Fatalf("seed %d: the order of the facts matters:\n%s", seed, diff)
		}
	}
}

func checkSelection(t *testing.T, seed uint64, count int, chosen []Fact) {
	t.Helper()
	if len(chosen) > count {
		t.Fatalf("seed %d: %d facts, at most %d were asked for", seed, len(chosen), count)
	}
	seen, answers, files := map[string]bool{}, map[string]int{}, 0
	for _, fact := range chosen {
		if seen[fact.ID] {
			t.Fatalf("seed %d: %s twice", seed, fact.ID)
		}
		seen[fact.ID] = true
		answers[fact.Answer]++
		if fact.Kind == DefinitionFile {
			files++
		}
	}
	if files*100 > len(chosen)*maxFileShare {
		t.Fatalf("seed %d: %d of %d facts ask for a file", seed, files, len(chosen))
	}
	ofKind, inKind := map[Kind]int{}, map[string]int{}
	for _, fact := range chosen {
		ofKind[fact.Kind]++
		inKind[fact.Answer]++ // the answers of a kind begin with its name
	}
	for _, fact := range chosen {
		if n := inKind[fact.Answer]; n > max(2, ofKind[fact.Kind]*maxInKindShare/100) {
			t.Fatalf("seed %d: %q answers %d of %d facts of its kind", seed, fact.Answer, n, ofKind[fact.Kind])
		}
	}
	for answer, n := range answers {
		if n > max(1, count*maxAnswerShare/100) {
			t.Fatalf("seed %d: %q answers %d of %d facts", seed, answer, n, count)
		}
	}
}

func TestSelectFillsUpWhereFactsSuffice(t *testing.T) {
	facts := randomFacts(rand.New(rand.NewPCG(1, 1)), 2000)
	if got := len(Select(facts, 50, 1)); got != 50 {
		t.Errorf("%d of 50 facts", got)
	}
	if cmp.Equal(Select(facts, 50, 1), Select(facts, 50, 2)) {
		t.Error("another seed gives the same facts")
	}
}

// A small selection keeps to few kinds, so that each has enough questions.
func TestSelectOfFewFactsHasFewKinds(t *testing.T) {
	facts := randomFacts(rand.New(rand.NewPCG(1, 1)), 2000)
	for count, want := range map[int]int{50: 5, 200: len(Kinds())} {
		kinds := map[Kind]bool{}
		for _, fact := range Select(facts, count, 1) {
			kinds[fact.Kind] = true
		}
		if len(kinds) != want {
			t.Errorf("%d facts are of %d kinds, want %d", count, len(kinds), want)
		}
	}
}

func TestSelectIsStable(t *testing.T) {
	facts := randomFacts(rand.New(rand.NewPCG(2, 1)), 500)
	before := map[string]bool{}
	for _, fact := range Select(facts[:480], 50, 3) {
		before[fact.ID] = true
	}
	kept := 0
	for _, fact := range Select(facts, 50, 3) {
		if before[fact.ID] {
			kept++
		}
	}
	if kept < 40 {
		t.Errorf("20 new facts of 500 left %d of 50 chosen ones", kept)
	}
}

func TestSelectPrefersLinkedFiles(t *testing.T) {
	facts := []Fact{
		{ID: "1", Kind: Bases, Subject: "A", Answer: "B"},
		{ID: "2", Kind: Bases, Subject: "C", Answer: "D"},
		{ID: "3", Kind: Raises, Subject: "f", Answer: "E"},
	}
	for i := range 30 {
		facts = append(facts, Fact{ID: fmt.Sprintf("f%d", i), Kind: DefinitionFile, Subject: fmt.Sprintf("X%d", i), Answer: fmt.Sprintf("x%d.py", i)})
	}
	facts = append(facts, Fact{ID: "linked", Kind: DefinitionFile, Subject: "B", Answer: "b.py"})
	for seed := range uint64(20) {
		if len(Compose(Select(facts, 5, seed), 10)) != 1 {
			t.Fatalf("seed %d: the file of the chosen class's parent was not chosen", seed)
		}
	}
}

func TestShuffle(t *testing.T) {
	for seed := range uint64(50) {
		facts := Select(randomFacts(rand.New(rand.NewPCG(seed, 3)), 400), 50, seed)
		shuffled := Shuffle(facts, seed)
		right := 0
		before, after := map[string]int{}, map[string]int{}
		for i := range facts {
			if shuffled[i].ID != facts[i].ID || shuffled[i].Kind != facts[i].Kind {
				t.Fatalf("seed %d: more than the answers changed", seed)
			}
			before[string(facts[i].Kind)+facts[i].Answer]++
			after[string(facts[i].Kind)+shuffled[i].Answer]++
			if facts[i].Answer == shuffled[i].Answer {
				right++
			}
		}
		if diff := cmp.Diff(before, after); diff != "" {
			t.Fatalf("seed %d: answers were lost:\n%s", seed, diff)
		}
		if right*10 > len(facts) {
			t.Errorf("seed %d: %d of %d answers are still right", seed, right, len(facts))
		}
	}
}
