package gate

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/repoexpert/operator/api/v1alpha1"
)

// algorithm names the rules of this package. Raise it when a record could get
// another decision.
const algorithm = "one-look/1"

// maxReason bounds a reason, in bytes, as the API does.
const maxReason = 1024

// Decide applies the gate to a record. servedDigest is the manifest digest of the
// model that is served now, "" when none is. DecidedTime is left zero: the gate
// has no clock.
func Decide(spec v1alpha1.Gate, record v1alpha1.EvaluationRecord, servedDigest string) v1alpha1.Verdict {
	spec = withDefaults(spec)
	verdict := v1alpha1.Verdict{Decision: v1alpha1.DecisionReject, GateDigest: digest(algorithm, spec)}
	look, err := newLook(spec, record, servedDigest)
	if err == nil {
		verdict.Score, verdict.BaseScore, verdict.ServedScore = look.scores()
		err = look.check()
	}
	if err == nil {
		verdict.Decision, verdict.Reason = v1alpha1.DecisionPromote, look.summary()
	} else {
		verdict.Reason = err.Error()
	}
	if len(verdict.Reason) > maxReason {
		verdict.Reason = strings.ToValidUTF8(verdict.Reason[:maxReason], "")
	}
	verdict.Digest = digest(verdict.GateDigest, record, servedDigest, verdict.Decision)
	return verdict
}

// withDefaults gives a gate that was left out the API's defaults. The API server
// fills them in only where the object gate is written.
func withDefaults(spec v1alpha1.Gate) v1alpha1.Gate {
	if spec.PrimaryKind == "" {
		spec.PrimaryKind = v1alpha1.KindContextualImplementation
		spec.MinGainPoints = cmp.Or(spec.MinGainPoints, 5)
	}
	spec.MarginPoints = cmp.Or(spec.MarginPoints, 10)
	spec.AlphaPerMille = cmp.Or(spec.AlphaPerMille, 50)
	spec.Floors = slices.Clone(spec.Floors)
	slices.SortFunc(spec.Floors, func(a, b v1alpha1.Floor) int { return cmp.Compare(a.Kind, b.Kind) })
	return spec
}

// look is one record under one gate.
type look struct {
	spec          v1alpha1.Gate
	alpha, margin float64
	kinds         map[v1alpha1.KindName]kindResult
	primary       kindResult
	// served says that the candidate is compared with a served model.
	served   bool
	findings []string
}

// newLook reads the record; an error says what makes it unusable.
func newLook(spec v1alpha1.Gate, record v1alpha1.EvaluationRecord, servedDigest string) (*look, error) {
	l := &look{
		spec:   spec,
		alpha:  float64(spec.AlphaPerMille) / 1000,
		margin: float64(spec.MarginPoints) / 100,
		kinds:  map[v1alpha1.KindName]kindResult{},
		// A served model is not worse than itself.
		served: servedDigest != "" && servedDigest != record.CandidateDigest,
	}
	if err := l.checkSettings(); err != nil {
		return nil, err
	}
	if record.Fingerprint == "" || record.CandidateDigest == "" {
		return nil, fmt.Errorf("the evaluation record names no fingerprint or no candidate: evaluate again")
	}
	if l.served && record.ServedDigest != servedDigest {
		return nil, fmt.Errorf("evaluated against another model than the one served now: evaluate again")
	}
	needed := []v1alpha1.ArmName{v1alpha1.ArmCandidate, v1alpha1.ArmBase}
	if l.served {
		needed = append(needed, v1alpha1.ArmServed)
	}
	for _, kind := range record.Kinds {
		if _, twice := l.kinds[kind.Name]; twice {
			return nil, fmt.Errorf("the evaluation record lists %s twice: evaluate again", kind.Name)
		}
		result, err := readKind(kind, needed)
		if err != nil {
			return nil, fmt.Errorf("incomplete evaluation: %w", err)
		}
		l.kinds[kind.Name] = result
	}
	primary, there := l.kinds[spec.PrimaryKind]
	if !there {
		return nil, fmt.Errorf("gate.primaryKind %s was not evaluated: add it to evaluation.kinds", spec.PrimaryKind)
	}
	l.primary = primary
	return l, nil
}

func (l *look) checkSettings() error {
	switch {
	case l.alpha <= 0 || l.alpha >= 0.5:
		return fmt.Errorf("gate.alphaPerMille %d must lie between 1 and 499", l.spec.AlphaPerMille)
	case l.margin <= 0 || l.margin >= 1:
		return fmt.Errorf("gate.marginPoints %d must lie between 1 and 99", l.spec.MarginPoints)
	case l.spec.MinGainPoints < 0:
		return fmt.Errorf("gate.minGainPoints %d must not be negative", l.spec.MinGainPoints)
	}
	return nil
}

// scores are those of the primary kind, as the verdict shows them.
func (l *look) scores() (candidate, base, served string) {
	show := func(name v1alpha1.ArmName) string { return fmt.Sprintf("%.1f", l.primary.score(name)) }
	if l.served {
		served = show(v1alpha1.ArmServed)
	}
	return show(v1alpha1.ArmCandidate), show(v1alpha1.ArmBase), served
}

// check applies the rules in order; an error says which one rejects, with its
// figures.
func (l *look) check() error {
	for _, rule := range []func() error{l.largeEnough, l.better, l.notWorse, l.floors} {
		if err := rule(); err != nil {
			return err
		}
	}
	return nil
}

func (l *look) largeEnough() error {
	if least := leastTasks(l.alpha, l.margin); l.primary.tasks < least {
		return fmt.Errorf("%s has %d tasks, but a margin of %d points needs %d: raise evaluation.kinds[].tasks or gate.marginPoints",
			l.primary.name, l.primary.tasks, l.spec.MarginPoints, least)
	}
	if !l.primary.informative() {
		return fmt.Errorf("%s is uninformative: every model solves less than %d %% (n=%d)", l.primary.name, uninformativePercent, l.primary.tasks)
	}
	return nil
}

func (l *look) better() error {
	candidate, base := l.primary.score(v1alpha1.ArmCandidate), l.primary.score(v1alpha1.ArmBase)
	gain := candidate - base
	bound, ok := lowerBound(l.primary.differences(v1alpha1.ArmBase), l.alpha, 0)
	figures := fmt.Sprintf("%s %.1f %% vs base %.1f %% (n=%d): gain %.1f points", l.primary.name, candidate, base, l.primary.tasks, gain)
	if !ok || bound <= 0 {
		return fmt.Errorf("%s, lower bound %.1f is not above 0", figures, 100*bound)
	}
	// Scores are sums of fractions; a gain that is exactly the wanted one must pass.
	const rounding = 1e-9
	if gain < float64(l.spec.MinGainPoints)-rounding {
		return fmt.Errorf("%s is below gate.minGainPoints %d", figures, l.spec.MinGainPoints)
	}
	l.findings = append(l.findings, fmt.Sprintf("%s, lower bound %.1f > 0", figures, 100*bound))
	return nil
}

func (l *look) notWorse() error {
	if !l.served {
		return nil
	}
	served := l.primary.score(v1alpha1.ArmServed)
	bound, ok := lowerBound(l.primary.differences(v1alpha1.ArmServed), l.alpha, l.margin)
	if !ok || bound <= -l.margin {
		return fmt.Errorf("%s %.1f %% vs served %.1f %% (n=%d): lower bound %.1f is not above the margin -%d",
			l.primary.name, l.primary.score(v1alpha1.ArmCandidate), served, l.primary.tasks, 100*bound, l.spec.MarginPoints)
	}
	l.findings = append(l.findings, fmt.Sprintf("vs served %.1f %%: lower bound %.1f > -%d", served, 100*bound, l.spec.MarginPoints))
	return nil
}

func (l *look) floors() error {
	for _, floor := range l.spec.Floors {
		kind, there := l.kinds[floor.Kind]
		if !there {
			return fmt.Errorf("gate.floors names %s, which was not evaluated: add it to evaluation.kinds", floor.Kind)
		}
		score := kind.score(v1alpha1.ArmCandidate)
		if score < float64(floor.Points) {
			return fmt.Errorf("%s %.1f %% is below its floor of %d %%", floor.Kind, score, floor.Points)
		}
		l.findings = append(l.findings, fmt.Sprintf("%s floor %d met", floor.Kind, floor.Points))
	}
	return nil
}

// summary is the reason of a promotion.
func (l *look) summary() string {
	var silent []string
	for name, kind := range l.kinds {
		if !kind.informative() {
			silent = append(silent, string(name))
		}
	}
	slices.Sort(silent)
	findings := l.findings
	if len(silent) > 0 {
		findings = append(slices.Clone(findings), "uninformative: "+strings.Join(silent, ", "))
	}
	return strings.Join(findings, "; ")
}

// digest is "sha256:<hex>" of the parts as one JSON list. API types and strings
// always marshal; an error would still give a digest of its own.
func digest(parts ...any) string {
	content, err := json.Marshal(parts)
	if err != nil {
		content = []byte(err.Error())
	}
	sum := sha256.Sum256(content)
	return "sha256:" + hex.EncodeToString(sum[:])
}
