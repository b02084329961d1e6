package gate

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

// What damage by poison the gate sees: the fewest tasks that a candidate, else as
// good as the served model, must no longer solve so that it is not promoted. The
// damage is assumed; no model was trained for it. docs/poison.md has the table.
func TestPoisonDamage(t *testing.T) {
	page, err := os.ReadFile("../../docs/poison.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range []int{60, 118, 250} {
		broken := 0
		for passes(n, broken) {
			broken++
		}
		if !passes(n, 0) || passes(n, n/2) {
			t.Errorf("%d tasks: an equal candidate or one that solves nothing is misjudged", n)
		}
		if row := fmt.Sprintf("| %d | %d | %.1f %% |", n, broken, 100*float64(broken)/float64(n)); !strings.Contains(string(page), row+"\n") {
			t.Errorf("docs/poison.md lacks %s", row)
		}
	}
}

// passes says whether a candidate that no longer solves some of the tasks that
// the served model solves is promoted at any look.
func passes(n, broken int) bool {
	for look := range standard().Looks {
		evidence := equal(n).with(solved{ArmCandidate: n/2 - broken})
		evidence.Look = look + 1
		if Judge(standard(), evidence).Decision == Promote {
			return true
		}
	}
	return false
}
