// Package retrain decides when an expert gets another run. It is pure: heads,
// runs and the time come in, at most one run to start comes out.
//
// Newest head wins:
//
//  1. A commit is learned once. A run of it that failed, was rejected or was
//     cancelled is not repeated by itself; a new commit or a new value of the
//     requested-run annotation is needed, and so is it after a change of class,
//     recipe or environment.
//  2. A new head starts a run at once, but not earlier than minInterval after
//     the last start. A requested run does not wait for minInterval.
//  3. A run under way that has not begun to train gives way: the newer run is
//     started, and the older one is cancelled because a newer one exists. From
//     Train on it may finish, since what it costs is mostly spent; the newest
//     head then follows. So at most one run is under way, and commits that came
//     and went in between are never learned.
//  4. A branch that is set back to a commit with a run starts nothing: that
//     commit has been decided.
package retrain

import (
	"fmt"
	"slices"
	"time"

	"github.com/repoexpert/operator/api/v1alpha1"
)

// spacing keeps two runs of an expert from having the same creation time, by
// which runs are ordered and which has a resolution of one second.
const spacing = 2 * time.Second

// Run is what the decision needs to know of an existing run.
type Run struct {
	Name    string
	Commit  string
	Token   string
	Created time.Time
	// Over says that the run has ended, whatever its end.
	Over bool
	// Stage under way; empty before the first.
	Stage v1alpha1.StageName
}

// Input is all that the decision is made from.
type Input struct {
	// Head is the newest commit, as observed for the current reference; empty
	// while it is not known.
	Head string
	// Runs of the expert, in any order.
	Runs []Run
	// Token is the value of the requested-run annotation, HandledToken the one
	// that was handled last.
	Token, HandledToken string
	// ServedCommit is the commit behind the endpoint; with its run deleted it
	// still counts as learned.
	ServedCommit string
	Suspended    bool
	MinInterval  time.Duration
	Now          time.Time
}

// Start is a run to start.
type Start struct {
	Commit string
	// Token is set for a requested run.
	Token string
}

// Plan is what follows.
type Plan struct {
	// Start is set when a run is to be started now.
	Start *Start
	// Handled is the token that need not be looked at again. A token is handled
	// once the run that it asks for is there, not when it is to be started: a
	// start may fail.
	Handled string
	// After is when to decide again without an event; 0 for never.
	After time.Duration
	// Waiting says what a wanted run waits for; empty when none is wanted.
	Waiting string
}

// Decide returns what follows.
func Decide(in Input) Plan {
	plan := Plan{Handled: in.HandledToken}
	if in.Token != "" && in.Token != in.HandledToken && slices.ContainsFunc(in.Runs, func(r Run) bool { return r.Token == in.Token }) {
		plan.Handled = in.Token
	}
	if in.Head == "" || in.Suspended {
		return plan
	}
	requested := in.Token != "" && in.Token != plan.Handled
	if !requested && learned(in) {
		return plan
	}
	if wait, why := hold(in, requested); why != "" {
		plan.After, plan.Waiting = wait, why
		return plan
	}
	plan.Start = &Start{Commit: in.Head}
	if requested {
		plan.Start.Token = in.Token
	}
	return plan
}

// learned says whether the head has had its run.
func learned(in Input) bool {
	return in.Head == in.ServedCommit ||
		slices.ContainsFunc(in.Runs, func(r Run) bool { return r.Commit == in.Head })
}

// hold says why a wanted run may not start yet and when to look again; an
// empty reason lets it start.
func hold(in Input, requested bool) (time.Duration, string) {
	var last time.Time
	for _, r := range in.Runs {
		if !r.Over && trains(r.Stage) {
			return 0, fmt.Sprintf("commit %s waits for run %s, which is past the point of giving way, to end", short(in.Head), r.Name)
		}
		if r.Created.After(last) {
			last = r.Created
		}
	}
	interval := spacing
	if !requested {
		interval = max(interval, in.MinInterval)
	}
	wait := last.Add(interval).Sub(in.Now)
	if last.IsZero() || wait <= 0 {
		return 0, ""
	}
	return wait, fmt.Sprintf("commit %s waits until %s after the start of the last run (retrain.minInterval %s)",
		short(in.Head), interval, in.MinInterval)
}

// trains says whether a run is too far to give way to a newer commit.
func trains(stage v1alpha1.StageName) bool {
	return stage == v1alpha1.StageTrain || stage == v1alpha1.StageEvaluate
}

func short(commit string) string { return commit[:min(8, len(commit))] }
