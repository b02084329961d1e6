package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"
	"sigs.k8s.io/yaml"

	"github.com/repoexpert/operator/api/v1alpha1"
	"github.com/repoexpert/operator/internal/report"
	"github.com/repoexpert/operator/internal/stage/evaluate"
)

// maxRun bounds the manifest of a run, in bytes: etcd takes no more.
const maxRun = 2 << 20

// stdio is the name of a file that means standard input or output.
const stdio = "-"

func newReport() *cobra.Command {
	var run, out string
	cmd := &cobra.Command{
		Use:   "report FOLDER",
		Short: "Make the page of an evaluation's report again, with the verdict",
		Long: `report reads report.json of an evaluation's folder and prints its page for people: one
file of HTML that needs no network and no script. The evaluation's own page, report.html,
was written before the verdict; --run names the ExpertRun that holds it, and the page
then shows it.`,
		Example: "  worker report evaluations/3f2a… > report.html\n" +
			"  kubectl get expertrun click-1f0c9ab2 -o yaml | worker report evaluations/3f2a… --run - --out report.html",
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			page, err := makePage(args[0], run, cmd.InOrStdin())
			if err != nil {
				return err
			}
			if out == stdio {
				_, err = cmd.OutOrStdout().Write(page)
				return err
			}
			if err := os.WriteFile(out, page, 0o644); err != nil {
				return fmt.Errorf("--out: %w", err)
			}
			return nil
		},
	}
	cmd.Flags().StringVar(&run, "run", "", "file with the ExpertRun as YAML or JSON, - for standard input (default: the page shows no verdict)")
	cmd.Flags().StringVar(&out, "out", stdio, "file that gets the page, - for standard output")
	return cmd
}

func makePage(folder, run string, stdin io.Reader) ([]byte, error) {
	content, err := os.ReadFile(filepath.Join(folder, evaluate.ReportFile))
	if err != nil {
		return nil, fmt.Errorf("FOLDER must be an evaluation's: %w", err)
	}
	r, err := report.Parse(content)
	if err != nil {
		return nil, err
	}
	if run != "" {
		if r, err = joinRun(r, run, stdin); err != nil {
			return nil, fmt.Errorf("--run: %w", err)
		}
	}
	var page bytes.Buffer
	err = report.WriteHTML(&page, r)
	return page.Bytes(), err
}

func joinRun(r report.Report, name string, stdin io.Reader) (report.Report, error) {
	if name != stdio {
		file, err := os.Open(name)
		if err != nil {
			return r, err
		}
		defer file.Close()
		stdin = file
	}
	content, err := io.ReadAll(io.LimitReader(stdin, maxRun))
	if err != nil {
		return r, err
	}
	var run v1alpha1.ExpertRun
	if err := yaml.Unmarshal(content, &run); err != nil {
		return r, fmt.Errorf("read the run: %w", err)
	}
	return report.Join(r, &run)
}
