package engine

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestMain lets this test binary stand for the program python3 with a model
// server in it: the tests put a link of that name into PATH. Its behaviour is in
// FAKE_SERVER.
func TestMain(m *testing.M) {
	if filepath.Base(os.Args[0]) == "python3" {
		os.Exit(modelServer(os.Getenv("FAKE_SERVER"), os.Args[1:]))
	}
	os.Exit(m.Run())
}

// fakePython puts the link into PATH and returns the scratch folder of the
// servers.
func fakePython(t *testing.T, behaviour string) string {
	t.Helper()
	folder := t.TempDir()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(self, filepath.Join(folder, "python3")); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", folder+":"+os.Getenv("PATH"))
	t.Setenv("FAKE_SERVER", behaviour)
	return t.TempDir()
}

// modelServer stands for transformers and vLLM: it answers a question with the
// content of the file "answer" in the folder of the model that is asked for,
// found in its working directory by the model's name, as the real ones find
// weights.
func modelServer(behaviour string, args []string) int {
	switch behaviour {
	case "crash":
		fmt.Fprintln(os.Stderr, "ValueError: weights are broken")
		return 1
	case "no answer":
	default:
		if _, err := os.Stat(filepath.Join(os.Getenv("HF_HOME"), "hub")); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /health", func(http.ResponseWriter, *http.Request) {})
	mux.HandleFunc("POST /v1/chat/completions", func(w http.ResponseWriter, r *http.Request) {
		var request map[string]any
		if err := json.NewDecoder(r.Body).Decode(&request); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		name, _ := request["model"].(string)
		answer, err := os.ReadFile(filepath.Join(name, "answer"))
		if err != nil || behaviour == "no answer" {
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(http.StatusInternalServerError)
			_, _ = w.Write([]byte(`{"error": {"message": "CUDA out of memory"}}`))
			return
		}
		if strings.TrimSpace(string(answer)) == "END" {
			os.Exit(7)
		}
		complete(w, string(answer))
	})
	port := args[slices.Index(args, "--port")+1]
	fmt.Fprintln(os.Stderr, http.ListenAndServe("127.0.0.1:"+port, mux))
	return 1
}

func complete(w http.ResponseWriter, text string) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(map[string]any{
		"object":  "chat.completion",
		"choices": []any{map[string]any{"index": 0, "finish_reason": "length", "message": map[string]string{"role": "assistant", "content": text}}},
		"usage":   map[string]int{"prompt_tokens": 10, "completion_tokens": 5},
	})
}
