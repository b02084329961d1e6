package gate

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
)

// Settings are what a model must pass. They are fixed before an evaluation.
type Settings struct {
	// PrimaryKind carries the comparisons with base, served and anchor model.
	PrimaryKind string
	// MinGainPoints is the least gain over the base model, in points of its score.
	MinGainPoints int
	// MarginPoints is the loss, in points, that must be ruled out; 1 to 99.
	MarginPoints int
	// Looks at the results, in order; at least one.
	Looks []Look
	// Floors are the least scores by kind, in percent.
	Floors []Floor
}

// Look is one planned look at the results so far.
type Look struct {
	// Rollouts of each task that all arms must have by then.
	Rollouts int
	// Alpha is the level of the bounds at this look.
	Alpha float64
}

// Floor is the least score of a kind.
type Floor struct {
	Kind string
	// Points in percent.
	Points int
}

// OneLook is one answer a task at level alpha.
func OneLook(alpha float64) []Look { return []Look{{Rollouts: 1, Alpha: alpha}} }

// ThreeLooks have 2, 4 and 8 rollouts of each task and spend a quarter, a quarter
// and a half of alpha: whatever look decides, the chance of a wrong promotion stays
// alpha in sum.
func ThreeLooks(alpha float64) []Look {
	return []Look{{2, alpha / 4}, {4, alpha / 4}, {8, alpha / 2}}
}

// Digest identifies the settings with the rules of this package. Keep it with a
// run's plan: Judge tells when results are judged by other settings.
func (s Settings) Digest() string { return digest(algorithm, s.canonical()) }

func (s Settings) canonical() Settings {
	s.Floors = slices.Clone(s.Floors)
	slices.SortFunc(s.Floors, func(a, b Floor) int { return cmp.Compare(a.Kind, b.Kind) })
	return s
}

func (s Settings) margin() float64 { return float64(s.MarginPoints) / 100 }

// Validate says what makes the settings senseless.
func (s Settings) Validate() error {
	switch {
	case s.PrimaryKind == "":
		return errors.New("gate.primaryKind is empty")
	case s.MarginPoints < 1 || s.MarginPoints > 99:
		return fmt.Errorf("gate.marginPoints %d must lie between 1 and 99", s.MarginPoints)
	case s.MinGainPoints < 0:
		return fmt.Errorf("gate.minGainPoints %d must not be negative", s.MinGainPoints)
	case len(s.Looks) == 0:
		return errors.New("the gate plans no look at results")
	}
	before := 0
	for i, look := range s.Looks {
		if !(look.Alpha > 0 && look.Alpha < 0.5) {
			return fmt.Errorf("look %d: level %g must lie between 0 and .5", i+1, look.Alpha)
		}
		if look.Rollouts <= before {
			return fmt.Errorf("look %d: %d rollouts are no more than before", i+1, look.Rollouts)
		}
		before = look.Rollouts
	}
	return nil
}

// level is a look's alpha for the r-th retry of the same commit and recipe: it
// halves with each, so that any number of them spends at most twice the level.
func (l Look) level(retry int) float64 { return l.Alpha * math.Pow(2, -float64(retry)) }

// digest is "sha256:<hex>" of the parts as one JSON list. The types of this
// package and of the API always marshal; an error would still give a digest of its
// own.
func digest(parts ...any) string {
	content, err := json.Marshal(parts)
	if err != nil {
		content = []byte(err.Error())
	}
	sum := sha256.Sum256(content)
	return "sha256:" + hex.EncodeToString(sum[:])
}
