package guard

import (
	"encoding/json"
	"net/http"
)

// Handler returns the guard's HTTP API.
func (g *Guard) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /startupz", func(w http.ResponseWriter, _ *http.Request) {
		status(w, g.verified.Load(), "the model's files are being verified")
	})
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, r *http.Request) {
		if !g.ready.Load() {
			status(w, false, "the model has not yet answered as it was evaluated")
			return
		}
		status(w, g.upstreamListens(r.Context()), "the engine accepts no connections")
	})
	mux.HandleFunc("GET /v1/models", func(w http.ResponseWriter, _ *http.Request) { g.models(w) })
	mux.HandleFunc("GET /v1/models/{name}", func(w http.ResponseWriter, r *http.Request) { g.model(w, r.PathValue("name")) })
	proxy := g.proxy()
	mux.Handle("POST /v1/chat/completions", proxy)
	mux.Handle("POST /v1/completions", proxy)
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		refuse(w, http.StatusNotFound, "invalid_request_error", "not_found", r.Method+" "+r.URL.Path+" is not served here")
	})
	return mux
}

func status(w http.ResponseWriter, ok bool, otherwise string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	text := "ok"
	if !ok {
		w.WriteHeader(http.StatusServiceUnavailable)
		text = otherwise
	}
	// The prober is gone if this fails.
	_, _ = w.Write([]byte(text + "\n"))
}

// modelEntry is one model of OpenAI's list.
type modelEntry struct {
	ID     string `json:"id"`
	Object string `json:"object"`
	// Created is unknown here and 0, so that all replicas say the same.
	Created int64  `json:"created"`
	OwnedBy string `json:"owned_by"`
}

func entry(name string) modelEntry {
	return modelEntry{ID: name, Object: "model", OwnedBy: "repoexpert"}
}

func (g *Guard) models(w http.ResponseWriter) {
	respond(w, http.StatusOK, map[string]any{
		"object": "list", "data": []modelEntry{entry(g.options.Name), entry(g.options.VersionedName)},
	})
}

func (g *Guard) model(w http.ResponseWriter, name string) {
	if !g.answersTo(name) {
		g.refuseModel(w, name)
		return
	}
	respond(w, http.StatusOK, entry(name))
}

func (g *Guard) answersTo(name string) bool {
	return name == g.options.Name || name == g.options.VersionedName
}

func (g *Guard) refuseModel(w http.ResponseWriter, name string) {
	const shown = 100
	refuse(w, http.StatusNotFound, "invalid_request_error", "model_not_found",
		"model "+name[:min(len(name), shown)]+" does not exist; this endpoint serves "+g.options.Name+" and "+g.options.VersionedName)
}

// refuse answers with an error as OpenAI's API does.
func refuse(w http.ResponseWriter, code int, kind, name, message string) {
	respond(w, code, map[string]any{"error": map[string]any{"message": message, "type": kind, "param": nil, "code": name}})
}

func respond(w http.ResponseWriter, code int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	// The client is gone if this fails.
	_ = json.NewEncoder(w).Encode(body)
}
