package cli

import (
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/repoexpert/operator/hack/devcluster/internal/cluster"
	"github.com/repoexpert/operator/hack/devcluster/internal/components"
)

func newUp() *cobra.Command {
	var name string
	var wait time.Duration
	cmd := &cobra.Command{
		Use:   "up",
		Short: "Start a cluster, or wait until a started one is ready",
		Long: `up starts a cluster and returns when its node is Ready, names resolve and pods can
be made; the cluster goes on until "devcluster down" or the end of the machine. A
cluster that is up is left as it is; one that has died is made anew, from nothing.

It needs root, and installs the Debian packages that are missing. It prints the path
of a kubeconfig on standard output, progress on standard error.`,
		Example: "  export KUBECONFIG=$(devcluster up)\n  devcluster up --name e2e",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			m, err := cluster.NewManager(cmd.ErrOrStderr())
			if err != nil {
				return err
			}
			kubeconfig, err := m.Up(cmd.Context(), name, wait)
			if err != nil {
				return err
			}
			fmt.Fprintln(cmd.OutOrStdout(), kubeconfig)
			if cache, err := components.CacheDir(); err == nil {
				fmt.Fprintf(cmd.ErrOrStderr(), "\n  export KUBECONFIG=%s\n  export PATH=$PATH:%s/bin\n", kubeconfig, cache)
			}
			return nil
		},
	}
	nameFlag(cmd, &name)
	cmd.Flags().DurationVar(&wait, "wait", 3*time.Minute, "how long the cluster may take to become ready (a first build does not count)")
	return cmd
}

func newDown() *cobra.Command {
	var name string
	cmd := &cobra.Command{
		Use:   "down",
		Short: "Remove a cluster and everything that belongs to it",
		Long: `down kills the cluster's processes and removes its control groups, network link and
state folder, in whatever condition the cluster is. Built programs and cached root
file systems stay. It succeeds quietly when there is no such cluster.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			m, err := cluster.NewManager(cmd.ErrOrStderr())
			if err != nil {
				return err
			}
			return m.Down(cmd.Context(), name)
		},
	}
	nameFlag(cmd, &name)
	return cmd
}

func newStatus() *cobra.Command {
	var name string
	cmd := &cobra.Command{
		Use:   "status",
		Short: "Show the clusters of this machine",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			m, err := cluster.NewManager(cmd.ErrOrStderr())
			if err != nil {
				return err
			}
			return m.Status(cmd.Context(), cmd.OutOrStdout(), name)
		},
	}
	cmd.Flags().StringVar(&name, "name", "", "show only this cluster")
	return cmd
}

func newKubeconfig() *cobra.Command {
	var name string
	var raw bool
	cmd := &cobra.Command{
		Use:     "kubeconfig",
		Short:   "Print the path of a cluster's kubeconfig",
		Example: "  export KUBECONFIG=$(devcluster kubeconfig)\n  devcluster kubeconfig --raw > copy",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			m, err := cluster.NewManager(cmd.ErrOrStderr())
			if err != nil {
				return err
			}
			path, err := m.Kubeconfig(name)
			if err != nil {
				return err
			}
			if !raw {
				_, err = fmt.Fprintln(cmd.OutOrStdout(), path)
				return err
			}
			content, err := os.ReadFile(path)
			if err != nil {
				return fmt.Errorf("cluster %q: %w", name, err)
			}
			_, err = cmd.OutOrStdout().Write(content)
			return err
		},
	}
	nameFlag(cmd, &name)
	cmd.Flags().BoolVar(&raw, "raw", false, "print the content, certificates included, instead of the path")
	return cmd
}

func newLoadImage() *cobra.Command {
	var name string
	cmd := &cobra.Command{
		Use:   "load-image FILE.tar...",
		Short: "Load images from archives into a cluster",
		Long: `load-image puts the images of archives (of "devcluster image" or "docker save") into
the node. Pods use them with imagePullPolicy IfNotPresent and a tag other than "latest".`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			m, err := cluster.NewManager(cmd.ErrOrStderr())
			if err != nil {
				return err
			}
			return m.LoadImages(cmd.Context(), name, args)
		},
	}
	nameFlag(cmd, &name)
	return cmd
}

// newNode is process 1 of a node. It is not for users: see cluster.NodeCommand.
func newNode() *cobra.Command {
	return &cobra.Command{
		Use:    cluster.NodeCommand + " NAME",
		Hidden: true,
		Args:   cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			m, err := cluster.NewManager(cmd.ErrOrStderr())
			if err != nil {
				return err
			}
			return m.RunNode(cmd.Context(), args[0])
		},
	}
}
