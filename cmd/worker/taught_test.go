package main

import (
	"fmt"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/repoexpert/operator/api/v1alpha1"
	"github.com/repoexpert/operator/internal/contract"
	"github.com/repoexpert/operator/internal/local"
	"github.com/repoexpert/operator/internal/teacher/teachertest"
)

const teacherKey = "sk-canary-4711"

// taught is a worker that makes three samples of a teacher within a budget.
func (l laptop) taught(t *testing.T, out, url string, tokens int) *exec.Cmd {
	t.Helper()
	file := filepath.Join(t.TempDir(), "teacher.yaml")
	content := fmt.Sprintf("url: %s/v1\nmodel: wise\nmaxTokensPerTurn: 200\nattemptsPerTask: 1\nbudget: {tokens: %d}\n", url, tokens)
	if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	args := append([]string{"experience", "--local", l.checkout, "--out", out, "--python-path", l.site, "--teacher", file,
		"--unit", "ContextualImplementation=3"}, patient...)
	cmd := l.worker(args...)
	cmd.Env = append(cmd.Env, local.TeacherKeyVariable+"="+teacherKey)
	return cmd
}

// A teacher makes the samples of a laptop too: within its budget, with a key that
// no output shows, and from where a call with a smaller budget ended.
func TestTaughtExperience(t *testing.T) {
	l := newLaptop(t)
	teacher := teachertest.New()
	teacher.Demand(teacherKey)
	teacher.Otherwise = teachertest.Librarian(func(path string) ([]byte, error) { return os.ReadFile(filepath.Join(l.checkout, path)) })
	endpoint := httptest.NewServer(teacher)
	defer endpoint.Close()
	out := filepath.Join(t.TempDir(), "out")

	failing(t, int(contract.ExitCode(v1alpha1.FailureConfiguration)), "teacher.budget is budget in the file of --teacher", l.taught(t, out, endpoint.URL, 9000))
	used := len(teacher.Requests())
	if used == 0 {
		t.Error("nothing was asked within the small budget")
	}
	stdout, stderr := finished(t, l.taught(t, out, endpoint.URL, 1_000_000))
	for where, text := range map[string]string{
		"Teacher of these samples: wise, ": stdout, " of 1000000 tokens, over all calls": stdout, "goes on after": stderr,
	} {
		if !strings.Contains(text, where) {
			t.Errorf("it does not say %q:\n%s", where, text)
		}
	}
	for name, content := range contents(t, out, ".") {
		if strings.Contains(content, teacherKey) {
			t.Errorf("the key is in %s", name)
		}
		if made := strings.Count(content, `"provenance":"teacher:wise"`); strings.HasSuffix(name, "samples.jsonl") && (made < 3 || made != strings.Count(content, "\n")) {
			t.Errorf("of these samples %d are the teacher's:\n%s", made, content)
		}
	}
	asked := len(teacher.Requests())
	if _, stderr = finished(t, l.taught(t, out, endpoint.URL, 1_000_000)); !strings.Contains(stderr, "Experience: reused") || len(teacher.Requests()) != asked {
		t.Errorf("samples that are there are asked for again:\n%s", stderr)
	}
}
