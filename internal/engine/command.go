package engine

import (
	"errors"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/repoexpert/operator/api/v1alpha1"
	"github.com/repoexpert/operator/internal/contract"
)

// Command returns `worker engine`: with --socket the sidecar of a stage, which
// takes orders; with --serve the server of one trained model.
func Command() *cobra.Command {
	var flags struct {
		socket, artifacts, scratch string
		serve                      bool
		engine, device             string
		contextTokens              int32
		port                       int
		model, base                string
	}
	command := &cobra.Command{
		Use:   "engine (--socket PATH | --serve --engine NAME --model-folder FOLDER --base-folder FOLDER)",
		Short: "Run a model server under supervision",
		Args:  cobra.NoArgs,
		RunE: func(command *cobra.Command, _ []string) error {
			supervisor := NewSupervisor(flags.artifacts, flags.scratch, command.ErrOrStderr())
			switch {
			case flags.serve == (flags.socket != ""):
				return errors.New("give either --socket or --serve")
			case flags.serve:
				model, base := below(flags.artifacts, flags.model), below(flags.artifacts, flags.base)
				return Serve(command.Context(), supervisor, model, base, Settings{
					Engine: v1alpha1.Engine(flags.engine), Device: v1alpha1.Device(flags.device),
					ContextTokens: flags.contextTokens, Port: flags.port,
				})
			default:
				return Listen(command.Context(), flags.socket, supervisor)
			}
		},
	}
	set := command.Flags()
	set.StringVar(&flags.socket, "socket", "", "unix socket to take orders on; an order names engine, device and models")
	set.BoolVar(&flags.serve, "serve", false, "serve one trained model until a signal comes or the server ends")
	set.StringVar(&flags.artifacts, "artifacts", contract.ArtifactsPath, "root of the artifact volume")
	set.StringVar(&flags.scratch, "scratch", os.TempDir(), "writable folder")
	set.StringVar(&flags.engine, "engine", "", "with --serve: Transformers or VLLM")
	set.StringVar(&flags.device, "device", string(v1alpha1.DeviceGPU), "with --serve: GPU or CPU")
	set.Int32Var(&flags.contextTokens, "context-tokens", 0, "with --serve: context length; 0 is the model's own")
	set.IntVar(&flags.port, "port", contract.EnginePort, "with --serve: port on loopback")
	set.StringVar(&flags.model, "model-folder", "", "with --serve: folder of the trained model below the artifact volume")
	set.StringVar(&flags.base, "base-folder", "", "with --serve: folder of its base model below the artifact volume")
	return command
}

// below makes an absolute folder one below the artifact volume. A folder outside
// of it stays absolute and is refused later.
func below(root, folder string) string {
	if inside, err := filepath.Rel(root, folder); err == nil && filepath.IsAbs(folder) && filepath.IsLocal(inside) {
		return filepath.ToSlash(inside)
	}
	return folder
}
