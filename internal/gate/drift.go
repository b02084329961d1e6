package gate

import (
	"errors"
	"fmt"
	"strings"
)

// The sum of losses, each in its standard errors, that stops automatic promotion:
// a one-sided CUSUM (Page 1954). The allowance is small because a promoted model
// always looks well: its losses are drawn towards 0. Simulated over sequences of
// 100 commits without decay, the limit stopped less than one in twenty.
const (
	driftAllowance = 0.1
	driftLimit     = 4
)

// maxOverride bounds the reason of an override, in bytes.
const maxOverride = 256

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

// Override is a person's decision to serve a model whatever the gate said. The
// reason is required, one line of at most 256 bytes, and stands before the gate's.
// What a person chose becomes the anchor.
func Override(result Result, reason string) (Result, error) {
	reason = strings.TrimSpace(reason)
	switch {
	case reason == "":
		return result, errors.New("an override needs a reason")
	case len(reason) > maxOverride || strings.ContainsAny(reason, "\r\n"):
		return result, fmt.Errorf("the reason of an override is one line of at most %d bytes", maxOverride)
	}
	result.Reason = bounded(fmt.Sprintf("a person's decision: %s; the gate said %s: %s", reason, result.Decision, result.Reason))
	result.Decision, result.Hold, result.NewAnchor = Promote, "", true
	return result, nil
}
