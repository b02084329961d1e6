package gate

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
)

// Decision is what follows from a look at results.
type Decision string

// Decisions.
const (
	// Promote: every rule holds.
	Promote Decision = "Promote"
	// Reject: a rule fails in a way that further rollouts are not asked for.
	Reject Decision = "Reject"
	// Continue: undecided, and another look is planned.
	Continue Decision = "Continue"
	// Inconclusive: undecided at the last look. The model is not served.
	Inconclusive Decision = "Inconclusive"
)

// maxReason bounds a reason, in bytes, as the API does.
const maxReason = 1024

// Result is a decision with what a reader and the next decision need.
type Result struct {
	Decision Decision
	// Reason is one readable line.
	Reason string
	// Hold says why a promotion must be confirmed by a person; "" if it need not.
	Hold string
	// NewAnchor says that this model, once promoted, is the next anchor: it beat
	// the anchor at the look's level, or there was none.
	NewAnchor bool
	// Step is the loss to the served model, for Evidence.Past of later decisions;
	// zero when nothing else was served.
	Step Step
	// Scores on the primary kind by arm, in percent; nil when they are unusable.
	Scores map[string]float64
}

// Judge decides from the evidence at one look.
func Judge(settings Settings, evidence Evidence) Result {
	j := &judgement{settings: settings.canonical(), evidence: evidence}
	if err := j.read(); err != nil {
		return Result{Decision: Reject, Reason: bounded(err.Error())}
	}
	result := Result{Scores: map[string]float64{}}
	for _, arm := range j.models {
		result.Scores[arm] = j.primary.score(arm)
	}
	result.Decision, result.Reason = j.decide()
	if slices.Contains(j.models, ArmServed) {
		result.Step = step(j.primary.differences(ArmServed, all))
	}
	result.NewAnchor = j.beatsAnchor()
	if result.Decision == Promote {
		result.Hold = j.hold()
	}
	if result.Hold != "" {
		result.Reason += "; waits for a person: " + result.Hold
	}
	result.Reason = bounded(result.Reason)
	return result
}

// judgement is the evidence of one look under one gate.
type judgement struct {
	settings Settings
	evidence Evidence
	look     Look
	alpha    float64
	// kinds and the primary one of them.
	kinds   []*sample
	primary *sample
	// models are the arms that are compared.
	models []string
	// anchor is the arm that answers for the anchor: anchor, or served where it is
	// the same model; "" where there is none or it is the candidate.
	anchor string
	// held are the findings of rules that hold.
	held []string
}

// read checks the evidence; an error says what makes it unusable.
func (j *judgement) read() error {
	e := j.evidence
	if err := j.settings.Validate(); err != nil {
		return err
	}
	if e.Fingerprint == "" || e.Candidate == "" {
		return errors.New("the evaluation record names no fingerprint or no candidate: evaluate again")
	}
	if e.Look < 1 || e.Look > len(j.settings.Looks) || e.Retry < 0 {
		return fmt.Errorf("look %d of %d at retry %d was not planned: evaluate again", e.Look, len(j.settings.Looks), e.Retry)
	}
	j.look = j.settings.Looks[e.Look-1]
	j.alpha = j.look.level(e.Retry)
	j.chooseArms()
	seen := map[string]bool{}
	for _, kind := range e.Kinds {
		if seen[kind.Name] {
			return fmt.Errorf("the evaluation record lists %s twice: evaluate again", kind.Name)
		}
		seen[kind.Name] = true
		if err := j.checkKind(kind); err != nil {
			return fmt.Errorf("incomplete evaluation: %w", err)
		}
		j.kinds = append(j.kinds, newSample(kind))
		if kind.Name == j.settings.PrimaryKind {
			j.primary = j.kinds[len(j.kinds)-1]
		}
	}
	if j.primary == nil {
		return fmt.Errorf("gate.primaryKind %s was not evaluated: add it to evaluation.kinds", j.settings.PrimaryKind)
	}
	return nil
}

// chooseArms names the models to compare: a model is not worse than itself.
func (j *judgement) chooseArms() {
	e := j.evidence
	j.models = []string{ArmCandidate, ArmBase}
	if e.Served != "" && e.Served != e.Candidate {
		j.models = append(j.models, ArmServed)
	}
	switch e.Anchor {
	case "", e.Candidate:
	case e.Served:
		j.anchor = ArmServed
	default:
		j.anchor = ArmAnchor
		j.models = append(j.models, ArmAnchor)
	}
}

// decide applies the rules in order.
func (j *judgement) decide() (Decision, string) {
	last := j.evidence.Look == len(j.settings.Looks)
	var open string
	for _, rule := range []func() finding{j.largeEnough, j.informs, j.better, j.notWorse, j.anchored, j.floors, j.otherKinds, j.usage, j.freshness} {
		switch f := rule(); {
		case f.state == failed:
			return Reject, j.labelled(f.text)
		case f.state == undecided && last:
			return Inconclusive, j.labelled(f.text)
		case f.state == undecided && open == "":
			open = f.text
		case f.state == holds && f.text != "":
			j.held = append(j.held, f.text)
		}
	}
	if open != "" {
		return Continue, fmt.Sprintf("%s; next: %d rollouts a task", j.labelled("not decided: "+open), j.settings.Looks[j.evidence.Look].Rollouts)
	}
	return Promote, j.labelled(strings.Join(j.held, "; "))
}

// labelled says which look speaks where several are planned.
func (j *judgement) labelled(text string) string {
	if len(j.settings.Looks) == 1 && j.evidence.Retry == 0 {
		return text
	}
	return fmt.Sprintf("look %d of %d at level %.4g: %s", j.evidence.Look, len(j.settings.Looks), j.alpha, text)
}

// hold says why a promotion is not automatic.
func (j *judgement) hold() string {
	if planned := j.evidence.PlannedGate; planned != "" && planned != j.settings.Digest() {
		return "the gate was edited after the evaluation was planned"
	}
	if total, stop := Drift(j.evidence.Past); stop {
		return fmt.Sprintf("past promotions lost step by step (CUSUM %.1f > %d)", total, driftLimit)
	}
	return ""
}

// beatsAnchor says that the candidate is better than the anchor at the look's level.
func (j *judgement) beatsAnchor() bool {
	if j.anchor == "" {
		return true
	}
	bound, ok := LowerBound(j.primary.differences(j.anchor, all), j.alpha, 0)
	return ok && bound > 0
}

func step(differences []float64) Step {
	if len(differences) < 2 {
		return Step{}
	}
	_, variance := moments(differences)
	return Step{Loss: -mean(differences), StdErr: math.Sqrt(variance / float64(len(differences)+1))}
}

func bounded(text string) string {
	if len(text) <= maxReason {
		return text
	}
	return strings.ToValidUTF8(text[:maxReason], "")
}
