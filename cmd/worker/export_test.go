package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/repoexpert/operator/api/v1alpha1"
	"github.com/repoexpert/operator/internal/artifact"
	"github.com/repoexpert/operator/internal/export"
	"github.com/repoexpert/operator/internal/language/conformance"
	"github.com/repoexpert/operator/internal/language/python"
	"github.com/repoexpert/operator/internal/report"
	"github.com/repoexpert/operator/internal/snapshot"
	"github.com/repoexpert/operator/internal/stage/evaluate"
)

// sealedEvaluation is an artifact volume with a snapshot and an evaluation of it.
func sealedEvaluation(t *testing.T) string {
	t.Helper()
	store, err := artifact.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	seal := func(folder string, inputs map[string]string, fill func(dir string)) string {
		t.Helper()
		draft, err := store.Begin(folder)
		if err != nil {
			t.Fatal(err)
		}
		fill(draft.Path())
		digest, err := draft.Seal(artifact.Manifest{Key: filepath.Base(folder), Inputs: inputs})
		if err != nil {
			t.Fatal(err)
		}
		return digest
	}
	tree := fstest.MapFS{"code.py": {Data: []byte("answer = 42\n")}, "test_code.py": {Data: []byte("def test_answer():\n    pass\n")}}
	digest := seal("snapshots/a", nil, func(dir string) {
		conformance.Snapshot(t, dir, conformance.Commit{Message: "all", Tree: tree})
	})
	encode := func(value any) []byte {
		content, err := json.Marshal(value)
		if err != nil {
			t.Fatal(err)
		}
		return content
	}
	line := `{"kind":"IssueResolution","arm":"%","task":"a-1","question":"q","correct":true,"answer":"diff","grade":{"resolved":true,"reason":"resolved"}}` + "\n"
	files := map[string][]byte{
		evaluate.TasksFile: encode(export.Tasks{
			Version: export.Version, Environment: v1alpha1.Environment{Image: "image", Test: v1alpha1.Test{Framework: v1alpha1.TestPytest}},
			Tasks: []export.Task{{Kind: v1alpha1.KindIssueResolution, ID: "a-1", FailToPass: []string{"test_code.py::test_answer"}}},
		}),
		evaluate.ReportFile:  encode(report.Report{Version: report.Version, Run: report.Run{BaseModel: "org/base"}}),
		evaluate.RecordsFile: []byte(strings.ReplaceAll(line, "%", "base") + strings.ReplaceAll(line, "%", "candidate")),
	}
	seal("evaluations/b", map[string]string{"snapshots/a": digest}, func(dir string) {
		for name, content := range files {
			if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
				t.Fatal(err)
			}
		}
	})
	folder, err := store.Path("evaluations/b")
	if err != nil {
		t.Fatal(err)
	}
	return folder
}

func exporting(t *testing.T, args ...string) error {
	t.Helper()
	cmd := newCommand()
	cmd.SetArgs(append([]string{"export"}, args...))
	cmd.SetOut(&bytes.Buffer{})
	return cmd.ExecuteContext(t.Context())
}

func TestExport(t *testing.T) {
	folder, out := sealedEvaluation(t), t.TempDir()
	tasks, answers := filepath.Join(out, "tasks"), filepath.Join(out, "answers")
	if err := exporting(t, "--format", "harbor", folder, tasks); err != nil {
		t.Fatal(err)
	}
	script, err := os.ReadFile(filepath.Join(tasks, "IssueResolution__a-1", "tests", "test.sh"))
	if err != nil || !strings.Contains(string(script), "-q ./test_code.py::test_answer") {
		t.Errorf("the verifier is %s, %v", script, err)
	}
	if err := exporting(t, "--format", "swebench", folder, answers); err != nil {
		t.Fatal(err)
	}
	content, err := os.ReadFile(filepath.Join(answers, "base.jsonl"))
	if want := `{"instance_id":"IssueResolution__a-1","model_name_or_path":"org/base","model_patch":"diff"}` + "\n"; err != nil || string(content) != want {
		t.Errorf("got %s, %v", content, err)
	}
}

func TestExportRefuses(t *testing.T) {
	folder := sealedEvaluation(t)
	moved := filepath.Join(t.TempDir(), "b")
	if err := os.CopyFS(moved, os.DirFS(folder)); err != nil {
		t.Fatal(err)
	}
	tests := map[string]struct {
		args []string
		want string
	}{
		"another format":        {[]string{"--format", "zip", folder}, `--format is "zip"`},
		"no evaluation":         {[]string{"--format", "swebench", t.TempDir()}, "FOLDER must be a sealed evaluation's"},
		"a copy without a tree": {[]string{"--format", "harbor", moved}, "name it with --snapshot"},
		"another tree":          {[]string{"--format", "harbor", "--snapshot", folder, moved}, "name it with --snapshot"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			out := filepath.Join(t.TempDir(), "out")
			if err := exporting(t, append(test.args, out)...); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v", err)
			}
		})
	}
	if err := exporting(t, "--format", "harbor", "--snapshot", filepath.Join(folder, "..", "..", "snapshots", "a"), moved, filepath.Join(t.TempDir(), "out")); err != nil {
		t.Errorf("a named tree is not taken: %v", err)
	}
	if err := os.WriteFile(filepath.Join(moved, evaluate.RecordsFile), []byte("{}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := exporting(t, "--format", "swebench", moved, filepath.Join(t.TempDir(), "out")); err == nil {
		t.Error("an evaluation that was changed is exported")
	}
}

// A task of a later commit is on that one's tree, of the repository that has it.
func TestTreesOfCommits(t *testing.T) {
	tree := func(text string) fstest.MapFS { return fstest.MapFS{"code.py": {Data: []byte(text)}} }
	commits := []conformance.Commit{{Message: "one", Tree: tree("1")}, {Message: "two", Tree: tree("2")}}
	for name, parted := range map[string]bool{"one repository": false, "kept from training": true} {
		t.Run(name, func(t *testing.T) {
			place := t.TempDir()
			ids := conformance.Snapshot(t, place, commits...)
			want := map[string]string{"": "2", ids[0]: "1", ids[1]: "2"}
			if parted {
				later := filepath.Join(place, snapshot.FrontierFolder)
				if err := os.Rename(filepath.Join(place, snapshot.RepositoryFolder), later); err != nil {
					t.Fatal(err)
				}
				place, want[""] = t.TempDir(), "1"
				conformance.Snapshot(t, place, commits[:1]...)
				if err := errors.Join(os.Rename(later, filepath.Join(place, snapshot.FrontierFolder)), snapshot.WriteFrontier(place, snapshot.Frontier{Trained: ids[0]})); err != nil {
					t.Fatal(err)
				}
			}
			source, err := treesOf(t.Context(), place, ids[1], python.New())
			if err != nil {
				t.Fatal(err)
			}
			for commit, text := range want {
				of, err := source(commit)
				if err != nil {
					t.Fatal(err)
				}
				if content, err := of.Read("code.py"); err != nil || string(content) != text {
					t.Errorf("commit %q has %q, %v", commit, content, err)
				}
			}
			if _, err := source(strings.Repeat("0", 40)); err == nil {
				t.Error("a commit that is not there has a tree")
			}
		})
	}
}
