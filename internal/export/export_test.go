package export

import (
	"archive/tar"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/repoexpert/operator/api/v1alpha1"
	"github.com/repoexpert/operator/internal/grading"
	"github.com/repoexpert/operator/internal/language/golang"
	"github.com/repoexpert/operator/internal/patch"
)

// tree is a snapshot in memory.
type tree map[string]string

func (s tree) Read(path string) ([]byte, error) {
	content, there := s[path]
	if !there {
		return nil, fs.ErrNotExist
	}
	return []byte(content), nil
}

func (s tree) Tree(context.Context) (io.ReadCloser, error) {
	var buffer bytes.Buffer
	w := tar.NewWriter(&buffer)
	for name, content := range s {
		if err := w.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: 0o644, Size: int64(len(content))}); err != nil {
			return nil, err
		}
		if _, err := io.WriteString(w, content); err != nil {
			return nil, err
		}
	}
	return io.NopCloser(&buffer), w.Close()
}

// of gives one tree for all commits.
func of(source tree) func(string) (grading.Source, error) {
	return func(string) (grading.Source, error) { return source, nil }
}

const (
	fixed  = "answer=42\n"
	broken = "answer=41\n"
)

// shop is a repository of shell scripts: a test is a script that sources the code.
func shop() (tree, Tasks) {
	source := tree{"src/code.sh": fixed, "tests/it's a test.sh": ". src/code.sh; [ $answer = 42 ]\n", "tests/other.sh": "true\n"}
	return source, Tasks{
		Version: Version, Repository: "https://git.example/\"shop\"\n[agent]", Commit: strings.Repeat("a", 40),
		Environment: v1alpha1.Environment{Image: "registry.example/shop@sha256:0", Setup: []string{"echo \"one\"\necho two"}},
		TestSeconds: 60,
		Tasks: []Task{{
			Kind: v1alpha1.KindIssueResolution, ID: "reversal-1", Instruction: "The answer is wrong.",
			Edits:      map[string][]byte{"src/code.sh": []byte(broken), "tests/it's a test.sh": nil},
			Gold:       patch.Diff("src/code.sh", []byte(broken), []byte(fixed)),
			FailToPass: []string{"tests/it's a test.sh::test"}, PassToPass: []string{"tests/other.sh::test[1]"},
		}},
	}
}

func run(ids []string) []string {
	var commands []string
	for _, id := range ids {
		file, _, _ := strings.Cut(id, "::")
		commands = append(commands, "sh '"+strings.ReplaceAll(file, "'", "'\\''")+"'")
	}
	return commands
}

func TestCommands(t *testing.T) {
	ids := []string{"tests/a_test.go::TestA/one", "tests/a_test.go::TestA/two", "tests/a_test.go::TestB"}
	if got := Commands(v1alpha1.TestGo, golang.New().Dialect())(ids); len(got) != 2 || !strings.Contains(got[0], "TestA") {
		t.Errorf("got %q", got)
	}
	got := Commands(v1alpha1.TestPytest, nil)([]string{"tests/test_a.py::test_a[it's $(x)]"})
	if len(got) != 1 || !strings.HasSuffix(got[0], ` './tests/test_a.py::test_a[it'\''s $(x)]'`) {
		t.Errorf("got %q", got)
	}
}

// The exported verifier gives 1 for the known answer and 0 for none, and for tests
// that were changed.
func TestHarbor(t *testing.T) {
	source, tasks := shop()
	out := filepath.Join(t.TempDir(), "out")
	if err := Harbor(t.Context(), out, tasks, of(source), run); err != nil {
		t.Fatal(err)
	}
	folder := filepath.Join(out, "IssueResolution__reversal-1")
	for name, want := range map[string]string{
		"instruction.md": "The answer is wrong.\n", "environment/tree/src/code.sh": broken, "tests/files/tests/it's a test.sh": source["tests/it's a test.sh"],
	} {
		if got, err := os.ReadFile(filepath.Join(folder, name)); err != nil || string(got) != want {
			t.Errorf("%s is %q, %v", name, got, err)
		}
	}
	if _, err := os.Stat(filepath.Join(folder, "environment/tree/tests/it's a test.sh")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("an agent finds the test that grades it: %v", err)
	}
	app := filepath.Join(folder, "environment", "tree")
	reward := func() string {
		t.Helper()
		logs := t.TempDir()
		script(t, filepath.Join(folder, "tests", "test.sh"), app, logs)
		content, err := os.ReadFile(filepath.Join(logs, "reward.txt"))
		if err != nil {
			t.Fatal(err)
		}
		return strings.TrimSpace(string(content))
	}
	if got := reward(); got != "0" {
		t.Errorf("nothing gets %s", got)
	}
	if err := os.WriteFile(filepath.Join(app, "tests/it's a test.sh"), []byte("true\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := reward(); got != "0" {
		t.Errorf("a changed test gets %s", got)
	}
	script(t, filepath.Join(folder, "solution", "solve.sh"), app, t.TempDir())
	if got := reward(); got != "1" {
		t.Errorf("the known answer gets %s", got)
	}
}

func script(t *testing.T, name, app, logs string) {
	t.Helper()
	command := exec.CommandContext(t.Context(), "sh", name)
	command.Env = append(os.Environ(), "TREE="+app, "LOGS="+logs)
	if output, err := command.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v: %s", name, err, output)
	}
}

// Values of a repository stay values.
func TestConfigurationIsQuoted(t *testing.T) {
	_, tasks := shop()
	text := configuration("a", tasks, tasks.Tasks[0])
	if strings.Count(text, "[agent]") != 2 || strings.Count(text, "\n[agent]") != 1 || !strings.Contains(text, `repository = "https://git.example/\"shop\"\u000A[agent]"`) {
		t.Errorf("got %s", text)
	}
	if !strings.Contains(text, "version = \"1.0\"") || !strings.Contains(text, "[verifier]\ntimeout_sec = 60.0") || !strings.Contains(text, "[agent]\ntimeout_sec = 3600.0") {
		t.Errorf("got %s", text)
	}
	docker := dockerfile(tasks)
	if strings.Count(docker, "\n") != 7 || !strings.Contains(docker, `RUN ["sh","-c","mkdir -p /environment\necho \"one\"\necho two"]`) {
		t.Errorf("got %s", docker)
	}
}

// Nothing is written outside of the folder, whatever an evaluation says.
func TestHostileNames(t *testing.T) {
	tests := map[string]func(source tree, task *Task){
		"an id with a path":    func(_ tree, task *Task) { task.ID = "../../escaped" },
		"an id that is hidden": func(_ tree, task *Task) { task.ID, task.Kind = "x", ".." },
		"an id too long":       func(_ tree, task *Task) { task.ID = strings.Repeat("x", 200) },
		"an edit outside":      func(_ tree, task *Task) { task.Edits = map[string][]byte{"../escaped": []byte("x")} },
		"an edit at the root":  func(_ tree, task *Task) { task.Edits = map[string][]byte{"/escaped": []byte("x")} },
		"a file of the tree":   func(source tree, _ *Task) { source["../escaped"] = "x" },
		"a test outside": func(source tree, task *Task) {
			source["../../escaped"] = "x"
			task.FailToPass = []string{"../../escaped::test"}
		},
		"a test that is not there":  func(_ tree, task *Task) { task.FailToPass = []string{"tests/none.sh::test"} },
		"a file below another file": func(source tree, _ *Task) { source["src/code.sh/x"] = "x" },
	}
	for name, change := range tests {
		t.Run(name, func(t *testing.T) {
			source, tasks := shop()
			change(source, &tasks.Tasks[0])
			parent := t.TempDir()
			if err := Harbor(t.Context(), filepath.Join(parent, "deep", "out"), tasks, of(source), run); err == nil {
				t.Error("it is exported")
			}
			err := filepath.WalkDir(parent, func(name string, _ fs.DirEntry, err error) error {
				if strings.Contains(name, "escaped") && !strings.Contains(name, filepath.Join("deep", "out", "IssueResolution__")) {
					t.Errorf("%s is written", name)
				}
				return err
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
}

func TestPredictions(t *testing.T) {
	out := filepath.Join(t.TempDir(), "out")
	models := map[v1alpha1.ArmName]string{v1alpha1.ArmBase: "org/base", v1alpha1.ArmCandidate: "candidate@sha256:0"}
	answers := []Answer{
		{Kind: v1alpha1.KindIssueResolution, Task: "a-1", Arm: v1alpha1.ArmBase, Patch: "diff <x>\n"},
		{Kind: v1alpha1.KindIssueResolution, Task: "a-1", Arm: v1alpha1.ArmBase, Rollout: 1},
		{Kind: v1alpha1.KindTestGeneration, Task: "a-1", Arm: v1alpha1.ArmCandidate, Patch: "other"},
		{Kind: v1alpha1.KindTestGeneration, Task: "a-1", Arm: v1alpha1.ArmNoop},
	}
	if err := Predictions(out, models, answers); err != nil {
		t.Fatal(err)
	}
	got := map[string][]Prediction{}
	files, err := filepath.Glob(filepath.Join(out, "*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range files {
		content, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for line := range bytes.Lines(content) {
			var p Prediction
			if err := json.Unmarshal(line, &p); err != nil {
				t.Fatal(err)
			}
			got[filepath.Base(name)] = append(got[filepath.Base(name)], p)
		}
	}
	want := map[string][]Prediction{
		"base.jsonl":      {{"IssueResolution__a-1", "org/base", "diff <x>\n"}},
		"base.2.jsonl":    {{"IssueResolution__a-1", "org/base", ""}},
		"candidate.jsonl": {{"TestGeneration__a-1", "candidate@sha256:0", "other"}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if err := Predictions(out, models, answers); err == nil || !strings.Contains(err.Error(), "not empty") {
		t.Errorf("an earlier export is written over: %v", err)
	}
	if err := Predictions(filepath.Join(out, "x"), models, answers[3:]); !errors.Is(err, ErrNothing) {
		t.Errorf("got %v", err)
	}
	answers[0].Task = "../x"
	if err := Predictions(filepath.Join(out, "y"), models, answers); err == nil {
		t.Error("a hostile id is written")
	}
}
