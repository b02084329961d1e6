package engine

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"time"
)

const (
	modelsPath = "/models"
	statusPath = "/status"
	// maxOrder bounds a request and a response on the socket.
	maxOrder = 64 << 10
	// dialTimeout is how long a client waits for a sidecar that starts.
	dialTimeout = 2 * time.Minute
	// readHeaderTimeout of the socket's server.
	readHeaderTimeout = 10 * time.Second
)

// order is the body of PUT /models.
type order struct {
	Settings Settings `json:"settings"`
	Models   []Model  `json:"models"`
}

// reply is every response's body.
type reply struct {
	Models []string `json:"models,omitempty"`
	Reason string   `json:"reason,omitempty"`
	Tail   string   `json:"tail,omitempty"`
}

// Listen takes orders for the supervisor on a unix socket until the context
// ends, and then ends the server.
func Listen(ctx context.Context, socket string, supervisor *Supervisor) error {
	defer supervisor.Close()
	// A socket left by a container that was restarted in place.
	if err := os.Remove(socket); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("remove the old socket: %w", err)
	}
	listener, err := net.Listen("unix", socket)
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	server := &http.Server{
		Handler:           handler(supervisor),
		ReadHeaderTimeout: readHeaderTimeout,
		BaseContext:       func(net.Listener) context.Context { return ctx },
	}
	stop := context.AfterFunc(ctx, func() { _ = server.Close() })
	defer stop()
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve %s: %w", socket, err)
	}
	return nil
}

func handler(supervisor *Supervisor) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("PUT "+modelsPath, func(w http.ResponseWriter, r *http.Request) {
		var o order
		decoder := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxOrder))
		decoder.DisallowUnknownFields()
		if err := decoder.Decode(&o); err != nil {
			respond(w, http.StatusBadRequest, reply{Reason: "unreadable order: " + err.Error()})
			return
		}
		err := supervisor.Load(r.Context(), o.Models, o.Settings)
		var failed *StartError
		switch {
		case err == nil:
			respond(w, http.StatusOK, reply{Models: supervisor.Models()})
		case errors.As(err, &failed):
			respond(w, http.StatusBadGateway, reply{Reason: failed.Reason, Tail: failed.Tail})
		default:
			respond(w, http.StatusUnprocessableEntity, reply{Reason: err.Error()})
		}
	})
	mux.HandleFunc("GET "+statusPath, func(w http.ResponseWriter, _ *http.Request) {
		respond(w, http.StatusOK, reply{Models: supervisor.Models()})
	})
	return mux
}

func respond(w http.ResponseWriter, status int, body reply) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	// The client is gone if this fails.
	_ = json.NewEncoder(w).Encode(body)
}

// Client gives orders to a supervisor in another container of the pod.
type Client struct {
	socket string
	http   *http.Client
}

// Dial returns a client of the supervisor that listens, or soon will, on a
// socket.
func Dial(socket string) *Client {
	transport := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		var dialer net.Dialer
		return dialer.DialContext(ctx, "unix", socket)
	}}
	return &Client{socket: socket, http: &http.Client{Transport: transport}}
}

// Load orders a server that answers as each of the models; see Supervisor.Load.
func (c *Client) Load(ctx context.Context, models []Model, settings Settings) error {
	if err := c.await(ctx); err != nil {
		return err
	}
	body, err := json.Marshal(order{Settings: settings, Models: models})
	if err != nil {
		return fmt.Errorf("write the order: %w", err)
	}
	return c.do(ctx, http.MethodPut, modelsPath, body)
}

// await waits for the socket.
func (c *Client) await(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	ticker := time.NewTicker(pollInterval)
	defer ticker.Stop()
	for {
		err := c.do(ctx, http.MethodGet, statusPath, nil)
		if err == nil || !connectionFailed(err) {
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("the engine's sidecar does not listen on %s: %w", c.socket, err)
		case <-ticker.C:
		}
	}
}

func (c *Client) do(ctx context.Context, method, path string, body []byte) error {
	request, err := http.NewRequestWithContext(ctx, method, "http://engine"+path, bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("order of the engine: %w", err)
	}
	response, err := c.http.Do(request)
	if err != nil {
		return fmt.Errorf("order of the engine: %w", err)
	}
	defer func() { _ = response.Body.Close() }()
	content, err := io.ReadAll(io.LimitReader(response.Body, maxOrder))
	if err != nil {
		return fmt.Errorf("read the engine's reply: %w", err)
	}
	var r reply
	if err := json.Unmarshal(content, &r); err != nil {
		return fmt.Errorf("read the engine's reply: %w", err)
	}
	switch response.StatusCode {
	case http.StatusOK:
		return nil
	case http.StatusBadGateway:
		return &StartError{Reason: r.Reason, Tail: r.Tail}
	default:
		return fmt.Errorf("the engine refused the order: %s", r.Reason)
	}
}

// Address is the base URL of the server's OpenAI-compatible API.
func Address(port int) string { return fmt.Sprintf("http://127.0.0.1:%d/v1", port) }
