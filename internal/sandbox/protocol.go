package sandbox

import (
	"errors"
	"fmt"
	"io/fs"
	"net/http"
)

// Errors of a box.
var (
	// ErrBoxLost: the sidecar does not answer any more; it was killed, or the
	// repository's code killed its server.
	ErrBoxLost = errors.New("the sandbox does not answer")
	// ErrNotIsolated: the sandbox can reach the network although it must not.
	ErrNotIsolated = errors.New("the sandbox can reach the network")
)

// Routes of the server.
const (
	routeInfo        = "/info"
	routeTree        = "/tree"
	routeEnvironment = "/environment"
	routeWrite       = "/write"
	routeRead        = "/read"
	routeCopy        = "/copy"
	routeRemove      = "/remove"
	routeRun         = "/run"
)

// Bounds of what crosses the socket.
const (
	maxRequestBytes  = 256 << 20
	maxResponseBytes = 64 << 20
	maxOutputLimit   = 8 << 20
	defaultOutput    = 64 << 10
)

type info struct {
	Root string `json:"root"`
}

type writeRequest struct {
	Dir   string            `json:"dir"`
	Files map[string][]byte `json:"files"`
}

type readRequest struct {
	Dir      string   `json:"dir"`
	Paths    []string `json:"paths"`
	MaxBytes int64    `json:"maxBytes"`
}

type readResponse struct {
	Files map[string][]byte `json:"files"`
}

type copyRequest struct {
	From string `json:"from"`
	To   string `json:"to"`
}

type removeRequest struct {
	Dir string `json:"dir"`
}

// statusNotIsolated tells the client that the isolation probe got an answer.
const statusNotIsolated = http.StatusMisdirectedRequest

// checkDir refuses what is no directory below a root.
func checkDir(dir string) error {
	if dir == "." || !fs.ValidPath(dir) {
		return fmt.Errorf("%q is no directory below the sandbox's root", dir)
	}
	return nil
}
