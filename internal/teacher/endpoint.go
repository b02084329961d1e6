package teacher

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"strings"
	"sync/atomic"
	"time"

	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/option"
	"github.com/openai/openai-go/v3/packages/ssestream"

	"github.com/repoexpert/operator/internal/engine"
	"github.com/repoexpert/operator/internal/task"
)

const (
	// bytesPerToken bounds the text of a token, as for the engines.
	bytesPerToken = 32
	// wirePerToken bounds what a streamed token takes on the wire: a chunk of its
	// own, with the fields that endpoints add.
	wirePerToken = 2 << 10
	// wireOverhead is the rest of a response, in bytes.
	wireOverhead = 1 << 20
	// maxRefusal bounds what is read of an error, maxExcerpt what is repeated.
	maxRefusal = 16 << 10
	maxExcerpt = 300
)

// limits of one request.
type limits struct {
	// request bounds the whole, stall the time between two pieces of an answer.
	request, stall time.Duration
	// tokens bounds the answer.
	tokens int64
}

// endpoint asks one model behind one base URL, always in the same way.
type endpoint struct {
	completions openai.ChatCompletionService
	model       string
	// fields go into every request beside model and messages.
	fields map[string]any
	limits limits
}

// newEndpoint returns an endpoint that is asked through a transport. Redirects
// are not followed: a key goes to the host that it is for.
func newEndpoint(baseURL, model string, fields map[string]any, l limits, transport http.RoundTripper) *endpoint {
	client := &http.Client{
		Transport:     transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	return &endpoint{
		// Not openai.NewClient, which reads keys and addresses from the environment.
		completions: openai.NewChatCompletionService(
			option.WithBaseURL(strings.TrimRight(baseURL, "/")+"/"), option.WithHTTPClient(client), option.WithMaxRetries(0)),
		model: model, fields: fields, limits: l,
	}
}

// answer of a model.
type answer struct {
	text string
	// finish is the endpoint's reason to stop; never empty.
	finish string
	usage  Tokens
}

// ask makes one request with the messages and the key, if there is one, and
// gives each piece of the answer to each. What it returns of an answer is valid
// beside an error too: usage may have come before it. The error is a *failure,
// the context's, or that of each.
func (e *endpoint) ask(ctx context.Context, messages []task.Message, key string, each func(text string) error) (answer, error) {
	converted, err := engine.Messages(messages)
	if err != nil {
		return answer{}, err
	}
	timed, clock := watch(ctx, e.limits)
	defer clock.stop()
	wire := &wire{limit: e.limits.tokens*wirePerToken + wireOverhead}
	stream := e.completions.NewStreaming(wire.trace(timed),
		openai.ChatCompletionNewParams{Model: e.model, Messages: converted}, e.options(key, wire)...)
	defer func() { _ = stream.Close() }()
	got, err := e.collect(stream, clock, each)
	if err != nil {
		return got, err
	}
	if err := stream.Err(); err != nil {
		return got, e.explain(ctx, timed, wire, err)
	}
	if got.finish == "" {
		return got, &failure{cause: endOf(got), sent: true}
	}
	return got, nil
}

func (e *endpoint) options(key string, wire *wire) []option.RequestOption {
	options := []option.RequestOption{option.WithMiddleware(wire.guard)}
	for name, value := range e.fields {
		options = append(options, option.WithJSONSet(name, value))
	}
	if key != "" {
		options = append(options, option.WithAPIKey(key))
	}
	return options
}

// collect reads the stream up to its end. An error is that of each, or a failure
// of what was read.
func (e *endpoint) collect(stream *ssestream.Stream[openai.ChatCompletionChunk], clock *clock, each func(string) error) (answer, error) {
	var got answer
	var text strings.Builder
	for stream.Next() {
		clock.alive()
		chunk := stream.Current()
		if chunk.JSON.Usage.Valid() {
			got.usage = Tokens{Prompt: chunk.Usage.PromptTokens, Completion: chunk.Usage.CompletionTokens}
		}
		if len(chunk.Choices) == 0 {
			continue
		}
		choice := chunk.Choices[0]
		if choice.FinishReason != "" {
			got.finish = choice.FinishReason
		}
		if choice.Delta.Content == "" {
			continue
		}
		if int64(text.Len()+len(choice.Delta.Content)) > e.limits.tokens*bytesPerToken {
			return got, &failure{cause: garbage, sent: true, text: fmt.Sprintf("the answer has more than %d bytes", e.limits.tokens*bytesPerToken)}
		}
		text.WriteString(choice.Delta.Content)
		got.text = text.String()
		if err := each(choice.Delta.Content); err != nil {
			return got, err
		}
	}
	return got, nil
}

// endOf tells an answer that stopped early from one that never was.
func endOf(got answer) cause {
	if got.text == "" && got.usage == (Tokens{}) {
		return garbage
	}
	return cut
}

// explain turns an error of the stream into a failure.
func (e *endpoint) explain(ctx, timed context.Context, wire *wire, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if f, ok := asFailure(context.Cause(timed)); ok {
		return &failure{cause: f.cause, sent: wire.sent.Load()}
	}
	if f, ok := asFailure(err); ok {
		return f
	}
	var event *ssestream.StreamError
	switch {
	case errors.As(err, &event):
		text, code := refusal(event.Event.Data)
		return &failure{cause: cut, text: text, code: code, sent: true}
	case errors.Is(wire.failed(), errTooLong):
		return &failure{cause: garbage, sent: true, err: errTooLong}
	case !wire.sent.Load():
		return &failure{cause: unreachable, err: err}
	case wire.answered.Load() && wire.failed() == nil:
		return &failure{cause: garbage, sent: true, err: err}
	default:
		return &failure{cause: cut, sent: true, err: err}
	}
}

// refusal reads the message and code of an error as OpenAI's API writes it, or
// the beginning of something else.
func refusal(content []byte) (text, code string) {
	var body struct {
		Error struct {
			Message string `json:"message"`
			Code    any    `json:"code"`
		} `json:"error"`
	}
	text = string(content)
	if json.Unmarshal(content, &body) == nil && body.Error.Message != "" {
		text = body.Error.Message
		code, _ = body.Error.Code.(string)
	}
	return excerpt(text), code
}

func excerpt(text string) string {
	return strings.ToValidUTF8(text[:min(len(text), maxExcerpt)], "")
}

// errTooLong says that a response has more bytes than its answer may take.
var errTooLong = errors.New("the response is too long")

// wire watches one request and its response.
type wire struct {
	limit          int64
	sent, answered atomic.Bool
	body           *boundedBody
}

// trace notes when the request leaves.
func (w *wire) trace(ctx context.Context) context.Context {
	return httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{WroteHeaders: func() { w.sent.Store(true) }})
}

// guard refuses every status but 200 and bounds the body.
func (w *wire) guard(request *http.Request, next option.MiddlewareNext) (*http.Response, error) {
	response, err := next(request)
	if err != nil {
		return response, err
	}
	w.answered.Store(true)
	if response.StatusCode == http.StatusOK {
		w.body = &boundedBody{body: response.Body, left: w.limit}
		response.Body = w.body
		return response, nil
	}
	// What cannot be read of a refusal is not told; its status is.
	content, _ := io.ReadAll(io.LimitReader(response.Body, maxRefusal))
	_ = response.Body.Close()
	text, code := refusal(content)
	return nil, &failure{
		cause: refused, status: response.StatusCode, wait: retryAfter(response.Header, time.Now()), text: text, code: code, sent: true,
	}
}

// failed returns how reading the body failed, nil when it did not.
func (w *wire) failed() error {
	if w.body == nil {
		return nil
	}
	return w.body.err
}

// boundedBody is a response's body of limited length that remembers its error.
type boundedBody struct {
	body io.ReadCloser
	left int64
	err  error
}

// Read implements io.Reader.
func (b *boundedBody) Read(p []byte) (int, error) {
	if b.left <= 0 {
		b.err = errTooLong
		return 0, b.err
	}
	n, err := b.body.Read(p[:min(int64(len(p)), b.left)])
	b.left -= int64(n)
	if err != nil && !errors.Is(err, io.EOF) {
		b.err = err
	}
	return n, err
}

// Close implements io.Closer.
func (b *boundedBody) Close() error { return b.body.Close() }

// clock ends a request that takes too long.
type clock struct {
	cancel context.CancelCauseFunc
	whole  *time.Timer
	// piece runs from the first piece of an answer on: before it, an endpoint may
	// queue the request.
	piece *time.Timer
	stall time.Duration
}

// watch returns a context that ends with a *failure when a limit is reached.
func watch(ctx context.Context, l limits) (context.Context, *clock) {
	ctx, cancel := context.WithCancelCause(ctx)
	c := &clock{cancel: cancel, stall: l.stall}
	c.whole = time.AfterFunc(l.request, func() { cancel(&failure{cause: slow}) })
	return ctx, c
}

func (c *clock) alive() {
	if c.piece == nil {
		c.piece = time.AfterFunc(c.stall, func() { c.cancel(&failure{cause: stalled}) })
		return
	}
	c.piece.Reset(c.stall)
}

func (c *clock) stop() {
	c.whole.Stop()
	if c.piece != nil {
		c.piece.Stop()
	}
	c.cancel(nil)
}
