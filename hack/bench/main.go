// Command bench measures what the operator makes of real repositories, with the
// programs that its users run.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	err := newCommand().ExecuteContext(ctx)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

const reportFlag = "report"

// reported runs a bench with an output that also goes to the file of --report.
func reported(run func(context.Context, io.Writer) error) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, _ []string) (err error) {
		out := cmd.OutOrStdout()
		path, err := cmd.Flags().GetString(reportFlag)
		if err != nil {
			return err
		}
		if path != "" {
			file, createErr := os.Create(path)
			if createErr != nil {
				return fmt.Errorf("--%s: %w", reportFlag, createErr)
			}
			defer func() { err = errors.Join(err, file.Close()) }()
			out = io.MultiWriter(out, file)
		}
		return run(cmd.Context(), out)
	}
}

func newCommand() *cobra.Command {
	root := &cobra.Command{
		Use: "bench", Short: "Measure the operator on real repositories",
		SilenceUsage: true, SilenceErrors: true,
	}
	root.PersistentFlags().String(reportFlag, "", "file that gets the tables too")
	root.AddCommand(newExperience(), newGate(), newGrading(), newEvaluation(), newCrossover())
	return root
}
