package gate

import (
	"fmt"
	"strings"

	"github.com/repoexpert/operator/api/v1alpha1"
)

// The sum of losses, each in its standard errors, that stops automatic promotion:
// a one-sided CUSUM (Page 1954). The allowance is small because a promoted model
// always looks well: its losses are drawn towards 0. Simulated over sequences of
// 100 commits without decay, the limit stopped less than one in twenty.
const (
	driftAllowance = 0.1
	driftLimit     = 4
)

// Drift sums the losses of past promotions, oldest first. Above the limit, models
// have become worse step by step, and the next promotion takes a person.
func Drift(past []Step) (total float64, stop bool) {
	for _, step := range past {
		if step.StdErr > 0 {
			total = max(0, total+step.Loss/step.StdErr-driftAllowance)
		}
	}
	return total, total > driftLimit
}

// Override is the line about a person's decision to serve a model whatever the gate
// said: the reason, where one was given, before the gate's. What a person chose
// becomes the anchor.
func Override(reason string, verdict v1alpha1.Verdict) string {
	decision := "a person's decision"
	if reason = strings.TrimSpace(reason); reason != "" {
		decision += ": " + reason
	}
	return bounded(fmt.Sprintf("%s; the gate said %s: %s", decision, verdict.Decision, verdict.Reason))
}
