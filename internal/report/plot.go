package report

import (
	"math"

	"github.com/repoexpert/operator/api/v1alpha1"
)

// Geometry of a plot. Positions across are percent of its width, so that it fits
// any screen without scaling its text; positions down are pixels.
const (
	plotLeft   = 2.0
	plotSpan   = 96.0
	rowHeight  = 42
	textOffset = 15
	lineOffset = 29
	axisHeight = 24
	guideHalf  = 9
)

// Plot is a chart of shares from 0 to 100 %: a row for each arm or group, a bar
// from one value to another and a mark for each model.
type Plot struct {
	Title  string
	Rows   []PlotRow
	Guides []Guide
	Ticks  []Tick
	// Height and Axis in pixels from above.
	Height, Axis, TickText int
}

// PlotRow is one row. From and To are across, the others down.
type PlotRow struct {
	Label, Value       string
	TextY, LineY       int
	GuideTop, GuideEnd int
	From, To           float64
	Marks              []Mark
	Class              string
}

// Mark is one model's share. Its shape tells models apart without colour.
type Mark struct {
	X     float64
	Class string
	// Square instead of a circle.
	Square bool
}

// Guide is a line across every row's bar.
type Guide struct {
	X     float64
	Class string
}

// Tick of the axis; Anchor as in SVG.
type Tick struct {
	X            float64
	Text, Anchor string
}

// across turns percent of a score into percent of the plot's width, to a tenth.
func across(percent float64) float64 {
	inside := min(100, max(0, percent))
	if math.IsNaN(inside) {
		inside = 0
	}
	return math.Round(10*(plotLeft+plotSpan*inside/100)) / 10
}

func newPlot(title string, rows []PlotRow) Plot {
	p := Plot{Title: title, Rows: rows, Axis: rowHeight * len(rows)}
	for i := range rows {
		top := i * rowHeight
		rows[i].TextY, rows[i].LineY = top+textOffset, top+lineOffset
		rows[i].GuideTop, rows[i].GuideEnd = top+lineOffset-guideHalf, top+lineOffset+guideHalf
	}
	p.Height, p.TickText = p.Axis+axisHeight, p.Axis+16
	p.Ticks = []Tick{
		{across(0), "0", "start"}, {across(25), "25", "middle"}, {across(50), "50", "middle"}, {across(75), "75", "middle"}, {across(100), "100 %", "end"},
	}
	return p
}

// scorePlot shows the models' shares with their intervals, and the rates of
// guessing as lines.
func scorePlot(k Kind) Plot {
	var rows []PlotRow
	for _, a := range k.Arms {
		if isControl(a.Name) {
			continue
		}
		rows = append(rows, PlotRow{
			Label: armTitle(a.Name), Value: percent(a.Percent), From: across(a.Low), To: across(a.High),
			Class: armClass(a.Name), Marks: []Mark{markOf(a)},
		})
	}
	p := newPlot("Share of tasks solved, with the interval of each model", rows)
	for _, guide := range []struct {
		value *float64
		class string
	}{{k.Guess, "guess"}, {k.Majority, "majority"}} {
		if guide.value != nil {
			p.Guides = append(p.Guides, Guide{across(*guide.value), guide.class})
		}
	}
	return p
}

// groupPlot shows all models in one row for each group.
func groupPlot(k Kind) Plot {
	var rows []PlotRow
	for _, g := range k.Groups {
		row := PlotRow{Label: shown(g.Name, maxLabel), From: 100, Class: "between"}
		for _, a := range g.Arms {
			if isControl(a.Name) {
				continue
			}
			mark := markOf(a)
			row.From, row.To = min(row.From, mark.X), max(row.To, mark.X)
			row.Marks = append(row.Marks, mark)
			if a.Name == v1alpha1.ArmCandidate {
				row.Value = percent(a.Percent)
			}
		}
		rows = append(rows, row)
	}
	return newPlot("Share of tasks solved by group", rows)
}

func markOf(a Arm) Mark {
	return Mark{X: across(a.Percent), Class: armClass(a.Name), Square: a.Name == v1alpha1.ArmServed}
}
