package engine

import (
	"context"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/repoexpert/operator/api/v1alpha1"
	"github.com/repoexpert/operator/internal/process"
)

const (
	// stopGrace is what a server gets to end its requests.
	stopGrace = 20 * time.Second
	// pollInterval between two looks at a server that starts.
	pollInterval = 500 * time.Millisecond
	// tailLimit bounds how much of a server's output goes into an error.
	tailLimit = 2 << 10
)

// Supervisor runs one model server at a time.
type Supervisor struct {
	root    string
	scratch string
	log     io.Writer
	engines func(Settings) (Engine, error)

	mu       sync.Mutex
	child    *process.Process
	models   []Model
	settings Settings
	place    string
}

// NewSupervisor returns a supervisor of servers that read models below root, the
// artifact volume, and work in new directories below scratch. What the servers
// print goes to log.
func NewSupervisor(root, scratch string, log io.Writer) *Supervisor {
	return &Supervisor{root: root, scratch: scratch, log: log, engines: func(s Settings) (Engine, error) { return For(s.Engine) }}
}

// StartError says that a server could not be started or did not answer. The
// models or the engine are at fault, not the order.
type StartError struct {
	Reason string
	// Tail is the end of the server's output, bounded.
	Tail string
}

// Error implements error.
func (e *StartError) Error() string {
	if e.Tail == "" {
		return e.Reason
	}
	return e.Reason + ": " + e.Tail
}

// Load makes a server answer as each of the models, in place of the one before,
// and returns when each has answered a question. The same models on a living
// server are loaded already. An error that is no *StartError means a wrong order.
func (s *Supervisor) Load(ctx context.Context, models []Model, settings Settings) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.alive() && slices.Equal(s.models, models) && s.settings == settings {
		return nil
	}
	engine, err := s.engines(settings)
	if err != nil {
		return err
	}
	resolved, err := resolve(s.root, models)
	if err != nil {
		return err
	}
	launch, err := engine.Launch(resolved, settings)
	if err != nil {
		return err
	}
	s.stop()
	if err := s.start(launch); err != nil {
		return &StartError{Reason: "the model server cannot be started: " + err.Error()}
	}
	s.models, s.settings = slices.Clone(models), settings
	if err := s.answers(ctx, models, engine, settings); err != nil {
		failure := &StartError{Reason: err.Error(), Tail: s.tail()}
		s.stop()
		return failure
	}
	return nil
}

// Models are the names that the server answers to; none while there is no
// server.
func (s *Supervisor) Models() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	names := []string{}
	if s.alive() {
		for _, model := range s.models {
			names = append(names, model.Name)
		}
	}
	return names
}

// running is the server's process, nil when there is none.
func (s *Supervisor) running() *process.Process {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.child
}

// Close ends the server.
func (s *Supervisor) Close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stop()
}

func (s *Supervisor) alive() bool {
	if s.child == nil {
		return false
	}
	select {
	case <-s.child.Done():
		return false
	default:
		return true
	}
}

func (s *Supervisor) stop() {
	if s.child != nil {
		s.child.Stop(stopGrace)
		s.child = nil
		// Only links and what the server left beside them.
		_ = os.RemoveAll(s.place)
	}
	s.models = nil
}

func (s *Supervisor) start(launch Launch) error {
	place, err := os.MkdirTemp(s.scratch, "engine-")
	if err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(launch.Links)) {
		if err := os.Symlink(launch.Links[name], filepath.Join(place, name)); err != nil {
			return err
		}
	}
	environment, err := childEnvironment(os.Environ(), launch.Env, s.scratch)
	if err != nil {
		return err
	}
	child, err := process.Start(process.Command{Args: launch.Args, Dir: place, Env: environment, Log: s.log})
	if err != nil {
		return err
	}
	s.child, s.place = child, place
	return nil
}

// answers waits until every model answered one question.
func (s *Supervisor) answers(ctx context.Context, models []Model, engine Engine, settings Settings) error {
	// A server that ends takes the wait with it.
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	go func(child *process.Process) {
		select {
		case <-child.Done():
			cancel(fmt.Errorf("the model server ended with exit code %d before it answered", child.ExitCode()))
		case <-ctx.Done():
		}
	}(s.child)
	address := "http://127.0.0.1:" + strconv.Itoa(settings.Port)
	if err := awaitHealth(ctx, address); err != nil {
		return err
	}
	for _, model := range models {
		chat := NewChat(address+"/v1", model.Name, engine.Fields(v1alpha1.SamplingGreedy, 1))
		if _, err := chat.Ask(ctx, warmUp); err != nil {
			if cause := context.Cause(ctx); cause != nil {
				err = cause
			}
			return fmt.Errorf("model %s did not answer its first question: %w", model.Name, err)
		}
	}
	return nil
}

func (s *Supervisor) tail() string {
	tail := strings.TrimSpace(s.child.Tail())
	if over := len(tail) - tailLimit; over > 0 {
		tail = strings.ToValidUTF8(tail[over:], "")
	}
	return tail
}

// childEnvironment is a server's: what the platform set wins over the engine's
// own wishes. Caches must be writable, and one of them must exist.
func childEnvironment(own []string, wanted map[string]string, scratch string) ([]string, error) {
	defaults := map[string]string{
		"HOME":    scratch,
		"TMPDIR":  scratch,
		"HF_HOME": filepath.Join(scratch, "hf"),
		// The runtime reads the CPU quota of the cgroup; libraries would take every
		// core of the node, or one.
		"OMP_NUM_THREADS":         strconv.Itoa(runtime.GOMAXPROCS(0)),
		"PYTHONUNBUFFERED":        "1",
		"PYTHONDONTWRITEBYTECODE": "1",
		// The working directory holds links named after models, not modules.
		"PYTHONSAFEPATH": "1",
	}
	maps.Copy(defaults, wanted)
	for _, entry := range own {
		name, value, _ := strings.Cut(entry, "=")
		defaults[name] = value
	}
	if err := os.MkdirAll(filepath.Join(defaults["HF_HOME"], "hub"), 0o755); err != nil {
		return nil, fmt.Errorf("HF_HOME must be writable: %w", err)
	}
	environment := make([]string, 0, len(defaults))
	for _, name := range slices.Sorted(maps.Keys(defaults)) {
		environment = append(environment, name+"="+defaults[name])
	}
	return environment, nil
}
