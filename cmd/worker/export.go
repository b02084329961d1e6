package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/repoexpert/operator/internal/artifact"
	"github.com/repoexpert/operator/internal/contract"
	"github.com/repoexpert/operator/internal/export"
	"github.com/repoexpert/operator/internal/grading"
	"github.com/repoexpert/operator/internal/history"
	"github.com/repoexpert/operator/internal/language"
	"github.com/repoexpert/operator/internal/language/adapters"
	"github.com/repoexpert/operator/internal/owntree"
	"github.com/repoexpert/operator/internal/report"
	"github.com/repoexpert/operator/internal/snapshot"
	"github.com/repoexpert/operator/internal/stage/evaluate"
)

// Formats of an export.
const (
	formatHarbor   = "harbor"
	formatSWEBench = "swebench"
)

func newExport() *cobra.Command {
	var format, tree string
	cmd := &cobra.Command{
		Use:   "export FOLDER OUT",
		Short: "Write an evaluation's tasks or answers for others to score again",
		Long: `export reads a sealed evaluation's folder and writes a new folder OUT.

With --format harbor it holds each task whose answer is a change to the code, in the layout
of the Harbor framework. The tree comes from the snapshot that the evaluation was made of:
where the evaluation's folder is on the artifact volume it is found, else --snapshot names it.

With --format swebench it holds what the models submitted, as predictions of SWE-bench: one
file for each model and rollout.`,
		Example: "  worker export --format harbor evaluations/3f2a… tasks\n" +
			"  worker export --format swebench evaluations/3f2a… predictions",
		Args: cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			switch format {
			case formatHarbor:
				return exportTasks(cmd.Context(), args[0], tree, args[1])
			case formatSWEBench:
				return exportAnswers(args[0], args[1])
			default:
				return fmt.Errorf("--format is %q: use %s or %s", format, formatHarbor, formatSWEBench)
			}
		},
	}
	cmd.Flags().StringVar(&format, "format", "", "harbor for the tasks, swebench for the models' answers")
	cmd.Flags().StringVar(&tree, "snapshot", "", "folder of the sealed snapshot (default: beside the evaluation, on its volume)")
	return cmd
}

// sealedFolder verifies a sealed folder, wherever it is. want is its digest, "" for
// whichever it has.
func sealedFolder(folder, want string) (artifact.Manifest, error) {
	folder, err := filepath.Abs(folder)
	if err != nil {
		return artifact.Manifest{}, err
	}
	store, err := artifact.Open(filepath.Dir(folder))
	if err != nil {
		return artifact.Manifest{}, err
	}
	defer store.Close()
	if want == "" {
		if _, want, err = store.Lookup(filepath.Base(folder)); err != nil {
			return artifact.Manifest{}, err
		}
	}
	return store.VerifyContent(filepath.Base(folder), want)
}

func exportTasks(ctx context.Context, folder, tree, out string) error {
	manifest, err := sealedFolder(folder, "")
	if err != nil {
		return fmt.Errorf("FOLDER must be a sealed evaluation's: %w", err)
	}
	tasks, err := export.Read(filepath.Join(folder, evaluate.TasksFile))
	if err != nil {
		return fmt.Errorf("FOLDER must be an evaluation's: %w", err)
	}
	for input, digest := range manifest.Inputs {
		if !strings.HasPrefix(input, contract.SnapshotsFolder+"/") {
			continue
		}
		if tree == "" {
			tree = filepath.Join(folder, "..", "..", filepath.FromSlash(input))
		}
		if _, err := sealedFolder(tree, digest); err != nil {
			return fmt.Errorf("the snapshot that the evaluation was made of is not in %s: copy %s from the volume and name it with --snapshot: %w", tree, input, err)
		}
	}
	if tree == "" {
		return errors.New("the evaluation does not say which snapshot it was made of")
	}
	adapter, err := adapters.For(tasks.Environment.Test.Framework)
	if err != nil {
		return err
	}
	source, err := treesOf(ctx, tree, tasks.Commit, adapter)
	if err != nil {
		return err
	}
	return export.Harbor(ctx, out, tasks, source, export.Commands(tasks.Environment.Test.Framework, adapter.Dialect()))
}

// treesOf gives the tree of a sealed snapshot, and those of commits of its
// repositories, which end with the context.
func treesOf(ctx context.Context, folder, commit string, adapter language.Adapter) (func(string) (grading.Source, error), error) {
	whole, err := snapshot.Open(folder)
	if err != nil {
		return nil, err
	}
	frontier, parted, err := snapshot.ReadFrontier(folder)
	if err != nil {
		return nil, err
	}
	repositories, head := snapshot.RepositoryFolder, commit
	if parted {
		repositories, head = snapshot.FrontierFolder, frontier.Trained
	}
	var trees *owntree.Trees
	return func(own string) (grading.Source, error) {
		if own == "" {
			return whole, nil
		}
		if trees == nil {
			repository, err := history.Open(ctx, filepath.Join(folder, repositories), snapshot.HeadRef)
			if err != nil {
				return nil, err
			}
			trees = &owntree.Trees{Repository: repository, Head: head, Config: grading.Config{Adapter: adapter}}
		}
		return trees.Tree(ctx, own)
	}, nil
}

func exportAnswers(folder, out string) error {
	if _, err := sealedFolder(folder, ""); err != nil {
		return fmt.Errorf("FOLDER must be a sealed evaluation's: %w", err)
	}
	content, err := os.ReadFile(filepath.Join(folder, evaluate.ReportFile))
	if err != nil {
		return fmt.Errorf("FOLDER must be an evaluation's: %w", err)
	}
	r, err := report.Parse(content)
	if err != nil {
		return err
	}
	answers, models, err := evaluate.Answers(folder, r)
	if err != nil {
		return err
	}
	return export.Predictions(out, models, answers)
}
