// Command worker runs in the pods of a run: it does the work of a stage, and
// stands in the sidecars beside it. It never talks to the Kubernetes API.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/repoexpert/operator/internal/contract"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	err := newCommand().ExecuteContext(ctx)
	stop()
	if code, ok := exitCodeOf(err); ok {
		os.Exit(code)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "worker:", err)
		os.Exit(contract.ExitUnknown)
	}
}

func newCommand() *cobra.Command {
	root := &cobra.Command{
		Use:   "worker",
		Short: "The stages of a repo-expert run, and the sidecars beside them",
		Long: `worker is what runs inside the pods of a repo-expert run. The operator starts it;
people need only "worker version".`,
		SilenceUsage: true, SilenceErrors: true,
	}
	root.AddCommand(newStage(), newExec(), newInstall(), newVersion())
	root.AddCommand(extraCommands()...)
	return root
}
