package simulation

import (
	"math"
	"testing"
)

// seed of all simulations here; `make bench-gate` takes the same.
const seed = 1

// No cell promotes more often than its level, but for three standard errors of
// the runs made here. `make bench-gate` makes ten thousand of each.
func TestFalsePromotionsStayBelowTheirLevel(t *testing.T) {
	const runs = 400
	for _, cell := range FalsePromotions() {
		t.Run(cell.Name, func(t *testing.T) {
			outcome := cell.Run(runs, seed)
			t.Logf("%.4f of %d, by look %v", outcome.Rate(), outcome.Runs, outcome.ByLook)
			if outcome.Above(cell.Level) {
				t.Errorf("%d of %d promoted, declared %.2f", outcome.Promoted, runs, cell.Level)
			}
		})
	}
}

// What the gate predicts before an evaluation is what comes, but for a simulation
// of few runs and the union of looks, which the prediction leaves out.
func TestPowerIsAsPredicted(t *testing.T) {
	const (
		runs      = 200
		tolerance = 0.15
	)
	for _, cell := range Power() {
		if cell.Clusters > 60 {
			continue
		}
		t.Run(cell.Name, func(t *testing.T) {
			outcome := cell.Run(runs, seed)
			t.Logf("%.2f, predicted %.2f", outcome.Rate(), cell.Predicted)
			if math.Abs(outcome.Rate()-cell.Predicted) > tolerance {
				t.Errorf("%.2f, predicted %.2f", outcome.Rate(), cell.Predicted)
			}
		})
	}
}
