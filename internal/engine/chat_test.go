package engine

import (
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/repoexpert/operator/api/v1alpha1"
	"github.com/repoexpert/operator/internal/agent"
	"github.com/repoexpert/operator/internal/task"
)

var question = []task.Message{{Role: task.RoleSystem, Content: "s"}, {Role: task.RoleUser, Content: "q"}, {Role: task.RoleAssistant, Content: "a", Loss: task.LossNone}, {Role: task.RoleUser, Content: "q2"}}

// The request is what engines read: messages without our own fields, and the
// engine's fields beside them.
func TestRequest(t *testing.T) {
	var got map[string]any
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := json.NewDecoder(r.Body).Decode(&got); err != nil {
			t.Error(err)
		}
		complete(w, "yes")
	}))
	defer server.Close()
	text, usage, err := NewChat(server.URL+"/v1", "m", VLLM{}.Fields(v1alpha1.SamplingPaper, 9)).Next(t.Context(), question)
	if err != nil {
		t.Fatal(err)
	}
	if text != "yes" || usage != (agent.Usage{PromptTokens: 10, CompletionTokens: 5}) {
		t.Errorf("got %q, %+v", text, usage)
	}
	want := map[string]any{
		"model": "m", "max_tokens": 9.0, "temperature": 1.0, "top_p": 0.8, "top_k": 20.0, "repetition_penalty": 1.05,
		"messages": []any{
			map[string]any{"role": "system", "content": "s"}, map[string]any{"role": "user", "content": "q"},
			map[string]any{"role": "assistant", "content": "a"}, map[string]any{"role": "user", "content": "q2"},
		},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestErrorsOfServers(t *testing.T) {
	tests := map[string]struct {
		status  int
		body    string
		context bool
		want    string
	}{
		"too long for vLLM":   {400, `{"error": {"message": "This model's maximum context length is 2048 tokens."}}`, true, "maximum context length"},
		"another bad request": {400, `{"error": {"message": "bad"}}`, false, "bad"},
		"another framework":   {422, `{"detail": "Unexpected fields"}`, false, "422"},
		"broken":              {500, `{"error": {"message": "context length"}}`, false, "500"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			var asked atomic.Int32
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				asked.Add(1)
				w.Header().Set("Content-Type", "application/json")
				w.WriteHeader(test.status)
				_, _ = io.WriteString(w, test.body)
			}))
			defer server.Close()
			_, _, err := NewChat(server.URL+"/v1", "m", nil).Next(t.Context(), question)
			if err == nil || errors.Is(err, agent.ErrContext) != test.context || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v", err)
			}
			if asked.Load() != 1 {
				t.Errorf("an answer with an error was asked for %d times", asked.Load())
			}
		})
	}
}

func TestBadAnswers(t *testing.T) {
	for name, body := range map[string]string{
		"no choice": `{"choices": []}`,
		"too long":  `{"choices": [{"message": {"role": "assistant", "content": "` + strings.Repeat("a", maxAnswer+1) + `"}}]}`,
		"no JSON":   `<html>`,
	} {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", "application/json")
				_, _ = io.WriteString(w, body)
			}))
			defer server.Close()
			if _, err := NewChat(server.URL+"/v1", "m", nil).Ask(t.Context(), question); err == nil {
				t.Error("want an error")
			}
		})
	}
	if _, err := NewChat("http://127.0.0.1:1/v1", "m", nil).Ask(t.Context(), []task.Message{{Role: "tool"}}); err == nil {
		t.Error("an unknown role must be an error")
	}
}

// A connection that is cut before an answer is tried again; this server hangs up
// twice.
func TestConnectionsAreTriedAgain(t *testing.T) {
	var asked atomic.Int32
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if asked.Add(1) > 2 {
			complete(w, "yes")
			return
		}
		connection, _, err := w.(http.Hijacker).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		// Unread data and no linger: the client sees a reset, as from a killed server.
		_ = connection.(*net.TCPConn).SetLinger(0)
		_ = connection.Close()
	}))
	defer server.Close()
	answer, err := NewChat(server.URL+"/v1", "m", nil).Ask(t.Context(), question)
	if err != nil || answer.Text != "yes" {
		t.Errorf("got %q, %v", answer.Text, err)
	}
}
