package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/repoexpert/operator/internal/teacher/teachertest"
)

// newScriptedTeacher serves an OpenAI-compatible endpoint whose answers are
// scripted: it knows a repository by heart. It stands for a large model where
// there is none.
func newScriptedTeacher() *cobra.Command {
	var repository, listen, digest string
	cmd := &cobra.Command{
		Use: "scripted-teacher", Short: "Answer tasks on a bare repository from its own files, as an OpenAI-compatible endpoint", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			server := teachertest.New()
			server.Otherwise = teachertest.Librarian(func(path string) ([]byte, error) { return show(cmd.Context(), repository, path) })
			mux := http.NewServeMux()
			mux.HandleFunc("/healthz", func(http.ResponseWriter, *http.Request) {})
			mux.Handle("/", guarded(digest, server))
			return serve(cmd.Context(), &http.Server{Addr: listen, Handler: mux, ReadHeaderTimeout: 10 * time.Second})
		},
	}
	cmd.Flags().StringVar(&repository, "repository", "", "folder of the bare repository")
	cmd.Flags().StringVar(&listen, "listen", ":8080", "address to listen on")
	cmd.Flags().StringVar(&digest, "key-digest", "", "SHA-256 of the key that requests must carry, as hexadecimal digits")
	return cmd
}

// show returns a file of the branch main.
func show(ctx context.Context, repository, path string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, "git", "--git-dir", repository, "show", "main:"+path)
	// The folder belongs to another user than the server runs as.
	cmd.Env = append(os.Environ(), "GIT_CONFIG_COUNT=1", "GIT_CONFIG_KEY_0=safe.directory", "GIT_CONFIG_VALUE_0=*", "HOME=/tmp")
	return cmd.Output()
}

// guarded lets requests with the key through. It knows the key by its digest alone,
// so that the key is in no pod but its owner's. A line a request says who asked.
func guarded(digest string, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host, _, err := net.SplitHostPort(r.RemoteAddr)
		if err != nil {
			host = r.RemoteAddr
		}
		sum := sha256.Sum256([]byte(strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")))
		if hex.EncodeToString(sum[:]) != digest {
			fmt.Fprintln(os.Stderr, "refused", host)
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		fmt.Fprintln(os.Stderr, "answered", host)
		next.ServeHTTP(w, r)
	})
}
