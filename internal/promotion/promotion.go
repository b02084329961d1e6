// Package promotion decides which model an expert serves. It is pure: runs with
// their verdicts, what is served, what the Deployment says and what people want
// come in; what to serve, and the sentences about it, come out.
//
// Rules, the first that applies:
//
//  1. Status is the ledger and the Deployment's annotations are its second
//     copy. With nothing in status but a Deployment there, its annotations are
//     adopted as they are.
//  2. A roll of a model that was never ready and misses its deadline returns to
//     the last model that was, and the run is denied: it is not rolled to again
//     unless pinned. With no model to return to, or with a pin, nothing changes:
//     a person is told.
//  3. A pin is served, whatever the gate said: a person's decision, recorded by
//     an empty verdict digest.
//  4. Else the newest run whose verdict is Promote is served, if it is newer
//     than what is served, and promotion is Automatic. An older run is never
//     served again by itself, and an edit of the gate never takes a model away;
//     only what was served by a pin that the gate had rejected gives way, once
//     the pin is gone, to the newest promoted run. A verdict with a hold waits for
//     a person, as every promotion does under Manual.
//
// Once a promoted model is ready behind the endpoint, its loss to the one before
// joins the steps, and if it beat the anchor it is the next one. A pin is a
// person's choice: what it serves is the anchor, and the steps begin anew. Where
// no anchor is known, or its own roll was missed, it is what is served.
//
// History lists models that were ready behind the endpoint, newest first; its
// first entry other than the served one is what a failed roll returns to.
package promotion

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/repoexpert/operator/api/v1alpha1"
)

// Bounds of what status keeps.
const (
	MaxHistory = 5
	MaxDenied  = 10
	MaxSteps   = 50
)

// Run is a run of the expert that has sealed a model and an evaluation of it.
type Run struct {
	// Created and Name order runs.
	Created time.Time
	// Model is what would be served; its verdict digest is the run's, and
	// promotedTime is empty.
	Model v1alpha1.ServedModel
	// Promotable says that the gate's verdict is Promote, Hold why that waits for a
	// person.
	Promotable bool
	Hold       string
	// BeatsAnchor says that the verdict makes it the next anchor, and Step is its
	// loss to the model served before; nil where there was none.
	BeatsAnchor bool
	Step        *v1alpha1.LossStep
}

// Deployment is what the serving Deployment says.
type Deployment struct {
	// Model as its annotations name it.
	Model v1alpha1.ServedModel
	// Ready says that all wanted replicas of this generation are ready.
	Ready bool
	// DeadlineExceeded says that this generation missed its roll deadline.
	DeadlineExceeded bool
}

// Input is all that the decision is made from.
type Input struct {
	// Runs in any order.
	Runs []Run
	// Served, Anchor, Steps, History and Denied as status has them.
	Served  *v1alpha1.ServedModel
	Anchor  *v1alpha1.ServedModel
	Steps   []v1alpha1.PromotionStep
	History []v1alpha1.ServedModel
	Denied  []string
	// Deployment is nil when there is none of ours.
	Deployment *Deployment
	// Pin is spec.serving.pinnedRunName.
	Pin    string
	Policy v1alpha1.PromotionPolicy
	Now    metav1.Time
}

// Change says what a decision did to what is served.
type Change string

// Changes.
const (
	ChangeNone       Change = ""
	ChangeAdopted    Change = "Adopted"
	ChangePromoted   Change = "Promoted"
	ChangePinned     Change = "Pinned"
	ChangeRolledBack Change = "RolledBack"
)

// Plan is what follows.
type Plan struct {
	// Served, Anchor, Steps, History and Denied are the next status.
	Served  *v1alpha1.ServedModel
	Anchor  *v1alpha1.ServedModel
	Steps   []v1alpha1.PromotionStep
	History []v1alpha1.ServedModel
	Denied  []string
	// Change says why Served differs from the status that came in.
	Change Change
	// Problem is a documented condition reason with its message, when a person
	// must act: PinnedRunNotFound or RollFailed.
	Problem, ProblemMessage string
	// Awaiting names a run that passed the gate and waits for a person, AwaitingWhy
	// what the gate holds against it; empty where it is the policy alone.
	Awaiting, AwaitingWhy string
	// Override says that the served model is a person's choice against the gate.
	Override bool
}

// Decide returns what follows. Deciding again with the plan as status changes
// nothing more.
func Decide(in Input) Plan {
	p := Plan{Served: in.Served, Anchor: in.Anchor, Steps: in.Steps, History: in.History, Denied: in.Denied}
	if p.Served == nil && in.Deployment != nil && in.Deployment.Model.RunName != "" {
		p.Served, p.Change = in.Deployment.Model.DeepCopy(), ChangeAdopted
		return p.describe(in)
	}
	if p.observeRoll(in); p.Change != ChangeNone {
		return p.describe(in)
	}
	p.choose(in)
	return p.describe(in)
}

// observeRoll reads how the Deployment's roll to the served model went.
func (p *Plan) observeRoll(in Input) {
	d := in.Deployment
	if p.Served == nil || d == nil || d.Model.RunName != p.Served.RunName {
		return
	}
	if d.Ready {
		p.count(in)
		p.History = remember(p.History, *p.Served)
		return
	}
	if !d.DeadlineExceeded {
		return
	}
	failed := p.Served.RunName
	good := p.lastGood()
	switch {
	case wasGood(p.History, failed):
		p.problem(v1alpha1.ReasonRollFailed, fmt.Sprintf(
			"the pods of run %s, which served before, are not ready within the roll deadline: see the Deployment's pods and the last change of the class's serving, images and pods.engine", failed))
	case in.Pin == failed:
		p.problem(v1alpha1.ReasonRollFailed, fmt.Sprintf(
			"the roll to the pinned run %s missed its deadline: see the Deployment's pods, or change spec.serving.pinnedRunName", failed))
	case good == nil:
		p.problem(v1alpha1.ReasonRollFailed, fmt.Sprintf(
			"the roll to run %s missed its deadline and there is no earlier model to return to: see the Deployment's pods and the class's serving, images and pods.engine", failed))
	default:
		p.Denied = deny(p.Denied, failed)
		p.serve(*good, ChangeRolledBack, in.Now)
		if p.Anchor != nil && p.Anchor.RunName == failed {
			p.Anchor = p.Served.DeepCopy()
		}
	}
}

// count adds a promotion to what the gate remembers, when its model gets ready: one
// that never did has replaced nothing.
func (p *Plan) count(in Input) {
	known := len(p.History) > 0 && p.History[0].RunName == p.Served.RunName
	i := slices.IndexFunc(in.Runs, func(r Run) bool { return r.Model.RunName == p.Served.RunName })
	if known || i < 0 || p.Served.VerdictDigest == "" || p.Served.RunName == in.Pin {
		return
	}
	run := in.Runs[i]
	if run.BeatsAnchor {
		p.Anchor = p.Served.DeepCopy()
	}
	if run.Step == nil {
		return
	}
	steps := slices.DeleteFunc(slices.Clone(p.Steps), func(s v1alpha1.PromotionStep) bool { return s.RunName == p.Served.RunName })
	steps = append(steps, v1alpha1.PromotionStep{RunName: p.Served.RunName, LossStep: *run.Step})
	p.Steps = steps[max(0, len(steps)-MaxSteps):]
}

// lastGood is the newest model of the history that no roll has taken out.
func (p *Plan) lastGood() *v1alpha1.ServedModel {
	for i := range p.History {
		if h := &p.History[i]; h.RunName != p.Served.RunName && !slices.Contains(p.Denied, h.RunName) {
			return h.DeepCopy()
		}
	}
	return nil
}

func wasGood(history []v1alpha1.ServedModel, run string) bool {
	return slices.ContainsFunc(history, func(h v1alpha1.ServedModel) bool { return h.RunName == run })
}

// choose serves the pin, or else the newest promoted run where policy lets it.
func (p *Plan) choose(in Input) {
	if in.Pin != "" {
		p.pin(in)
		return
	}
	candidate := newest(in.Runs, func(r Run) bool { return r.Promotable })
	if candidate != nil && slices.Contains(p.Denied, candidate.Model.RunName) {
		p.tellDenied(in, candidate)
		candidate = newest(in.Runs, func(r Run) bool {
			return r.Promotable && !slices.Contains(p.Denied, r.Model.RunName)
		})
	}
	if candidate == nil || !p.replaces(in, candidate) {
		return
	}
	if in.Policy == v1alpha1.PromotionManual || candidate.Hold != "" {
		p.Awaiting, p.AwaitingWhy = candidate.Model.RunName, candidate.Hold
		return
	}
	p.serve(candidate.Model, ChangePromoted, in.Now)
}

// tellDenied keeps saying that the newest model was taken out of service, for
// as long as nothing newer serves.
func (p *Plan) tellDenied(in Input, denied *Run) {
	if p.Problem == "" && p.Served != nil && p.replaces(in, denied) {
		p.problem(v1alpha1.ReasonRollFailed, fmt.Sprintf(
			"run %s passed the gate, but its pods were not ready within the roll deadline; run %s serves again: set spec.serving.pinnedRunName to try once more, or push a commit",
			denied.Model.RunName, p.Served.RunName))
	}
}

func (p *Plan) pin(in Input) {
	if p.Served != nil && p.Served.RunName == in.Pin {
		return
	}
	if i := slices.IndexFunc(in.Runs, func(r Run) bool { return r.Model.RunName == in.Pin }); i >= 0 {
		model := in.Runs[i].Model
		if !in.Runs[i].Promotable {
			model.VerdictDigest = ""
		}
		p.serve(model, ChangePinned, in.Now)
		return
	}
	p.problem(v1alpha1.ReasonPinnedRunNotFound, fmt.Sprintf(
		"spec.serving.pinnedRunName: %q is no ExpertRun of this expert with a trained and evaluated model: name one of those, or remove the pin", in.Pin))
}

// chosen makes what a person chose the anchor, and forgets the steps before.
func (p *Plan) chosen() {
	if p.Anchor == nil || p.Anchor.RunName != p.Served.RunName || p.Anchor.ModelDigest != p.Served.ModelDigest {
		p.Anchor = p.Served.DeepCopy()
	}
	p.Steps = nil
}

// replaces says whether a promoted run may take the served model's place.
func (p *Plan) replaces(in Input, candidate *Run) bool {
	switch {
	case p.Served == nil:
		return true
	case candidate.Model.RunName == p.Served.RunName:
		return false
	case p.Served.VerdictDigest == "":
		return true
	}
	if i := slices.IndexFunc(in.Runs, func(r Run) bool { return r.Model.RunName == p.Served.RunName }); i >= 0 {
		return compare(*candidate, in.Runs[i]) > 0
	}
	return candidate.Created.After(p.Served.PromotedTime.Time)
}

// serve changes what is served. The time of each change is later than the one
// before, whatever the clock says: it tells a newer decision from an older one.
func (p *Plan) serve(model v1alpha1.ServedModel, change Change, now metav1.Time) {
	model.PromotedTime = now.Rfc3339Copy()
	if p.Served != nil && !p.Served.PromotedTime.Before(&model.PromotedTime) {
		model.PromotedTime = metav1.NewTime(p.Served.PromotedTime.Add(time.Second))
	}
	p.Served, p.Change = &model, change
}

func (p *Plan) problem(reason, message string) { p.Problem, p.ProblemMessage = reason, message }

// describe fills in what a reader wants to know of the outcome.
func (p Plan) describe(in Input) Plan {
	if p.Served == nil {
		return p
	}
	if p.Served.RunName == in.Pin {
		p.chosen()
	}
	if p.Anchor == nil {
		p.Anchor = p.Served.DeepCopy()
	}
	p.Override = p.Served.VerdictDigest == "" && p.Served.RunName == in.Pin
	return p
}

// remember puts a model that is ready first in the history.
func remember(history []v1alpha1.ServedModel, served v1alpha1.ServedModel) []v1alpha1.ServedModel {
	if len(history) > 0 && history[0].RunName == served.RunName {
		return history
	}
	next := []v1alpha1.ServedModel{served}
	for _, h := range history {
		if h.RunName != served.RunName && len(next) < MaxHistory {
			next = append(next, h)
		}
	}
	return next
}

// deny adds a run and forgets the oldest denials.
func deny(denied []string, run string) []string {
	if slices.Contains(denied, run) {
		return denied
	}
	next := append(slices.Clone(denied), run)
	return next[max(0, len(next)-MaxDenied):]
}

func newest(runs []Run, fits func(Run) bool) *Run {
	var found *Run
	for i := range runs {
		if fits(runs[i]) && (found == nil || compare(runs[i], *found) > 0) {
			found = &runs[i]
		}
	}
	return found
}

// compare orders runs by age; the name decides between equals, so that every
// look gives the same order.
func compare(a, b Run) int {
	return cmp.Or(a.Created.Compare(b.Created), cmp.Compare(a.Model.RunName, b.Model.RunName))
}
