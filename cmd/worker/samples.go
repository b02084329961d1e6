package main

import (
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/repoexpert/operator/internal/local"
)

func newShow() *cobra.Command {
	var in string
	var full bool
	cmd := &cobra.Command{
		Use:   "show SAMPLE",
		Short: "Show a sample: its turns, what was observed, what verified it",
		Long: `show prints one sample. SAMPLE is the id of its task or the beginning of it, with or
without UNIT/ before it. Turns that are not learned are marked; long outputs are shortened.`,
		Example: "  worker show mask-3f2a\n  worker show SoftwareDesign/ --in samples.jsonl --full",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			place := in
			if place == "" {
				var err error
				if place, err = local.NewestOutput(); err != nil {
					return err
				}
			}
			found, err := local.Find(place)
			if err != nil {
				return err
			}
			sample, err := found.Pick(args[0])
			if err != nil {
				return err
			}
			return local.Show(cmd.OutOrStdout(), sample, local.Style{Full: full, Colour: coloured()})
		},
	}
	cmd.Flags().StringVar(&in, "in", "", "file of samples, folder with one, or output folder (default: the newest output in your cache)")
	cmd.Flags().BoolVar(&full, "full", false, "show all lines")
	return cmd
}

// coloured says whether standard output takes colours, see no-color.org.
func coloured() bool { return local.IsTerminal(os.Stdout) && os.Getenv("NO_COLOR") == "" }

func newVerifyDataset() *cobra.Command {
	options := local.DefaultOptions()
	v := local.Verification{Percent: 5, Seed: 1, MadeWith: options.Seed}
	var checkout string
	cmd := &cobra.Command{
		Use:   "verify-dataset",
		Short: "Execute a random share of a data set's trajectories again and compare",
		Long: `verify-dataset makes the trees of some executed samples again, runs the commands of their
transcripts in them and compares every observation, but for durations, times, addresses,
process ids and paths of temporary files, and what verifies the sample. It exits with 1
when anything differs. Answers that were computed are not executed and are left out.

--in names an output folder: samples with the plan and the snapshot that they were made
from. With --local or --snapshot, the tree must be that of the checkout's commit or of
another sealed snapshot.

` + local.Notice,
		Example: "  worker verify-dataset --local ~/src/boltons --percent 10",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			v.Framework, v.TestTimeout, v.CommandTimeout, v.PythonPath = options.Framework, options.TestTimeout, options.CommandTimeout, options.PythonPath
			return verifyDataset(cmd, v, checkout)
		},
	}
	addCheckout(cmd, &checkout)
	cmd.Flags().StringVar(&v.Output, "in", "", "output folder (default: that of --local, or the newest in your cache)")
	cmd.Flags().StringVar(&v.Snapshot, "snapshot", "", "folder of a sealed snapshot to compare the tree with")
	cmd.Flags().IntVar(&v.Percent, "percent", v.Percent, "share of each unit's executed samples, rounded up")
	cmd.Flags().Int64Var(&v.Seed, "seed", v.Seed, "seed of the choice")
	cmd.Flags().Int64Var(&v.MadeWith, "made-with-seed", v.MadeWith, "seed that the samples were made with, which words their tasks")
	addEnvironment(cmd, &options)
	return cmd
}

func verifyDataset(cmd *cobra.Command, v local.Verification, dir string) error {
	ctx := cmd.Context()
	fmt.Fprintln(os.Stderr, local.Notice)
	display := local.NewDisplay(os.Stderr)
	if dir != "" {
		checkout, err := openCheckout(ctx, display, dir)
		if err != nil {
			return err
		}
		v.Checkout = &checkout
	}
	if err := completeInput(&v); err != nil {
		return err
	}
	results, err := local.Verify(ctx, display, v)
	if err != nil {
		return ended(ctx, display, err)
	}
	different, err := local.PrintVerified(cmd.OutOrStdout(), results)
	if err == nil && different > 0 {
		err = fmt.Errorf("%d of %d samples came out otherwise", different, len(results))
	}
	return err
}

func completeInput(v *local.Verification) (err error) {
	switch {
	case v.Output != "":
	case v.Checkout != nil:
		v.Output, err = local.DefaultOutput(*v.Checkout)
	default:
		v.Output, err = local.NewestOutput()
	}
	return err
}
