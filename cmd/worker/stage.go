package main

import (
	"errors"
	"fmt"
	"log/slog"
	"os"

	"github.com/spf13/cobra"

	"github.com/repoexpert/operator/internal/contract"
	"github.com/repoexpert/operator/internal/stage"
)

// exitError ends the program with a stage's exit code.
type exitError int

// Error implements error.
func (e exitError) Error() string { return fmt.Sprintf("exit code %d", int(e)) }

func exitCodeOf(err error) (int, bool) {
	var code exitError
	ok := errors.As(err, &code)
	return int(code), ok
}

func newStage() *cobra.Command {
	runner := stage.Runner{Stages: stages}
	cmd := &cobra.Command{
		Use:   "stage",
		Short: "Run the stage that " + contract.StageSpecVariable + " describes",
		Long: `stage reads its specification from the environment variable ` + contract.StageSpecVariable + `, does the
work, and writes its result to the termination log. Its exit code says how it
ended: 0 succeeded, 40 configuration, 41 source, 42 data, 43 repository code,
44 external service, 45 integrity, 46 deadline, anything else unknown.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			specification, ok := os.LookupEnv(contract.StageSpecVariable)
			if !ok {
				return fmt.Errorf("the environment variable %s is not set", contract.StageSpecVariable)
			}
			// What a stage starts must not read it there.
			if err := os.Unsetenv(contract.StageSpecVariable); err != nil {
				return err
			}
			runner.Out = cmd.OutOrStdout()
			runner.Log = slog.New(slog.NewJSONHandler(cmd.OutOrStdout(), nil))
			if code := runner.Run(cmd.Context(), specification); code != contract.ExitSucceeded {
				return exitError(code)
			}
			return nil
		},
	}
	cmd.Flags().StringVar(&runner.Artifacts, "artifacts", contract.ArtifactsPath, "root of the artifact volume")
	cmd.Flags().StringVar(&runner.Sockets, "sockets", contract.SocketsPath, "folder of the sidecars' sockets")
	cmd.Flags().StringVar(&runner.TerminationLog, "termination-log", "/dev/termination-log", "file that carries the result")
	return cmd
}
