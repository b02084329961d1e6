// Package teachertest is an OpenAI-compatible endpoint that fails as a test
// tells it to, and a network in memory to reach it by.
package teachertest

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
)

// Server is the endpoint. It treats each request by the next step, and by
// Otherwise when no step is left. Whoever serves it does so under any address.
type Server struct {
	// Otherwise is the last step; nil refuses.
	Otherwise Step

	mu       sync.Mutex
	key      string
	steps    []Step
	requests []Request
	under    int
	most     int
	prompt   int64
	answers  int64
}

// Request is what a server was asked.
type Request struct {
	Header http.Header
	Body   map[string]any
}

// New returns a server that goes through steps.
func New(steps ...Step) *Server { return &Server{steps: steps, Otherwise: Answer("THOUGHT: done")} }

// Demand makes the server want a key from now on; another one than before is a
// key revoked midway.
func (s *Server) Demand(key string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.key = key
}

// Then adds steps.
func (s *Server) Then(steps ...Step) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.steps = append(s.steps, steps...)
}

// Requests returns what the server was asked.
func (s *Server) Requests() []Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]Request(nil), s.requests...)
}

// Billed returns the tokens of prompts and answers that the endpoint charges
// for: those of every request that it began to answer.
func (s *Server) Billed() (prompt, completion int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.prompt, s.answers
}

// Most returns the greatest number of requests that were under way at once.
func (s *Server) Most() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.most
}

// ServeHTTP implements http.Handler.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	content, err := io.ReadAll(r.Body)
	var body map[string]any
	if err == nil {
		err = json.Unmarshal(content, &body)
	}
	if err != nil || r.Method != http.MethodPost || r.URL.Path != "/v1/chat/completions" {
		w.WriteHeader(http.StatusNotFound)
		return
	}
	step, allowed := s.next(r, body)
	defer s.leave()
	if !allowed {
		step = Status(http.StatusUnauthorized, "", "Incorrect API key provided: "+strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer "))
	}
	step(&Exchange{W: w, R: r, server: s, content: content, prompt: tokens(string(content))})
}

func (s *Server) next(r *http.Request, body map[string]any) (Step, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.requests = append(s.requests, Request{Header: r.Header.Clone(), Body: body})
	s.under++
	s.most = max(s.most, s.under)
	if s.key != "" && r.Header.Get("Authorization") != "Bearer "+s.key {
		return nil, false
	}
	if len(s.steps) == 0 {
		return s.Otherwise, true
	}
	step := s.steps[0]
	s.steps = s.steps[1:]
	return step, true
}

func (s *Server) leave() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.under--
}

// tokens stands in for a tokenizer: four bytes each, at least one.
func tokens(text string) int64 { return int64(len(text))/4 + 1 }

// Step is how the server treats one request.
type Step func(*Exchange)

// Exchange is one request under way.
type Exchange struct {
	W      http.ResponseWriter
	R      *http.Request
	server *Server
	// content is the request's body.
	content []byte
	prompt  int64
	given   int64
	billed  bool
}

// Say sends a piece of an answer and charges for it.
func (e *Exchange) Say(text string) {
	e.server.mu.Lock()
	if !e.billed {
		e.server.prompt += e.prompt
	}
	e.billed = true
	e.server.answers += tokens(text)
	e.server.mu.Unlock()
	e.given += tokens(text)
	e.piece(text)
}

func (e *Exchange) piece(text string) {
	e.Send(map[string]any{"choices": []any{map[string]any{"index": 0, "delta": map[string]any{"content": text}, "finish_reason": nil}}})
}

// Send sends one event.
func (e *Exchange) Send(body any) {
	if e.W.Header().Get("Content-Type") == "" {
		e.W.Header().Set("Content-Type", "text/event-stream")
	}
	content, err := json.Marshal(body)
	if err != nil {
		content = []byte(err.Error())
	}
	// The client is gone if this fails.
	_, _ = fmt.Fprintf(e.W, "data: %s\n\n", content)
	_ = http.NewResponseController(e.W).Flush()
}

// Finish ends an answer with a reason to stop.
func (e *Exchange) Finish(reason string) {
	e.Send(map[string]any{"choices": []any{map[string]any{"index": 0, "delta": map[string]any{}, "finish_reason": reason}}})
}

// Usage tells what the answer used.
func (e *Exchange) Usage() {
	e.Send(map[string]any{"choices": []any{}, "usage": map[string]any{
		"prompt_tokens": e.prompt, "completion_tokens": e.given, "total_tokens": e.prompt + e.given,
	}})
}

func (e *Exchange) done() { _, _ = io.WriteString(e.W, "data: [DONE]\n\n") }

// Answer answers as it should, word by word.
func Answer(text string) Step { return Ended(text, "stop") }

// Ended answers with a reason to stop.
func Ended(text, reason string) Step {
	return func(e *Exchange) {
		for _, word := range strings.SplitAfter(text, " ") {
			e.Say(word)
		}
		e.Finish(reason)
		e.Usage()
		e.done()
	}
}

// WithoutUsage answers and does not tell what that used.
func WithoutUsage(text string) Step {
	return func(e *Exchange) {
		e.Say(text)
		e.Finish("stop")
		e.done()
	}
}

// Status refuses with a status; retryAfter may be empty.
func Status(status int, retryAfter, message string) Step {
	return func(e *Exchange) {
		if retryAfter != "" {
			e.W.Header().Set("Retry-After", retryAfter)
		}
		e.W.Header().Set("Content-Type", "application/json")
		e.W.WriteHeader(status)
		_ = json.NewEncoder(e.W).Encode(map[string]any{"error": map[string]any{"message": message, "code": strconv.Itoa(status)}})
	}
}

// Redirect sends the client elsewhere.
func Redirect(to string) Step {
	return func(e *Exchange) { http.Redirect(e.W, e.R, to, http.StatusTemporaryRedirect) }
}

// Cut sends the beginning of an answer and hangs up.
func Cut(text string) Step {
	return func(e *Exchange) {
		e.Say(text)
		panic(http.ErrAbortHandler)
	}
}

// Broken sends the beginning of an answer and then an error in the stream.
func Broken(text, message string) Step {
	return func(e *Exchange) {
		e.Say(text)
		e.Send(map[string]any{"error": map[string]any{"message": message, "code": "busy"}})
	}
}

// Stall sends the beginning of an answer and then nothing more.
func Stall(text string) Step {
	return func(e *Exchange) {
		e.Say(text)
		<-e.R.Context().Done()
	}
}

// Hang sends nothing at all.
func Hang() Step { return func(e *Exchange) { <-e.R.Context().Done() } }

// Raw sends anything as a successful response.
func Raw(contentType, body string) Step {
	return func(e *Exchange) {
		e.W.Header().Set("Content-Type", contentType)
		_, _ = io.WriteString(e.W, body)
	}
}

// Endless answers until the client goes, far beyond what it was asked for; it
// charges for the first piece.
func Endless(piece string) Step {
	return func(e *Exchange) {
		for e.Say(piece); e.R.Context().Err() == nil; {
			e.piece(piece)
		}
	}
}
