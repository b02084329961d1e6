package simulation

import (
	"math"
	"math/rand/v2"

	"github.com/repoexpert/operator/internal/gate"
)

// Cell is one way to be just as bad as must not be promoted, or as good as should.
type Cell struct {
	Name string
	Population
	// Against is the arm that the candidate compares with: base or served.
	Against string
	// Loss to it, as a fraction, before training noise.
	Loss   float64
	Change Change
	// Noise is the standard deviation of a training's mean rate. Only trainings
	// that came out as bad as Loss, or worse, count.
	Noise float64
	// Kinds beside the primary one, in which nothing changes.
	Kinds int
	// Retries of the same commit and recipe after a rejection.
	Retries int
	Looks   []gate.Look
	Margin  int
	MinGain int
	// Level is the rate of promotions that is declared.
	Level float64
}

// Outcome counts a cell's runs.
type Outcome struct {
	Runs, Promoted int
	// ByLook counts promotions by the look that decided.
	ByLook []int
}

// Rate of promotions.
func (o Outcome) Rate() float64 { return float64(o.Promoted) / float64(max(1, o.Runs)) }

// Above says that the rate is above a level by more than three standard errors of
// that many runs.
func (o Outcome) Above(level float64) bool {
	return o.Rate() > level+3*math.Sqrt(level*(1-level)/float64(max(1, o.Runs)))
}

// Run draws the cell's runs from a seed.
func (c Cell) Run(runs int, seed uint64) Outcome {
	source := rand.New(rand.NewPCG(seed, uint64(len(c.Name))))
	outcome := Outcome{ByLook: make([]int, len(c.Looks))}
	for range runs {
		outcome.Runs++
		for retry := range c.Retries + 1 {
			if look := c.train(source, retry); look > 0 {
				outcome.Promoted++
				outcome.ByLook[look-1]++
				break
			}
		}
	}
	return outcome
}

// train draws one training and its evaluation; the look that promoted it, or 0.
func (c Cell) train(source *rand.Rand, retry int) int {
	loss := c.Loss
	if c.Noise > 0 {
		// The half of a normal distribution that is as bad or worse.
		loss += math.Abs(source.NormFloat64()) * c.Noise
	}
	d := c.draw(source, loss)
	settings := gate.Settings{PrimaryKind: kindName(0), MarginPoints: c.Margin, MinGainPoints: c.MinGain, Looks: c.Looks}
	for look := 1; look <= len(c.Looks); look++ {
		switch result := gate.Judge(settings, d.evidence(source, c.Looks[look-1].Rollouts, look, retry)); result.Decision {
		case gate.Promote:
			return look
		case gate.Continue:
		case gate.Reject, gate.Inconclusive:
			return 0
		}
	}
	return 0
}

// draw fixes the truth of every arm in every kind.
func (c Cell) draw(source *rand.Rand, loss float64) *draw {
	d := &draw{candidate: "candidate"}
	if c.Against == gate.ArmServed {
		d.served = "served"
	}
	for i := range c.Kinds + 1 {
		k := drawnKind{tasks: c.shape(), truth: map[string]truth{}}
		for range c.Clusters {
			rate := c.rate(source)
			changed := rate
			if i == 0 {
				changed = c.Change(source, c.Population, rate, loss)
			}
			k.add(gate.ArmCandidate, changed)
			switch c.Against {
			case gate.ArmServed:
				k.add(gate.ArmServed, rate)
				k.add(gate.ArmBase, 0)
			default:
				k.add(gate.ArmBase, rate)
			}
		}
		d.kinds = append(d.kinds, k)
	}
	return d
}
