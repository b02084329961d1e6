package sandbox

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

const (
	socketMode        = 0o660
	readHeaderTimeout = 10 * time.Second
)

// Options of a Server.
type Options struct {
	// Root is the workspace, EnvironmentDir where Setup's result lies; both exist
	// and are writable.
	Root           string
	EnvironmentDir string
	// Scratch are folders that commands write to beside the workspace, such as
	// HOME. They are emptied when a tree is put and nothing else is in use.
	Scratch []string
	// Caches and Sealed are folders of the environment, as paths below it, that hold
	// after a tree is put, and nothing else is in use, only what was put there with
	// the environment. In a cache what a command added or changed is removed, file by
	// file; a sealed folder of which anything was changed is removed as a whole.
	// Neither can give the commands of one task anything that those of another wrote.
	Caches, Sealed []string
	// Isolated refuses to work while one of Probes, or DNS, answers.
	Isolated bool
	// Probes are host:port addresses that must not answer.
	Probes []string
	// Patience is how long an address may go on answering: a network policy may
	// take effect after the pod has started. Default 15 seconds.
	Patience time.Duration
	// Log gets what people who look at the sidecar may want to know.
	Log *slog.Logger
	// Environ is what commands inherit, as NAME=value; nil is the server's own
	// environment.
	Environ []string
	// Ran gets the result of every command that ended. It may be nil; commands that
	// run side by side call it side by side.
	Ran func(Result) `json:"-"`
}

// Server is the sidecar's side of a Box.
type Server struct {
	options     Options
	root        *os.Root
	environment *os.Root
	scratch     []*os.Root
	executable  string
	leastFree   int64
	children    children
	trees       trees
	records     records
	// door is there while the server listens.
	door atomic.Pointer[door]

	isolation     sync.Mutex
	isolationDone bool
	isolationErr  error
}

// NewServer returns a server of a workspace. It makes the process a subreaper, by
// which orphans of commands are found, and closes it to ptrace and what goes by
// the same right: its memory and its files are out of its commands' reach, though
// they have the same user.
func NewServer(options Options) (*Server, error) {
	executable, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("find the worker's own binary: %w", err)
	}
	if options.Patience <= 0 {
		options.Patience = defaultPatience
	}
	if options.Log == nil {
		options.Log = slog.New(slog.DiscardHandler)
	}
	if options.Ran == nil {
		options.Ran = func(Result) {}
	}
	s := &Server{options: options, executable: executable, leastFree: leastFree}
	if s.root, err = openRoot(options.Root); err != nil {
		return nil, fmt.Errorf("workspace: %w", err)
	}
	if s.environment, err = openRoot(options.EnvironmentDir); err != nil {
		return nil, errors.Join(fmt.Errorf("environment: %w", err), s.Close())
	}
	if s.scratch, err = openScratch(options.Scratch); err != nil {
		return nil, errors.Join(fmt.Errorf("scratch folder: %w", err), s.Close())
	}
	err = errors.Join(
		unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0),
		unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0),
	)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("prctl: %w", err), s.Close())
	}
	return s, nil
}

func openRoot(dir string) (*os.Root, error) {
	if !filepath.IsAbs(dir) {
		return nil, fmt.Errorf("%q is no absolute path", dir)
	}
	return os.OpenRoot(dir)
}

// Close releases the server's folders.
func (s *Server) Close() error {
	var err error
	for _, root := range append([]*os.Root{s.root, s.environment}, s.scratch...) {
		if root != nil {
			err = errors.Join(err, root.Close())
		}
	}
	return err
}

// Listen serves on a unix socket until the context ends.
func (s *Server) Listen(ctx context.Context, socket string) error {
	door, err := openDoor(socket, s.options.Log)
	if err != nil {
		return err
	}
	s.door.Store(door)
	server := &http.Server{
		Handler:           s.Handler(),
		ReadHeaderTimeout: readHeaderTimeout,
		MaxHeaderBytes:    16 << 10,
		BaseContext:       func(net.Listener) context.Context { return ctx },
		ErrorLog:          slog.NewLogLogger(s.options.Log.Handler(), slog.LevelDebug),
	}
	stop := context.AfterFunc(ctx, func() { _ = server.Close() })
	defer stop()
	watching, unwatch := context.WithCancel(ctx)
	watched := make(chan struct{})
	go func() {
		defer close(watched)
		s.newGuard().run(watching)
	}()
	defer func() {
		unwatch()
		<-watched
	}()
	if err := server.Serve(door); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve %s: %w", socket, err)
	}
	return nil
}

// Handler returns the protocol's HTTP handler.
func (s *Server) Handler() http.Handler {
	mux := http.NewServeMux()
	s.handle(mux, "POST "+infoPath, s.serveInfo)
	s.handle(mux, "POST "+runPath, s.serveRun)
	s.handle(mux, "PUT "+treePath, s.servePutTree)
	s.handle(mux, "PUT "+environmentPath, s.servePutEnvironment)
	s.handle(mux, "PUT "+filesPath, s.serveWriteFiles)
	s.handle(mux, "POST "+copyPath, s.serveCopy)
	s.handle(mux, "POST "+removePath, s.serveRemove)
	mux.HandleFunc("GET "+environmentPath, s.serveGetEnvironment)
	mux.HandleFunc("POST "+filesPath, s.serveReadFiles)
	return mux
}

// handle answers with JSON.
func (s *Server) handle(mux *http.ServeMux, pattern string, serve func(*http.Request) (any, error)) {
	mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
		answer, err := any(nil), s.isolated(r.Context())
		if err == nil {
			answer, err = serve(r)
		}
		if err != nil {
			s.fail(w, r, err)
			return
		}
		if answer == nil {
			answer = struct{}{}
		}
		respond(w, http.StatusOK, answer)
	})
}

func respond(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	// The client is gone if this fails.
	_ = json.NewEncoder(w).Encode(body)
}

func (s *Server) fail(w http.ResponseWriter, r *http.Request, err error) {
	status, code := http.StatusInternalServerError, codeFailed
	var refused *RequestError
	message := err.Error()
	switch {
	case errors.As(err, &refused):
		status, code, message = http.StatusBadRequest, codeRefused, refused.Message
	case errors.Is(err, ErrTooLarge):
		status, code = http.StatusRequestEntityTooLarge, codeTooLarge
	case errors.Is(err, ErrNotIsolated):
		status, code = http.StatusForbidden, codeNotIsolated
	case errors.Is(err, ErrNoSpace):
		status, code = http.StatusInsufficientStorage, codeNoSpace
	default:
		s.options.Log.Warn("request failed", "path", r.URL.Path, "error", err.Error())
	}
	respond(w, status, failure{Code: code, Message: printable(message)})
}

func request[T any](r *http.Request) (T, error) {
	var in T
	raw, err := io.ReadAll(io.LimitReader(r.Body, maxRequestBytes+1))
	if err != nil {
		return in, fmt.Errorf("read the request: %w", err)
	}
	if len(raw) > maxRequestBytes {
		return in, refuse("the request is above %d bytes", maxRequestBytes)
	}
	if err := json.Unmarshal(raw, &in); err != nil {
		return in, refuse("the request cannot be read: %v", err)
	}
	return in, nil
}

func (s *Server) serveInfo(*http.Request) (any, error) { return info{Root: s.options.Root}, nil }
