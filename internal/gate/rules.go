package gate

import (
	"fmt"
	"math"
	"slices"
	"strings"
)

// Limits of the rules, in points where not said otherwise.
const (
	// anchorShare of the anchor's gain over base must be kept.
	anchorShare = 2.0 / 3
	// kindLoss is how many margins another kind may lose to the served model.
	kindLoss = 2
	// harmLevel is shared by the other kinds: a loss that is significant at it is harm.
	harmLevel = 0.10
	// moreFormatErrors than the served model, of a hundred turns.
	moreFormatErrors = 5
	// moreTokens per episode than the served model, as a factor.
	moreTokens = 1.3
	// rounding: scores are sums of fractions; what is exactly at a limit must pass.
	rounding = 1e-9
)

type state int

const (
	holds state = iota
	// undecided: further rollouts may show that the rule holds.
	undecided
	failed
)

// finding is what one rule says, with its figures.
type finding struct {
	state state
	text  string
}

func found(s state, format string, args ...any) finding {
	return finding{state: s, text: fmt.Sprintf(format, args...)}
}

func (j *judgement) largeEnough() finding {
	k, n, margin := j.primary, j.primary.clusters, j.settings.margin()
	least := LeastClusters(j.alpha, margin)
	if n >= least {
		return finding{}
	}
	f := found(failed, "%s has %d %s, but a margin of %d points needs %d: raise evaluation.kinds[].tasks or gate.marginPoints",
		k.Name, n, unit(k), j.settings.MarginPoints, least)
	for _, later := range j.settings.Looks[j.evidence.Look:] {
		if n >= LeastClusters(later.level(j.evidence.Retry), margin) {
			f.state = undecided
		}
	}
	return f
}

// unit is what n counts.
func unit(k *sample) string {
	if k.clusters < len(k.Tasks) {
		return "clusters of tasks"
	}
	return "tasks"
}

func (j *judgement) informs() finding {
	if !j.informative(j.primary) {
		return found(undecided, "%s is uninformative: every model solves less than %d %% (n=%d)", j.primary.Name, uninformativePercent, j.primary.clusters)
	}
	return finding{}
}

func (j *judgement) better() finding {
	candidate, base := j.primary.score(ArmCandidate), j.primary.score(ArmBase)
	gain := candidate - base
	differences := j.primary.differences(ArmBase, all)
	lower, ok := LowerBound(differences, j.alpha, 0)
	figures := fmt.Sprintf("%s %.1f %% vs base %.1f %% (n=%d): gain %.1f points", j.primary.Name, candidate, base, len(differences), gain)
	if !ok || lower <= 0 {
		s := undecided
		if upper, ok := UpperBound(differences, j.alpha, 0); ok && upper < 0 {
			s = failed
		}
		return found(s, "%s, lower bound %.1f is not above 0%s", figures, 100*lower, j.remedy(differences, 0))
	}
	if gain < float64(j.settings.MinGainPoints)-rounding {
		return found(undecided, "%s is below gate.minGainPoints %d", figures, j.settings.MinGainPoints)
	}
	return found(holds, "%s, lower bound %.1f > 0", figures, 100*lower)
}

func (j *judgement) notWorse() finding {
	if !slices.Contains(j.models, ArmServed) {
		return finding{}
	}
	return j.compare(ArmServed)
}

// compare rules out a loss of the margin to a reference.
func (j *judgement) compare(reference string) finding {
	differences, margin := j.primary.differences(reference, all), j.settings.margin()
	score := j.primary.score(reference)
	lower, ok := LowerBound(differences, j.alpha, margin)
	if ok && lower > -margin {
		return found(holds, "vs %s %.1f %%: lower bound %.1f > -%d", reference, score, 100*lower, j.settings.MarginPoints)
	}
	figures := fmt.Sprintf("%s %.1f %% vs %s %.1f %% (n=%d)", j.primary.Name, j.primary.score(ArmCandidate), reference, score, len(differences))
	if upper, ok := UpperBound(differences, j.alpha, margin); ok && upper < -margin {
		return found(failed, "%s: worse, upper bound %.1f is below the margin -%d", figures, 100*upper, j.settings.MarginPoints)
	}
	return found(undecided, "%s: lower bound %.1f is not above the margin -%d%s", figures, 100*lower, j.settings.MarginPoints, j.remedy(differences, margin))
}

// remedy says how many tasks would decide if the figures stayed as they are.
func (j *judgement) remedy(differences []float64, margin float64) string {
	if needed := clustersNeeded(differences, j.alpha, margin); needed > 0 && needed <= mostClusters {
		return fmt.Sprintf("; with these figures it takes about %d tasks", needed)
	}
	return ""
}

func (j *judgement) anchored() finding {
	if j.anchor == "" {
		return finding{}
	}
	var f finding
	if j.anchor == ArmAnchor {
		if f = j.compare(ArmAnchor); f.state != holds {
			return f
		}
	}
	base := j.primary.score(ArmBase)
	gain, anchor := j.primary.score(ArmCandidate)-base, j.primary.score(j.anchor)-base
	if gain < anchorShare*anchor-rounding {
		return found(undecided, "%s gains %.1f points over base, less than two thirds of the anchor's %.1f: retrain, or serve it by a person's decision",
			j.primary.Name, gain, anchor)
	}
	return f
}

func (j *judgement) floors() finding {
	var met []string
	for _, floor := range j.settings.Floors {
		i := slices.IndexFunc(j.kinds, func(k *sample) bool { return k.Name == floor.Kind })
		if i < 0 {
			return found(failed, "gate.floors names %s, which was not evaluated: add it to evaluation.kinds", floor.Kind)
		}
		if score := j.kinds[i].score(ArmCandidate); score < float64(floor.Points)-rounding {
			return found(failed, "%s %.1f %% is below its floor of %d %%", floor.Kind, score, floor.Points)
		}
		met = append(met, fmt.Sprintf("%s floor %d met", floor.Kind, floor.Points))
	}
	return finding{text: strings.Join(met, "; ")}
}

// otherKinds guards the kinds that carry no comparison of their own. What the
// primary kind may lose, its margin says.
func (j *judgement) otherKinds() finding {
	var silent []string
	others := 0
	for _, k := range j.kinds {
		if !j.informative(k) {
			silent = append(silent, k.Name)
		} else if k.Name != j.primary.Name {
			others++
		}
	}
	if slices.Contains(j.models, ArmServed) {
		for _, k := range j.kinds {
			if k.Name == j.primary.Name || slices.Contains(silent, k.Name) {
				continue
			}
			if f := j.harm(k, harmLevel/float64(others)); f.state != holds {
				return f
			}
		}
	}
	if len(silent) == 0 {
		return finding{}
	}
	slices.Sort(silent)
	return finding{text: "uninformative: " + strings.Join(silent, ", ")}
}

func (j *judgement) harm(k *sample, alpha float64) finding {
	loss := k.score(ArmServed) - k.score(ArmCandidate)
	figures := fmt.Sprintf("%s %.1f %% vs served %.1f %% (n=%d)", k.Name, k.score(ArmCandidate), k.score(ArmServed), k.clusters)
	if loss > float64(kindLoss*j.settings.MarginPoints)+rounding {
		return found(undecided, "%s: loses %.1f points, more than %d", figures, loss, kindLoss*j.settings.MarginPoints)
	}
	if upper, ok := UpperBound(k.differences(ArmServed, all), alpha, 0); ok && upper < 0 {
		return found(undecided, "%s: significant harm, upper bound %.1f is below 0", figures, 100*upper)
	}
	return finding{}
}

func (j *judgement) usage() finding {
	if !slices.Contains(j.models, ArmServed) {
		return finding{}
	}
	for _, k := range j.kinds {
		candidate, served := k.Arms[ArmCandidate].Usage, k.Arms[ArmServed].Usage
		if candidate.Episodes*candidate.Turns == 0 && served.Episodes*served.Turns > 0 {
			return found(failed, "incomplete evaluation: %s has no usage of the arm candidate", k.Name)
		}
		if served.Episodes*served.Turns == 0 {
			continue
		}
		errors, servedErrors := percent(candidate.FormatErrors, candidate.Turns), percent(served.FormatErrors, served.Turns)
		if errors > servedErrors+moreFormatErrors+rounding {
			return found(undecided, "%s: %.1f %% of turns have format errors, served %.1f %%: more than %d points above", k.Name, errors, servedErrors, moreFormatErrors)
		}
		tokens, servedTokens := ratio(candidate.Tokens, candidate.Episodes), ratio(served.Tokens, served.Episodes)
		if tokens > moreTokens*servedTokens+rounding {
			return found(undecided, "%s: %.0f tokens an episode, served %.0f: more than %.1f times", k.Name, tokens, servedTokens, moreTokens)
		}
	}
	return finding{}
}

// freshness is why a model is replaced at all: on what changed since the served
// commit it must not be behind.
func (j *judgement) freshness() finding {
	if !slices.Contains(j.models, ArmServed) {
		return finding{}
	}
	differences := j.primary.differences(ArmServed, fresh)
	if len(differences) == 0 {
		return finding{}
	}
	gain := 100 * mean(differences)
	if gain < -rounding {
		return found(undecided, "%s: loses %.1f points to served where the repository changed (n=%d)", j.primary.Name, -gain, len(differences))
	}
	return found(holds, "where the repository changed (n=%d): gain %.1f points", len(differences), math.Abs(gain))
}

func percent(part, whole int) float64 { return 100 * ratio(part, whole) }

func ratio(part, whole int) float64 { return float64(part) / float64(whole) }
