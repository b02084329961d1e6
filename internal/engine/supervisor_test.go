package engine

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/repoexpert/operator/api/v1alpha1"
	"github.com/repoexpert/operator/internal/task"
)

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

// volume holds models that answer with their own name.
func volume(t *testing.T, folders ...string) string {
	t.Helper()
	root := t.TempDir()
	for _, folder := range folders {
		write(t, filepath.Join(root, folder, "answer"), filepath.Base(folder))
	}
	return root
}

func write(t *testing.T, name, content string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

func settings(t *testing.T) Settings {
	return Settings{Engine: v1alpha1.EngineTransformers, Device: v1alpha1.DeviceCPU, Port: freePort(t)}
}

func ask(t *testing.T, s Settings, model string) string {
	t.Helper()
	answer, err := NewChat(Address(s.Port), model, Transformers{}.Fields(v1alpha1.SamplingGreedy, 8)).
		Ask(t.Context(), []task.Message{{Role: task.RoleSystem, Content: "s"}, {Role: task.RoleUser, Content: "q"}})
	if err != nil {
		t.Fatal(err)
	}
	if !answer.Cut || answer.PromptTokens != 10 || answer.CompletionTokens != 5 {
		t.Errorf("answer %+v", answer)
	}
	return answer.Text
}

// listen runs a sidecar's supervisor and returns a client of it.
func listen(t *testing.T, root, scratch string) (*Client, *Supervisor) {
	t.Helper()
	socket := filepath.Join(t.TempDir(), "engine.sock")
	supervisor := NewSupervisor(root, scratch, io.Discard)
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- Listen(ctx, socket, supervisor) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return Dial(socket), supervisor
}

func TestModelsAreLoadedAndReplaced(t *testing.T) {
	scratch := fakePython(t, "")
	root := volume(t, "models/base/b", "models/one/merged", "models/two/merged")
	client, supervisor := listen(t, root, scratch)
	s := settings(t)
	first := []Model{{Name: "base", Kind: Complete, Folder: "models/base/b"}, {Name: "candidate", Kind: Complete, Folder: "models/one/merged"}}
	if err := client.Load(t.Context(), first, s); err != nil {
		t.Fatal(err)
	}
	if got := ask(t, s, "base") + ask(t, s, "candidate"); got != "bmerged" {
		t.Errorf("got %q", got)
	}
	child := supervisor.running()
	if err := client.Load(t.Context(), first, s); err != nil {
		t.Fatal(err)
	}
	if supervisor.running() != child {
		t.Error("the same models were loaded again")
	}
	if err := client.Load(t.Context(), []Model{{Name: "served", Kind: Complete, Folder: "models/two/merged"}}, s); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"served"}, supervisor.Models()); diff != "" {
		t.Error(diff)
	}
	select {
	case <-child.Done():
	default:
		t.Error("the first server still runs")
	}
	supervisor.Close()
	entries, err := filepath.Glob(filepath.Join(scratch, "engine-*"))
	if err != nil || len(entries) != 0 {
		t.Errorf("left behind: %v, %v", entries, err)
	}
}

func TestServersThatDoNotAnswer(t *testing.T) {
	tests := map[string]struct{ behaviour, reason, tail string }{
		"ends at once":               {"crash", "the model server ended with exit code 1 before it answered", "ValueError: weights are broken"},
		"is healthy and answers not": {"no answer", "CUDA out of memory", ""},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			client, supervisor := listen(t, volume(t, "m"), fakePython(t, test.behaviour))
			err := client.Load(t.Context(), []Model{{Name: "base", Kind: Complete, Folder: "m"}}, settings(t))
			var failed *StartError
			if !errors.As(err, &failed) || !strings.Contains(failed.Reason, test.reason) || !strings.Contains(failed.Tail, test.tail) {
				t.Errorf("got %v", err)
			}
			if supervisor.running() != nil {
				t.Error("a server that does not answer still runs")
			}
		})
	}
}

func TestOrdersAreChecked(t *testing.T) {
	root := volume(t, "m", "other")
	outside := t.TempDir()
	if err := os.Symlink(outside, filepath.Join(root, "link")); err != nil {
		t.Fatal(err)
	}
	tests := map[string]struct {
		models   []Model
		settings Settings
		want     string
	}{
		"no models":            {nil, Settings{Engine: v1alpha1.EngineVLLM}, "no models"},
		"unknown engine":       {[]Model{{Name: "a", Kind: Complete, Folder: "m"}}, Settings{Engine: "Other"}, `serving.engine "Other" is unknown`},
		"leaves the volume":    {[]Model{{Name: "a", Kind: Complete, Folder: "../etc"}}, Settings{Engine: v1alpha1.EngineVLLM}, "folder"},
		"absolute":             {[]Model{{Name: "a", Kind: Complete, Folder: "/etc"}}, Settings{Engine: v1alpha1.EngineVLLM}, "folder"},
		"link out":             {[]Model{{Name: "a", Kind: Complete, Folder: "link"}}, Settings{Engine: v1alpha1.EngineVLLM}, "folder"},
		"a file":               {[]Model{{Name: "a", Kind: Complete, Folder: "m/answer"}}, Settings{Engine: v1alpha1.EngineVLLM}, "is a file"},
		"name with a path":     {[]Model{{Name: "../a", Kind: Complete, Folder: "m"}}, Settings{Engine: v1alpha1.EngineVLLM}, "is not a lower-case label"},
		"name like a flag":     {[]Model{{Name: "-a", Kind: Complete, Folder: "m"}}, Settings{Engine: v1alpha1.EngineVLLM}, "is not a lower-case label"},
		"name twice":           {[]Model{{Name: "a", Kind: Complete, Folder: "m"}, {Name: "a", Kind: Complete, Folder: "other"}}, Settings{Engine: v1alpha1.EngineVLLM}, "there twice"},
		"unknown kind":         {[]Model{{Name: "a", Kind: "other", Folder: "m"}}, Settings{Engine: v1alpha1.EngineVLLM}, "unknown kind"},
		"adapter without base": {[]Model{{Name: "a", Kind: Adapter, Folder: "m"}}, Settings{Engine: v1alpha1.EngineVLLM}, "needs a base"},
		"adapter for an engine of complete models": {
			[]Model{{Name: "a", Kind: Adapter, Folder: "m", Base: "other"}}, Settings{Engine: v1alpha1.EngineTransformers}, "Transformers serves complete models",
		},
	}
	client, _ := listen(t, root, fakePython(t, "crash"))
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			err := client.Load(t.Context(), test.models, test.settings)
			var failed *StartError
			if err == nil || errors.As(err, &failed) || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v", err)
			}
		})
	}
}

// Serve ends with its server, and its server with it.
func TestServe(t *testing.T) {
	scratch := fakePython(t, "")
	root := volume(t, "models/k/merged", "models/base/b")
	s := settings(t)
	supervisor := NewSupervisor(root, scratch, io.Discard)
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- Serve(ctx, supervisor, "models/k", "models/base/b", s) }()
	awaitListening(t, s.Port)
	if got := ask(t, s, ServedName); got != "merged" {
		t.Errorf("got %q", got)
	}
	stop()
	if err := <-ended; err != nil {
		t.Errorf("a signal is no error: %v", err)
	}

	s.Port = freePort(t)
	go func() { ended <- Serve(t.Context(), supervisor, "models/k", "models/base/b", s) }()
	awaitListening(t, s.Port)
	// Loading holds the lock until the server has answered its first question.
	if got := supervisor.Models(); len(got) != 1 {
		t.Fatalf("got models %v", got)
	}
	write(t, filepath.Join(root, "models/k/merged/answer"), "END")
	_, err := NewChat(Address(s.Port), ServedName, nil).Ask(t.Context(), warmUp)
	if err == nil {
		t.Error("the server should have ended")
	}
	if err := <-ended; err == nil || !strings.Contains(err.Error(), "exit code 7") {
		t.Errorf("got %v", err)
	}
}

func awaitListening(t *testing.T, port int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	if err := awaitHealth(ctx, "http://127.0.0.1:"+strconv.Itoa(port)); err != nil {
		t.Fatal(err)
	}
}

func TestChildEnvironment(t *testing.T) {
	scratch := t.TempDir()
	environment, err := childEnvironment([]string{"HF_HUB_OFFLINE=0", "PATH=/bin"}, map[string]string{"HF_HUB_OFFLINE": "1", "DO_NOT_TRACK": "1"}, scratch)
	if err != nil {
		t.Fatal(err)
	}
	text := "\n" + strings.Join(environment, "\n") + "\n"
	for _, want := range []string{"HF_HUB_OFFLINE=0", "PATH=/bin", "DO_NOT_TRACK=1", "HOME=" + scratch} {
		if !strings.Contains(text, "\n"+want+"\n") {
			t.Errorf("%s is missing in %s", want, text)
		}
	}
	if _, err := os.Stat(filepath.Join(scratch, "hf", "hub")); err != nil {
		t.Error(err)
	}
}
