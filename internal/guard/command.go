package guard

import (
	"fmt"
	"log/slog"
	"net"
	"net/url"

	"github.com/spf13/cobra"

	"github.com/repoexpert/operator/internal/contract"
)

// Command returns `worker guard`.
func Command() *cobra.Command {
	var options Options
	var listen, upstream string
	command := &cobra.Command{
		Use:   "guard",
		Short: "Stand before a model server: verify its model, then pass requests on",
		Args:  cobra.NoArgs,
		RunE: func(command *cobra.Command, _ []string) error {
			target, err := url.Parse(upstream)
			if err != nil || target.Scheme != "http" || target.Host == "" {
				return fmt.Errorf("--upstream %q: want http://host:port", upstream)
			}
			options.Upstream = target
			options.Log = slog.New(slog.NewJSONHandler(command.OutOrStdout(), nil))
			options.Pause, options.LaterPause = firstRounds, laterRounds
			var config net.ListenConfig
			listener, err := config.Listen(command.Context(), "tcp", listen)
			if err != nil {
				return fmt.Errorf("--listen %q: %w", listen, err)
			}
			return New(options).Serve(command.Context(), listener)
		},
	}
	set := command.Flags()
	set.StringVar(&listen, "listen", fmt.Sprintf(":%d", contract.GuardPort), "address to listen on")
	set.StringVar(&upstream, "upstream", fmt.Sprintf("http://127.0.0.1:%d", contract.EnginePort), "the model server")
	set.StringVar(&options.Artifacts, "artifacts", contract.ArtifactsPath, "root of the artifact volume")
	set.StringVar(&options.ModelFolder, "model-folder", "", "folder of the model below the artifact volume")
	set.StringVar(&options.ModelDigest, "model-digest", "", "digest of its manifest")
	set.StringVar(&options.EvaluationFolder, "evaluation-folder", "", "folder of the evaluation with the probe questions")
	set.IntVar(&options.Agreement, "agreement", 1, "how many probe answers must agree with the recorded ones")
	set.StringVar(&options.Name, "name", "", "the model's name in requests")
	set.StringVar(&options.VersionedName, "versioned-name", "", "its name with the served commit")
	return command
}
