package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/repoexpert/operator/api/v1alpha1"
	"github.com/repoexpert/operator/hack/local"
)

// summarize prints what was done: time by phase and stage, samples, scores.
func (d *demo) summarize(_ context.Context, _ *local.Cluster, o outcome) error {
	var out strings.Builder
	fmt.Fprintf(&out, "\n%s\n", strings.Repeat("─", 72))
	for _, p := range d.phases {
		fmt.Fprintf(&out, "%-28s %8s\n", p.name, p.elapsed.Round(time.Second))
	}
	for _, stage := range o.run.Status.Stages {
		fmt.Fprintf(&out, "%-28s %8s  %s\n", "stage "+string(stage.Name), strings.TrimPrefix(duration(stage), " in "), describeCounts(stage))
	}
	if v := o.run.Status.Verdict; v != nil {
		fmt.Fprintf(&out, "\nverdict   %s: %s\n", v.Decision, v.Reason)
	}
	if o.run.Status.Evaluation != nil {
		describeEvaluation(&out, *o.run.Status.Evaluation)
	}
	if e := o.expert.Status.Endpoint; e != nil {
		fmt.Fprintf(&out, "endpoint  %s, model %s\n", e.URL, e.Model)
	}
	d.display.plain(out.String())
	return nil
}

func describeEvaluation(out *strings.Builder, record v1alpha1.EvaluationRecord) {
	fmt.Fprintf(out, "protocol  %s\n", record.Protocol)
	for _, kind := range record.Kinds {
		fmt.Fprintf(out, "%s: guess rate %.1f %%, majority %.1f %%\n", kind.Name, float64(kind.GuessPermille)/10, float64(kind.MajorityPermille)/10)
		for _, arm := range kind.Arms {
			fmt.Fprintf(out, "  %-10s %d of %d\n", arm.Name, strings.Count(arm.Successes, "1"), len(arm.Successes))
		}
	}
}
