package teachertest

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"time"
)

// Upstream is a real endpoint. Its steps pass requests on to it, so that a server
// is a proxy before it that injects faults.
type Upstream struct {
	// URL is the base URL, what stands before /chat/completions.
	URL string
	// Client that asks it.
	Client *http.Client
}

// Answer passes the answer back as it comes.
func (u Upstream) Answer() Step { return u.relay(func(context.Context, int) bool { return true }) }

// Cut passes the first events of an answer back and hangs up. The endpoint answers
// to the end, and bills that.
func (u Upstream) Cut(events int) Step {
	return func(e *Exchange) {
		u.relay(func(_ context.Context, event int) bool { return event < events })(e)
		panic(http.ErrAbortHandler)
	}
}

// Pause passes an answer back with a pause in the middle, after some events.
func (u Upstream) Pause(events int, pause time.Duration) Step {
	return u.relay(func(ctx context.Context, event int) bool {
		if event != events {
			return true
		}
		timer := time.NewTimer(pause)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-ctx.Done():
		}
		return true
	})
}

// relay passes those events back that pass says, in turn, and counts all that the
// endpoint says it used.
func (u Upstream) relay(pass func(ctx context.Context, event int) bool) Step {
	return func(e *Exchange) {
		response, err := u.ask(e)
		if err != nil {
			Status(http.StatusBadGateway, "", err.Error())(e)
			return
		}
		defer response.Body.Close()
		e.W.Header().Set("Content-Type", response.Header.Get("Content-Type"))
		e.W.WriteHeader(response.StatusCode)
		event, passes, first := 0, true, true
		// A line that is too long ends the answer early, which is a fault like any other.
		for lines := bufio.NewScanner(response.Body); lines.Scan(); {
			e.bill(lines.Bytes())
			if first {
				passes = pass(e.R.Context(), event)
			}
			if passes {
				// The client is gone if this fails.
				_, _ = io.WriteString(e.W, lines.Text()+"\n")
				_ = http.NewResponseController(e.W).Flush()
			}
			// An empty line ends an event.
			if first = len(lines.Bytes()) == 0; first {
				event++
			}
		}
	}
}

func (u Upstream) ask(e *Exchange) (*http.Response, error) {
	request, err := http.NewRequestWithContext(e.R.Context(), http.MethodPost, u.URL+"/chat/completions", bytes.NewReader(e.content))
	if err != nil {
		return nil, err
	}
	request.Header.Set("Content-Type", "application/json")
	return u.Client.Do(request)
}

// bill counts the usage that a line of a stream tells.
func (e *Exchange) bill(line []byte) {
	var chunk struct {
		Usage struct {
			Prompt     int64 `json:"prompt_tokens"`
			Completion int64 `json:"completion_tokens"`
		} `json:"usage"`
	}
	data, isData := bytes.CutPrefix(line, []byte("data: "))
	if !isData || json.Unmarshal(data, &chunk) != nil {
		return
	}
	e.server.mu.Lock()
	defer e.server.mu.Unlock()
	e.server.prompt += chunk.Usage.Prompt
	e.server.answers += chunk.Usage.Completion
}
