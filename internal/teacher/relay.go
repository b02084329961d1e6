package teacher

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"time"
)

// relay writes an answer to the proxy's caller as it comes. It writes chunks of
// its own: of what the endpoint sends, text, reason to stop and usage pass.
type relay struct {
	w       http.ResponseWriter
	model   string
	started bool
}

// chunk is a part of a streamed chat completion.
type chunk struct {
	ID      string        `json:"id"`
	Object  string        `json:"object"`
	Created int64         `json:"created"`
	Model   string        `json:"model"`
	Choices []chunkChoice `json:"choices"`
	Usage   *chunkUsage   `json:"usage,omitempty"`
}

type chunkChoice struct {
	Index  int        `json:"index"`
	Delta  chunkDelta `json:"delta"`
	Finish *string    `json:"finish_reason"`
}

type chunkDelta struct {
	Role    string `json:"role,omitempty"`
	Content string `json:"content,omitempty"`
}

type chunkUsage struct {
	Prompt     int64 `json:"prompt_tokens"`
	Completion int64 `json:"completion_tokens"`
	Total      int64 `json:"total_tokens"`
}

// piece passes on a piece of text.
func (r *relay) piece(text string) error {
	return r.send(r.chunk(chunkChoice{Delta: chunkDelta{Role: "assistant", Content: text}}))
}

// finish ends the answer with its reason to stop and what it used.
func (r *relay) finish(got answer, used Tokens) {
	last := r.chunk()
	last.Usage = &chunkUsage{Prompt: used.Prompt, Completion: used.Completion, Total: used.Prompt + used.Completion}
	for _, c := range []chunk{r.chunk(chunkChoice{Finish: &got.finish}), last} {
		if r.send(c) != nil {
			return
		}
	}
	// The caller is gone if this fails.
	_ = r.write("[DONE]")
}

// fail tells why there is no answer: by status where nothing has been written
// yet, else as an event.
func (r *relay) fail(err error) {
	f, ok := asFailure(err)
	if !ok {
		// The caller went away.
		return
	}
	message := f.reason()
	if f.text != "" {
		message += ": " + f.text
	}
	if r.started {
		// Text and numbers always marshal.
		event, _ := json.Marshal(errorBody(string(f.cause), message))
		_ = r.write(string(event))
		return
	}
	if f.wait > 0 {
		r.w.Header().Set("Retry-After", strconv.Itoa(int((f.wait+time.Second-1)/time.Second)))
	}
	respond(r.w, statusOf(f), string(f.cause), message)
}

// statusOf is the status by which the proxy passes on a failure. A redirect is
// an endpoint that is not there.
func statusOf(f *failure) int {
	switch {
	case f.cause == refused && f.status >= http.StatusBadRequest:
		return f.status
	case f.cause == refused:
		return http.StatusNotFound
	case f.cause == slow || f.cause == stalled:
		return http.StatusGatewayTimeout
	default:
		return http.StatusBadGateway
	}
}

func (r *relay) chunk(choices ...chunkChoice) chunk {
	if choices == nil {
		choices = []chunkChoice{}
	}
	return chunk{ID: "teacher", Object: "chat.completion.chunk", Model: r.model, Choices: choices}
}

func (r *relay) send(c chunk) error {
	content, err := json.Marshal(c)
	if err != nil {
		return fmt.Errorf("write a chunk: %w", err)
	}
	return r.write(string(content))
}

// write sends one event at once.
func (r *relay) write(data string) error {
	if !r.started {
		r.w.Header().Set("Content-Type", "text/event-stream")
		r.w.Header().Set("Cache-Control", "no-store")
		r.w.WriteHeader(http.StatusOK)
		r.started = true
	}
	if _, err := fmt.Fprintf(r.w, "data: %s\n\n", data); err != nil {
		return err
	}
	return http.NewResponseController(r.w).Flush()
}

// respond answers with an error as OpenAI's API does.
func respond(w http.ResponseWriter, status int, code, message string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	// The caller is gone if this fails.
	_ = json.NewEncoder(w).Encode(errorBody(code, message))
}

func errorBody(code, message string) map[string]any {
	return map[string]any{"error": map[string]any{"message": message, "type": "teacher_error", "param": nil, "code": code}}
}
