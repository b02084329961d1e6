// Command bench measures what the operator makes of real repositories, with the
// programs that its users run.
package main

import (
	"context"
	"fmt"
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

func newCommand() *cobra.Command {
	root := &cobra.Command{
		Use: "bench", Short: "Measure the operator on real repositories",
		SilenceUsage: true, SilenceErrors: true,
	}
	root.AddCommand(newExperience(), newGate(), newGrading(), newCrossover())
	return root
}
