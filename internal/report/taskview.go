package report

import (
	"fmt"

	"github.com/repoexpert/operator/api/v1alpha1"
)

// taskRow is a task with a cell for each arm.
type taskRow struct {
	ID, Group, Text, Gold string
	Cells                 []taskCell
}

// taskCell is one result. Link is the anchor of its excerpt, "" for none.
type taskCell struct {
	Model, Word, Class, Answer, Note, Link string
}

// excerpt is the end of an episode.
type excerpt struct {
	Anchor, Task, Model, Word string
	Turns                     []Turn
}

// addTasks lists tasks and the excerpts that their cells link to.
func (v *kindView) addTasks(k Kind) {
	for i, t := range k.Tasks[:min(len(k.Tasks), MaxTasks)] {
		r := taskRow{ID: shown(t.ID, maxLabel), Group: shown(t.Group, maxLabel), Text: shown(t.Text, MaxText), Gold: shown(t.Gold, MaxText)}
		for j, a := range k.Arms {
			if !isControl(a.Name) {
				r.Cells = append(r.Cells, v.cell(a.Name, t, fmt.Sprintf("%s-task-%d-%d", v.Anchor, i+1, j+1)))
			}
		}
		v.Tasks = append(v.Tasks, r)
	}
	if k.TasksLeftOut > 0 {
		v.LeftOut = fmt.Sprintf("%d more stand in records.jsonl of the evaluation.", k.TasksLeftOut)
	}
}

// cell shows a result; its excerpt goes to the end of the kind.
func (v *kindView) cell(name v1alpha1.ArmName, t Task, anchor string) taskCell {
	c := taskCell{Model: armTitle(name), Word: "not run", Class: "missing"}
	r, found := t.of(name)
	if !found {
		return c
	}
	c.Answer, c.Note = shown(r.Answer, MaxText), r.note()
	c.Word, c.Class = "not solved", "failed"
	if r.Solved {
		c.Word, c.Class = "solved", "solved"
	}
	if r.Rollouts > 1 {
		c.Word = fmt.Sprintf("solved %d of %d times", r.SolvedRollouts, r.Rollouts)
	}
	if len(r.Excerpt) == 0 {
		return c
	}
	c.Link = anchor
	e := excerpt{Anchor: anchor, Task: shown(t.ID, maxLabel), Model: c.Model, Word: c.Word}
	for _, turn := range r.Excerpt[:min(len(r.Excerpt), maxTurns)] {
		e.Turns = append(e.Turns, Turn{shown(turn.Role, maxLabel), shown(turn.Text, maxTurn)})
	}
	v.Excerpts = append(v.Excerpts, e)
	return c
}

// note is how an episode went; "" for a closed question.
func (r Result) note() string {
	if r.Turns == 0 {
		return ""
	}
	text := count(r.Turns, "turn", "turns") + ", " + shown(r.Ending, maxLabel)
	if r.Reason != "" {
		text += ", " + shown(r.Reason, maxLabel)
	}
	return text
}

// of finds an arm's result.
func (t Task) of(name v1alpha1.ArmName) (Result, bool) {
	for _, r := range t.Results {
		if r.Arm == name {
			return r, true
		}
	}
	return Result{}, false
}
