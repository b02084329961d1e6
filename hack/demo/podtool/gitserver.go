package main

import (
	"context"
	"errors"
	"net/http"
	"net/http/cgi"
	"time"

	"github.com/spf13/cobra"
)

// newGitServer serves bare repositories read-only over smart HTTP through git's
// own CGI program.
func newGitServer() *cobra.Command {
	var root, listen string
	cmd := &cobra.Command{
		Use: "git-server", Short: "Serve the bare repositories of a folder over smart HTTP", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			backend := &cgi.Handler{Path: "/usr/lib/git-core/git-http-backend", Env: []string{
				"GIT_PROJECT_ROOT=" + root, "GIT_HTTP_EXPORT_ALL=1", "HOME=/tmp",
				// The folder belongs to another user than the server runs as.
				"GIT_CONFIG_COUNT=2", "GIT_CONFIG_KEY_0=safe.directory", "GIT_CONFIG_VALUE_0=*",
				"GIT_CONFIG_KEY_1=uploadpack.allowFilter", "GIT_CONFIG_VALUE_1=true",
			}}
			mux := http.NewServeMux()
			mux.Handle("/", backend)
			mux.HandleFunc("/healthz", func(http.ResponseWriter, *http.Request) {})
			return serve(cmd.Context(), &http.Server{Addr: listen, Handler: mux, ReadHeaderTimeout: 10 * time.Second})
		},
	}
	cmd.Flags().StringVar(&root, "root", "/repositories", "folder of the bare repositories")
	cmd.Flags().StringVar(&listen, "listen", ":8080", "address to listen on")
	return cmd
}

func serve(ctx context.Context, server *http.Server) error {
	failed := make(chan error, 1)
	go func() { failed <- server.ListenAndServe() }()
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}
	shutdown, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	if err := server.Shutdown(shutdown); err != nil && !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}
