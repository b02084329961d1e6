package agent

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/repoexpert/operator/api/v1alpha1"
	"github.com/repoexpert/operator/internal/language/conformance"
	"github.com/repoexpert/operator/internal/sandbox"
	"github.com/repoexpert/operator/internal/task"
)

// replies stands in for a model: it gives fixed turns, then an error.
type replies struct {
	turns []string
	usage Usage
	next  int
}

var errOutOfReplies = errors.New("no reply left")

func (r *replies) Next(context.Context, []task.Message) (string, Usage, error) {
	if r.next == len(r.turns) {
		return "", Usage{}, errOutOfReplies
	}
	r.next++
	return r.turns[r.next-1], r.usage, nil
}

func say(command string) string { return "THOUGHT: go.\n```bash\n" + command + "\n```" }

func repeated(turn string, times int) []string {
	turns := make([]string, times)
	for i := range turns {
		turns[i] = turn
	}
	return turns
}

func blocklessTurns(times int) []string {
	turns := make([]string, times)
	for i := range turns {
		turns[i] = fmt.Sprintf("no block %d", i)
	}
	return turns
}

// prepared is a tree in a real sandbox.
func prepared(t *testing.T) (sandbox.Box, Tree) {
	t.Helper()
	box := conformance.StartBox(t)
	files := fstest.MapFS{
		"a.txt":               {Data: []byte("one\n")},
		".gitignore":          {Data: []byte("kept.txt\n")},
		"kept.txt":            {Data: []byte("tracked although ignored\n")},
		"src/lib/a.py":        {Data: []byte("VALUE = 1\n")},
		".git/secret":         {Data: []byte("history\n")},
		"src/lib/__init__.py": {Data: nil},
	}
	tree, err := PrepareTree(t.Context(), box, "repository", bytes.NewReader(conformance.Tar(t, files)))
	if err != nil {
		t.Fatal(err)
	}
	return box, tree
}

func TestRun(t *testing.T) {
	box, tree := prepared(t)
	profile := Paper()
	profile.MaxSteps, profile.CommandTimeout = 12, 20*time.Second
	big := Usage{PromptTokens: profile.ContextTokens, CompletionTokens: 1}
	tests := map[string]struct {
		turns      []string
		usage      Usage
		status     Status
		submission string
		steps      int
		last       string
	}{
		"submits a change": {
			turns:  []string{say("echo two >> a.txt"), say(SubmitChange)},
			status: Submitted, steps: 2,
			submission: "diff --git a/a.txt b/a.txt\nindex 5626abf..814f4a4 100644\n--- a/a.txt\n+++ b/a.txt\n@@ -1 +1,2 @@\n one\n+two\n",
		},
		"a marker that is not first": {
			turns: []string{say("echo a; echo " + SubmitMarker), say("echo " + SubmitMarker)}, status: Submitted, steps: 2,
		},
		"a submission that is too long": {
			turns: []string{say("echo " + SubmitMarker + "; head -c 200000 /dev/zero | tr '\\0' x"), say("echo " + SubmitMarker)}, status: Submitted, steps: 2,
		},
		"all steps":        {turns: differentTurns(12), status: StepLimit, steps: 12},
		"repeats itself":   {turns: repeated(say("true"), 9), status: LoopAborted, steps: 5},
		"never the format": {turns: blocklessTurns(12), status: FormatLimit, steps: formatErrors},
		"context is full":  {turns: []string{say("true")}, usage: big, status: ContextLimit, steps: 1},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := Run(t.Context(), Episode{Profile: profile, Task: "task", Model: &replies{turns: test.turns, usage: test.usage}, Box: box, Tree: tree})
			if err != nil {
				t.Fatal(err)
			}
			if got.Status != test.status || got.Steps != test.steps {
				t.Errorf("ended as %s after %d steps", got.Status, got.Steps)
			}
			if diff := cmp.Diff(test.submission, got.Submission); diff != "" {
				t.Error(diff)
			}
			alternate(t, got.Messages)
		})
	}
}

func differentTurns(times int) []string {
	turns := make([]string, times)
	for i := range turns {
		turns[i] = say(fmt.Sprintf("echo %d", i))
	}
	return turns
}

func alternate(t *testing.T, messages []task.Message) {
	t.Helper()
	for i, message := range messages {
		want := []task.Role{task.RoleAssistant, task.RoleUser}[i%2]
		if i == 0 {
			want = task.RoleSystem
		}
		if message.Role != want {
			t.Errorf("message %d is the %s's", i, message.Role)
		}
	}
}

func TestRunAnswers(t *testing.T) {
	box, tree := prepared(t)
	profile := Paper()
	// Ample for an interpreter to start on a busy machine.
	profile.CommandTimeout = 5 * time.Second
	turns := []string{
		"no block", say("cd src && VALUE=2"), say("pwd; echo $VALUE"), say("sleep 60"),
		say("python3 -c 'import lib.a; print(lib.a.VALUE)'"), say("exit 3"), say("exit 3"), say("exit 3"),
		say("git log --format=%an; ls .git/secret; git status --short"),
		say("echo " + SubmitMarker),
	}
	got, err := Run(t.Context(), Episode{Profile: profile, Task: "task", Model: &replies{turns: turns}, Box: box, Tree: tree})
	if err != nil {
		t.Fatal(err)
	}
	var answers []string
	for _, message := range got.Messages[2:] {
		if message.Role == task.RoleUser {
			answers = append(answers, strings.ReplaceAll(message.Content, box.Root(), "ROOT"))
		}
	}
	want := []string{
		formatError(0),
		"<returncode>0</returncode>\n<output>\n</output>",
		"<returncode>0</returncode>\n<output>\nROOT/repository\n\n</output>",
		"<returncode>137</returncode>\n<output>\n\nThe command took too long and was killed.\n</output>",
		"<returncode>0</returncode>\n<output>\n1\n</output>",
		"<returncode>3</returncode>\n<output>\n</output>",
		"<returncode>3</returncode>\n<output>\n</output>",
		loopWarning,
		"<returncode>0</returncode>\n<output>\nsnapshot\nls: cannot access '.git/secret': No such file or directory\n</output>",
	}
	if diff := cmp.Diff(want, answers); diff != "" {
		t.Error(diff)
	}
	if !got.Commands[2].TimedOut || got.FormatErrors != 1 || len(got.Commands) != 8 {
		t.Errorf("commands %+v, %d format errors", got.Commands, got.FormatErrors)
	}
}

// The same turns and the same results give the same transcript: a box that plays
// back what a first run recorded stands in for the real one.
func TestReplay(t *testing.T) {
	box, tree := prepared(t)
	recorder := &recording{Box: box}
	turns := []string{say("date +%N"), "nothing", say("echo $RANDOM; exit 2"), say("echo " + SubmitMarker + "; date +%N")}
	first, err := Run(t.Context(), Episode{Profile: Paper(), Task: "task", Model: &replies{turns: turns}, Box: recorder, Tree: tree})
	if err != nil {
		t.Fatal(err)
	}
	again, err := Run(t.Context(), Episode{Profile: Paper(), Task: "task", Model: &replies{turns: turns}, Box: &playback{results: recorder.results}, Tree: tree})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(first, again); diff != "" {
		t.Error(diff)
	}
}

type recording struct {
	sandbox.Box
	results []sandbox.Result
}

func (r *recording) Run(ctx context.Context, command sandbox.Command) (sandbox.Result, error) {
	result, err := r.Box.Run(ctx, command)
	r.results = append(r.results, result)
	return result, err
}

type playback struct {
	sandbox.Box
	results []sandbox.Result
}

var errLost = errors.New("connection lost")

func (p *playback) Run(context.Context, sandbox.Command) (sandbox.Result, error) {
	if len(p.results) == 0 {
		return sandbox.Result{}, errLost
	}
	result := p.results[0]
	p.results = p.results[1:]
	return result, nil
}

func TestRunFailures(t *testing.T) {
	lost, err := Run(t.Context(), Episode{Profile: Paper(), Model: &replies{turns: []string{say("true")}}, Box: &playback{}})
	if err != nil || lost.Status != BoxLost || lost.Lost != errLost.Error() {
		t.Errorf("a lost box gives %v, %+v", err, lost)
	}
	_, err = Run(t.Context(), Episode{Profile: Paper(), Model: &replies{}, Box: &playback{}})
	if !errors.Is(err, errOutOfReplies) {
		t.Errorf("a failing model gives %v", err)
	}
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = Run(cancelled, Episode{Profile: Paper(), Model: &replies{turns: []string{say("true")}}, Box: &playback{}})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("a cancelled context gives %v", err)
	}
	full, err := Run(t.Context(), Episode{Profile: Paper(), Model: fullModel{}, Box: &playback{}})
	if err != nil || full.Status != ContextLimit {
		t.Errorf("a full context gives %v, %s", err, full.Status)
	}
}

// fullModel stands in for a model whose engine refuses the messages.
type fullModel struct{}

func (fullModel) Next(context.Context, []task.Message) (string, Usage, error) {
	return "", Usage{}, fmt.Errorf("engine: %w", ErrContext)
}

// A submission holds what the agent changed, ignored files that are tracked
// included, and nothing that running code leaves behind.
func TestPrepareTree(t *testing.T) {
	box, tree := prepared(t)
	turns := []string{
		say("echo x >> kept.txt; python3 -m py_compile src/lib/a.py; mkdir -p .pytest_cache && touch .pytest_cache/x .coverage"),
		say(SubmitChange + " --name-only"),
	}
	got, err := Run(t.Context(), Episode{Profile: Paper(), Model: &replies{turns: turns}, Box: box, Tree: tree})
	if err != nil {
		t.Fatal(err)
	}
	if got.Submission != "kept.txt\n" {
		t.Errorf("the submission names %q", got.Submission)
	}
	if _, err := PrepareTree(t.Context(), box, "empty", bytes.NewReader(conformance.Tar(t, fstest.MapFS{}))); err != nil {
		t.Errorf("an empty tree gives %v", err)
	}
}

func TestNewProfile(t *testing.T) {
	tests := map[string]struct {
		limits  v1alpha1.AgentProfile
		timeout time.Duration
		want    string
	}{
		"nothing said":    {v1alpha1.AgentProfile{}, 0, "mini-swe-1/paper"},
		"the paper's":     {v1alpha1.AgentProfile{MaxSteps: 64, MaxTokensPerTurn: 4096, ContextTokens: 48000}, time.Minute, "mini-swe-1/paper"},
		"other steps":     {v1alpha1.AgentProfile{MaxSteps: 2, MaxTokensPerTurn: 96}, time.Minute, "mini-swe-1/2x96"},
		"another timeout": {v1alpha1.AgentProfile{}, time.Second, "mini-swe-1/64x4096"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if got := NewProfile(test.limits, test.timeout); got.Name != test.want {
				t.Errorf("got %+v", got)
			}
		})
	}
}
