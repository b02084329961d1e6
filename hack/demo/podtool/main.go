// Command podtool runs inside the demo's cluster: a git server, clients of an
// endpoint, and models whose answers are scripted.
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
	defer stop()
	root := &cobra.Command{
		Use: "podtool", Short: "A git server, clients of an endpoint and scripted models for the demo's cluster",
		SilenceUsage: true, SilenceErrors: true,
	}
	root.AddCommand(newGitServer(), newProber(), newAsk(), newScriptedTeacher(), newScriptedEngine())
	if err := root.ExecuteContext(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "podtool:", err)
		stop()
		os.Exit(1)
	}
}
