package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"path"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/repoexpert/operator/api/v1alpha1"
	"github.com/repoexpert/operator/hack/local"
	"github.com/repoexpert/operator/internal/contract"
	"github.com/repoexpert/operator/internal/pipeline"
	"github.com/repoexpert/operator/internal/stage/curate"
	"github.com/repoexpert/operator/internal/stage/evaluate"
	"github.com/repoexpert/operator/internal/task"
)

// shownQuestions is how many questions the summary asks the endpoint.
const shownQuestions = 3

// summarize prints what was done: time by phase and stage, samples, scores.
func (d *demo) summarize(ctx context.Context, cluster *local.Cluster, o outcome) error {
	var out strings.Builder
	fmt.Fprintf(&out, "\n%s\n", strings.Repeat("─", 72))
	for _, p := range d.phases {
		fmt.Fprintf(&out, "%-28s %8s\n", p.name, p.elapsed.Round(time.Second))
	}
	for _, stage := range o.run.Status.Stages {
		note := ""
		if stage.Reused {
			note = "reused"
		}
		fmt.Fprintf(&out, "%-28s %8s  %s\n", "stage "+string(stage.Name), strings.TrimPrefix(duration(stage), " in "), note)
	}
	measured, readErr := readReport(ctx, cluster, o)
	err := errors.Join(describeData(ctx, &out, cluster, o), readErr)
	if measured != nil {
		err = errors.Join(err, describeEvaluation(&out, *measured))
	}
	if v := o.run.Status.Verdict; v != nil {
		fmt.Fprintf(&out, "\nverdict: %s: %s\n", v.Decision, v.Reason)
	}
	if e := o.expert.Status.Endpoint; e != nil {
		fmt.Fprintf(&out, "endpoint: %s, model %s\n", e.URL, e.Model)
	}
	err = errors.Join(err, askEndpoint(ctx, &out, cluster, o))
	if measured != nil {
		page, writeErr := writePage(d.root.Path("bin"), *measured)
		err = errors.Join(err, writeErr)
		fmt.Fprintf(&out, "\nreport: %s\n", page)
	}
	d.display.plain(out.String())
	return err
}

// describeData shows what was trained on, by unit, from the data set's card.
func describeData(ctx context.Context, out io.Writer, cluster *local.Cluster, o outcome) error {
	stage := pipeline.Stage(&o.run.Status, v1alpha1.StageCurate)
	if stage == nil {
		return nil
	}
	content, err := cluster.ReadArtifact(ctx, namespace, expertName, path.Join(contract.DatasetsFolder, stage.Key, curate.CardData))
	if err != nil {
		return err
	}
	var card curate.Card
	if err := json.Unmarshal([]byte(content), &card); err != nil {
		return fmt.Errorf("read the data set's card: %w", err)
	}
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintf(table, "\nunit of experience\ttried\tverified\ttrained\ttokens\tCPU s\t  provenance\n")
	for _, unit := range card.Units {
		fmt.Fprintf(table, "%s\t%d\t%d\t%d\t%d\t%.1f\t  %s\n",
			unit.Name, unit.Run, unit.Verified, unit.Kept, unit.Lengths.All, unit.CPUSeconds, strings.Join(slices.Sorted(maps.Keys(unit.Provenance)), ", "))
	}
	return table.Flush()
}

// askEndpoint asks the endpoint the first questions of the evaluation, right or
// wrong, and shows its answers beside those of the base model.
func askEndpoint(ctx context.Context, out *strings.Builder, cluster *local.Cluster, o outcome) error {
	records, err := cluster.ReadArtifact(ctx, namespace, expertName, path.Join(contract.EvaluationsFolder, o.expert.Status.Served.EvaluationKey, evaluate.RecordsFile))
	if err != nil {
		return err
	}
	asked, err := firstQuestions(records)
	if err != nil {
		return err
	}
	texts := make([]string, len(asked))
	for i, q := range asked {
		texts[i] = q.Question
	}
	answers, err := cluster.Ask(ctx, namespace, *o.expert.Status.Endpoint, texts...)
	if err != nil {
		return err
	}
	for i, q := range asked {
		fmt.Fprintf(out, "\nQ       %s\nexpert  %s\nbase    %s\ntruth   %s\n", q.Question, firstLine(answers[i]), firstLine(q.Answer), q.Gold)
	}
	return nil
}

// question is a line of an evaluation's records, as far as it is shown.
type question struct {
	Kind     v1alpha1.KindName `json:"kind"`
	Arm      v1alpha1.ArmName  `json:"arm"`
	Composed bool              `json:"composed"`
	Question string            `json:"question"`
	Answer   string            `json:"answer"`
	Gold     string            `json:"gold"`
}

// firstQuestions returns the base model's answers to the first questions of as
// many different beginnings, so that not all are of one kind.
func firstQuestions(records string) ([]question, error) {
	var questions []question
	seen := map[string]bool{}
	err := task.Decode(strings.NewReader(records), task.DefaultLimits(), func(_ int, record question) error {
		start, _, _ := strings.Cut(record.Question, "`")
		answered := record.Kind == v1alpha1.KindCodebaseQA && record.Arm == v1alpha1.ArmBase && !record.Composed
		if answered && !seen[start] && len(questions) < shownQuestions {
			seen[start] = true
			questions = append(questions, record)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read the evaluation's records: %w", err)
	}
	return questions, nil
}

func firstLine(text string) string {
	line, _, _ := strings.Cut(strings.TrimSpace(text), "\n")
	return fmt.Sprintf("%.100s", line)
}
