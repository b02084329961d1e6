package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"runtime/debug"

	"github.com/spf13/cobra"

	"github.com/repoexpert/operator/api/v1alpha1"
	"github.com/repoexpert/operator/internal/contract"
	"github.com/repoexpert/operator/internal/sandbox"
)

func newExec() *cobra.Command {
	var socket, root, environment, isolation string
	var scratch, caches, sealed []string
	cmd := &cobra.Command{
		Use:   "exec",
		Short: "Execute what the worker orders over a unix socket, in a sidecar",
		Long: `exec runs in the sidecars agent and grader, where repository code runs. With
--isolation Enforced it refuses the first command when it can reach the API
server, the metadata address or the cluster's names.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			options := sandbox.Options{Root: root, EnvironmentDir: environment, Scratch: scratch, Caches: caches, Sealed: sealed, Log: slog.New(slog.NewJSONHandler(cmd.OutOrStdout(), nil))}
			switch v1alpha1.NetworkIsolation(isolation) {
			case v1alpha1.NetworkIsolationEnforced:
				options.Isolated, options.Probes = true, sandbox.DefaultProbes()
			case v1alpha1.NetworkIsolationNotEnforced:
			default:
				return fmt.Errorf("--isolation %q: want Enforced or NotEnforced", isolation)
			}
			server, err := sandbox.NewServer(options)
			if err != nil {
				return err
			}
			// The sidecar judges by itself which signals end it.
			ctx, stop := server.Signals(context.WithoutCancel(cmd.Context()))
			defer stop()
			return errors.Join(server.Listen(ctx, socket), server.Close())
		},
	}
	cmd.Flags().StringVar(&socket, "socket", contract.SidecarSocketPath+"/"+contract.SocketName, "unix socket to listen on")
	cmd.Flags().StringVar(&root, "root", contract.WorkspacePath, "folder of the working trees")
	cmd.Flags().StringVar(&environment, "environment", contract.EnvironmentPath, "folder that setup commands install into")
	cmd.Flags().StringSliceVar(&scratch, "scratch", nil, "folders that are emptied when a tree is put and nothing else is in use")
	cmd.Flags().StringSliceVar(&caches, "cache", nil, "folders below the environment where files that commands add or change are removed at the same time")
	cmd.Flags().StringSliceVar(&sealed, "sealed", nil, "folders below the environment that are removed as a whole then, when commands changed them")
	cmd.Flags().StringVar(&isolation, "isolation", string(v1alpha1.NetworkIsolationEnforced), "Enforced or NotEnforced")
	return cmd
}

func newInstall() *cobra.Command {
	return &cobra.Command{
		Use:   "install FOLDER",
		Short: "Copy this program into a folder, for containers of other images",
		Args:  cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			self, err := os.Executable()
			if err != nil {
				return err
			}
			return copyProgram(self, filepath.Join(args[0], "worker"))
		},
	}
}

func copyProgram(from, to string) (err error) {
	in, err := os.Open(from)
	if err != nil {
		return fmt.Errorf("install: %w", err)
	}
	defer func() { err = errors.Join(err, in.Close()) }()
	out, err := os.OpenFile(to, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o755)
	if err != nil {
		return fmt.Errorf("install: %w", err)
	}
	defer func() { err = errors.Join(err, out.Close()) }()
	if _, err := io.Copy(out, in); err != nil {
		return fmt.Errorf("install: %w", err)
	}
	return nil
}

func newVersion() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the versions of this program and of the contract that it speaks",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			version := "unknown"
			if info, ok := debug.ReadBuildInfo(); ok {
				version = info.Main.Version
			}
			_, err := fmt.Fprintf(cmd.OutOrStdout(), "worker %s, contract %d\n", version, contract.Version)
			return err
		},
	}
}
