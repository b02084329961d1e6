package main

import (
	"context"
	"encoding/json"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/repoexpert/operator/internal/agent"
	"github.com/repoexpert/operator/internal/engine"
	"github.com/repoexpert/operator/internal/httpserve"
)

// idleModels is an OpenAI-compatible server whose models submit nothing in their
// first turn.
type idleModels struct {
	port int
	stop context.CancelFunc
	done chan error
	once sync.Once
	// asked is when the first question came.
	asked time.Time
}

func serveIdleModels(ctx context.Context) (*idleModels, error) {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	m := &idleModels{port: listener.Addr().(*net.TCPAddr).Port, done: make(chan error, 1)}
	ctx, m.stop = context.WithCancel(ctx)
	go func() { m.done <- httpserve.UntilDone(ctx, listener, http.HandlerFunc(m.answer), time.Second) }()
	return m, nil
}

// Load implements evaluate.Servers: there is nothing to load.
func (m *idleModels) Load(context.Context, []engine.Model, engine.Settings) error { return nil }

func (m *idleModels) answer(rw http.ResponseWriter, _ *http.Request) {
	m.once.Do(func() { m.asked = time.Now() })
	rw.Header().Set("Content-Type", "application/json")
	// Who no longer listens needs no answer.
	_ = json.NewEncoder(rw).Encode(map[string]any{
		"object": "chat.completion",
		"choices": []any{map[string]any{"index": 0, "finish_reason": "stop", "message": map[string]string{
			"role": "assistant", "content": "THOUGHT: I change nothing.\n\n```bash\necho " + agent.SubmitMarker + "\n```",
		}}},
		"usage": map[string]int{"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2},
	})
}

func (m *idleModels) close() error {
	m.stop()
	return <-m.done
}
