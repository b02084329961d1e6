package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/repoexpert/operator/api/v1alpha1"
	"github.com/repoexpert/operator/internal/report"
	"github.com/repoexpert/operator/internal/stage/evaluate"
)

// evaluated is the folder of an evaluation with a report, and a file with the
// run that holds its record and verdict.
func evaluated(t *testing.T) (folder, run string) {
	t.Helper()
	record := v1alpha1.EvaluationRecord{Fingerprint: "f1", CandidateDigest: "sha256:c0"}
	content, err := report.Encode(report.Report{
		Version: report.Version, Run: report.Run{Repository: "https://git.example/books/bookshop.git", Commit: strings.Repeat("f", 40)}, Record: record,
	})
	if err != nil {
		t.Fatal(err)
	}
	manifest, err := json.Marshal(v1alpha1.ExpertRun{Status: v1alpha1.ExpertRunStatus{
		Evaluation: &record, Verdict: &v1alpha1.Verdict{Decision: v1alpha1.DecisionReject, Reason: "CodebaseQA is below its floor"},
	}})
	if err != nil {
		t.Fatal(err)
	}
	folder = t.TempDir()
	run = filepath.Join(t.TempDir(), "run.json")
	for name, content := range map[string][]byte{filepath.Join(folder, evaluate.ReportFile): content, run: manifest} {
		if err := os.WriteFile(name, content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return folder, run
}

func TestReport(t *testing.T) {
	folder, run := evaluated(t)
	execute := func(stdin string, args ...string) (string, error) {
		cmd := newCommand()
		var out strings.Builder
		cmd.SetOut(&out)
		cmd.SetIn(strings.NewReader(stdin))
		cmd.SetArgs(append([]string{"report"}, args...))
		err := cmd.ExecuteContext(t.Context())
		return out.String(), err
	}
	manifest, err := os.ReadFile(run)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "page.html")
	tests := map[string]struct {
		stdin     string
		args      []string
		want, err string
	}{
		"no verdict":    {"", []string{folder}, "Not decided in this file", ""},
		"a file":        {"", []string{folder, "--run", run}, "CodebaseQA is below its floor", ""},
		"a pipe":        {string(manifest), []string{folder, "--run", "-"}, "CodebaseQA is below its floor", ""},
		"no evaluation": {"", []string{t.TempDir()}, "", "FOLDER must be an evaluation's"},
		"no run":        {"", []string{folder, "--run", "missing"}, "", "--run: open missing"},
		"another run":   {"status: {evaluation: {fingerprint: f2}}", []string{folder, "--run", "-"}, "", "another evaluation"},
		"no YAML":       {"\t", []string{folder, "--run", "-"}, "", "--run: read the run"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			page, err := execute(test.stdin, test.args...)
			if test.err != "" {
				if err == nil || !strings.Contains(err.Error(), test.err) {
					t.Errorf("got %v, want %s", err, test.err)
				}
				return
			}
			if err != nil || !strings.Contains(page, test.want) || !strings.Contains(page, "bookshop") {
				t.Errorf("%v:\n%s", err, page)
			}
		})
	}
	page, err := execute("", folder, "--out", file)
	if content, readErr := os.ReadFile(file); err != nil || readErr != nil || page != "" || !strings.HasPrefix(string(content), "<!DOCTYPE html>") {
		t.Errorf("--out: %v, %v, %q", err, readErr, page)
	}
}
