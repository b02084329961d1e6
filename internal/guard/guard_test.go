package guard

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/repoexpert/operator/api/v1alpha1"
	"github.com/repoexpert/operator/internal/artifact"
	"github.com/repoexpert/operator/internal/engine"
	"github.com/repoexpert/operator/internal/task"
)

// upstream stands for a model server: it answers with the last message, in
// capitals, unless the test gave another answer to it.
type upstream struct {
	mu      sync.Mutex
	answers map[string]string
	// requests are the bodies that came, in order.
	requests []map[string]any
	server   *httptest.Server
}

func newUpstream(t *testing.T) *upstream {
	t.Helper()
	u := &upstream{answers: map[string]string{}}
	u.server = httptest.NewServer(http.HandlerFunc(u.serve))
	t.Cleanup(u.server.Close)
	return u
}

func (u *upstream) serve(w http.ResponseWriter, r *http.Request) {
	var request map[string]any
	if err := json.NewDecoder(r.Body).Decode(&request); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	u.mu.Lock()
	u.requests = append(u.requests, request)
	messages := request["messages"].([]any)
	text := messages[len(messages)-1].(map[string]any)["content"].(string)
	answer, told := u.answers[text]
	u.mu.Unlock()
	if !told {
		answer = strings.ToUpper(text)
	}
	if request["stream"] == true {
		w.Header().Set("Content-Type", "text/event-stream")
		for _, part := range strings.Fields(answer) {
			_, _ = fmt.Fprintf(w, "data: %s\n\n", part)
			w.(http.Flusher).Flush()
		}
		return
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	_ = json.NewEncoder(w).Encode(map[string]any{
		"object": "chat.completion", "model": engine.ServedName + "@main",
		"choices": []any{map[string]any{"index": 0, "finish_reason": "stop", "message": map[string]string{"role": "assistant", "content": answer}}},
	})
}

func (u *upstream) answer(question, answer string) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.answers[question] = answer
}

// volume is an artifact volume with a model and an evaluation with three probes
// that the upstream answers as recorded.
func volume(t *testing.T) (root, digest string) {
	t.Helper()
	root = t.TempDir()
	probes := engine.Probes{Version: engine.ProbesVersion, Engine: v1alpha1.EngineTransformers, Device: v1alpha1.DeviceCPU, MaxTokens: 8}
	for _, question := range []string{"a", "b", "c"} {
		probes.Questions = append(probes.Questions, engine.Probe{
			Messages: []task.Message{{Role: task.RoleUser, Content: question}}, Answer: strings.ToUpper(question) + "\n",
		})
	}
	content, err := json.Marshal(probes)
	if err != nil {
		t.Fatal(err)
	}
	seal(t, root, "evaluations/e", engine.ProbesFile, string(content))
	return root, seal(t, root, "models/m", "weights", "0123")
}

func seal(t *testing.T, root, folder, name, content string) string {
	t.Helper()
	store, err := artifact.Open(root)
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	draft, err := store.Begin(folder)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(draft.Path(), name), []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	digest, err := draft.Seal(artifact.Manifest{})
	if err != nil {
		t.Fatal(err)
	}
	return digest
}

func optionsFor(t *testing.T, u *upstream) Options {
	t.Helper()
	target, err := url.Parse(u.server.URL)
	if err != nil {
		t.Fatal(err)
	}
	root, digest := volume(t)
	return Options{
		Upstream: target, Artifacts: root, ModelFolder: "models/m", ModelDigest: digest, EvaluationFolder: "evaluations/e",
		Agreement: 2, Name: "click", VersionedName: "click@0123abcd", Log: slog.New(slog.DiscardHandler),
		Pause: time.Millisecond, LaterPause: 2 * time.Millisecond,
	}
}

// start serves a guard and returns its URL and how it ended.
func start(t *testing.T, options Options) (string, <-chan error, context.CancelFunc) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- New(options).Serve(ctx, listener) }()
	t.Cleanup(stop)
	return "http://" + listener.Addr().String(), ended, stop
}

func get(t *testing.T, address string) (int, string) {
	t.Helper()
	response, err := http.Get(address)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(body)
}

func post(t *testing.T, address, body string) (int, string) {
	t.Helper()
	response, err := http.Post(address, "application/json", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	content, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(content)
}

// await polls until an address answers with a status.
func await(t *testing.T, address string, want int) {
	t.Helper()
	ticker := time.NewTicker(5 * time.Millisecond)
	defer ticker.Stop()
	deadline := time.After(20 * time.Second)
	for {
		got, body := get(t, address)
		if got == want {
			return
		}
		select {
		case <-ticker.C:
		case <-deadline:
			t.Fatalf("%s: still %d %s", address, got, body)
		}
	}
}

// asked waits until the upstream was asked so many questions more.
func (u *upstream) asked(t *testing.T, more int) {
	t.Helper()
	count := func() int {
		u.mu.Lock()
		defer u.mu.Unlock()
		return len(u.requests)
	}
	want := count() + more
	ticker := time.NewTicker(2 * time.Millisecond)
	defer ticker.Stop()
	deadline := time.After(20 * time.Second)
	for count() < want {
		select {
		case <-ticker.C:
		case <-deadline:
			t.Fatal("no more probes")
		}
	}
}

func TestReadinessIsAgreement(t *testing.T) {
	u := newUpstream(t)
	u.answer("a", "other weights")
	u.answer("b", "other weights")
	address, _, _ := start(t, optionsFor(t, u))
	await(t, address+"/startupz", http.StatusOK)
	u.asked(t, 6)
	if code, body := get(t, address+"/readyz"); code != http.StatusServiceUnavailable {
		t.Errorf("ready with one of three answers: %s", body)
	}
	if code, body := post(t, address+"/v1/chat/completions", `{"messages":[]}`); code != http.StatusServiceUnavailable || !strings.Contains(body, "not_ready") {
		t.Errorf("a model that was not recognised answered: %d %s", code, body)
	}
	u.answer("b", " `B`.")
	await(t, address+"/readyz", http.StatusOK)
	// Decided once: what a later round brings is only logged.
	u.answer("b", "drift")
	u.answer("c", "drift")
	u.asked(t, 6)
	if code, _ := get(t, address+"/readyz"); code != http.StatusOK {
		t.Error("a later disagreement took the endpoint down")
	}
	u.server.Close()
	await(t, address+"/readyz", http.StatusServiceUnavailable)
}

func TestNothingStartsWithWrongFiles(t *testing.T) {
	tests := map[string]struct {
		change func(*testing.T, *Options)
		want   string
	}{
		"another model's digest": {
			func(_ *testing.T, o *Options) { o.ModelDigest = "sha256:" + strings.Repeat("0", 64) }, "not those that were promoted",
		},
		"weights of the same size": {
			func(t *testing.T, o *Options) {
				name := filepath.Join(o.Artifacts, o.ModelFolder, "weights")
				if err := os.WriteFile(name, []byte("0124"), 0o600); err != nil {
					t.Fatal(err)
				}
			}, "not those that were promoted",
		},
		"no evaluation": {func(_ *testing.T, o *Options) { o.EvaluationFolder = "evaluations/none" }, "the evaluation is not whole"},
		"no model":      {func(_ *testing.T, o *Options) { o.ModelFolder = "models/none" }, "not those that were promoted"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			options := optionsFor(t, newUpstream(t))
			test.change(t, &options)
			_, ended, _ := start(t, options)
			if err := <-ended; err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestRequests(t *testing.T) {
	u := newUpstream(t)
	address, _, _ := start(t, optionsFor(t, u))
	await(t, address+"/readyz", http.StatusOK)
	tests := map[string]struct {
		path, body string
		code       int
		want       string
	}{
		"the expert's name":     {"/v1/chat/completions", `{"model":"click","messages":[{"role":"user","content":"hi"}]}`, 200, `"model":"click"`},
		"the versioned name":    {"/v1/chat/completions", `{"model":"click@0123abcd","messages":[{"role":"user","content":"hi"}]}`, 200, `"model":"click@0123abcd"`},
		"no name":               {"/v1/chat/completions", `{"messages":[{"role":"user","content":"hi"}]}`, 200, `"model":"click"`},
		"null for a name":       {"/v1/chat/completions", `{"model":null,"messages":[{"role":"user","content":"hi"}]}`, 200, `"content":"HI"`},
		"the engine's own name": {"/v1/chat/completions", `{"model":"expert","messages":[]}`, 404, `"code":"model_not_found"`},
		"a path for a name":     {"/v1/chat/completions", `{"model":"/artifacts/models/base/x","messages":[]}`, 404, `"code":"model_not_found"`},
		"two names":             {"/v1/chat/completions", `{"model":"click","model":"base","messages":[]}`, 404, `"code":"model_not_found"`},
		"a number for a name":   {"/v1/chat/completions", `{"model":1}`, 400, `"code":"invalid_model"`},
		"no JSON":               {"/v1/chat/completions", `model`, 400, `"code":"invalid_json"`},
		"no object":             {"/v1/chat/completions", `null`, 400, `"code":"invalid_json"`},
		"too large":             {"/v1/chat/completions", `"` + strings.Repeat("a", maxRequest) + `"`, 413, `"code":"request_too_large"`},
		"loading an adapter":    {"/v1/load_lora_adapter", `{}`, 404, `"code":"not_found"`},
		"unloading all":         {"/reset", `{}`, 404, `"code":"not_found"`},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			code, body := post(t, address+test.path, test.body)
			if code != test.code || !strings.Contains(body, test.want) {
				t.Errorf("got %d %s", code, body)
			}
		})
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	for _, request := range u.requests {
		if request["model"] != engine.ServedName {
			t.Errorf("the engine was asked for %v", request["model"])
		}
	}
}

func TestStreamsPass(t *testing.T) {
	u := newUpstream(t)
	address, _, _ := start(t, optionsFor(t, u))
	await(t, address+"/readyz", http.StatusOK)
	code, body := post(t, address+"/v1/chat/completions", `{"stream":true,"messages":[{"role":"user","content":"one two"}]}`)
	if code != http.StatusOK || body != "data: ONE\n\ndata: TWO\n\n" {
		t.Errorf("got %d %q", code, body)
	}
}

func TestModels(t *testing.T) {
	address, _, _ := start(t, optionsFor(t, newUpstream(t)))
	_, body := get(t, address+"/v1/models")
	var list struct {
		Data []struct {
			ID string `json:"id"`
		} `json:"data"`
	}
	if err := json.Unmarshal([]byte(body), &list); err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, model := range list.Data {
		names = append(names, model.ID)
	}
	if diff := cmp.Diff([]string{"click", "click@0123abcd"}, names); diff != "" {
		t.Error(diff)
	}
	if code, _ := get(t, address+"/v1/models/click@0123abcd"); code != http.StatusOK {
		t.Errorf("got %d", code)
	}
	if code, _ := get(t, address+"/v1/models/other"); code != http.StatusNotFound {
		t.Errorf("got %d", code)
	}
}

// An engine that is gone is an error in OpenAI's form, not a cut connection.
func TestEngineIsGone(t *testing.T) {
	u := newUpstream(t)
	address, _, _ := start(t, optionsFor(t, u))
	await(t, address+"/readyz", http.StatusOK)
	u.server.Close()
	code, body := post(t, address+"/v1/completions", `{"prompt":"x"}`)
	if code != http.StatusBadGateway || !strings.Contains(body, "engine_unavailable") {
		t.Errorf("got %d %s", code, body)
	}
}

// A request that is under way when the signal comes gets its answer.
func TestRequestsAreDrained(t *testing.T) {
	arrived, proceed := make(chan struct{}), make(chan struct{})
	u := newUpstream(t)
	slow := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		content, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		if strings.Contains(string(content), "slow") {
			close(arrived)
			<-proceed
		}
		r.Body = io.NopCloser(strings.NewReader(string(content)))
		u.serve(w, r)
	})
	u.server.Config.Handler = slow
	address, ended, stop := start(t, optionsFor(t, u))
	await(t, address+"/readyz", http.StatusOK)
	answered := make(chan string, 1)
	go func() {
		response, err := http.Post(address+"/v1/chat/completions", "application/json", strings.NewReader(`{"messages":[{"role":"user","content":"slow"}]}`))
		if err != nil {
			answered <- err.Error()
			return
		}
		defer response.Body.Close()
		body, _ := io.ReadAll(response.Body)
		answered <- string(body)
	}()
	<-arrived
	stop()
	close(proceed)
	if body := <-answered; !strings.Contains(body, "SLOW") {
		t.Errorf("got %s", body)
	}
	if err := <-ended; err != nil {
		t.Error(err)
	}
}
