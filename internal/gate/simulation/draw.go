package simulation

import (
	"fmt"
	"math/rand/v2"

	"github.com/repoexpert/operator/internal/gate"
)

const fingerprint = "simulated"

// draw is one evaluation whose truth is fixed and whose rollouts grow.
type draw struct {
	candidate, served, anchor string
	past                      []gate.Step
	kinds                     []drawnKind
}

type drawnKind struct {
	tasks  []gate.Task
	truth  map[string]truth
	counts map[string][]gate.Count
}

func kindName(i int) string { return fmt.Sprintf("kind%d", i) }

func (k *drawnKind) add(arm string, rate float64) { k.truth[arm] = append(k.truth[arm], rate) }

// arms in a fixed order, so that a seed always draws the same.
var arms = []string{gate.ArmBase, gate.ArmServed, gate.ArmAnchor, gate.ArmCandidate}

// evidence draws what is missing up to that many rollouts.
func (d *draw) evidence(source *rand.Rand, rollouts, look, retry int) gate.Evidence {
	e := gate.Evidence{Fingerprint: fingerprint, Candidate: d.candidate, Served: d.served, Anchor: d.anchor, Look: look, Retry: retry, Past: d.past}
	digests := map[string]string{gate.ArmCandidate: d.candidate, gate.ArmServed: d.served, gate.ArmAnchor: d.anchor}
	for i := range d.kinds {
		k := &d.kinds[i]
		if k.counts == nil {
			k.counts = map[string][]gate.Count{}
		}
		kind := gate.Kind{Name: kindName(i), Tasks: k.tasks, Arms: map[string]gate.Arm{}}
		heldOut := clusters(k.tasks)
		for _, arm := range arms {
			if k.truth[arm] == nil {
				continue
			}
			if k.counts[arm] == nil {
				k.counts[arm] = make([]gate.Count, len(k.tasks))
			}
			k.truth[arm].answers(source, k.tasks, k.counts[arm], rollouts)
			kind.Arms[arm] = gate.Arm{Digest: digests[arm], Fingerprint: fingerprint, HeldOut: heldOut, Results: k.counts[arm]}
		}
		e.Kinds = append(e.Kinds, kind)
	}
	return e
}

func clusters(tasks []gate.Task) []string {
	var names []string
	for _, task := range tasks {
		if len(names) == 0 || names[len(names)-1] != task.Cluster {
			names = append(names, task.Cluster)
		}
	}
	return names
}
