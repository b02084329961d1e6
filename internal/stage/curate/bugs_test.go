package curate

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/repoexpert/operator/internal/task"
)

func TestBugCard(t *testing.T) {
	b := bugs{}
	b.add("fix-1", &task.Bug{Kind: task.ReplayFix, FailToPass: 1})
	b.add("fix-1", &task.Bug{Kind: task.ReplayFix, FailToPass: 9, NamesFault: true}) // the other unit's line
	b.add("mutant-1", &task.Bug{Kind: task.ReplayMutant, FailToPass: 3, Operators: []string{"membership"}, NamesFault: true})
	b.add("combined-1", &task.Bug{Kind: task.ReplayCombined, FailToPass: 1, Operators: []string{"membership", "unplanned"}})
	b.add("mutant-2", nil)
	b.add("mutant-3", &task.Bug{Kind: "else", FailToPass: 1})
	want := BugCard{
		Verified: 3, Kinds: map[task.ReplayKind]int{task.ReplayFix: 1, task.ReplayMutant: 1, task.ReplayCombined: 1},
		OneTest: Part{2, 3}, NamesFault: Part{1, 3},
		Families: []Family{
			{Name: "membership", Planned: 4, Verified: Part{2, 2}, FloorPercent: 5, Met: true},
			{Name: "slice-bound", Planned: 1, Verified: Part{0, 2}, FloorPercent: 5},
		},
	}
	if diff := cmp.Diff(want, b.card(map[string]int{"membership": 4, "slice-bound": 1})); diff != "" {
		t.Error(diff)
	}
}

func TestBugsInTheCardsText(t *testing.T) {
	b := bugs{}
	b.add("mutant-1", &task.Bug{Kind: task.ReplayMutant, FailToPass: 1, Operators: []string{"membership"}, NamesFault: true})
	text, err := (&Card{Bugs: b.card(map[string]int{"membership": 4})}).text()
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"verified 1 bugs", "1 mutant, ", "1 (100.0 %) fail exactly one test", "1 (100.0 %) have a text", "| membership | 4 | 1 | 100.0 % | at least 5.0 % | met |\n",
	} {
		if !strings.Contains(string(text), want) {
			t.Errorf("%q is not in %s", want, text)
		}
	}
}

// More families than can have 5 % each are held to an equal share.
func TestFloorOfManyFamilies(t *testing.T) {
	planned, b := map[string]int{}, bugs{}
	for i := range 40 {
		name := fmt.Sprintf("%c-%c", 'a'+i/26, 'a'+i%26)
		planned[name] = 1
		b.add(name, &task.Bug{Kind: task.ReplayMutant, FailToPass: 1, Operators: []string{name}})
	}
	for _, family := range b.card(planned).Families {
		if !family.Met || family.FloorPercent != 2.5 {
			t.Errorf("%+v", family)
		}
	}
}

func TestSoundBug(t *testing.T) {
	cases := map[string]struct {
		bug  *task.Bug
		want bool
	}{
		"none":             {nil, true},
		"a mutant":         {&task.Bug{Kind: task.ReplayMutant, FailToPass: 1, Operators: []string{"unary-minus"}}, true},
		"no failing test":  {&task.Bug{Kind: task.ReplayMutant}, false},
		"too many":         {&task.Bug{Kind: task.ReplayFix, FailToPass: maxFailing + 1}, false},
		"another kind":     {&task.Bug{Kind: "x", FailToPass: 1}, false},
		"another operator": {&task.Bug{Kind: task.ReplayMutant, FailToPass: 1, Operators: []string{"a\nb"}}, false},
		"many operators":   {&task.Bug{Kind: task.ReplayMutant, FailToPass: 1, Operators: make([]string, maxOperators+1)}, false},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			if got := soundBug(c.bug); got != c.want {
				t.Errorf("got %t", got)
			}
		})
	}
}
