// Package cli is the command line of devcluster: flags, help and output. What the
// commands do is in the packages that they call.
package cli

import (
	"github.com/spf13/cobra"

	"github.com/repoexpert/operator/hack/devcluster/internal/host"
)

// defaultName is the cluster that is meant when none is named.
const defaultName = "dev"

// New makes the root command.
func New() *cobra.Command {
	root := &cobra.Command{
		Use:   "devcluster",
		Short: "A real one-node Kubernetes cluster on this machine, built from package registries",
		Long: `devcluster runs a real one-node Kubernetes cluster on this machine: etcd, the API
server, controller-manager, scheduler, containerd, kubelet, kube-proxy and CoreDNS.
It downloads no release and pulls no image. The programs are compiled from Go
modules once (ten minutes on two cores) and kept in the user's cache; the rest
comes from Debian packages.`,
		SilenceUsage:  true,
		SilenceErrors: true,
		PersistentPreRunE: func(*cobra.Command, []string) error {
			return host.ExtendPath()
		},
	}
	root.AddCommand(newUp(), newDown(), newStatus(), newKubeconfig(), newLoadImage(), newAssets(), newRootfs(), newImage(), newNode())
	return root
}

// nameFlag adds the flag that all commands on a cluster have.
func nameFlag(cmd *cobra.Command, name *string) {
	cmd.Flags().StringVar(name, "name", defaultName, "which cluster; several can be up at once")
}
