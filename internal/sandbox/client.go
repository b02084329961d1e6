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
	"path"
	"strings"
	"sync"
	"syscall"
	"time"
)

const (
	// restartTime is how long a client waits for a sidecar that starts, or that
	// the kubelet restarts after it ran out of memory: after several restarts it
	// waits five minutes before the next.
	restartTime = 6 * time.Minute
	dialPause   = 20 * time.Millisecond
)

// Client is a Box in another container of the pod.
type Client struct {
	http *http.Client

	mu   sync.Mutex
	root string
}

var _ Box = (*Client)(nil)

// Dial returns a client of the sidecar that listens, or soon will, on a unix
// socket.
func Dial(socket string) *Client {
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) { return dialPatiently(ctx, socket) }
	return &Client{http: &http.Client{
		Transport:     &http.Transport{DialContext: dial, MaxIdleConnsPerHost: 16, DisableCompression: true, MaxResponseHeaderBytes: 16 << 10},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// dialPatiently waits while nobody listens yet.
func dialPatiently(ctx context.Context, socket string) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, restartTime)
	defer cancel()
	ticker := time.NewTicker(dialPause)
	defer ticker.Stop()
	var dialer net.Dialer
	for {
		conn, err := dialer.DialContext(ctx, "unix", socket)
		if err == nil || !errors.Is(err, syscall.ENOENT) && !errors.Is(err, syscall.ECONNREFUSED) {
			return conn, err
		}
		select {
		case <-ctx.Done():
			return nil, err
		case <-ticker.C:
		}
	}
}

// Close releases the client's connections.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// Ready waits for the sidecar and makes it check its network isolation. Errors
// wrap ErrNotIsolated or ErrBoxLost.
func (c *Client) Ready(ctx context.Context) error {
	var answer info
	if err := c.call(ctx, transferTimeout, infoPath, nil, maxErrorBytes, &answer); err != nil {
		return err
	}
	if !path.IsAbs(answer.Root) || path.Clean(answer.Root) != answer.Root || printable(answer.Root) != answer.Root {
		return fmt.Errorf("%w: it names the root %q", ErrBoxLost, printable(answer.Root))
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.root = answer.Root
	return nil
}

// Root implements Box. It is empty while the sidecar does not answer; the next
// request tells why.
func (c *Client) Root() string {
	c.mu.Lock()
	root := c.root
	c.mu.Unlock()
	if root == "" && c.Ready(context.Background()) == nil {
		return c.Root()
	}
	return root
}

// Run implements Box.
func (c *Client) Run(ctx context.Context, command Command) (Result, error) {
	if command.Timeout <= 0 || command.Timeout > MaxTimeout {
		return Result{}, refuse("a command's time-out must be above 0 and at most %s, it is %s", MaxTimeout, command.Timeout)
	}
	if command.OutputLimit <= 0 {
		command.OutputLimit = defaultOutputLimit
	}
	command.OutputLimit = min(command.OutputLimit, maxOutputLimit)
	// A control character takes six bytes in JSON.
	limit := int64(command.OutputLimit)*6 + maxErrorBytes
	var result Result
	err := c.call(ctx, command.Timeout+killGrace+answerGrace, runPath, command, limit, &result)
	if err != nil {
		return Result{}, err
	}
	return checkResult(result, command)
}

// checkResult refuses what no command can have given.
func checkResult(result Result, command Command) (Result, error) {
	longest := command.Timeout + killGrace + answerGrace
	switch {
	case result.ExitCode < 0 || result.ExitCode > 255,
		result.Elapsed < 0 || result.Elapsed > longest,
		result.CPU < 0, result.OutputBytes < 0,
		// An invalid byte becomes a replacement character of three; the server may add
		// a line of its own.
		len(result.Output) > 3*command.OutputLimit+maxEnding:
		return Result{}, fmt.Errorf("%w: it reports an impossible result", ErrBoxLost)
	}
	return result, nil
}

// Copy implements Box.
func (c *Client) Copy(ctx context.Context, from, to string) error {
	return c.call(ctx, transferTimeout, copyPath, copyRequest{From: from, To: to}, maxErrorBytes, nil)
}

// Remove implements Box.
func (c *Client) Remove(ctx context.Context, dir string) error {
	return c.call(ctx, transferTimeout, removePath, removeRequest{Dir: dir}, maxErrorBytes, nil)
}

// call posts a JSON request and decodes a bounded JSON answer into out.
func (c *Client) call(ctx context.Context, timeout time.Duration, at string, in any, limit int64, out any) error {
	body, err := json.Marshal(in)
	if err != nil {
		return fmt.Errorf("encode a request for the sandbox: %w", err)
	}
	return c.send(ctx, timeout, http.MethodPost, at, "", bytes.NewReader(body), func(answer io.Reader) error {
		return decode(answer, limit, out)
	})
}

// send makes one request and hands the body of a good answer to read.
func (c *Client) send(ctx context.Context, timeout time.Duration, method, at, dir string, body io.Reader, read func(io.Reader) error) error {
	outer := ctx
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	target := "http://sandbox" + at
	if dir != "" {
		target += "?" + url.Values{dirParameter: {dir}}.Encode()
	}
	request, err := http.NewRequestWithContext(ctx, method, target, body)
	if err != nil {
		return fmt.Errorf("request for the sandbox: %w", err)
	}
	response, err := c.http.Do(request)
	if err != nil {
		return lost(outer, err)
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != http.StatusOK {
		return readFailure(outer, response.Body)
	}
	return lost(outer, read(response.Body))
}

// lost turns a failed exchange into ErrBoxLost; the caller's own end of patience
// stays what it is, and so do errors that already say what they are.
func lost(outer context.Context, err error) error {
	var refused *RequestError
	var local *localError
	switch {
	case err == nil:
		return nil
	case outer.Err() != nil:
		return fmt.Errorf("request for the sandbox: %w", outer.Err())
	case errors.As(err, &local):
		return local.cause
	case errors.As(err, &refused), errors.Is(err, ErrTooLarge), errors.Is(err, ErrBoxLost):
		return err
	default:
		// The cause is no error of the caller's: not wrapped, so that a sidecar that
		// does not answer in time is not taken for the caller's own deadline.
		return fmt.Errorf("%w: %s", ErrBoxLost, printable(err.Error()))
	}
}

// localError marks an error of the caller's own reader or writer.
type localError struct{ cause error }

func (e *localError) Error() string { return e.cause.Error() }
func (e *localError) Unwrap() error { return e.cause }

func readFailure(outer context.Context, body io.Reader) error {
	var f failure
	if err := decode(body, maxErrorBytes, &f); err != nil {
		return lost(outer, err)
	}
	message := printable(f.Message)
	switch f.Code {
	case codeRefused:
		return &RequestError{Message: message}
	case codeTooLarge:
		return told(ErrTooLarge, message)
	case codeNotIsolated:
		return told(ErrNotIsolated, message)
	case codeNoSpace:
		return told(ErrNoSpace, message)
	default:
		return fmt.Errorf("%w: %s", ErrBoxLost, message)
	}
}

// told is an error of the sidecar's, whose message may begin with what it wraps.
func told(known error, message string) error {
	return fmt.Errorf("%w: %s", known, strings.TrimPrefix(message, known.Error()+": "))
}

// decode reads one bounded JSON value; nil accepts any.
func decode(from io.Reader, limit int64, into any) error {
	raw, err := io.ReadAll(io.LimitReader(from, limit+1))
	switch {
	case err != nil:
		return err
	case int64(len(raw)) > limit:
		return fmt.Errorf("%w: its answer is above %d bytes", ErrBoxLost, limit)
	case into == nil:
		return nil
	}
	if err := json.Unmarshal(raw, into); err != nil {
		return fmt.Errorf("%w: its answer cannot be read: %w", ErrBoxLost, err)
	}
	return nil
}
