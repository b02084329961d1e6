package cli

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/repoexpert/operator/hack/devcluster/internal/components"
)

func newAssets() *cobra.Command {
	return &cobra.Command{
		Use:   "assets",
		Short: "Print a folder for KUBEBUILDER_ASSETS",
		Long: `assets prints a folder with etcd, kube-apiserver and kubectl ` + components.KubernetesVersion + `, for tests that run
against a control plane alone (envtest). It takes what is in the cache, or downloads
it where the machine can (setup-envtest), or builds it. It needs neither root nor
Debian packages.`,
		Example: "  KUBEBUILDER_ASSETS=$(devcluster assets) go test ./...",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			builder, err := components.NewBuilder(cmd.Context(), cmd.ErrOrStderr())
			if err != nil {
				return err
			}
			dir, err := builder.Assets(cmd.Context())
			if err != nil {
				return err
			}
			_, err = fmt.Fprintln(cmd.OutOrStdout(), dir)
			return err
		},
	}
}
