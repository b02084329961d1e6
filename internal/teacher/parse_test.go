package teacher

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/repoexpert/operator/api/v1alpha1"
	"github.com/repoexpert/operator/internal/contract"
	"github.com/repoexpert/operator/internal/task"
)

func TestRetryAfter(t *testing.T) {
	now := time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)
	for value, want := range map[string]time.Duration{
		"": 0, "7": 7 * time.Second, " 7 ": 7 * time.Second, "0": 0, "-5": 0, "soon": 0, "1.5": 0,
		"86400": maxRetryAfter, "9223372036854775807": maxRetryAfter, "99999999999999999999": 0,
		"Wed, 25 Nov 2026 12:00:30 GMT": 30 * time.Second,
		"Wed, 25 Nov 2026 11:00:00 GMT": 0,
		"Thu, 26 Nov 2026 12:00:00 GMT": maxRetryAfter,
	} {
		if got := retryAfter(http.Header{"Retry-After": {value}}, now); got != want {
			t.Errorf("%q: %s; want %s", value, got, want)
		}
	}
}

func FuzzRetryAfter(f *testing.F) {
	f.Add("7")
	f.Add("Wed, 25 Nov 2026 12:00:30 GMT")
	f.Fuzz(func(t *testing.T, value string) {
		if got := retryAfter(http.Header{"Retry-After": {value}}, time.Unix(0, 0)); got < 0 || got > maxRetryAfter {
			t.Fatalf("%q: %s", value, got)
		}
	})
}

func TestParseMessages(t *testing.T) {
	for name, tc := range map[string]struct{ body, problem string }{
		"fine":             {`{"messages":[{"role":"user","content":"a"}]}`, ""},
		"empty content":    {`{"messages":[{"role":"user","content":""}]}`, ""},
		"no JSON":          {`{`, "no JSON object"},
		"a list":           {`[]`, "no JSON object"},
		"no messages":      {`{}`, "0 messages; want 1 to"},
		"too many":         {`{"messages":[` + strings.Repeat(`{"role":"user","content":"a"},`, maxMessages) + `{"role":"user","content":"a"}]}`, "1025 messages"},
		"a tool":           {`{"messages":[{"role":"tool","content":"a"}]}`, `message 0 has the role "tool"`},
		"no content":       {`{"messages":[{"role":"user"}]}`, "or no content"},
		"content in parts": {`{"messages":[{"role":"user","content":[{"type":"image_url"}]}]}`, "content is text"},
	} {
		t.Run(name, func(t *testing.T) {
			messages, err := parseMessages([]byte(tc.body))
			if tc.problem == "" {
				if err != nil || len(messages) != 1 {
					t.Fatalf("got %v, %v", messages, err)
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), tc.problem) {
				t.Fatalf("error %v; want %q", err, tc.problem)
			}
		})
	}
}

func FuzzParseMessages(f *testing.F) {
	f.Add([]byte(`{"messages":[{"role":"user","content":"a"}]}`))
	f.Fuzz(func(t *testing.T, content []byte) {
		messages, err := parseMessages(content)
		if err != nil {
			return
		}
		for _, m := range messages {
			if m.Role != task.RoleSystem && m.Role != task.RoleUser && m.Role != task.RoleAssistant {
				t.Fatalf("role %q", m.Role)
			}
		}
		if most := mostTokens(messages, 1); most.Prompt <= 0 {
			t.Fatalf("%+v", most)
		}
	})
}

func FuzzRefusal(f *testing.F) {
	f.Add([]byte(`{"error":{"message":"no","code":"x"}}`))
	f.Add([]byte(`{"error":{"message":"no","code":7}}`))
	f.Fuzz(func(t *testing.T, content []byte) {
		if text, _ := refusal(content); len(text) > maxExcerpt {
			t.Fatalf("%d bytes", len(text))
		}
	})
}

func TestOnlyCompletionsAreServed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, class())
		for name, tc := range map[string]struct {
			method, path string
			status       int
		}{
			"health":        {http.MethodGet, "/healthz", http.StatusOK},
			"models":        {http.MethodGet, "/v1/models", http.StatusNotFound},
			"another API":   {http.MethodPost, "/v1/embeddings", http.StatusNotFound},
			"another verb":  {http.MethodGet, "/v1/chat/completions", http.StatusNotFound},
			"another place": {http.MethodPost, "/v1/chat/completions/more", http.StatusNotFound},
		} {
			request, err := http.NewRequestWithContext(t.Context(), tc.method, "http://10.0.0.7:8090"+tc.path, nil)
			if err != nil {
				t.Fatal(err)
			}
			response, err := w.connection.transport.RoundTrip(request)
			if err != nil {
				t.Fatal(err)
			}
			if err := response.Body.Close(); err != nil || response.StatusCode != tc.status {
				t.Errorf("%s: status %d, %v; want %d", name, response.StatusCode, err, tc.status)
			}
		}
		if len(w.endpoint.Requests()) != 0 {
			t.Error("the endpoint was asked")
		}
	})
}

func TestRequestsAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, class())
		w.post(`{"messages":[{"role":"user","content":"`+strings.Repeat("a", 4096*bodyPerToken+bodyOverhead)+`"}]}`, http.StatusRequestEntityTooLarge)
		w.post(`{"messages":[{"role":"tool","content":"a"}]}`, http.StatusBadRequest)
		if len(w.endpoint.Requests()) != 0 {
			t.Error("the endpoint was asked")
		}
	})
}

func TestParseTeacher(t *testing.T) {
	tests := map[string]struct {
		change  func(*v1alpha1.Teacher)
		problem string
	}{
		"fine":        {func(*v1alpha1.Teacher) {}, ""},
		"no host":     {func(t *v1alpha1.Teacher) { t.URL = "https://" }, "teacher.url"},
		"file":        {func(t *v1alpha1.Teacher) { t.URL = "file:///etc/passwd" }, "teacher.url"},
		"credentials": {func(t *v1alpha1.Teacher) { t.URL = "https://a:b@api.example" }, "teacher.url"},
		"no model":    {func(t *v1alpha1.Teacher) { t.Model = "" }, "teacher.model is empty"},
		"no limits":   {func(t *v1alpha1.Teacher) { t.MaxTokensPerTurn = 0 }, "must be positive"},
		"no budget":   {func(t *v1alpha1.Teacher) { t.Budget = v1alpha1.TeacherBudget{} }, "bounds nothing"},
		"too long":    {func(t *v1alpha1.Teacher) { t.Model = strings.Repeat("m", maxTeacher) }, "bytes"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			teacher := class()
			tc.change(&teacher)
			content, err := json.Marshal(teacher)
			if err != nil {
				t.Fatal(err)
			}
			parsed, err := parseTeacher(string(content))
			if err == nil {
				err = check(parsed)
			}
			if (err == nil) != (tc.problem == "") || (err != nil && !strings.Contains(err.Error(), tc.problem)) {
				t.Fatalf("error %v; want %q", err, tc.problem)
			}
		})
	}
	if _, err := parseTeacher(""); err == nil {
		t.Error("a teacher without a value is none")
	}
}

func TestConnect(t *testing.T) {
	teacher := class()
	spec := contract.StageSpec{TeacherURL: "http://10.0.0.7:8090/v1"}
	if _, err := Connect(spec); err == nil || !strings.Contains(err.Error(), "the recipe has no teacher") {
		t.Errorf("error %v", err)
	}
	spec.Recipe.Teacher = &teacher
	connection, err := Connect(spec)
	if err != nil {
		t.Fatal(err)
	}
	defer connection.Close()
	if connection.Provenance != "teacher:big/model-1" || connection.Attempts != 2 {
		t.Errorf("provenance %q, %d attempts", connection.Provenance, connection.Attempts)
	}
	if p := connection.Profile; p.MaxTokensPerTurn != 512 || p.ContextTokens != 4096 || p.MaxSteps != 64 || p.Name == "mini-swe-1/paper" {
		t.Errorf("profile %+v", p)
	}
	spec.TeacherURL = ""
	if _, err := Connect(spec); err == nil || !strings.Contains(err.Error(), "no address of its teacher") {
		t.Errorf("error %v", err)
	}
}
