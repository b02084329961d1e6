package sandbox

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"path/filepath"
	"strings"
	"time"
)

// Time that the server has beside the command's own.
const (
	grace       = 60 * time.Second
	treeTimeout = 15 * time.Minute
)

// Client is a Box in another container. What it receives is bounded and
// checked: the repository's code can take the server's place.
type Client struct {
	http *http.Client
	root string
}

var _ Box = (*Client)(nil)

// Dial connects to the server on a unix socket, waiting until the context ends
// for the sidecar to come up.
func Dial(ctx context.Context, socket string) (*Client, error) {
	transport := &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "unix", socket)
		},
		MaxResponseHeaderBytes: 64 << 10,
	}
	c := &Client{http: &http.Client{Transport: transport}}
	ticker := time.NewTicker(100 * time.Millisecond)
	defer ticker.Stop()
	for {
		var answer info
		err := c.call(ctx, http.MethodGet, routeInfo, nil, 10*time.Second, &answer)
		if err == nil {
			if !filepath.IsAbs(answer.Root) || len(answer.Root) > maxNameBytes {
				return nil, fmt.Errorf("the sandbox reports the root %.100q", answer.Root)
			}
			c.root = filepath.Clean(answer.Root)
			return c, nil
		}
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("connect to the sandbox at %s: %w", socket, err)
		case <-ticker.C:
		}
	}
}

// Close drops idle connections.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// Root implements Box.
func (c *Client) Root() string { return c.root }

// PutTree implements Box.
func (c *Client) PutTree(ctx context.Context, dir string, tree io.Reader) error {
	if err := checkDir(dir); err != nil {
		return err
	}
	return c.call(ctx, http.MethodPut, routeTree+"?dir="+url.QueryEscape(dir), tree, treeTimeout, &struct{}{})
}

// PutEnvironment implements Box.
func (c *Client) PutEnvironment(ctx context.Context, tree io.Reader) error {
	return c.call(ctx, http.MethodPut, routeEnvironment, tree, treeTimeout, &struct{}{})
}

// GetEnvironment implements Box. The stream is passed on entry by entry, within
// bounds.
func (c *Client) GetEnvironment(ctx context.Context, w io.Writer) error {
	ctx, cancel := context.WithTimeout(ctx, treeTimeout)
	defer cancel()
	response, err := c.send(ctx, http.MethodGet, routeEnvironment, nil)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	return copyTar(w, io.LimitReader(response.Body, 2*maxTreeBytes))
}

// WriteFiles implements Box.
func (c *Client) WriteFiles(ctx context.Context, dir string, files map[string][]byte) error {
	return c.post(ctx, routeWrite, writeRequest{Dir: dir, Files: files}, grace, &struct{}{})
}

// ReadFiles implements Box.
func (c *Client) ReadFiles(ctx context.Context, dir string, paths []string, maxBytes int64) (map[string][]byte, error) {
	var response readResponse
	if err := c.post(ctx, routeRead, readRequest{Dir: dir, Paths: paths, MaxBytes: maxBytes}, grace, &response); err != nil {
		return nil, err
	}
	asked := make(map[string]bool, len(paths))
	for _, path := range paths {
		asked[path] = true
	}
	var total int64
	for name, content := range response.Files {
		total += int64(len(content))
		if !asked[name] || total > maxBytes {
			return nil, fmt.Errorf("the sandbox sent the file %.100q unasked or more than %d bytes", name, maxBytes)
		}
	}
	return response.Files, nil
}

// Copy implements Box.
func (c *Client) Copy(ctx context.Context, from, to string) error {
	return c.post(ctx, routeCopy, copyRequest{From: from, To: to}, treeTimeout, &struct{}{})
}

// Remove implements Box.
func (c *Client) Remove(ctx context.Context, dir string) error {
	return c.post(ctx, routeRemove, removeRequest{Dir: dir}, treeTimeout, &struct{}{})
}

// Run implements Box.
func (c *Client) Run(ctx context.Context, command Command) (Result, error) {
	var result Result
	if err := c.post(ctx, routeRun, command, command.Timeout+grace, &result); err != nil {
		return Result{}, err
	}
	limit := newOutput(command.OutputLimit).limit + 1024
	// Replacing invalid bytes can triple a text; anything longer is not ours.
	if len(result.Output) > 3*limit || result.Elapsed < 0 || result.CPU < 0 || result.OutputBytes < 0 {
		return Result{}, fmt.Errorf("the sandbox sent an impossible result: %d bytes of output, %s elapsed", len(result.Output), result.Elapsed)
	}
	result.Output = strings.ToValidUTF8(result.Output, "\uFFFD")
	return result, nil
}

func (c *Client) post(ctx context.Context, route string, request any, timeout time.Duration, response any) error {
	body, err := json.Marshal(request)
	if err != nil {
		return fmt.Errorf("encode request: %w", err)
	}
	return c.call(ctx, http.MethodPost, route, bytes.NewReader(body), timeout, response)
}

func (c *Client) call(ctx context.Context, method, route string, body io.Reader, timeout time.Duration, response any) error {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	answer, err := c.send(ctx, method, route, body)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if err := json.NewDecoder(io.LimitReader(answer.Body, maxResponseBytes)).Decode(response); err != nil {
		return fmt.Errorf("%w: answer to %s: %w", ErrBoxLost, route, err)
	}
	return nil
}

// send sends a request and returns the answer of a success.
func (c *Client) send(ctx context.Context, method, route string, body io.Reader) (*http.Response, error) {
	request, err := http.NewRequestWithContext(ctx, method, "http://sandbox"+route, body)
	if err != nil {
		return nil, err
	}
	answer, err := c.http.Do(request)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrBoxLost, err)
	}
	if answer.StatusCode == http.StatusOK {
		return answer, nil
	}
	message, err := io.ReadAll(io.LimitReader(answer.Body, 2048))
	err = errors.Join(err, answer.Body.Close())
	if answer.StatusCode == statusNotIsolated {
		return nil, fmt.Errorf("%w: %s", ErrNotIsolated, bytes.TrimSpace(message))
	}
	return nil, errors.Join(fmt.Errorf("sandbox: %s", strings.ToValidUTF8(string(bytes.TrimSpace(message)), "\uFFFD")), err)
}
