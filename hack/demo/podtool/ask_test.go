package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// echo answers each question with itself, in the form of the OpenAI API.
func echo(w http.ResponseWriter, r *http.Request) {
	var request struct {
		Model    string `json:"model"`
		Messages []struct {
			Content string `json:"content"`
		} `json:"messages"`
	}
	if err := json.NewDecoder(r.Body).Decode(&request); err != nil || r.URL.Path != "/v1/chat/completions" || request.Model != "boltons" {
		http.Error(w, fmt.Sprintf(`{"error":{"message":"%s asks %q: %v"}}`, r.URL.Path, request.Model, err), http.StatusBadRequest)
		return
	}
	answer := map[string]any{"choices": []any{map[string]any{"message": map[string]any{"role": "assistant", "content": request.Messages[0].Content + "!"}}}}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(answer)
}

func runAsk(t *testing.T, args ...string) (string, error) {
	t.Helper()
	var out bytes.Buffer
	cmd := newAsk()
	cmd.SetArgs(args)
	cmd.SetOut(&out)
	cmd.SilenceUsage, cmd.SilenceErrors = true, true
	err := cmd.ExecuteContext(t.Context())
	return out.String(), err
}

func TestAsk(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(echo))
	defer server.Close()
	url := server.URL + "/v1"
	got, err := runAsk(t, "--url", url, "--model", "boltons", "--", "--one\ntwo", "three")
	if err != nil || got != "\"--one\\ntwo!\"\n\"three!\"\n" {
		t.Errorf("ask = %q, %v", got, err)
	}
	if _, err := runAsk(t, "--url", url, "--model", "other", "one"); err == nil || !strings.Contains(err.Error(), url) {
		t.Errorf("a refused question: %v", err)
	}
	if _, err := runAsk(t, "--url", url); err == nil {
		t.Error("no error without a question")
	}
}
