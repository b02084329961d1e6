package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/wait"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/repoexpert/operator/api/v1alpha1"
	"github.com/repoexpert/operator/hack/local"
)

// runLimit is how long one run may take before the demo gives up.
const runLimit = 60 * time.Minute

// outcome is where the expert stands when following ends.
type outcome struct {
	expert v1alpha1.RepoExpert
	run    v1alpha1.ExpertRun
}

// follower prints each change once.
type follower struct {
	display *display
	seen    map[string]string
}

// awaited is which run is followed.
type awaited struct {
	// before is the commit that was served at the start, empty for any: the run of
	// another one is followed.
	before string
	// token of the run, where one was asked for.
	token string
}

func (a awaited) is(run v1alpha1.ExpertRun) bool {
	return run.Spec.Commit != a.before && (a.token == "" || run.Spec.Token == a.token)
}

// followExpert shows the awaited run until its model is served, or says why it will
// not be.
func (d *demo) followExpert(ctx context.Context, cluster *local.Cluster, a awaited) (outcome, error) {
	f := &follower{display: d.display, seen: map[string]string{}}
	var o outcome
	err := wait.PollUntilContextTimeout(ctx, 2*time.Second, runLimit, true, func(ctx context.Context) (bool, error) {
		if err := cluster.Client.Get(ctx, types.NamespacedName{Namespace: namespace, Name: expertName}, &o.expert); err != nil {
			return false, err
		}
		run, found, err := newestRun(ctx, cluster.Client)
		if err != nil {
			return false, err
		}
		if found && a.is(run) {
			o.run = run
			f.showRun(run)
		}
		f.showExpert(o.expert)
		return finished(o, a.before)
	})
	if err != nil {
		return o, fmt.Errorf("expert %s/%s: %w", namespace, expertName, err)
	}
	return o, nil
}

// ofAnotherRun says whether a failure is that of a run before the awaited one: it stands
// until the expert has seen the new one.
func ofAnotherRun(stalled metav1.Condition, run v1alpha1.ExpertRun) bool {
	return stalled.Reason == v1alpha1.ReasonRunFailed && (run.Name == "" || !strings.Contains(stalled.Message, run.Name))
}

func newestRun(ctx context.Context, c client.Client) (v1alpha1.ExpertRun, bool, error) {
	var runs v1alpha1.ExpertRunList
	if err := c.List(ctx, &runs, client.InNamespace(namespace)); err != nil {
		return v1alpha1.ExpertRun{}, false, err
	}
	var newest *v1alpha1.ExpertRun
	for i, run := range runs.Items {
		if run.Spec.ExpertName == expertName && (newest == nil || newest.CreationTimestamp.Before(&run.CreationTimestamp)) {
			newest = &runs.Items[i]
		}
	}
	if newest == nil {
		return v1alpha1.ExpertRun{}, false, nil
	}
	return *newest, true, nil
}

// finished says whether the model of a new commit is served and ready, and
// fails when it will not be.
func finished(o outcome, before string) (bool, error) {
	conditions := o.expert.Status.Conditions
	stalled := meta.FindStatusCondition(conditions, v1alpha1.ConditionStalled)
	if stalled != nil && stalled.Status == metav1.ConditionTrue && !ofAnotherRun(*stalled, o.run) {
		return false, fmt.Errorf("stalled: %s: %s", stalled.Reason, stalled.Message)
	}
	if v := o.run.Status.Verdict; v != nil && v.Decision == v1alpha1.DecisionReject {
		return false, fmt.Errorf("the gate rejected the model: %s", v.Reason)
	}
	// Ready is true all through a roll; Serving says when it is over.
	serving := meta.FindStatusCondition(conditions, v1alpha1.ConditionServing)
	rolled := serving != nil && serving.Status == metav1.ConditionTrue && serving.Reason == v1alpha1.ReasonReady
	served := o.expert.Status.Served
	return rolled && served != nil && served.Commit != before && served.RunName == o.run.Name, nil
}

func (f *follower) showRun(run v1alpha1.ExpertRun) {
	f.once("run", run.Name, "run %s for commit %s", run.Name, run.Spec.ShortCommit)
	for _, stage := range run.Status.Stages {
		key := string(stage.Name)
		switch stage.State {
		case v1alpha1.StagePending:
		case v1alpha1.StageRunning:
			f.once(key, "running", "%-10s started", stage.Name)
			if stage.Name == run.Status.Stage && run.Status.Progress != "" {
				f.display.progress(fmt.Sprintf("%s: %s", stage.Name, run.Status.Progress))
			}
		default:
			f.once(key, string(stage.State), "%-10s %s%s  %s", stage.Name, strings.ToLower(string(stage.State)), duration(stage), describeCounts(stage))
		}
		for _, attempt := range stage.Attempts {
			if attempt.Outcome != "" && attempt.Outcome != v1alpha1.Succeeded {
				f.once(fmt.Sprintf("%s/%d", stage.Name, attempt.Number), string(attempt.Outcome), "%-10s attempt %d: %s: %s", stage.Name, attempt.Number, attempt.Outcome, attempt.Message)
			}
		}
	}
	if v := run.Status.Verdict; v != nil {
		f.once("verdict", v.Digest, "verdict: %s: %s", v.Decision, v.Reason)
	}
}

func (f *follower) showExpert(expert v1alpha1.RepoExpert) {
	for _, kind := range []string{v1alpha1.ConditionStalled, v1alpha1.ConditionServing, v1alpha1.ConditionReady} {
		if c := meta.FindStatusCondition(expert.Status.Conditions, kind); c != nil {
			f.once("expert/"+kind, c.Reason+c.Message, "expert %s: %s=%s %s: %s", expert.Name, c.Type, c.Status, c.Reason, c.Message)
		}
	}
}

// once prints a line when the value under a key changes.
func (f *follower) once(key, value, format string, args ...any) {
	if f.seen[key] == value {
		return
	}
	f.seen[key] = value
	f.display.event(format, args...)
}

func duration(stage v1alpha1.StageStatus) string {
	if stage.StartTime == nil || stage.CompletionTime == nil {
		return ""
	}
	return " in " + stage.CompletionTime.Sub(stage.StartTime.Time).Round(time.Second).String()
}

// describeCounts lists the counts of a stage; of the units of experience, how many
// candidates became samples.
func describeCounts(stage v1alpha1.StageStatus) string {
	parts := make([]string, 0, len(stage.Counts))
	kept := map[string]int64{}
	for _, count := range stage.Counts {
		if unit, ok := strings.CutSuffix(count.Name, ".kept"); ok {
			kept[unit] = count.Value
		}
	}
	for _, count := range stage.Counts {
		unit, name, ofUnit := strings.Cut(count.Name, ".")
		switch {
		case !ofUnit:
			parts = append(parts, fmt.Sprintf("%s=%d", count.Name, count.Value))
		case name == "run":
			parts = append(parts, fmt.Sprintf("%s=%d of %d", unit, kept[unit], count.Value))
		}
	}
	if stage.Reused {
		parts = append(parts, "(reused)")
	}
	return strings.Join(parts, " ")
}
