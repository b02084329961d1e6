package setup

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/repoexpert/operator/api/v1alpha1"
	"github.com/repoexpert/operator/internal/artifact"
	"github.com/repoexpert/operator/internal/contract"
	"github.com/repoexpert/operator/internal/language/conformance"
	"github.com/repoexpert/operator/internal/sandbox"
	"github.com/repoexpert/operator/internal/snapshot"
	"github.com/repoexpert/operator/internal/stage"
)

// box is a real sandbox. Its commands find /environment under another name: $E.
type box struct {
	*sandbox.Client
	environment string
}

func startBox(t *testing.T, socket string) box {
	t.Helper()
	environment := t.TempDir()
	server, err := sandbox.NewServer(sandbox.Options{Root: t.TempDir(), EnvironmentDir: environment})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Dir(socket), 0o700); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- server.Listen(ctx, socket) }()
	client := sandbox.Dial(socket)
	t.Cleanup(func() {
		client.Close()
		stop()
		if err := errors.Join(<-ended, server.Close()); err != nil {
			t.Errorf("sandbox: %v", err)
		}
	})
	if err := client.Ready(t.Context()); err != nil {
		t.Fatal(err)
	}
	return box{client, environment}
}

// world is an artifact volume with a snapshot, and a sandbox.
type world struct {
	env      stage.Env
	box      box
	volume   string
	sockets  string
	progress []contract.Progress
}

var tree = fstest.MapFS{
	"pyproject.toml": {Data: []byte("[project]\nname = 'click'\n")},
	"src/click.py":   {Data: []byte("x = 1\n")},
}

func newWorld(t *testing.T, commands ...string) *world {
	t.Helper()
	w := &world{volume: t.TempDir(), sockets: t.TempDir()}
	store, err := artifact.Open(w.volume)
	if err != nil {
		t.Fatal(err)
	}
	key := func(digit string) string { return strings.Repeat(digit, 64) }
	w.box = startBox(t, filepath.Join(w.sockets, contract.ContainerAgent, contract.SocketName))
	w.env = stage.Env{
		Spec: contract.StageSpec{
			Version: contract.Version, Stage: v1alpha1.StageSetup, Run: "run", Attempt: 1, Commit: strings.Repeat("c", 40), DeadlineSeconds: 600,
			Keys: contract.Keys{
				Snapshot: key("1"), BaseModel: key("2"), Environment: key("3"), Plan: key("4"),
				Experience: key("5"), Dataset: key("6"), Model: key("7"), Evaluation: key("8"),
			},
			Recipe: v1alpha1.Recipe{Environment: v1alpha1.Environment{Setup: commands, Test: v1alpha1.Test{Framework: v1alpha1.TestPytest}}},
		},
		Store: store, Agent: w.box, Log: slog.New(slog.DiscardHandler),
		Progress: func(p contract.Progress) { w.progress = append(w.progress, p) },
	}
	w.putSnapshot(t, tree)
	t.Setenv("E", w.box.environment)
	return w
}

// putSnapshot seals a snapshot and makes it the stage's input.
func (w *world) putSnapshot(t *testing.T, tree fstest.MapFS) {
	t.Helper()
	folder := w.env.Spec.Keys.Output(v1alpha1.StageFetch)
	if err := w.env.Store.Remove(folder); err != nil {
		t.Fatal(err)
	}
	draft, err := w.env.Store.Begin(folder)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(draft.Path(), snapshot.TreeFile), conformance.Tar(t, tree), 0o600); err != nil {
		t.Fatal(err)
	}
	digest, err := draft.Seal(artifact.Manifest{Stage: string(v1alpha1.StageFetch)})
	if err != nil {
		t.Fatal(err)
	}
	w.env.Spec.Inputs = map[string]string{folder: digest}
}

// sealed looks for the stage's output.
func (w *world) sealed() (artifact.Manifest, string, error) {
	return w.env.Store.Lookup(w.env.Spec.Keys.Output(v1alpha1.StageSetup))
}

func shell(t *testing.T, b sandbox.Box, script string) string {
	t.Helper()
	result, err := b.Run(t.Context(), sandbox.Command{Args: []string{"sh", "-c", script}, Dir: ".", Timeout: time.Minute})
	if err != nil || result.ExitCode != 0 {
		t.Fatalf("%s: %+v, error %v", script, result, err)
	}
	return result.Output
}

func TestCommandsFillTheEnvironmentOfOtherBoxes(t *testing.T) {
	w := newWorld(t,
		`grep -q click pyproject.toml && pwd > "$E/root" && echo first >> "$E/order"; cd /; export LEFT=over`,
		`echo "second${LEFT}" >> "$E/order"; pwd | cmp - "$E/root" && test -f src/click.py`,
		`mkdir -p "$E/bin" "$E/empty"; printf '#!/bin/sh\necho from the tool\n' > "$E/bin/tool"; chmod 755 "$E/bin/tool"
		ln -s /usr/bin/env "$E/bin/env"; touch -d @1000000000 "$E/bin/tool"; echo third >> "$E/order"`,
	)
	// What an earlier attempt left in the sidecar is no part of the repository.
	conformance.PutTree(t, w.box, workDir, fstest.MapFS{"left.py": {}})
	result, err := Run(t.Context(), w.env)
	if err != nil {
		t.Fatal(err)
	}
	manifest, digest, err := w.sealed()
	if err != nil || digest != result.ManifestDigest || result.Counts["commands"] != 3 {
		t.Errorf("result %+v, sealed %s, error %v", result, digest, err)
	}
	if diff := cmp.Diff(w.env.Spec.Inputs, manifest.Inputs); diff != "" {
		t.Errorf("inputs in the manifest (-want +got):\n%s", diff)
	}
	var steps []int64
	for _, p := range w.progress {
		steps = append(steps, p.Step)
	}
	if diff := cmp.Diff([]int64{0, 1, 2, 3}, steps); diff != "" {
		t.Errorf("progress (-want +got):\n%s", diff)
	}

	agent := startBox(t, filepath.Join(t.TempDir(), "a"))
	grader := startBox(t, filepath.Join(t.TempDir(), "g"))
	if err := w.env.PutEnvironment(t.Context(), agent, grader); err != nil {
		t.Fatal(err)
	}
	want := "first\nsecond\nthird\nfrom the tool\n/usr/bin/env\n1000000000\n"
	for _, b := range []box{agent, grader} {
		if got := shell(t, b, "cd "+b.environment+" && cat order && bin/tool && readlink bin/env && stat -c %Y bin/tool && test -d empty"); got != want {
			t.Errorf("the other box has %q, want %q", got, want)
		}
	}
	if got := shell(t, w.box, "ls "+workDir); strings.Contains(got, "left.py") {
		t.Errorf("the commands ran in %q", got)
	}
}

func TestFailingCommands(t *testing.T) {
	tests := map[string]struct {
		command string
		says    []string
		not     string
	}{
		"exit code":       {"echo no such package >&2; exit 3", []string{"environment.setup[1] ended with exit code 3", "no such package"}, ""},
		"long output":     {"echo HEAD; seq 100000; echo TAIL; exit 1", []string{"environment.setup[1] ended with exit code 1", "99999\n100000\nTAIL"}, "HEAD"},
		"no such program": {"no-such-program --now", []string{"environment.setup[1] ended with exit code 127", "no-such-program"}, ""},
		"killed":          {"kill -9 $$", []string{"environment.setup[1] ended with exit code 137"}, ""},
		"part of a line":  {"false && echo HEAD", []string{"environment.setup[1] ended with exit code 1"}, "HEAD"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, "true", test.command, `touch "$E/third"`)
			_, err := Run(t.Context(), w.env)
			wantRepositoryCode(t, err, test.says...)
			if test.not != "" && strings.Contains(err.Error(), test.not) {
				t.Errorf("message %q has more than the end of the output", err)
			}
			if _, err := os.Stat(filepath.Join(w.box.environment, "third")); err == nil {
				t.Error("the command after the failing one ran")
			}
			if _, _, err := w.sealed(); !errors.Is(err, artifact.ErrNotSealed) {
				t.Errorf("got %v, want nothing sealed", err)
			}
		})
	}
}

func wantRepositoryCode(t *testing.T, err error, says ...string) {
	t.Helper()
	var failure *stage.Error
	if !errors.As(err, &failure) || failure.Class != v1alpha1.FailureRepositoryCode {
		t.Fatalf("got %v", err)
	}
	for _, want := range says {
		if !strings.Contains(failure.Message, want) {
			t.Errorf("message %q lacks %q", failure.Message, want)
		}
	}
	// The manager shows no more.
	if len(failure.Message) > 512 {
		t.Errorf("message of %d bytes", len(failure.Message))
	}
}

func TestACommandThatHangs(t *testing.T) {
	w := newWorld(t)
	conformance.PutTree(t, w.box, workDir, tree)
	err := runCommand(t.Context(), w.box, 4, "tail -f /dev/null", 100*time.Millisecond)
	wantRepositoryCode(t, err, "environment.setup[4] did not end within 100ms")
}

func TestAStageThatIsStoppedEndsItsCommand(t *testing.T) {
	w := newWorld(t, `echo under way > "$E/fifo"; tail -f /dev/null`)
	name := filepath.Join(w.box.environment, "fifo")
	if err := unix.Mkfifo(name, 0o600); err != nil {
		t.Fatal(err)
	}
	fifo, err := os.OpenFile(name, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer fifo.Close()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	go func() {
		if _, err := fifo.Read(make([]byte, 1)); err == nil {
			cancel()
		}
	}()
	if _, err := Run(ctx, w.env); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	if _, _, err := w.sealed(); !errors.Is(err, artifact.ErrNotSealed) {
		t.Errorf("got %v, want nothing sealed", err)
	}
}

// run runs the stage as the pod does and returns its result.
func (w *world) run(t *testing.T) contract.StageResult {
	t.Helper()
	specification, err := contract.EncodeSpec(w.env.Spec)
	if err != nil {
		t.Fatal(err)
	}
	runner := stage.Runner{
		Stages: map[v1alpha1.StageName]stage.Func{v1alpha1.StageSetup: Run}, Artifacts: w.volume, Sockets: w.sockets,
		TerminationLog: filepath.Join(t.TempDir(), "log"), Out: &bytes.Buffer{}, Log: slog.New(slog.DiscardHandler),
	}
	code := runner.Run(t.Context(), specification)
	raw, err := os.ReadFile(runner.TerminationLog)
	if err != nil {
		t.Fatal(err)
	}
	result, err := contract.ParseResult(raw)
	if err != nil || code != contract.ExitSucceeded {
		t.Fatalf("exit code %d, result %s, error %v", code, raw, err)
	}
	return result
}

func TestReuse(t *testing.T) {
	count := filepath.Join(t.TempDir(), "count")
	w := newWorld(t, `echo ran >> `+count+`; cp src/click.py "$E/"`)
	first, second := w.run(t), w.run(t)
	if first.Reused || !second.Reused || second.ManifestDigest != first.ManifestDigest {
		t.Errorf("first %+v, second %+v", first, second)
	}
	folder := w.env.Spec.Keys.Output(v1alpha1.StageSetup)
	if err := os.Truncate(filepath.Join(w.volume, folder, stage.EnvironmentFile), 100); err != nil {
		t.Fatal(err)
	}
	if third := w.run(t); third.Reused {
		t.Errorf("a damaged environment was reused: %+v", third)
	}
	w.putSnapshot(t, fstest.MapFS{"src/click.py": {Data: []byte("x = 2\n")}})
	fourth := w.run(t)
	if fourth.Reused {
		t.Errorf("an environment of another tree was reused: %+v", fourth)
	}
	if _, err := w.env.Store.VerifyContent(folder, fourth.ManifestDigest); err != nil {
		t.Error(err)
	}
	ran, err := os.ReadFile(count)
	if err != nil || strings.Count(string(ran), "ran") != 3 {
		t.Errorf("the command ran %q, error %v", ran, err)
	}
	other := startBox(t, filepath.Join(t.TempDir(), "o"))
	if err := w.env.PutEnvironment(t.Context(), other); err != nil {
		t.Fatal(err)
	}
	if got := shell(t, other, "cat "+other.environment+"/click.py"); got != "x = 2\n" {
		t.Errorf("the environment holds %q", got)
	}
}

func TestPutEnvironment(t *testing.T) {
	w := newWorld(t, "true")
	if err := w.env.PutEnvironment(t.Context(), w.box); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("nothing is sealed: got %v", err)
	}
	shell(t, w.box, `touch "$E/kept"`)
	w.env.Spec.Keys.Environment = ""
	if err := w.env.PutEnvironment(t.Context(), w.box); err != nil {
		t.Errorf("a recipe without Setup: %v", err)
	}
	if got := shell(t, w.box, `ls "$E"`); got != "kept\n" {
		t.Errorf("nothing was to put, yet the environment holds %q", got)
	}
}
