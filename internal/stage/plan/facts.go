package plan

import (
	"slices"

	"github.com/repoexpert/operator/internal/recall"
	"github.com/repoexpert/operator/internal/task"
)

// factsOf lists the facts in scope that tell nothing about the body of a
// held-out function. Facts have no side of their own: they are trained, and
// asked again in other words.
func (m *mine) factsOf() []recall.Fact {
	return slices.DeleteFunc(recall.Extract(m.inventory), func(fact recall.Fact) bool {
		return !m.inScope(fact.Path) || m.givesAway(fact)
	})
}

// givesAway says whether a fact is read from the body of a held-out function:
// what it raises and calls is in its own body, who calls it is in the caller's.
// What calls a held-out function is left out too: its usage tells what it returns.
// File, bases, parameters and types are in the signature, which the task's text
// shows anyway.
func (m *mine) givesAway(fact recall.Fact) bool {
	switch fact.Kind {
	case recall.Raises:
		return m.side(functionID(fact.Path, fact.Subject)) == task.SideEvaluation
	case recall.Callers, recall.Callee:
		return m.side(functionID(fact.Path, fact.Subject)) == task.SideEvaluation || m.heldOutNames[fact.Answer]
	default:
		return false
	}
}
