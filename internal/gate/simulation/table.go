package simulation

import (
	"fmt"

	"github.com/repoexpert/operator/internal/gate"
)

// Alpha is the declared level of the standard gate.
const Alpha = 0.05

// FalsePromotions are the cells in which no promotion may come but at the level.
func FalsePromotions() []Cell {
	one, three := gate.OneLook(Alpha), gate.ThreeLooks(Alpha)
	even := func(score, correlation float64, n int) Population {
		return Population{Score: score, Correlation: correlation, Clusters: n, Tasks: 1}
	}
	served := Cell{Against: gate.ArmServed, Loss: 0.10, Margin: 10, Looks: three, Level: Alpha}
	base := Cell{Against: gate.ArmBase, Margin: 10, MinGain: 5, Looks: three, Level: Alpha, Change: Evenly}
	var cells []Cell
	add := func(c Cell, name string, p Population, change Change) *Cell {
		c.Name, c.Population, c.Change = name, p, change
		cells = append(cells, c)
		return &cells[len(cells)-1]
	}
	for _, n := range []int{60, 118} {
		add(served, fmt.Sprintf("all tasks 10 points worse, n=%d", n), even(0.5, 0.5, n), Evenly)
		add(served, fmt.Sprintf("heterogeneous tasks, retrained, n=%d", n), even(0.3, 0.7, n), Redrawn(0.5))
		add(served, fmt.Sprintf("sparse breaks, n=%d", n), even(0.9, 0.9, n), Sparsely)
		add(served, fmt.Sprintf("sparse breaks and repairs, n=%d", n), even(0.8, 1, n), Traded)
		add(served, fmt.Sprintf("ceiling: sparse breaks of a perfect model, n=%d", n), even(1, 1, n), Sparsely)
		add(served, fmt.Sprintf("ceiling: a perfect model, evenly, n=%d", n), even(1, 1, n), Evenly)
		add(served, fmt.Sprintf("floor: 12 to 2 %%, n=%d", n), even(0.12, 0.5, n), Evenly)
		add(served, fmt.Sprintf("clusters of 1 to 6 tasks break whole, n=%d", n), Population{Score: 0.9, Correlation: 0.8, Clusters: n, Tasks: 6}, Sparsely)
		add(served, fmt.Sprintf("training noise of 2 points, n=%d", n), even(0.5, 0.6, n), Redrawn(0.5)).Noise = 0.02
		add(served, fmt.Sprintf("four kinds, the primary one worse, n=%d", n), even(0.5, 0.5, n), Redrawn(0.5)).Kinds = 3
		add(base, fmt.Sprintf("no better than base, n=%d", n), even(0.3, 0.5, n), Redrawn(0.5))
		add(base, fmt.Sprintf("no better than a base near 0, n=%d", n), even(0.06, 0.5, n), Redrawn(0.5))
		add(base, fmt.Sprintf("no better than base, few tasks change, n=%d", n), even(0.5, 0.95, n), Redrawn(0.1))
	}
	for _, n := range []int{29, 45, 60, 73, 90, 118} {
		add(served, fmt.Sprintf("one look, sparse breaks, n=%d", n), even(1, 1, n), Sparsely).Looks = one
	}
	add(served, "one look, breaks and repairs, n=60", even(0.8, 1, 60), Traded).Looks = one
	add(served, "one look, 5 points, sparse breaks, n=120", even(1, 1, 120), Sparsely).fivePoints(one)
	retried := add(served, "four retries of one commit, n=60 (twice the level)", even(0.9, 0.9, 60), Sparsely)
	retried.Retries, retried.Level = 4, 2*Alpha
	return cells
}

func (c *Cell) fivePoints(looks []gate.Look) {
	c.Loss, c.Margin, c.Looks = 0.05, 5, looks
}

// PowerCell is an equally good candidate under gate.StandardModel, with the power
// that the gate predicts.
type PowerCell struct {
	Cell
	Predicted float64
}

// Power are the cells of the power table.
func Power() []PowerCell {
	model := gate.StandardModel
	// Redrawing a share of clusters gives differences of variance 2 * share * that
	// of the rates.
	rates := model.Score * (1 - model.Score) * model.Correlation
	change := Redrawn(model.Seed * model.Seed / (2 * rates))
	var cells []PowerCell
	for _, looks := range [][]gate.Look{gate.OneLook(Alpha), {{Rollouts: 4, Alpha: Alpha}}, gate.ThreeLooks(Alpha)} {
		for _, margin := range []int{5, 10, 15} {
			for _, n := range []int{30, 60, 90, 118} {
				c := Cell{
					Population: Population{Score: model.Score, Correlation: model.Correlation, Clusters: n, Tasks: 1},
					Against:    gate.ArmServed, Change: change, Looks: looks, Margin: margin, MinGain: 5,
				}
				c.Name = fmt.Sprintf("%s, %d points, n=%d", lookNames(looks), margin, n)
				cells = append(cells, PowerCell{Cell: c, Predicted: gate.Power(looks, float64(margin)/100, n, model)})
			}
		}
	}
	return cells
}

func lookNames(looks []gate.Look) string {
	if len(looks) == 1 {
		return fmt.Sprintf("one look, %d rollouts", looks[0].Rollouts)
	}
	return fmt.Sprintf("%d looks, to %d rollouts", len(looks), looks[len(looks)-1].Rollouts)
}
