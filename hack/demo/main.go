// Command demo runs the operator's main job, on a cluster of its own on this
// machine or on that of the current kubeconfig context: the operator, a repository
// of real releases, a fine-tuned expert behind an endpoint, and a roll to the next
// release.
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"

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
	cluster  string
	registry string
	seed     int
	full     bool
	idle     time.Duration
}

// Values of --cluster.
const (
	ownCluster     = "local"
	currentContext = "current"
)

const (
	// clusterName is that of a cluster of our own.
	clusterName = "demo"
	namespace   = local.DemoNamespace
	expertName  = "boltons"
	// firstReleases is the number of releases before demo-commit pushes the next.
	firstReleases = 5
)

func newCommand() *cobra.Command {
	var o options
	root := &cobra.Command{
		Use: "demo", Short: "Turn a real repository into an answering expert",
		SilenceUsage: true, SilenceErrors: true,
	}
	up := &cobra.Command{
		Use: "up", Short: "Bring up all and wait until the expert answers", Args: cobra.NoArgs,
		Long: `up installs the operator, serves a git repository of real releases of boltons,
applies a RepoExpert and waits until the expert has passed its evaluation and
answers. It exits 0 only then.

With --cluster local it first brings up a one-node Kubernetes cluster on this
machine. With --cluster current it uses the cluster of the current kubeconfig
context, which needs a default StorageClass, and pushes all images to --registry
with the credentials of "docker login"; the nodes must be able to pull from there.`,
		RunE: func(cmd *cobra.Command, _ []string) error { return o.run(cmd, (*demo).up) },
	}
	up.Flags().IntVar(&o.seed, "seed", 1, "seed of sampling and training")
	up.Flags().BoolVar(&o.full, "full", false, "train on samples of every unit of experience, which takes longer")
	up.Flags().StringVar(&o.registry, "registry", "", "with --cluster current: where images are pushed to, such as registry.example/path")
	commit := &cobra.Command{
		Use: "commit", Short: "Push the next release and wait until the expert has rolled to it", Args: cobra.NoArgs,
		Long: `commit pushes the next release of boltons to the demo's repository and waits until
the expert serves a model of that commit. A prober asks the endpoint once a second
all the while; a single failed request fails the command.`,
		RunE: func(cmd *cobra.Command, _ []string) error { return o.run(cmd, (*demo).commit) },
	}
	down := &cobra.Command{
		Use: "down", Short: "Remove all that the demo made, but for downloads and built programs", Args: cobra.NoArgs,
		Long: `down removes the cluster of --cluster local. From that of --cluster current it
removes the demo's namespace, the operator and its kinds; images stay in the registry.`,
		RunE: func(cmd *cobra.Command, _ []string) error { return o.run(cmd, (*demo).down) },
	}
	writes := &cobra.Command{
		Use: "writes", Short: "Count the operator's writes to the API server of the cluster on this machine", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return o.run(cmd, (*demo).writes) },
	}
	writes.Flags().DurationVar(&o.idle, "idle", 0, "count only what is written within this time from now, such as 2m")
	root.PersistentFlags().StringVar(&o.cluster, "cluster", ownCluster, "local: a cluster of its own on this machine; current: that of the current kubeconfig context")
	root.AddCommand(up, commit, down, writes)
	return root
}

func (o options) run(cmd *cobra.Command, command func(*demo, context.Context) error) error {
	root, err := local.FindRoot()
	if err != nil {
		return err
	}
	d := &demo{root: root, display: newDisplay(os.Stdout), seed: o.seed, full: o.full, idle: o.idle}
	if d.site, err = o.site(root, d.display.writer("cluster: ")); err != nil {
		return err
	}
	return command(d, cmd.Context())
}

// site is where the demo runs.
func (o options) site(root local.Root, progress io.Writer) (local.Site, error) {
	switch o.cluster {
	case ownCluster:
		return local.OneNode(root, clusterName, progress), nil
	case currentContext:
		return local.CurrentContext(root, o.registry, progress), nil
	default:
		return nil, fmt.Errorf("--cluster %q: want %s or %s", o.cluster, ownCluster, currentContext)
	}
}
