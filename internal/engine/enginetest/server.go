// Package enginetest is a model server whose answers are scripted. It stands for
// weights that can do what a test says: no model that is small enough for a test
// passes or fails a gate as exactly.
//
// It is started and asked as `transformers serve` is, finds models by the links in
// its working directory, and knows which of them it answers as by how their weights
// were trained. Right answers come from the plans and snapshots of the artifact
// volume. Usage is the same for all answers and says nothing.
package enginetest

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"sync"

	"github.com/repoexpert/operator/api/v1alpha1"
	"github.com/repoexpert/operator/internal/agent"
	"github.com/repoexpert/operator/internal/artifact"
	"github.com/repoexpert/operator/internal/task"
)

// Unknown is the answer to a question that a model does not know.
const Unknown = "unknown"

const (
	// trainingFile of a trained model says how it was trained.
	trainingFile = "training.json"
	maxRequest   = 4 << 20
)

// Server answers as models of one artifact volume.
type Server struct {
	models string
	skills Skills
	known  *knowledge

	mu sync.Mutex
	// order numbers the tasks of drawn tries as they were first asked.
	order map[string]int
}

// New returns a server that knows what the plans of an artifact volume say now.
// models is the folder with a link of its name to each model's weights.
func New(artifacts, models string, skills Skills) (*Server, error) {
	store, err := artifact.Open(artifacts)
	if err != nil {
		return nil, err
	}
	defer func() { _ = store.Close() }()
	known, err := learn(store)
	if err != nil {
		return nil, err
	}
	return &Server{models: models, skills: skills, known: known, order: map[string]int{}}, nil
}

// Handler returns what of OpenAI's API is asked of a model server.
func (s *Server) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /health", func(http.ResponseWriter, *http.Request) {})
	mux.HandleFunc("POST /v1/chat/completions", s.complete)
	return mux
}

// request is what is read of a request.
type request struct {
	Model      string         `json:"model"`
	Messages   []task.Message `json:"messages"`
	Generation string         `json:"generation_config"`
}

func (s *Server) complete(w http.ResponseWriter, r *http.Request) {
	var asked request
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxRequest)).Decode(&asked); err != nil {
		respond(w, http.StatusBadRequest, map[string]any{"error": map[string]any{"message": err.Error()}})
		return
	}
	text, err := s.answer(asked)
	if err != nil {
		respond(w, http.StatusInternalServerError, map[string]any{"error": map[string]any{"message": err.Error()}})
		return
	}
	respond(w, http.StatusOK, map[string]any{
		"object": "chat.completion", "model": asked.Model,
		"choices": []any{map[string]any{"index": 0, "finish_reason": "stop", "message": map[string]string{"role": "assistant", "content": text}}},
		"usage":   map[string]int{"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15},
	})
}

func respond(w http.ResponseWriter, code int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	// The client is gone if this fails.
	_ = json.NewEncoder(w).Encode(body)
}

// answer is the model's next turn: to the first message of an agent's task that it
// knows, else to the last one.
func (s *Server) answer(asked request) (string, error) {
	if len(asked.Messages) == 0 {
		return "", errors.New("no messages")
	}
	seed, skill, err := s.skillOf(asked.Model)
	if err != nil {
		return "", err
	}
	if opening := agent.Opening(""); len(asked.Messages) >= len(opening) && asked.Messages[0] == opening[0] {
		text := asked.Messages[1].Content
		if len(asked.Messages) > len(opening) {
			return turn("Hand it in.", agent.SubmitChange), nil
		}
		return s.write(text, s.right(text, skill, seed, asked.drawn())), nil
	}
	known, there := s.known.facts[asked.Messages[len(asked.Messages)-1].Content]
	if !there || !skill.Knows(known.number) {
		return Unknown, nil
	}
	return known.answer, nil
}

// drawn says whether a request leaves the answer to chance.
func (r request) drawn() bool {
	var generation struct {
		Draw bool `json:"do_sample"`
	}
	return json.Unmarshal([]byte(r.Generation), &generation) == nil && generation.Draw
}

// right says whether this try at a function ends right.
func (s *Server) right(text string, skill Skill, seed int, drawn bool) bool {
	if !drawn {
		return skill.Writes()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	number, before := s.order[text]
	if !before {
		number = len(s.order)
		s.order[text] = number
	}
	return skill.Draws(number, s.known.looks, seed)
}

// write is the first turn at a function: right or not, something is done.
func (s *Server) write(text string, right bool) string {
	patch, known := s.known.functions[text]
	if !right || !known {
		return turn("Look around.", "git status --short")
	}
	return turn("Write it.", "git apply <<'END OF THE PATCH'\n"+patch+"END OF THE PATCH")
}

func turn(thought, command string) string {
	return "THOUGHT: " + thought + "\n```bash\n" + command + "\n```"
}

// skillOf is what the weights behind a name can do, and the seed of their training,
// 0 of the base model.
func (s *Server) skillOf(model string) (seed int, skill Skill, err error) {
	if !filepath.IsLocal(model) || filepath.Base(model) != model {
		return 0, Skill{}, fmt.Errorf("%q is no model's name", model)
	}
	weights, err := filepath.EvalSymlinks(filepath.Join(s.models, model))
	if err != nil {
		return 0, Skill{}, fmt.Errorf("model %s is not loaded: %w", model, err)
	}
	name := Base
	content, err := os.ReadFile(filepath.Join(filepath.Dir(weights), trainingFile))
	switch {
	case err == nil:
		var trained struct {
			Training v1alpha1.Training `json:"training"`
		}
		if err := json.Unmarshal(content, &trained); err != nil {
			return 0, Skill{}, fmt.Errorf("read how %s was trained: %w", model, err)
		}
		seed = int(trained.Training.Seed)
		name = strconv.Itoa(seed)
	case !errors.Is(err, os.ErrNotExist):
		return 0, Skill{}, fmt.Errorf("read how %s was trained: %w", model, err)
	}
	skill, there := s.skills[name]
	if !there {
		return 0, Skill{}, fmt.Errorf("the script says nothing of model %s, %s: name it among the skills", model, name)
	}
	return seed, skill, nil
}
