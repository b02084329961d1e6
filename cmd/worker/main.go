// Command worker runs in the pods of a run: it does the work of a stage, and
// stands in the sidecars beside it. It never talks to the Kubernetes API. On a
// person's machine it runs the same stages on a checkout.
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
	// A second interrupt ends what does not heed the first.
	context.AfterFunc(ctx, stop)
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
		Long: `worker is what runs inside the pods of a repo-expert run, where the operator starts it.
For people it runs the same stages on a checkout of their machine, shows what came out and
checks it.`,
		SilenceUsage: true, SilenceErrors: true,
	}
	root.AddGroup(&cobra.Group{ID: forPeople, Title: "On your machine:"}, &cobra.Group{ID: forPods, Title: "In pods:"})
	root.AddCommand(grouped(forPeople, append(newLocal(), newShow(), newVerifyDataset(), newReport(), newExport(), newVersion())...)...)
	root.AddCommand(grouped(forPods, append(extraCommands(), newStage(), newExec(), newInstall())...)...)
	return root
}

// Groups of commands.
const (
	forPeople = "people"
	forPods   = "pods"
)

func grouped(group string, commands ...*cobra.Command) []*cobra.Command {
	for _, command := range commands {
		command.GroupID = group
	}
	return commands
}
