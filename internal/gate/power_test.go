package gate

import (
	"math"
	"testing"

	"github.com/repoexpert/operator/api/v1alpha1"
)

func TestExactLoss(t *testing.T) {
	// With nothing lost the bound is 1 - alpha^(1/n), the rule for the least n.
	for _, n := range []int{19, 29, 59} {
		want := 1 - math.Pow(0.05, 1/float64(n))
		if got := exactLoss(n, 0, 0.05); math.Abs(got-want) > 1e-9 {
			t.Errorf("n=%d: %v, want %v", n, got, want)
		}
	}
	// Binomial tables: 2 of 60 lost have an upper .95 bound of 10.1 %.
	if got := exactLoss(60, 2, 0.05); math.Abs(got-0.1014) > 0.0005 {
		t.Errorf("2 of 60: %v", got)
	}
	if got := exactLoss(5, 5, 0.05); got != 1 {
		t.Errorf("all lost: %v", got)
	}
}

func TestLooksSpendAlphaOnce(t *testing.T) {
	spent := 0.0
	for _, look := range ThreeLooks(0.05) {
		spent += look.Alpha
	}
	if math.Abs(spent-0.05) > 1e-12 {
		t.Errorf("%v is spent", spent)
	}
	if got := ThreeLooks(0.05)[0].level(2); got != 0.0125/4 {
		t.Errorf("second retry at %v", got)
	}
}

func TestUnderpowered(t *testing.T) {
	three := Settings{PrimaryKind: "k", MarginPoints: 5, Looks: ThreeLooks(0.05)}
	tests := map[string]struct {
		margin, n int
		want      string
	}{
		"enough":             {10, 60, ""},
		"too few":            {10, 30, "Underpowered: an equally good model would pass 30 tasks at gate.marginPoints 10 with a chance of 0.00: needs 37 tasks or gate.marginPoints 12"},
		"too small a margin": {5, 60, "Underpowered: an equally good model would pass 60 tasks at gate.marginPoints 5 with a chance of 0.00: needs 115 tasks or gate.marginPoints 8"},
		"nothing":            {10, 0, "Underpowered: an equally good model would pass 0 tasks at gate.marginPoints 10 with a chance of 0.00: needs 37 tasks"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			three.MarginPoints = test.margin
			if got := Underpowered(three, test.n, StandardModel); got != test.want {
				t.Errorf("says %q\nwant %q", got, test.want)
			}
		})
	}
}

// More tasks and a wider margin never lower the power by more than the steps that
// whole numbers of broken tasks make.
func TestPowerGrows(t *testing.T) {
	for _, margin := range []float64{0.05, 0.1, 0.15} {
		for n := 20; n < 300; n += 20 {
			at := func(n int, margin float64) float64 {
				return Power(ThreeLooks(0.05), margin, n, StandardModel)
			}
			if at(n+20, margin) < at(n, margin)-1e-9 || at(n, margin+0.05) < at(n, margin)-1e-9 {
				t.Errorf("n=%d, margin %v: %v, then %v and %v", n, margin, at(n, margin), at(n+20, margin), at(n, margin+0.05))
			}
		}
	}
}

func TestUnderpoweredNamesLooks(t *testing.T) {
	gate := func(kind v1alpha1.KindName, looks v1alpha1.GateLooks) v1alpha1.Gate {
		return v1alpha1.Gate{PrimaryKind: kind, MarginPoints: 10, AlphaPerMille: 50, Looks: looks}
	}
	const warning = "Underpowered: an equally good model would pass 60 tasks at gate.marginPoints 10 with a chance of 0.44: needs 71 tasks or gate.marginPoints 11"
	for name, test := range map[string]struct {
		gate v1alpha1.Gate
		n    int
		want string
	}{
		"looks would do":        {gate(impl, v1alpha1.LooksOne), 60, warning + " or gate.looks Three"},
		"greedy answers repeat": {gate(qa, v1alpha1.LooksOne), 60, warning},
		"three looks":           {gate(impl, v1alpha1.LooksThree), 60, ""},
		"enough":                {gate(impl, v1alpha1.LooksOne), 120, ""},
	} {
		t.Run(name, func(t *testing.T) {
			if got := (Rules{}).Underpowered(test.gate, test.n); got != test.want {
				t.Errorf("%q, want %q", got, test.want)
			}
		})
	}
}
