package teacher

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/repoexpert/operator/api/v1alpha1"
	"github.com/repoexpert/operator/internal/agent"
	"github.com/repoexpert/operator/internal/stage"
	"github.com/repoexpert/operator/internal/teacher/teachertest"
)

// The endpoint gets the class's model, sampling and key, and of the caller's
// request its messages alone.
func TestWhatTheEndpointGets(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, class(), teachertest.Answer("THOUGHT: read it"))
		text, usage, err := w.connection.Model().Next(t.Context(), conversation)
		if err != nil || text != "THOUGHT: read it" {
			t.Fatalf("got %q, %v", text, err)
		}
		prompt, completion := w.endpoint.Billed()
		if want := (agent.Usage{PromptTokens: int(prompt), CompletionTokens: int(completion)}); usage != want {
			t.Errorf("usage %+v; want %+v", usage, want)
		}
		if got := w.counter.Account().Used; got != (Tokens{Prompt: prompt, Completion: completion}) {
			t.Errorf("used %+v; want what is billed", got)
		}
		w.counted()

		forged := `{"model":"other","temperature":0,"max_tokens":9,"n":50,"tools":[{}],"stream":false,"metadata":{"a":"b"},
			"messages":[{"role":"system","content":"canary-system","name":"x"},{"role":"user","content":"canary-question"},
			{"role":"assistant","content":"canary-turn"},{"role":"user","content":"canary-observation"}]}`
		w.post(forged, http.StatusOK)
		requests := w.endpoint.Requests()
		want := map[string]any{
			"model": "big/model-1", "max_tokens": 512.0, "temperature": 1.0, "top_p": 0.8, "top_k": 20.0, "repetition_penalty": 1.05,
			"stream": true, "stream_options": map[string]any{"include_usage": true},
			"messages": []any{
				map[string]any{"role": "system", "content": "canary-system"}, map[string]any{"role": "user", "content": "canary-question"},
				map[string]any{"role": "assistant", "content": "canary-turn"}, map[string]any{"role": "user", "content": "canary-observation"},
			},
		}
		for i, request := range requests {
			if diff := cmp.Diff(want, request.Body); diff != "" {
				t.Errorf("request %d (-want +got):\n%s", i, diff)
			}
			if request.Header.Get("Authorization") != "Bearer "+key || request.Header.Get("X-Forged") != "" {
				t.Errorf("request %d has headers %v", i, request.Header)
			}
		}
	})
}

// post sends a request of its own making to the proxy.
func (w *world) post(body string, status int) string {
	w.t.Helper()
	request, err := http.NewRequestWithContext(w.t.Context(), http.MethodPost, "http://10.0.0.7:8090/v1/chat/completions", strings.NewReader(body))
	if err != nil {
		w.t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer forged")
	request.Header.Set("X-Forged", "yes")
	response, err := w.connection.transport.RoundTrip(request)
	if err != nil {
		w.t.Fatal(err)
	}
	defer response.Body.Close()
	content, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != status {
		w.t.Fatalf("status %d, %v; want %d: %s", response.StatusCode, err, status, content)
	}
	return string(content)
}

// Faults that pass end in the answer, after as long as the endpoint asks or the
// pauses say, and all that was billed on the way is counted.
func TestFaultsThatPass(t *testing.T) {
	const good = "THOUGHT: at last"
	storm := make([]teachertest.Step, tries-1)
	for i := range storm {
		storm[i] = teachertest.Status(http.StatusTooManyRequests, "", "slow down")
	}
	tests := map[string]struct {
		steps []teachertest.Step
		// least and most are bounds of the time until the answer.
		least, most time.Duration
	}{
		"asked to wait": {
			steps: []teachertest.Step{teachertest.Status(429, "7", "slow down"), teachertest.Status(503, "5", "overloaded")},
			least: 12 * time.Second, most: 12 * time.Second,
		},
		"asked to wait for a day": {
			steps: []teachertest.Step{teachertest.Status(429, "86400", "slow down")},
			least: maxRetryAfter, most: maxRetryAfter,
		},
		"storm":                    {steps: storm, least: 30 * time.Second, most: 4 * time.Minute},
		"server errors":            {steps: []teachertest.Step{teachertest.Status(500, "", "oops"), teachertest.Status(502, "", "oops")}, least: time.Second, most: 5 * time.Second},
		"cut stream":               {steps: []teachertest.Step{teachertest.Cut("THOUGHT: at")}, most: 2 * time.Second},
		"error in the stream":      {steps: []teachertest.Step{teachertest.Broken("THOUGHT: at", "overloaded")}, most: 2 * time.Second},
		"stall":                    {steps: []teachertest.Step{teachertest.Stall("THOUGHT: at")}, least: stallTimeout, most: stallTimeout + 2*time.Second},
		"no answer at all":         {steps: []teachertest.Step{teachertest.Hang()}, least: 10 * time.Minute, most: 10*time.Minute + 2*time.Second},
		"a page instead":           {steps: []teachertest.Step{teachertest.Raw("text/html", "<html>hello</html>")}, most: 2 * time.Second},
		"no JSON":                  {steps: []teachertest.Step{teachertest.Raw("text/event-stream", "data: {\n\n")}, most: 2 * time.Second},
		"no stream":                {steps: []teachertest.Step{teachertest.Raw("application/json", `{"choices":[{"message":{"content":"x"}}]}`)}, most: 2 * time.Second},
		"an empty answer":          {steps: []teachertest.Step{teachertest.Answer("")}, most: 2 * time.Second},
		"garbage again":            {steps: []teachertest.Step{teachertest.Raw("text/html", "x"), teachertest.Answer("  ")}, most: 5 * time.Second},
		"an answer without an end": {steps: []teachertest.Step{teachertest.Endless(strings.Repeat("a", 1000))}, most: 2 * time.Second},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, class(), append(tc.steps, teachertest.Answer(good))...)
				start := time.Now()
				text, err := w.ask()
				if err != nil || text != good {
					t.Fatalf("got %q, %v", text, err)
				}
				if took := time.Since(start); took < tc.least || took > tc.most {
					t.Errorf("it took %s; want %s to %s", took, tc.least, tc.most)
				}
				if got := len(w.endpoint.Requests()); got != len(tc.steps)+1 {
					t.Errorf("%d requests; want %d", got, len(tc.steps)+1)
				}
				w.counted()
			})
		})
	}
}

func repeat(step teachertest.Step, n int) []teachertest.Step {
	steps := make([]teachertest.Step, n)
	for i := range steps {
		steps[i] = step
	}
	return steps
}

// Faults that stay end with an error that says what to do.
func TestFaultsThatStay(t *testing.T) {
	const tooLong = "This model's maximum context length is 4096 tokens."
	tests := map[string]struct {
		steps []teachertest.Step
		// answers before the fault.
		answers  int
		class    v1alpha1.FailureClass
		is       error
		says     string
		requests int
	}{
		"storm":           {steps: repeat(teachertest.Status(429, "1", "slow down"), 99), class: v1alpha1.FailureExternal, says: "gave no answer in 8 tries: status 429", requests: tries},
		"server errors":   {steps: repeat(teachertest.Status(500, "", "x"), 99), class: v1alpha1.FailureExternal, says: "status 500", requests: tries},
		"cut streams":     {steps: repeat(teachertest.Cut("a"), 99), class: v1alpha1.FailureExternal, says: "its answer was cut", requests: tries},
		"stalls":          {steps: repeat(teachertest.Stall("a"), 99), class: v1alpha1.FailureExternal, says: "its answer stalled", requests: tries},
		"hangs":           {steps: repeat(teachertest.Hang(), 99), class: v1alpha1.FailureExternal, says: "its answer took too long", requests: tries},
		"forbidden":       {steps: repeat(teachertest.Status(403, "", "no"), 9), class: v1alpha1.FailureConfiguration, says: `refuses the key (status 403): put a valid one under apiKey into Secret "teacher-key"`, requests: 1},
		"unknown model":   {steps: repeat(teachertest.Status(404, "", "no"), 9), class: v1alpha1.FailureConfiguration, says: `knows no model "big/model-1"`, requests: 1},
		"no money":        {steps: repeat(teachertest.Status(402, "", "pay"), 9), class: v1alpha1.FailureConfiguration, says: "wants payment (status 402)", requests: 1},
		"redirect":        {steps: repeat(teachertest.Redirect("http://evil.example/v1/chat/completions"), 9), class: v1alpha1.FailureConfiguration, says: "must not redirect", requests: 1},
		"bad request":     {steps: repeat(teachertest.Status(400, "", "unknown field top_k"), 9), class: v1alpha1.FailureConfiguration, says: "check teacher.sampling", requests: 1},
		"bad request now": {steps: repeat(teachertest.Status(422, "", "inappropriate"), 9), answers: 1, class: v1alpha1.FailureUnknown, is: ErrAnswer, says: "inappropriate", requests: 1},
		"too long":        {steps: repeat(teachertest.Status(400, "", tooLong), 9), class: v1alpha1.FailureUnknown, is: agent.ErrContext, says: "maximum context length", requests: 1},
		"filtered":        {steps: repeat(teachertest.Ended("a", filtered), 9), class: v1alpha1.FailureUnknown, is: ErrAnswer, says: "content filter", requests: 1},
		"garbage":         {steps: repeat(teachertest.Raw("text/html", "x"), 99), class: v1alpha1.FailureUnknown, is: ErrAnswer, says: "no stream of a chat completion", requests: garbageTries},
		"zero bytes":      {steps: repeat(teachertest.Answer("a\x00b"), 99), class: v1alpha1.FailureUnknown, is: ErrAnswer, says: "zero byte", requests: garbageTries},
		"endless":         {steps: repeat(teachertest.Endless(strings.Repeat("a", 1000)), 99), class: v1alpha1.FailureUnknown, is: ErrAnswer, says: "more than 16384 bytes", requests: garbageTries},
		"endless silence": {steps: repeat(teachertest.Raw("text/event-stream", strings.Repeat(": hello\n\n", 300_000)), 99), class: v1alpha1.FailureUnknown, is: ErrAnswer, says: "no stream", requests: garbageTries},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, class(), append(repeat(teachertest.Answer("fine"), tc.answers), tc.steps...)...)
				evil := &countingHandler{}
				w.serve("evil.example:80", evil)
				for range tc.answers {
					if _, err := w.ask(); err != nil {
						t.Fatal(err)
					}
				}
				_, err := w.ask()
				if err == nil || !strings.Contains(err.Error(), tc.says) || stage.ClassOf(err) != tc.class {
					t.Fatalf("error %v of class %s; want %s with %q", err, stage.ClassOf(err), tc.class, tc.says)
				}
				if tc.is != nil && !errors.Is(err, tc.is) {
					t.Errorf("error %v is not %v", err, tc.is)
				}
				if got := len(w.endpoint.Requests()) - tc.answers; got != tc.requests {
					t.Errorf("%d requests; want %d", got, tc.requests)
				}
				if evil.seen() > 0 {
					t.Error("a redirect was followed with the key")
				}
				w.counted()
			})
		})
	}
}

type countingHandler struct {
	mu sync.Mutex
	n  int
}

func (h *countingHandler) ServeHTTP(http.ResponseWriter, *http.Request) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.n++
}

func (h *countingHandler) seen() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.n
}

// A key that is revoked midway ends the stage with the Secret's name; a new one
// in the same Secret is used at once. Neither key is ever told.
func TestKeyRevokedMidway(t *testing.T) {
	const next = "sk-canary-next"
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, class())
		if _, err := w.ask(); err != nil {
			t.Fatal(err)
		}
		before := w.counter.Account()
		w.endpoint.Demand(next)
		_, err := w.ask()
		if stage.ClassOf(err) != v1alpha1.FailureConfiguration || !strings.Contains(err.Error(), `Secret "teacher-key"`) {
			t.Fatalf("error %v", err)
		}
		if w.counter.Account() != before {
			t.Errorf("a refused key costs %+v", w.counter.Account())
		}
		w.writeKey(next)
		if _, err := w.ask(); err != nil {
			t.Fatal(err)
		}
		for _, text := range []string{w.log.String(), err.Error()} {
			for _, canary := range []string{key, next, "canary-question", "canary-observation"} {
				if strings.Contains(text, canary) {
					t.Errorf("%s is told in %s", canary, text)
				}
			}
		}
		w.counted()
	})
}

func TestUnusableKeys(t *testing.T) {
	for name, content := range map[string]string{"empty": "", "two lines": "a\nb", "control characters": "a\x01b", "too long": strings.Repeat("k", maxKey+1)} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, class())
				w.writeKey(content)
				if _, err := w.ask(); stage.ClassOf(err) != v1alpha1.FailureConfiguration || !strings.Contains(err.Error(), `Secret "teacher-key"`) {
					t.Fatalf("error %v", err)
				}
				if len(w.endpoint.Requests()) != 0 {
					t.Error("the endpoint was asked")
				}
			})
		})
	}
}

func TestEndpointWithoutAKey(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		teacher := class()
		teacher.SecretRef = nil
		w := newWorld(t, teacher)
		w.endpoint.Demand("")
		w.key = NoKey
		w.stop()
		w.startProxy()
		if _, err := w.ask(); err != nil {
			t.Fatal(err)
		}
		if got := w.endpoint.Requests()[0].Header.Get("Authorization"); got != "" {
			t.Errorf("Authorization %q; want none", got)
		}
		w.endpoint.Demand("some")
		if _, err := w.ask(); !strings.Contains(err.Error(), "name a Secret with it in teacher.secretRef") {
			t.Errorf("error %v", err)
		}
	})
}

// A reached budget ends the stage with the figures. Nothing is asked any more.
func TestBudgetReached(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		teacher := class()
		teacher.Budget = v1alpha1.TeacherBudget{Tokens: 2000, Cost: &v1alpha1.TeacherCost{Limit: "50", PromptPrice: "1.25", CompletionPrice: "10"}}
		w := newWorld(t, teacher)
		var err error
		for range 100 {
			if _, err = w.ask(); err != nil {
				break
			}
		}
		if !errors.Is(err, ErrBudget) || stage.ClassOf(err) != v1alpha1.FailureConfiguration {
			t.Fatalf("error %v", err)
		}
		for _, part := range []string{"of 2000 tokens", "cost 0.00 of 50.00", "raise teacher.budget of the ExpertClass"} {
			if !strings.Contains(err.Error(), part) {
				t.Errorf("error %v; want %q in it", err, part)
			}
		}
		asked := len(w.endpoint.Requests())
		if _, err := w.ask(); !errors.Is(err, ErrBudget) || len(w.endpoint.Requests()) != asked {
			t.Errorf("error %v after %d requests, %d before", err, len(w.endpoint.Requests()), asked)
		}
		w.counted()
	})
}

// A slow answer is no stalled one: only the time between its pieces counts, and
// the whole is bounded by requestTimeout.
func TestSlowAnswers(t *testing.T) {
	for pieces, want := range map[int]int{13: 1, 16: 2} {
		t.Run(fmt.Sprint(pieces), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, class(), func(e *teachertest.Exchange) {
					for range pieces {
						e.Say("word ")
						pauseFor(e.R.Context(), stallTimeout-15*time.Second)
					}
					e.Finish("stop")
					e.Usage()
				})
				if _, err := w.ask(); err != nil {
					t.Fatal(err)
				}
				if got := len(w.endpoint.Requests()); got != want {
					t.Errorf("%d requests; want %d", got, want)
				}
				w.counted()
			})
		})
	}
}

// An endpoint that does not tell what it used is counted at the upper bound.
func TestUsageThatIsNotTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, class(), teachertest.WithoutUsage("fine"))
		if _, err := w.ask(); err != nil {
			t.Fatal(err)
		}
		if got, want := w.counter.Account().Used, mostTokens(conversation, 512); got != want {
			t.Errorf("used %+v; want %+v", got, want)
		}
	})
}

// Many shards with a storm of faults: the endpoint never has more under way than
// the class allows, nobody is turned away for waiting, the budget holds, and
// every answer arrives whole.
func TestManyShards(t *testing.T) {
	const shards, turns, good = 24, 6, "THOUGHT: a whole answer"
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, class())
		w.endpoint.Otherwise = func(e *teachertest.Exchange) {
			pauseFor(e.R.Context(), 40*time.Second)
			teachertest.Answer(good)(e)
		}
		for range 10 {
			w.endpoint.Then(teachertest.Cut("a"), teachertest.Status(429, "20", "x"), w.endpoint.Otherwise, teachertest.Stall("b"), w.endpoint.Otherwise)
		}
		var group sync.WaitGroup
		for range shards {
			group.Go(func() {
				for range turns {
					if text, err := w.ask(); err != nil || text != good {
						t.Errorf("got %q, %v", text, err)
					}
				}
			})
		}
		group.Wait()
		if got := w.endpoint.Most(); got != int(w.teacher.Concurrency) {
			t.Errorf("%d requests at once; want %d", got, w.teacher.Concurrency)
		}
		w.counted()
	})
}

// Many shards at the end of a budget: it is used to the last request that fits,
// and never beyond.
func TestManyShardsAtTheEndOfTheBudget(t *testing.T) {
	for _, concurrency := range []int32{1, 3, 16} {
		t.Run(fmt.Sprint(concurrency), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				teacher := class()
				teacher.Concurrency = concurrency
				teacher.Budget.Tokens = 12_345
				w := newWorld(t, teacher)
				var group sync.WaitGroup
				for range 16 {
					group.Go(func() {
						for {
							_, err := w.ask()
							if errors.Is(err, ErrBudget) {
								return
							}
							if err != nil {
								t.Errorf("error %v", err)
								return
							}
						}
					})
				}
				group.Wait()
				w.counted()
				most := mostTokens(conversation, 512)
				used := w.counter.Account().Used
				if left := teacher.Budget.Tokens - used.Prompt - used.Completion; left >= most.Prompt+most.Completion {
					t.Errorf("%d tokens are left, a request takes at most %+v", left, most)
				}
			})
		})
	}
}

func pauseFor(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}

// A proxy that is killed in the middle of requests goes on counting: what was
// under way counts in full. Its clients wait for the new one.
func TestProxyRestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, class(), teachertest.Stall("THOUGHT: I"), teachertest.Answer("again"))
		type result struct {
			text string
			err  error
		}
		results := make(chan result, 1)
		go func() {
			text, err := w.ask()
			results <- result{text, err}
		}()
		synctest.Wait()
		reserved := w.counter.Account().Reserved
		if reserved != mostTokens(conversation, 512) {
			t.Fatalf("reserved %+v while a request is under way", reserved)
		}
		// The old process is gone before it could settle: its counter's last word is
		// the file as it is now.
		left := w.copyAccount()
		w.stop()
		synctest.Wait()
		w.folder = left
		w.startProxy()
		got := <-results
		if got.err != nil || got.text != "again" {
			t.Fatalf("got %q, %v", got.text, got.err)
		}
		used := w.counter.Account().Used
		if used.Prompt <= reserved.Prompt || used.Completion <= reserved.Completion {
			t.Errorf("used %+v; want more than the %+v that were under way", used, reserved)
		}
		w.counted()
	})
}

// A caller that goes away ends the request at the endpoint, which is billed.
func TestCallerGoesAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, class(), teachertest.Stall("THOUGHT: I"))
		ctx, cancel := context.WithCancelCause(t.Context())
		gone := errors.New("the pod is deleted")
		ended := make(chan error, 1)
		go func() {
			_, _, err := w.connection.Model().Next(ctx, conversation)
			ended <- err
		}()
		synctest.Wait()
		cancel(gone)
		if err := <-ended; !errors.Is(err, gone) {
			t.Errorf("error %v; want the context's cause", err)
		}
		synctest.Wait()
		if got, want := w.counter.Account().Used, mostTokens(conversation, 512); got != want {
			t.Errorf("used %+v; want %+v", got, want)
		}
		w.counted()
	})
}
