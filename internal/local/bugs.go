package local

import (
	"path/filepath"
	"time"

	"github.com/repoexpert/operator/api/v1alpha1"
	"github.com/repoexpert/operator/internal/task"
)

// BugFigures is what became of the bugs of one kind. EvolutionaryReplay repairs
// them and SemanticRuntimeAlignment writes their tests, so each is run and
// verified once for both.
type BugFigures struct {
	Kind task.ReplayKind `json:"kind"`
	// Candidates are those of the plan that train.
	Candidates int64 `json:"candidates"`
	Run        int64 `json:"run"`
	Verified   int64 `json:"verified"`
	Repairs    int64 `json:"repairs"`
	Tests      int64 `json:"tests"`
	// CPU is what their verification, repairs and tests used in the sandbox, in
	// nanoseconds.
	CPU time.Duration `json:"cpu"`
}

// bugKinds in the order of a summary.
var bugKinds = []task.ReplayKind{task.ReplayFix, task.ReplayReversal, task.ReplayMutant, task.ReplayCombined}

// bugs collects the figures of all shards.
type bugs struct {
	kindOf map[string]task.ReplayKind
	// ran says of the bugs that were run whether they were verified.
	ran     map[string]bool
	figures map[task.ReplayKind]*BugFigures
}

func newBugs(replays []task.Replay) *bugs {
	b := &bugs{kindOf: map[string]task.ReplayKind{}, ran: map[string]bool{}, figures: map[task.ReplayKind]*BugFigures{}}
	for _, kind := range bugKinds {
		b.figures[kind] = &BugFigures{Kind: kind}
	}
	for _, replay := range replays {
		if replay.Side == task.SideTrain && b.figures[replay.Kind] != nil {
			b.kindOf[replay.ID] = replay.Kind
			b.figures[replay.Kind].Candidates++
		}
	}
	return b
}

// readBugs reads the bugs of a plan; a plan of a recipe without them has none.
func readBugs(place string) (*bugs, error) {
	replays, err := task.ReadFile[task.Replay](filepath.Join(place, task.ReplaysFile))
	return newBugs(replays), err
}

func (b *bugs) addSample(sample task.Sample) {
	f := b.add(sample.Meta.TaskID, true, sample.Meta.CPUSeconds)
	switch {
	case f == nil:
	case sample.Meta.Unit == v1alpha1.UnitEvolutionaryReplay:
		f.Repairs++
	case sample.Meta.Unit == v1alpha1.UnitSemanticRuntimeAlignment:
		f.Tests++
	}
}

func (b *bugs) addRejection(rejection task.Rejection) {
	b.add(rejection.TaskID, rejection.Verified, rejection.CPUSeconds)
}

// add counts one attempt on a bug. It returns nil for a task on none.
func (b *bugs) add(id string, verified bool, cpuSeconds float64) *BugFigures {
	kind, known := b.kindOf[id]
	if !known {
		return nil
	}
	f := b.figures[kind]
	before, ran := b.ran[id]
	if !ran {
		f.Run++
	}
	if verified && !before {
		f.Verified++
	}
	b.ran[id] = before || verified
	f.CPU += time.Duration(cpuSeconds * float64(time.Second))
	return f
}

// list returns the figures of the kinds that the plan has.
func (b *bugs) list() []BugFigures {
	var list []BugFigures
	for _, kind := range bugKinds {
		if f := b.figures[kind]; f.Candidates > 0 {
			list = append(list, *f)
		}
	}
	return list
}
