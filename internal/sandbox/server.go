package sandbox

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path"
	"sync"
	"time"
)

// Server executes what the worker orders, inside a sidecar. It must be trusted
// no more than the repository's code, which runs under the same user.
type Server struct {
	root        *os.Root
	environment *os.Root
	rootPath    string
	probe       *Probe

	// One command at a time: after each, everything below this process is killed.
	mu     sync.Mutex
	probed bool
}

// NewServer makes a server with a workspace folder and an environment folder.
// With a probe, the first command is refused when the network answers.
func NewServer(root, environment string, probe *Probe) (*Server, error) {
	if err := adoptOrphans(); err != nil {
		return nil, err
	}
	workspace, err := os.OpenRoot(root)
	if err != nil {
		return nil, fmt.Errorf("workspace: %w", err)
	}
	env, err := os.OpenRoot(environment)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("environment: %w", err), workspace.Close())
	}
	return &Server{root: workspace, environment: env, rootPath: root, probe: probe}, nil
}

// LimitFiles bounds what commands write into one file. It holds for the whole
// process and cannot be undone.
func (s *Server) LimitFiles() error { return limitFiles() }

// Serve answers on a unix socket until the context ends.
func (s *Server) Serve(ctx context.Context, socket string) error {
	if err := os.Remove(socket); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("socket: %w", err)
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "unix", socket)
	if err != nil {
		return fmt.Errorf("socket: %w", err)
	}
	if err := os.Chmod(socket, 0o660); err != nil {
		return errors.Join(fmt.Errorf("socket: %w", err), listener.Close())
	}
	server := &http.Server{Handler: s.Handler(), ReadHeaderTimeout: 30 * time.Second, BaseContext: func(net.Listener) context.Context { return ctx }}
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(listener) }()
	select {
	case err := <-ended:
		return fmt.Errorf("serve: %w", err)
	case <-ctx.Done():
		err := server.Close()
		<-ended
		return err
	}
}

// Handler returns the server's routes.
func (s *Server) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+routeInfo, func(w http.ResponseWriter, _ *http.Request) { reply(w, info{Root: s.rootPath}, nil) })
	mux.HandleFunc("PUT "+routeTree, s.putTree)
	mux.HandleFunc("PUT "+routeEnvironment, s.putEnvironment)
	mux.HandleFunc("GET "+routeEnvironment, s.getEnvironment)
	mux.HandleFunc("POST "+routeWrite, handle(s.write))
	mux.HandleFunc("POST "+routeRead, handle(s.read))
	mux.HandleFunc("POST "+routeCopy, handle(s.copyDir))
	mux.HandleFunc("POST "+routeRemove, handle(s.remove))
	mux.HandleFunc("POST "+routeRun, handle(s.run))
	return mux
}

// handle decodes a JSON request, calls a function and encodes what it returns.
func handle[Q, R any](call func(context.Context, Q) (R, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		var request Q
		if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxRequestBytes)).Decode(&request); err != nil {
			http.Error(w, "request: "+err.Error(), http.StatusBadRequest)
			return
		}
		response, err := call(r.Context(), request)
		reply(w, response, err)
	}
}

func reply(w http.ResponseWriter, response any, err error) {
	switch {
	case errors.Is(err, ErrNotIsolated):
		http.Error(w, err.Error(), statusNotIsolated)
	case err != nil:
		http.Error(w, err.Error(), http.StatusInternalServerError)
	default:
		w.Header().Set("Content-Type", "application/json")
		// The client sees a cut answer as a lost box; there is no one else to tell.
		_ = json.NewEncoder(w).Encode(response)
	}
}

func (s *Server) putTree(w http.ResponseWriter, r *http.Request) {
	dir := r.URL.Query().Get("dir")
	reply(w, struct{}{}, s.within(dir, func(root *os.Root) error { return unpack(root, r.Body, linksInside) }))
}

// within runs a function on a fresh directory.
func (s *Server) within(dir string, fill func(*os.Root) error) error {
	if err := checkDir(dir); err != nil {
		return err
	}
	if err := s.root.RemoveAll(dir); err != nil {
		return fmt.Errorf("clear %s: %w", dir, err)
	}
	if err := s.root.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("make %s: %w", dir, err)
	}
	root, err := s.root.OpenRoot(dir)
	if err != nil {
		return err
	}
	return errors.Join(fill(root), root.Close())
}

func (s *Server) putEnvironment(w http.ResponseWriter, r *http.Request) {
	reply(w, struct{}{}, unpack(s.environment, r.Body, allLinks))
}

func (s *Server) getEnvironment(w http.ResponseWriter, _ *http.Request) {
	if err := pack(s.environment, w); err != nil {
		// The headers are out: cutting the connection is the only sign left.
		panic(http.ErrAbortHandler)
	}
}

func (s *Server) write(_ context.Context, request writeRequest) (struct{}, error) {
	if err := checkDir(request.Dir); err != nil {
		return struct{}{}, err
	}
	if err := s.root.MkdirAll(request.Dir, 0o755); err != nil {
		return struct{}{}, err
	}
	root, err := s.root.OpenRoot(request.Dir)
	if err != nil {
		return struct{}{}, err
	}
	for name, content := range request.Files {
		if err = root.MkdirAll(path.Dir(name), 0o755); err != nil {
			break
		}
		if err = root.WriteFile(name, content, 0o644); err != nil {
			break
		}
	}
	return struct{}{}, errors.Join(err, root.Close())
}

func (s *Server) read(_ context.Context, request readRequest) (readResponse, error) {
	response := readResponse{Files: map[string][]byte{}}
	if err := checkDir(request.Dir); err != nil {
		return response, err
	}
	root, err := s.root.OpenRoot(request.Dir)
	if errors.Is(err, fs.ErrNotExist) {
		return response, nil
	}
	if err != nil {
		return response, err
	}
	defer root.Close()
	left := request.MaxBytes
	for _, name := range request.Paths {
		content, err := readRegular(root, name, left)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return response, err
		}
		left -= int64(len(content))
		response.Files[name] = content
	}
	return response, nil
}

// readRegular reads a regular file of at most limit bytes; it follows no
// symbolic link in the last place.
func readRegular(root *os.Root, name string, limit int64) ([]byte, error) {
	entry, err := root.Lstat(name)
	if err != nil {
		return nil, err
	}
	if !entry.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is no regular file", name)
	}
	file, err := root.Open(name)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	content, err := io.ReadAll(io.LimitReader(file, limit+1))
	if err != nil {
		return nil, err
	}
	if int64(len(content)) > limit {
		return nil, fmt.Errorf("%s is larger than the %d bytes that are left", name, limit)
	}
	return content, nil
}

func (s *Server) copyDir(_ context.Context, request copyRequest) (struct{}, error) {
	if err := checkDir(request.From); err != nil {
		return struct{}{}, err
	}
	from, err := s.root.OpenRoot(request.From)
	if err != nil {
		return struct{}{}, err
	}
	defer from.Close()
	return struct{}{}, s.within(request.To, func(*os.Root) error {
		return os.CopyFS(absolute(s.rootPath, request.To), from.FS())
	})
}

func (s *Server) remove(_ context.Context, request removeRequest) (struct{}, error) {
	if err := checkDir(request.Dir); err != nil {
		return struct{}{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := killDescendants(killLooks); err != nil {
		return struct{}{}, err
	}
	return struct{}{}, s.root.RemoveAll(request.Dir)
}

func (s *Server) run(ctx context.Context, command Command) (Result, error) {
	if err := checkDir(command.Dir); err != nil {
		return Result{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.probe != nil && !s.probed {
		if err := s.probe.Check(ctx); err != nil {
			return Result{}, err
		}
		s.probed = true
	}
	return execute(ctx, absolute(s.rootPath, command.Dir), command)
}
