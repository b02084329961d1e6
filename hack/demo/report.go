package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"text/tabwriter"

	"github.com/repoexpert/operator/api/v1alpha1"
	"github.com/repoexpert/operator/hack/local"
	"github.com/repoexpert/operator/internal/contract"
	"github.com/repoexpert/operator/internal/pipeline"
	"github.com/repoexpert/operator/internal/report"
	"github.com/repoexpert/operator/internal/stage/evaluate"
)

// readReport reads the report of the run's evaluation and joins the run's verdict;
// nil when nothing was evaluated.
func readReport(ctx context.Context, cluster *local.Cluster, o outcome) (*report.Report, error) {
	stage := pipeline.Stage(&o.run.Status, v1alpha1.StageEvaluate)
	if stage == nil || o.run.Status.Evaluation == nil {
		return nil, nil
	}
	content, err := cluster.ReadArtifact(ctx, namespace, expertName, path.Join(contract.EvaluationsFolder, stage.Key, evaluate.ReportFile))
	if err != nil {
		return nil, err
	}
	r, err := report.Parse([]byte(content))
	if err != nil {
		return nil, err
	}
	r, err = report.Join(r, &o.run)
	return &r, err
}

// describeEvaluation shows what each arm solved.
func describeEvaluation(out io.Writer, r report.Report) error {
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	for _, kind := range r.Kinds {
		title := string(kind.Name)
		if kind.Variant != "" {
			title += ", " + kind.Variant + ", not part of the score"
		}
		fmt.Fprintf(table, "\n%s\n", title)
		for _, arm := range kind.Arms {
			fmt.Fprintf(table, "  %s\t%d of %d\n", arm.Name, arm.Solved, arm.Tasks)
		}
		if kind.Guess != nil && kind.Majority != nil {
			fmt.Fprintf(table, "  by guessing\t%.1f %%, always the commonest answer %.1f %%\n", *kind.Guess, *kind.Majority)
		}
		for _, arm := range kind.Compositions {
			fmt.Fprintf(table, "  %s, two facts joined\t%d of %d, not part of the score\n", arm.Name, arm.Solved, arm.Tasks)
		}
	}
	fmt.Fprintf(table, "\n%s\n", r.Record.Protocol)
	return table.Flush()
}

// writePage writes the report for people and returns its path.
func writePage(folder string, r report.Report) (string, error) {
	const digits = 12
	var page bytes.Buffer
	if err := report.WriteHTML(&page, r); err != nil {
		return "", err
	}
	name := filepath.Join(folder, fmt.Sprintf("report-%.*s.html", digits, r.Run.Commit))
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return "", fmt.Errorf("write the report: %w", err)
	}
	if err := os.WriteFile(name, page.Bytes(), 0o644); err != nil {
		return "", fmt.Errorf("write the report: %w", err)
	}
	return name, nil
}
