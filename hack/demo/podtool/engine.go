package main

import (
	"fmt"
	"net"
	"net/http"
	"os"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/repoexpert/operator/internal/contract"
	"github.com/repoexpert/operator/internal/engine/enginetest"
)

// newScriptedEngine is a model server whose answers are scripted, in place of
// `transformers serve`. It stands for models that are better or worse by a given
// measure.
func newScriptedEngine() *cobra.Command {
	var host, artifacts string
	var port int
	cmd := &cobra.Command{
		Use: "scripted-engine serve [MODEL]", Short: "Answer as models of which " + enginetest.SkillsVariable + " says what they can do, by the command line of transformers",
		Args: cobra.RangeArgs(1, 2),
		// Of the real server's other flags none changes what is scripted.
		FParseErrWhitelist: cobra.FParseErrWhitelist{UnknownFlags: true},
		RunE: func(cmd *cobra.Command, args []string) error {
			if args[0] != "serve" {
				return fmt.Errorf("the scripted engine cannot %q, only serve", args[0])
			}
			skills, err := enginetest.ParseSkills(os.Getenv(enginetest.SkillsVariable))
			if err != nil {
				return fmt.Errorf("%s: %w", enginetest.SkillsVariable, err)
			}
			server, err := enginetest.New(artifacts, ".", skills)
			if err != nil {
				return err
			}
			address := net.JoinHostPort(host, strconv.Itoa(port))
			fmt.Fprintln(cmd.ErrOrStderr(), "answers of this engine are scripted; it listens on", address)
			return serve(cmd.Context(), &http.Server{Addr: address, Handler: server.Handler(), ReadHeaderTimeout: 10 * time.Second})
		},
	}
	cmd.Flags().StringVar(&host, "host", "127.0.0.1", "address to listen on")
	cmd.Flags().IntVar(&port, "port", contract.EnginePort, "port to listen on")
	cmd.Flags().StringVar(&artifacts, "artifacts", contract.ArtifactsPath, "root of the artifact volume")
	return cmd
}
