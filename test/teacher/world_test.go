//go:build e2e

package teacher

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/repoexpert/operator/internal/contract"
	"github.com/repoexpert/operator/internal/teacher"
	"github.com/repoexpert/operator/internal/teacher/teachertest"
)

const key = "sk-canary-4711"

// story is an output folder and a proxy with faults between it and the model.
type story struct {
	t        *testing.T
	upstream teachertest.Upstream
	server   *teachertest.Server
	out      string
	keyFile  string
	config   string
	url      string
}

// newStory begins with a plan. The steps treat the first requests, the model
// answers all others.
func newStory(t *testing.T, steps ...teachertest.Step) *story {
	t.Helper()
	s := &story{t: t, upstream: upstream(), server: teachertest.New(steps...), out: filepath.Join(t.TempDir(), "out")}
	s.server.Otherwise = s.upstream.Answer()
	s.server.Demand(key)
	endpoint := httptest.NewServer(s.server)
	t.Cleanup(endpoint.Close)
	s.url = endpoint.URL + "/v1"
	s.keyFile, s.config = filepath.Join(t.TempDir(), "key"), filepath.Join(t.TempDir(), "teacher.yaml")
	s.writeKey(key)
	s.budget(100_000)
	if err := os.CopyFS(s.out, os.DirFS(shared.planned)); err != nil {
		t.Fatal(err)
	}
	return s
}

func upstream() teachertest.Upstream {
	return teachertest.Upstream{URL: shared.upstream, Client: http.DefaultClient}
}

func (s *story) writeKey(value string) {
	s.t.Helper()
	if err := os.WriteFile(s.keyFile, []byte(value+"\n"), 0o600); err != nil {
		s.t.Fatal(err)
	}
}

// budget writes the teacher with so many tokens. Its context lasts for about three
// turns, which is enough to be asked and soon over. The server of transformers knows
// neither top_k nor repetition_penalty.
func (s *story) budget(tokens int) {
	s.t.Helper()
	content := fmt.Sprintf(`url: %s
model: %s
sampling: {temperature: "0.7"}
maxTokensPerTurn: 24
contextTokens: 256
attemptsPerTask: 1
budget: {tokens: %d}
`, s.url, model, tokens)
	if err := os.WriteFile(s.config, []byte(content), 0o600); err != nil {
		s.t.Fatal(err)
	}
}

// experience runs the worker, which must end with an exit code and say all of the
// texts. It returns what it printed.
func (s *story) experience(code int, says ...string) string {
	s.t.Helper()
	cmd := command(shared.ctx, "experience", s.out, "--teacher", s.config, "--teacher-key-file", s.keyFile)
	var printed bytes.Buffer
	cmd.Stdout, cmd.Stderr = &printed, &printed
	err := cmd.Run()
	if got := cmd.ProcessState.ExitCode(); got != code {
		s.t.Fatalf("exit code %d (%v), want %d:\n%s", got, err, code, printed.String())
	}
	for _, text := range says {
		if !strings.Contains(printed.String(), text) {
			s.t.Errorf("it does not say %q:\n%s", text, printed.String())
		}
	}
	s.t.Log("\n" + printed.String())
	return printed.String()
}

// account is what the run has used, which must be all that the model's server
// bills, and within a budget.
func (s *story) account(budget int64) teacher.Account {
	s.t.Helper()
	found, err := filepath.Glob(filepath.Join(s.out, contract.TeachersFolder, "*", "account.json"))
	if err != nil || len(found) != 1 {
		s.t.Fatalf("accounts %v, %v", found, err)
	}
	content, err := os.ReadFile(found[0])
	if err != nil {
		s.t.Fatal(err)
	}
	var account teacher.Account
	if err := json.Unmarshal(content, &account); err != nil {
		s.t.Fatal(err)
	}
	prompt, completion := s.server.Billed()
	if account.Used.Prompt < prompt || account.Used.Completion < completion || account.Used.Prompt+account.Used.Completion > budget {
		s.t.Errorf("the model's server bills %d and %d tokens, the account has %+v of %d", prompt, completion, account.Used, budget)
	}
	if account.Reserved != (teacher.Tokens{}) {
		s.t.Errorf("nothing is under way and %+v are reserved", account.Reserved)
	}
	s.t.Logf("%d requests, billed %d and %d tokens, account %+v", len(s.server.Requests()), prompt, completion, account.Used)
	return account
}

// noKey demands that no key is in what was printed or lies in the output.
func (s *story) noKey(printed string, keys ...string) {
	s.t.Helper()
	err := fs.WalkDir(os.DirFS(s.out), ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return err
		}
		content, err := os.ReadFile(filepath.Join(s.out, name))
		if slices.ContainsFunc(keys, func(k string) bool { return bytes.Contains(content, []byte(k)) }) {
			s.t.Errorf("a key is in %s", name)
		}
		return err
	})
	if err != nil {
		s.t.Fatal(err)
	}
	if slices.ContainsFunc(keys, func(k string) bool { return strings.Contains(printed, k) }) {
		s.t.Errorf("a key is printed:\n%s", printed)
	}
}

var (
	row   = regexp.MustCompile(`(?m)^ *all +(\d+) +(\d+) +(\d+) +(\d+) +(\d+) +(\d+) `)
	after = regexp.MustCompile(`goes on after (\d+) tasks`)
	keeps = regexp.MustCompile(`keeps (\d+) tasks`)
)

// whole demands a summary in which every candidate has an end, and returns how
// many there are.
func (s *story) whole(printed string) (candidates int) {
	s.t.Helper()
	cells := row.FindStringSubmatch(printed)
	if cells == nil {
		s.t.Fatalf("there is no summary:\n%s", printed)
	}
	candidates, samples, rejected := number(cells[1]), number(cells[5]), number(cells[6])
	if candidates == 0 || number(cells[2]) != candidates || samples+rejected != candidates {
		s.t.Errorf("not every candidate has an end:\n%s", printed)
	}
	s.t.Logf("%d candidates: %d verified samples, %d rejected", candidates, samples, rejected)
	return candidates
}

// goesOn demands that a call goes on where the one before ended.
func (s *story) goesOn(before, now string) {
	s.t.Helper()
	kept, began := keeps.FindStringSubmatch(before), after.FindStringSubmatch(now)
	if kept == nil || began == nil || kept[1] != began[1] {
		s.t.Errorf("kept were %v, it goes on after %v", kept, began)
	}
}

func number(text string) int {
	n, err := strconv.Atoi(text)
	if err != nil {
		return -1
	}
	return n
}
