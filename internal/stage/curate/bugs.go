package curate

import (
	"maps"
	"regexp"
	"slices"

	"github.com/repoexpert/operator/internal/task"
)

const (
	// maxOperators and maxFailing bound what is believed of a bug.
	maxOperators = 8
	maxFailing   = 1_000_000
	// familyFloor is the share, in percent, that each family of mutations should have
	// of the verified ones; with more than 20 families, an equal share.
	familyFloor = 5
)

var operatorName = regexp.MustCompile(`^[a-z][a-z-]{0,63}$`)

var bugKinds = []task.ReplayKind{task.ReplayFix, task.ReplayReversal, task.ReplayPartial, task.ReplayMutant, task.ReplayCombined}

// soundBug says whether what a shard says of a bug can be counted.
func soundBug(bug *task.Bug) bool {
	return bug == nil || slices.Contains(bugKinds, bug.Kind) && bug.FailToPass > 0 && bug.FailToPass <= maxFailing &&
		len(bug.Operators) <= maxOperators && !slices.ContainsFunc(bug.Operators, func(name string) bool { return !operatorName.MatchString(name) })
}

// BugCard describes the bugs that Experience verified, each once, whether samples
// came of them or not.
type BugCard struct {
	Verified int                     `json:"verified"`
	Kinds    map[task.ReplayKind]int `json:"kinds"`
	// OneTest are those that exactly one test shows: another repair than the right
	// one may pass it.
	OneTest Part `json:"oneTest"`
	// NamesFault are those whose task begins at the faulty function.
	NamesFault Part `json:"namesFault"`
	// Families of mutations that the plan has, by name.
	Families []Family `json:"families"`
}

// Family is the part that an operator has of the mutations in verified bugs.
type Family struct {
	Name     string `json:"name"`
	Planned  int    `json:"planned"`
	Verified Part   `json:"verified"`
	// FloorPercent is the least share that it should have.
	FloorPercent float64 `json:"floorPercent"`
	Met          bool    `json:"met"`
}

// bugs are the verified bugs of a run, by task.
type bugs map[string]task.Bug

// add counts a bug once, for whichever unit it is named first.
func (b bugs) add(id string, bug *task.Bug) {
	if _, known := b[id]; !known && bug != nil && soundBug(bug) {
		b[id] = *bug
	}
}

// card describes the bugs. planned counts the mutations of the plan by family.
func (b bugs) card(planned map[string]int) BugCard {
	card := BugCard{Verified: len(b), Kinds: map[task.ReplayKind]int{}, OneTest: Part{Of: len(b)}, NamesFault: Part{Of: len(b)}, Families: []Family{}}
	verified := map[string]int{}
	for _, bug := range b {
		card.Kinds[bug.Kind]++
		if bug.FailToPass == 1 {
			card.OneTest.Count++
		}
		if bug.NamesFault {
			card.NamesFault.Count++
		}
		for _, operator := range bug.Operators {
			if planned[operator] > 0 {
				verified[operator]++
			}
		}
	}
	all := sum(verified)
	for _, name := range slices.Sorted(maps.Keys(planned)) {
		floor := min(familyFloor, 100/float64(len(planned)))
		card.Families = append(card.Families, Family{
			Name: name, Planned: planned[name], Verified: Part{Count: verified[name], Of: all},
			FloorPercent: floor, Met: 100*float64(verified[name]) >= floor*float64(all) && all > 0,
		})
	}
	return card
}
