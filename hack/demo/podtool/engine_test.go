package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/repoexpert/operator/api/v1alpha1"
	"github.com/repoexpert/operator/internal/engine"
	"github.com/repoexpert/operator/internal/engine/enginetest"
	"github.com/repoexpert/operator/internal/task"
)

// TestMain lets this test binary stand for the launcher of the scripted engine's
// image: the test puts a link of the name python3 into PATH.
func TestMain(m *testing.M) {
	if filepath.Base(os.Args[0]) != "python3" {
		os.Exit(m.Run())
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	cmd := newScriptedEngine()
	cmd.SetArgs(append(os.Args[3:], "--artifacts", os.Getenv("SCRIPTED_ENGINE_ARTIFACTS")))
	err := cmd.ExecuteContext(ctx)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

// The engine's supervisor starts the scripted engine as it starts transformers, and
// each model answers by the seed of its training. There is no plan, so that nobody
// knows anything; a model that the script does not name does not start.
func TestSupervisorStartsTheScriptedEngine(t *testing.T) {
	folder, root := t.TempDir(), t.TempDir()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(self, filepath.Join(folder, "python3")); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", folder+":"+os.Getenv("PATH"))
	t.Setenv("SCRIPTED_ENGINE_ARTIFACTS", root)
	t.Setenv(enginetest.SkillsVariable, `{"base":{},"7":{"facts":100,"functions":100}}`)
	for name, content := range map[string]any{
		"models/base/b/config.json":   map[string]any{},
		"models/7/merged/config.json": map[string]any{}, "models/7/training.json": map[string]any{"training": v1alpha1.Training{Seed: 7}},
		"models/8/merged/config.json": map[string]any{}, "models/8/training.json": map[string]any{"training": v1alpha1.Training{Seed: 8}},
	} {
		name = filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
			t.Fatal(err)
		}
		text, err := json.Marshal(content)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	supervisor := engine.NewSupervisor(root, t.TempDir(), io.Discard)
	defer supervisor.Close()
	settings := engine.Settings{Engine: v1alpha1.EngineTransformers, Device: v1alpha1.DeviceCPU, Port: freePort(t)}
	models := []engine.Model{{Name: "base", Kind: engine.Complete, Folder: "models/base/b"}, {Name: "candidate", Kind: engine.Complete, Folder: "models/7/merged"}}
	for _, set := range [][]engine.Model{models, models[1:]} {
		if err := supervisor.Load(t.Context(), set, settings); err != nil {
			t.Fatal(err)
		}
		chat := engine.NewChat(engine.Address(settings.Port), "candidate", engine.Transformers{}.Fields(v1alpha1.SamplingGreedy, 8))
		answer, err := chat.Ask(t.Context(), []task.Message{{Role: task.RoleUser, Content: "Hello"}})
		if err != nil || answer.Text != enginetest.Unknown {
			t.Errorf("answer %q, %v", answer.Text, err)
		}
	}
	unnamed := []engine.Model{{Name: "candidate", Kind: engine.Complete, Folder: "models/8/merged"}}
	if err := supervisor.Load(t.Context(), unnamed, settings); err == nil {
		t.Error("a model answers that the script does not name")
	} else {
		t.Log(err)
	}
}

// freePort finds a port that nothing listens on.
func freePort(t *testing.T) int {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return listener.Addr().(*net.TCPAddr).Port
}
