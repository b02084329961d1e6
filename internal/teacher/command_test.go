package teacher

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/repoexpert/operator/internal/contract"
	"github.com/repoexpert/operator/internal/teacher/teachertest"
)

// The command as the pod runs it, over real sockets: the teacher by variable, the
// key and the account by file, and an end by signal.
func TestCommand(t *testing.T) {
	endpoint := teachertest.New(teachertest.Answer("THOUGHT: hello"))
	endpoint.Demand(key)
	server := httptest.NewServer(endpoint)
	defer server.Close()
	teacher := class()
	teacher.URL = server.URL + "/v1"
	value, err := json.Marshal(teacher)
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv(contract.TeacherVariable, string(value))
	folder := t.TempDir()
	keyFile := filepath.Join(folder, "apiKey")
	if err := os.WriteFile(keyFile, []byte(key), 0o600); err != nil {
		t.Fatal(err)
	}
	log, out := io.Pipe()
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	ended := make(chan error, 1)
	go func() {
		command := Command()
		command.SetArgs([]string{"--listen", "127.0.0.1:0", "--key-file", keyFile, "--account", folder})
		command.SetOut(out)
		ended <- command.ExecuteContext(ctx)
		_ = out.Close()
	}()
	lines := bufio.NewReader(log)
	line, err := lines.ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	rest := make(chan string, 1)
	go func() {
		content, _ := io.ReadAll(lines)
		rest <- string(content)
	}()
	var listens struct{ Address string }
	if err := json.Unmarshal([]byte(line), &listens); err != nil {
		t.Fatalf("log %q: %v", line, err)
	}
	connection := connect("http://"+listens.Address+"/v1", teacher, 0, &http.Transport{})
	text, _, err := connection.Model().Next(t.Context(), conversation)
	connection.Close()
	if err != nil || text != "THOUGHT: hello" {
		t.Fatalf("got %q, %v", text, err)
	}
	stop()
	if err := <-ended; err != nil {
		t.Fatalf("it ended with %v", err)
	}
	account, err := readAccount(filepath.Join(folder, accountFile))
	prompt, completion := endpoint.Billed()
	if err != nil || account != (Account{Used: Tokens{Prompt: prompt, Completion: completion}}) {
		t.Errorf("account %+v, %v; %d and %d tokens are billed", account, err, prompt, completion)
	}
	if all := line + <-rest; strings.Contains(all, key) || strings.Contains(all, "canary-") || !strings.Contains(all, "answered") {
		t.Errorf("log:\n%s", all)
	}
}

func TestCommandRefuses(t *testing.T) {
	log := slog.New(slog.DiscardHandler)
	if _, err := newProxy("", "", t.TempDir(), log); err == nil || !strings.Contains(err.Error(), contract.TeacherVariable) {
		t.Errorf("without a teacher: %v", err)
	}
	value, err := json.Marshal(class())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := newProxy(string(value), "", filepath.Join(t.TempDir(), "none"), log); err == nil {
		t.Error("without a folder for the account it must not start")
	}
}
