package teacher

import (
	"bytes"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/repoexpert/operator/api/v1alpha1"
	"github.com/repoexpert/operator/internal/task"
	"github.com/repoexpert/operator/internal/teacher/teachertest"
)

const key = "sk-canary-4711"

// class is a teacher as a class gives it.
func class() v1alpha1.Teacher {
	return v1alpha1.Teacher{
		URL: "http://api.example/v1", Model: "big/model-1", SecretRef: &v1alpha1.LocalSecretReference{Name: "teacher-key"},
		Sampling:         &v1alpha1.TeacherSampling{Temperature: "1.0", TopP: "0.8", TopK: 20, RepetitionPenalty: "1.05"},
		MaxTokensPerTurn: 512, ContextTokens: 4096, AttemptsPerTask: 2, Concurrency: 4,
		RequestTimeout: metav1.Duration{Duration: 10 * time.Minute},
		Budget:         v1alpha1.TeacherBudget{Tokens: 1_000_000},
	}
}

// conversation is what the tests ask.
var conversation = []task.Message{
	{Role: task.RoleSystem, Content: "canary-system"},
	{Role: task.RoleUser, Content: "canary-question"},
	{Role: task.RoleAssistant, Content: "canary-turn", Loss: task.LossNone},
	{Role: task.RoleUser, Content: "canary-observation"},
}

// world is an endpoint, a proxy before it and a client before that, over a
// network in memory.
type world struct {
	t          *testing.T
	network    *teachertest.Network
	endpoint   *teachertest.Server
	teacher    v1alpha1.Teacher
	budget     Budget
	folder     string
	keyFile    string
	key        func() (string, error)
	counter    *Counter
	connection *Connection
	log        *safeBuffer
	stop       func()
}

// safeBuffer is written by handlers and read by the test.
type safeBuffer struct {
	mu      sync.Mutex
	content bytes.Buffer
}

func (b *safeBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.content.Write(p)
}

func (b *safeBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.content.String()
}

func newWorld(t *testing.T, teacher v1alpha1.Teacher, steps ...teachertest.Step) *world {
	t.Helper()
	budget, err := NewBudget(teacher.Budget)
	if err != nil {
		t.Fatal(err)
	}
	w := &world{
		t: t, network: &teachertest.Network{}, endpoint: teachertest.New(steps...), teacher: teacher, budget: budget,
		folder: t.TempDir(), log: &safeBuffer{},
	}
	w.keyFile = filepath.Join(t.TempDir(), "apiKey")
	w.key = KeyFile("the Secret's apiKey", w.keyFile)
	w.writeKey(key)
	w.endpoint.Demand(key)
	w.serve("api.example:80", w.endpoint)
	w.startProxy()
	transport := &http.Transport{DialContext: w.network.Dial}
	w.connection = connect("http://10.0.0.7:8090/v1", teacher, 0, transport)
	t.Cleanup(w.connection.Close)
	return w
}

func (w *world) writeKey(value string) {
	w.t.Helper()
	if err := os.WriteFile(w.keyFile, []byte(value+"\n"), 0o600); err != nil {
		w.t.Fatal(err)
	}
}

// serve runs a handler at an address until the test or the returned function
// ends it.
func (w *world) serve(address string, handler http.Handler) (stop func()) {
	w.t.Helper()
	server := &http.Server{Handler: handler, ErrorLog: slog.NewLogLogger(slog.DiscardHandler, 0), ReadHeaderTimeout: time.Minute}
	listener := w.network.Listen(address)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = server.Serve(listener)
	}()
	var once sync.Once
	stop = func() {
		once.Do(func() {
			_ = server.Close()
			<-ended
			// A server lingers for half a second on a connection that it ends.
			<-time.After(time.Second)
		})
	}
	w.t.Cleanup(stop)
	return stop
}

// startProxy starts a proxy that goes on with the account of the one before.
func (w *world) startProxy() {
	w.t.Helper()
	counter, err := OpenCounter(w.folder, w.budget)
	if err != nil {
		w.t.Fatal(err)
	}
	transport := &http.Transport{DialContext: w.network.Dial}
	proxy, err := NewProxy(ProxyOptions{
		Teacher: w.teacher, Key: w.key, Counter: counter,
		Log: slog.New(slog.NewJSONHandler(w.log, nil)), Transport: transport,
	})
	if err != nil {
		w.t.Fatal(err)
	}
	w.counter = counter
	stop := w.serve("10.0.0.7:8090", proxy.Handler())
	w.stop = func() {
		stop()
		transport.CloseIdleConnections()
	}
	w.t.Cleanup(w.stop)
}

// ask takes one turn.
func (w *world) ask() (string, error) {
	text, _, err := w.connection.Model().Next(w.t.Context(), conversation)
	return text, err
}

// counted checks that all that the endpoint bills is in the account, which is
// within the budget, and that nothing is under way.
func (w *world) counted() {
	w.t.Helper()
	prompt, completion := w.endpoint.Billed()
	account := w.counter.Account()
	if account.Used.Prompt < prompt || account.Used.Completion < completion {
		w.t.Errorf("the endpoint bills %d and %d tokens, the account has %+v", prompt, completion, account.Used)
	}
	if account.Reserved != (Tokens{}) {
		w.t.Errorf("nothing is under way and %+v are reserved", account.Reserved)
	}
	if !w.budget.allows(account.Used) {
		w.t.Errorf("%s are used", w.budget.describe(account.Used))
	}
	kept, err := readAccount(filepath.Join(w.folder, accountFile))
	if err != nil || kept != account {
		w.t.Errorf("the file has %+v (%v), the account %+v", kept, err, account)
	}
}

// copyAccount returns a folder with the account as it is on disk now.
func (w *world) copyAccount() string {
	w.t.Helper()
	content, err := os.ReadFile(filepath.Join(w.folder, accountFile))
	if err != nil {
		w.t.Fatal(err)
	}
	folder := w.t.TempDir()
	if err := os.WriteFile(filepath.Join(folder, accountFile), content, 0o600); err != nil {
		w.t.Fatal(err)
	}
	return folder
}
