// Command demo runs the operator's main job on one machine: a cluster, the
// operator, a repository of real releases, a fine-tuned expert behind an
// endpoint, and a roll to the next release.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/go-logr/logr"
	"github.com/spf13/cobra"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/repoexpert/operator/hack/local"
)

func main() {
	// The client library wants a logger; what it would say, errors say too.
	log.SetLogger(logr.Discard())
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	err := newCommand().ExecuteContext(ctx)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "demo:", err)
		os.Exit(1)
	}
}

// options are the flags that all commands share.
type options struct {
	cluster string
	seed    int
}

const (
	clusterName = "demo"
	namespace   = "demo"
	expertName  = "boltons"
	// firstReleases is the number of releases before demo-commit pushes the next.
	firstReleases = 5
)

func newCommand() *cobra.Command {
	var o options
	root := &cobra.Command{
		Use: "demo", Short: "Turn a real repository into an answering expert on this machine",
		SilenceUsage: true, SilenceErrors: true,
	}
	up := &cobra.Command{
		Use: "up", Short: "Bring up all and wait until the expert answers", Args: cobra.NoArgs,
		Long: `up brings up a one-node Kubernetes cluster, installs the operator, serves a git
repository of real releases of boltons, applies a RepoExpert and waits until the
expert has passed its evaluation and answers. It exits 0 only then.`,
		RunE: func(cmd *cobra.Command, _ []string) error { return o.run(cmd, (*demo).up) },
	}
	up.Flags().IntVar(&o.seed, "seed", 1, "seed of sampling and training")
	commit := &cobra.Command{
		Use: "commit", Short: "Push the next release and wait until the expert has rolled to it", Args: cobra.NoArgs,
		Long: `commit pushes the next release of boltons to the demo's repository and waits until
the expert serves a model of that commit. A prober asks the endpoint once a second
all the while; a single failed request fails the command.`,
		RunE: func(cmd *cobra.Command, _ []string) error { return o.run(cmd, (*demo).commit) },
	}
	down := &cobra.Command{
		Use: "down", Short: "Remove all that the demo made, but for downloads and built programs", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return o.run(cmd, (*demo).down) },
	}
	root.PersistentFlags().StringVar(&o.cluster, "cluster", "local", "local: a cluster of its own on this machine")
	root.AddCommand(up, commit, down)
	return root
}

func (o options) run(cmd *cobra.Command, command func(*demo, context.Context) error) error {
	if o.cluster != "local" {
		return fmt.Errorf("--cluster %q: the demo knows only the cluster local; see docs/operations.md for installing into another cluster", o.cluster)
	}
	root, err := local.FindRoot()
	if err != nil {
		return err
	}
	d := &demo{root: root, display: newDisplay(os.Stdout), seed: o.seed}
	return command(d, cmd.Context())
}
