package simulation

import (
	"fmt"
	"math/rand/v2"

	"github.com/repoexpert/operator/internal/gate"
)

// Sequence is one model a commit, each trained anew, whose true mean falls by the
// same amount each time.
type Sequence struct {
	Name    string
	Commits int
	// Decay of the true mean score a commit, as a fraction.
	Decay    float64
	Clusters int
	// Anchored sequences know their anchor; Watched ones stop at a drift.
	Anchored, Watched bool
}

// SequenceOutcome sums up the runs of a sequence.
type SequenceOutcome struct {
	Runs int
	// Promotions a run, on average.
	Promotions float64
	// Lost are the points that the last served model lost to the first, on average;
	// MostLost in the worst run.
	Lost, MostLost float64
	// Beyond counts runs that ever served a model worse than the first by more than
	// the margin and two points.
	Beyond int
	// Held counts runs that a drift stopped.
	Held int
}

// The first model solves 30 % and its base 5 %; nothing falls below 2 %.
const (
	firstScore, baseScore, leastScore = 0.30, 0.05, 0.02
	sequenceMargin                    = 10
)

// BeyondPoints allows the margin and two points, which is what the last
// promotion before a stop may take.
const BeyondPoints = sequenceMargin + 2

// Sequences are those of the published table.
func Sequences() []Sequence {
	slow := Sequence{Commits: 100, Decay: 0.005, Clusters: 60}
	var list []Sequence
	add := func(name string, decay float64, clusters int, anchored, watched bool) {
		s := slow
		s.Name, s.Decay, s.Clusters, s.Anchored, s.Watched = name, decay, clusters, anchored, watched
		list = append(list, s)
	}
	for _, n := range []int{60, 118} {
		add(fmt.Sprintf("0.5 points a commit, served only, n=%d", n), 0.005, n, false, false)
		add(fmt.Sprintf("0.5 points a commit, CUSUM only, n=%d", n), 0.005, n, false, true)
		add(fmt.Sprintf("0.5 points a commit, anchor and CUSUM, n=%d", n), 0.005, n, true, true)
		add(fmt.Sprintf("2 points a commit, anchor and CUSUM, n=%d", n), 0.02, n, true, true)
		add(fmt.Sprintf("no decay, served only, n=%d", n), 0, n, false, false)
		add(fmt.Sprintf("no decay, anchor and CUSUM, n=%d", n), 0, n, true, true)
	}
	return list
}

// model is one trained model: its truth and what was measured of it so far. The
// results are kept, as evaluations are: a lucky model stays lucky.
type model struct {
	digest string
	score  float64
	truth  truth
	counts []gate.Count
}

// Run draws the sequence from a seed.
func (s Sequence) Run(runs int, seed uint64) SequenceOutcome {
	source := rand.New(rand.NewPCG(seed, uint64(len(s.Name))))
	var o SequenceOutcome
	for range runs {
		promotions, lost, most, held := s.once(source)
		o.Runs++
		o.Promotions += float64(promotions)
		o.Lost += 100 * lost
		o.MostLost = max(o.MostLost, 100*most)
		if 100*most > BeyondPoints {
			o.Beyond++
		}
		if held {
			o.Held++
		}
	}
	o.Promotions /= float64(max(1, runs))
	o.Lost /= float64(max(1, runs))
	return o
}

func (s Sequence) once(source *rand.Rand) (promotions int, lost, most float64, held bool) {
	p := Population{Score: firstScore, Correlation: 0.5, Clusters: s.Clusters, Tasks: 1}
	tasks := p.shape()
	latent := make(truth, s.Clusters)
	for i := range latent {
		latent[i] = p.rate(source)
	}
	train := func(digest string, score float64) *model {
		m := &model{digest: digest, score: score, truth: make(truth, len(latent)), counts: make([]gate.Count, len(tasks))}
		for i, rate := range latent {
			if source.Float64() < 0.2 {
				rate = p.rate(source)
			}
			m.truth[i] = rate * score / firstScore
		}
		return m
	}
	base, served := train("", baseScore), train("0", firstScore)
	anchor := served
	var past []gate.Step
	for commit := 1; commit <= s.Commits; commit++ {
		candidate := train(fmt.Sprint(commit), max(leastScore, firstScore-s.Decay*float64(commit)))
		result := s.judge(source, tasks, base, served, anchor, candidate, past)
		if result.Decision != gate.Promote {
			continue
		}
		if result.Hold != "" && s.Watched {
			held = true
			break
		}
		promotions++
		served = candidate
		past = append(past, result.Step)
		if result.NewAnchor {
			anchor = candidate
		}
		most = max(most, firstScore-served.score)
	}
	return promotions, firstScore - served.score, most, held
}

func (s Sequence) judge(source *rand.Rand, tasks []gate.Task, base, served, anchor, candidate *model, past []gate.Step) gate.Result {
	d := &draw{candidate: candidate.digest, served: served.digest}
	k := drawnKind{tasks: tasks, truth: map[string]truth{}, counts: map[string][]gate.Count{}}
	take := func(arm string, m *model) { k.truth[arm], k.counts[arm] = m.truth, m.counts }
	take(gate.ArmBase, base)
	take(gate.ArmServed, served)
	take(gate.ArmCandidate, candidate)
	if s.Anchored {
		d.anchor = anchor.digest
		if anchor != served {
			take(gate.ArmAnchor, anchor)
		}
	}
	if s.Watched {
		d.past = past
	}
	d.kinds = []drawnKind{k}
	settings := gate.Settings{PrimaryKind: kindName(0), MarginPoints: sequenceMargin, MinGainPoints: 5, Looks: gate.ThreeLooks(Alpha)}
	var result gate.Result
	for i, look := range settings.Looks {
		result = gate.Judge(settings, d.evidence(source, look.Rollouts, i+1, 0))
		if result.Decision != gate.Continue {
			break
		}
	}
	return result
}
