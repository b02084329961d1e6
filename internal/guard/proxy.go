package guard

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/http/httputil"
	"strconv"

	"github.com/repoexpert/operator/internal/engine"
)

const (
	// maxRequest bounds a request's body, in bytes: 128k tokens of text and some.
	maxRequest = 4 << 20
	// maxResponse bounds an answer whose model name is rewritten.
	maxResponse = 16 << 20
)

// nameKey is the context key of the model's name in a request.
type nameKey struct{}

// proxy passes completions on to the engine.
func (g *Guard) proxy() http.Handler {
	proxy := &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(g.options.Upstream)
			// The engine's answers are rewritten, so they must be readable.
			r.Out.Header.Del("Accept-Encoding")
			r.Out.Header.Del("Authorization")
		},
		ModifyResponse: rename,
		ErrorHandler:   g.failed,
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !g.ready.Load() {
			w.Header().Set("Retry-After", "5")
			refuse(w, http.StatusServiceUnavailable, "server_error", "not_ready", "the model is not ready")
			return
		}
		rewritten, ok := g.accept(w, r)
		if ok {
			proxy.ServeHTTP(w, rewritten)
		}
	})
}

// accept reads a request and puts the engine's own name of the model into it. If
// it cannot be passed on, it is answered and the second result is false.
func (g *Guard) accept(w http.ResponseWriter, r *http.Request) (*http.Request, bool) {
	content, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxRequest))
	var tooLarge *http.MaxBytesError
	if errors.As(err, &tooLarge) {
		refuse(w, http.StatusRequestEntityTooLarge, "invalid_request_error", "request_too_large", fmt.Sprintf("the request has more than %d bytes", maxRequest))
		return nil, false
	}
	if err != nil {
		refuse(w, http.StatusBadRequest, "invalid_request_error", "unreadable", "the request could not be read")
		return nil, false
	}
	var body map[string]json.RawMessage
	if err := json.Unmarshal(content, &body); err != nil || body == nil {
		refuse(w, http.StatusBadRequest, "invalid_request_error", "invalid_json", "the request is no JSON object")
		return nil, false
	}
	name, ok := modelOf(body)
	switch {
	case !ok:
		refuse(w, http.StatusBadRequest, "invalid_request_error", "invalid_model", "model is no text")
		return nil, false
	case name == "":
		name = g.options.Name
	case !g.answersTo(name):
		g.refuseModel(w, name)
		return nil, false
	}
	body["model"] = json.RawMessage(strconv.Quote(engine.ServedName))
	// What was read as JSON is written as JSON.
	content, _ = json.Marshal(body)
	out := r.WithContext(context.WithValue(r.Context(), nameKey{}, name))
	out.Body = io.NopCloser(bytes.NewReader(content))
	out.ContentLength = int64(len(content))
	return out, true
}

func modelOf(body map[string]json.RawMessage) (string, bool) {
	raw, there := body["model"]
	if !there || string(raw) == "null" {
		return "", true
	}
	var name string
	return name, json.Unmarshal(raw, &name) == nil
}

// rename puts the requested name into an answer that is one JSON object. Streams
// pass as they come.
func rename(response *http.Response) error {
	kind, _, err := mime.ParseMediaType(response.Header.Get("Content-Type"))
	if err != nil || kind != "application/json" {
		return nil
	}
	content, err := io.ReadAll(io.LimitReader(response.Body, maxResponse+1))
	if err != nil {
		return fmt.Errorf("read the engine's answer: %w", err)
	}
	if len(content) > maxResponse {
		return fmt.Errorf("the engine's answer has more than %d bytes", maxResponse)
	}
	if err := response.Body.Close(); err != nil {
		return fmt.Errorf("read the engine's answer: %w", err)
	}
	var body map[string]json.RawMessage
	if json.Unmarshal(content, &body) == nil && body["model"] != nil {
		name, _ := response.Request.Context().Value(nameKey{}).(string)
		// A name and what was read as JSON always marshal.
		body["model"], _ = json.Marshal(name)
		content, _ = json.Marshal(body)
	}
	response.Body = io.NopCloser(bytes.NewReader(content))
	response.ContentLength = int64(len(content))
	response.Header.Set("Content-Length", strconv.Itoa(len(content)))
	return nil
}

// failed answers when the engine does not.
func (g *Guard) failed(w http.ResponseWriter, r *http.Request, err error) {
	if r.Context().Err() != nil {
		// The client went away.
		return
	}
	g.options.Log.Error("the engine did not answer", "path", r.URL.Path, "error", err)
	refuse(w, http.StatusBadGateway, "server_error", "engine_unavailable", "the model server did not answer")
}
