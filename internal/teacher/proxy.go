package teacher

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/repoexpert/operator/api/v1alpha1"
	"github.com/repoexpert/operator/internal/httpserve"
	"github.com/repoexpert/operator/internal/task"
)

const (
	// stallTimeout ends an answer of which nothing came for so long.
	stallTimeout = time.Minute
	// queueTimeout is how long a request waits for its turn before the caller is
	// asked to come again; it comes as often as it takes.
	queueTimeout = 30 * time.Second
	// busyPause is when it is asked to come again.
	busyPause = time.Second

	// maxMessages is above two turns for each step of the longest episode.
	maxMessages = 1024
	// bodyPerToken and bodyOverhead bound a request's body: text of a full
	// context, escaped as JSON.
	bodyPerToken = 16
	bodyOverhead = 1 << 20
	// drain is what requests get to end after a signal; the pod's own grace is 30 s.
	drain = 25 * time.Second
)

// ProxyOptions are what a proxy works with.
type ProxyOptions struct {
	// Teacher as the class gives it, complete.
	Teacher v1alpha1.Teacher
	// Key returns the endpoint's key, "" for none. It is asked for each request, so
	// that a changed Secret needs no new pod; its error must not show what it read.
	Key func() (string, error)
	// Counter keeps the run's account.
	Counter *Counter
	// Log gets a line a request: how it ended and what it used, never a message
	// or a key.
	Log *slog.Logger
	// Transport reaches the endpoint.
	Transport http.RoundTripper
}

// Proxy stands before a teacher's endpoint.
type Proxy struct {
	options  ProxyOptions
	endpoint *endpoint
	slots    chan struct{}
}

// NewProxy returns a proxy that has asked nothing. The error names the field of
// the teacher that cannot be read.
func NewProxy(o ProxyOptions) (*Proxy, error) {
	fields, err := fieldsOf(o.Teacher)
	if err != nil {
		return nil, err
	}
	l := limits{request: o.Teacher.RequestTimeout.Duration, stall: stallTimeout, tokens: int64(o.Teacher.MaxTokensPerTurn)}
	return &Proxy{
		options:  o,
		endpoint: newEndpoint(o.Teacher.URL, o.Teacher.Model, fields, l, o.Transport),
		slots:    make(chan struct{}, max(1, o.Teacher.Concurrency)),
	}, nil
}

// fieldsOf are what every request holds beside model and messages.
func fieldsOf(t v1alpha1.Teacher) (map[string]any, error) {
	fields := map[string]any{
		"max_tokens":     t.MaxTokensPerTurn,
		"stream_options": map[string]any{"include_usage": true},
	}
	if t.Sampling == nil {
		return fields, nil
	}
	for name, value := range map[string]v1alpha1.Decimal{
		"temperature": t.Sampling.Temperature, "top_p": t.Sampling.TopP, "repetition_penalty": t.Sampling.RepetitionPenalty,
	} {
		if value == "" {
			continue
		}
		number, err := strconv.ParseFloat(string(value), 64)
		if err != nil {
			return nil, fmt.Errorf("teacher.sampling: %s %q is no decimal", name, value)
		}
		fields[name] = number
	}
	if t.Sampling.TopK > 0 {
		fields["top_k"] = t.Sampling.TopK
	}
	return fields, nil
}

// Used says in words how much of the budget is used.
func (p *Proxy) Used() string { return p.options.Counter.String() }

// Serve answers on the listener until the context ends, then lets requests end.
func (p *Proxy) Serve(ctx context.Context, listener net.Listener) error {
	return httpserve.UntilDone(ctx, listener, p.Handler(), drain)
}

// Handler returns the proxy's HTTP API.
func (p *Proxy) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusOK) })
	mux.HandleFunc("POST /v1/chat/completions", p.complete)
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		respond(w, http.StatusNotFound, "not_found", "only POST /v1/chat/completions is served here")
	})
	return mux
}

// complete answers one request: it waits for its turn and for budget, asks the
// endpoint, and counts what that took before the caller sees the end.
func (p *Proxy) complete(w http.ResponseWriter, r *http.Request) {
	messages, ok := p.read(w, r)
	if !ok {
		return
	}
	most := mostTokens(messages, int64(p.options.Teacher.MaxTokensPerTurn))
	waiting, cancel := context.WithTimeoutCause(r.Context(), queueTimeout, &failure{cause: busy})
	defer cancel()
	err := p.turn(waiting)
	if err == nil {
		defer func() { <-p.slots }()
		err = p.options.Counter.Reserve(waiting, most)
	}
	if err != nil {
		p.refuse(w, r, err)
		return
	}
	start := time.Now()
	out := &relay{w: w, model: p.options.Teacher.Model}
	got, used, err := p.counted(r.Context(), messages, most, out)
	p.log(time.Since(start), used, err)
	if err != nil {
		out.fail(err)
		return
	}
	out.finish(got, used)
}

// counted asks the endpoint and settles what was reserved, even if reading the
// answer panics.
func (p *Proxy) counted(ctx context.Context, messages []task.Message, most Tokens, out *relay) (got answer, used Tokens, err error) {
	used = most
	defer func() {
		if settleErr := p.options.Counter.Settle(most, used); settleErr != nil {
			p.options.Log.Error("the account is not written", "error", settleErr)
		}
	}()
	got, err = p.ask(ctx, messages, out)
	used = bill(most, got, err)
	return got, used, err
}

func (p *Proxy) turn(ctx context.Context) error {
	select {
	case p.slots <- struct{}{}:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// ask asks the endpoint. What it says in a refusal is repeated without the key.
func (p *Proxy) ask(ctx context.Context, messages []task.Message, out *relay) (answer, error) {
	key, err := p.options.Key()
	if err != nil {
		return answer{}, &failure{cause: refused, status: http.StatusUnauthorized, text: err.Error()}
	}
	got, err := p.endpoint.ask(ctx, messages, key, out.piece)
	if f, ok := asFailure(err); ok && key != "" {
		f.text = strings.ReplaceAll(f.text, key, "[key]")
	}
	return got, err
}

// mostTokens is an upper bound of what a request can use: a token of a prompt
// stands for at least one byte of text, and templates put a few around each
// message.
func mostTokens(messages []task.Message, completion int64) Tokens {
	const perMessage, perPrompt = 16, 64
	most := Tokens{Prompt: perPrompt, Completion: completion}
	for _, message := range messages {
		most.Prompt += int64(len(message.Content)) + perMessage
	}
	return most
}

// bill is what a request used. Endpoints charge for neither refusals nor what
// never reached them. Of the rest, usage that is missing or impossible counts as
// all that was reserved.
func bill(most Tokens, got answer, err error) Tokens {
	f, failed := asFailure(err)
	switch {
	case failed && (f.cause == refused || !f.sent):
		return Tokens{}
	case got.usage.Prompt <= 0 || got.usage.Completion < 0 || got.usage.Prompt+got.usage.Completion > maxCounted>>10:
		return most
	default:
		return got.usage
	}
}

func (p *Proxy) log(took time.Duration, used Tokens, err error) {
	account := p.options.Counter.Account()
	attributes := []any{
		"seconds", took.Seconds(), "promptTokens", used.Prompt, "completionTokens", used.Completion,
		"usedPromptTokens", account.Used.Prompt, "usedCompletionTokens", account.Used.Completion,
	}
	if f, ok := asFailure(err); ok {
		p.options.Log.Warn("no answer", append(attributes, "reason", f.reason())...)
		return
	}
	if err != nil {
		p.options.Log.Warn("the caller went away", attributes...)
		return
	}
	p.options.Log.Info("answered", attributes...)
}

// read takes the messages out of a request and nothing else. When it cannot, the
// request is answered and the second result is false.
func (p *Proxy) read(w http.ResponseWriter, r *http.Request) ([]task.Message, bool) {
	limit := int64(p.options.Teacher.ContextTokens)*bodyPerToken + bodyOverhead
	content, err := io.ReadAll(http.MaxBytesReader(w, r.Body, limit))
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		respond(w, http.StatusRequestEntityTooLarge, "request_too_large", fmt.Sprintf("the request has more than %d bytes", limit))
		return nil, false
	case err != nil:
		respond(w, http.StatusBadRequest, "unreadable", "the request could not be read")
		return nil, false
	}
	messages, err := parseMessages(content)
	if err != nil {
		respond(w, http.StatusBadRequest, "invalid_request", err.Error())
		return nil, false
	}
	return messages, true
}

// parseMessages reads the messages of a request.
func parseMessages(content []byte) ([]task.Message, error) {
	var body struct {
		Messages []struct {
			Role    task.Role `json:"role"`
			Content *string   `json:"content"`
		} `json:"messages"`
	}
	if err := json.Unmarshal(content, &body); err != nil {
		return nil, errors.New("the request is no JSON object with messages whose content is text")
	}
	if n := len(body.Messages); n == 0 || n > maxMessages {
		return nil, fmt.Errorf("the request has %d messages; want 1 to %d", n, maxMessages)
	}
	messages := make([]task.Message, 0, len(body.Messages))
	for i, m := range body.Messages {
		known := m.Role == task.RoleSystem || m.Role == task.RoleUser || m.Role == task.RoleAssistant
		if !known || m.Content == nil {
			return nil, fmt.Errorf("message %d has the role %.20q or no content; want system, user or assistant, with text", i, m.Role)
		}
		messages = append(messages, task.Message{Role: m.Role, Content: *m.Content})
	}
	return messages, nil
}

// refuse answers a request that was not sent.
func (p *Proxy) refuse(w http.ResponseWriter, r *http.Request, err error) {
	f, ok := asFailure(err)
	switch {
	case ok && f.cause == busy:
		w.Header().Set("Retry-After", strconv.Itoa(int(busyPause/time.Second)))
		respond(w, http.StatusServiceUnavailable, string(busy), "too many requests are under way")
	case errors.Is(err, ErrBudget):
		p.options.Log.Warn("a request is refused", "error", err)
		respond(w, http.StatusPaymentRequired, string(overBudget), err.Error())
	case r.Context().Err() != nil:
		// The caller went away.
	default:
		p.options.Log.Error("the account is not written, so nothing is asked", "error", err)
		w.Header().Set("Retry-After", strconv.Itoa(int(busyPause/time.Second)))
		respond(w, http.StatusInternalServerError, "account", "the account cannot be written")
	}
}
